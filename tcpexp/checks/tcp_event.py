"""The check ``tcp_event``: events that the user-space TCP logged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, StrictFloat, StrictInt, StrictStr, model_validator

from tcpexp.checks.base import ActionName, Evidence, FlowName, HostName, Undecided, Verdict
from tcpexp.checks.compare import Compared, Number
from tcpexp.checks.recorded import BETWEEN, Between, require_span
from tcpexp.late import polars as pl
from tcpexp.units import QuantityError
from tcpexp.words.measured import number_words, span_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

MOST_ROWS = 8


#: Columns that tell an event apart, for evidence.
SHOWN = (
    "flags",
    "seq",
    "end",
    "payload_bytes",
    "window",
    "cwnd",
    "ssthresh",
    "mode",
    "cause",
    "reason",
    "times",
    "old_state",
    "new_state",
    "timer",
    "rto_ns",
)


class TcpEvent(Compared[Number]):
    """Events of the user-space TCP: how many there are, or one number that they carry.

    The events and their fields are those of the table `tcp_events` (docs/concepts/tcp.md). Without
    `field` they are counted. With it every event's number must satisfy the comparators, or that of
    `measure`; the field `time` is when it happened, in seconds from the start of the experiment,
    and `gap` the time since the event before it, of the same connection, in seconds.
    """

    name: ClassVar[str] = "tcp_event"
    example: ClassVar[str] = (
        "{host: h2, event: retransmitted, where: {reason: timeout}, at_least: 1}"
    )

    host: HostName = Field(description="the host at which it happened")
    event: str = Field(min_length=1, description="the event's name, such as `retransmitted`")
    flow: FlowName | None = Field(default=None, description="connections of this flow only")
    action: ActionName | None = Field(
        default=None, description="connections of this action's program only"
    )
    where: dict[str, StrictInt | StrictFloat | StrictStr] | None = Field(
        default=None, description="only events whose fields have these values"
    )
    field: str | None = Field(
        default=None, min_length=1, description="a number of the event, `time` or `gap`"
    )
    measure: Literal["first", "last", "min", "max", "distinct"] | None = Field(
        default=None,
        description=(
            "with `field`: which of the numbers is compared, or how many different ones there are;"
            " each of them when left out"
        ),
    )
    nth: int | None = Field(
        default=None,
        ge=1,
        description="with `field`: only the number of this event, counted from 1",
    )
    values: tuple[StrictInt, ...] | None = Field(
        default=None,
        min_length=1,
        description=(
            "with `field`, instead of a comparator: exactly these are the first numbers, in this"
            " order"
        ),
    )
    between: Between | None = BETWEEN

    def needs_comparator(self) -> bool:
        """Exact values need none."""
        return self.values is None

    def asked(self) -> str:
        """Return the comparators, or the values."""
        return self.comparison() if self.values is None else ", ".join(map(str, self.values))

    @model_validator(mode="after")
    def _measures_a_field(self) -> Self:
        if self.values is not None and (
            self.field is None or self.measure or self.nth or self.has_comparator()
        ):
            raise QuantityError(
                "values: belongs to field: alone", "leave measure:, nth: and the comparators out"
            )
        if self.field is None and (self.measure is not None or self.nth is not None):
            raise QuantityError(
                "measure: and nth: belong to field:",
                "write field: as well, or leave them out to count the events",
            )
        if self.measure is not None and self.nth is not None:
            raise QuantityError("measure: and nth: exclude each other", "leave one of them out")
        return self

    def title(self) -> str:
        """Name the host, the event and the number."""
        where = (
            f" with {', '.join(f'{key} {value}' for key, value in self.where.items())}"
            if self.where
            else ""
        )
        which = (
            f"{self.measure} of "
            if self.measure
            else f"{self.field and 'number ' + str(self.nth) + ' of '}"
            if self.nth
            else ""
        )
        what = f"{which}{self.field} in " if self.field else "number of "
        return (
            f"{what}events {self.event}{where} of the user-space TCP on {self.host}"
            f" {span_words(self.between)}"
        )

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the events."""
        rows = self._rows(run)
        evidence = [event_evidence(rows)] if rows.height else []
        if self.field is None:
            reason = (
                f"{self.host} has {many(rows.height, 'such event')}; asked: {self.comparison()}"
            )
            return self.verdict(
                self.holds(rows.height), many(rows.height, "event"), reason, evidence
            )
        numbers = self._numbers(rows, self.field)
        if self.values is not None:
            found = [round(number) for number in numbers[: len(self.values)]]
            measured = ", ".join(map(str, found))
            reason = f"the first values of {self.field} are {measured}; asked: {self.asked()}"
            return self.verdict(found == list(self.values), measured, reason, evidence)
        if self.nth is not None:
            if len(numbers) < self.nth:
                raise Undecided(f"there are only {many(len(numbers), 'such event')}")
            numbers = [numbers[self.nth - 1]]
        if self.measure == "distinct":
            numbers = [float(len(set(numbers)))]
        elif self.measure is not None:
            numbers = [
                {
                    "first": numbers[0],
                    "last": numbers[-1],
                    "min": min(numbers),
                    "max": max(numbers),
                }[self.measure]
            ]
        low, high = number_words(min(numbers)), number_words(max(numbers))
        measured = low if low == high else f"{low} to {high}"
        reason = (
            f"{self.field} is {measured} in {many(rows.height, 'event')} of {self.host}; asked:"
            f" {self.comparison()}"
        )
        return self.verdict(
            all(self.holds(number) for number in numbers), measured, reason, evidence
        )

    def _rows(self, run: RunData) -> pl.DataFrame:
        rows = own_events(run, self.host, self.flow, self.action).filter(
            pl.col("event") == self.event
        )
        for key, value in (self.where or {}).items():
            if key not in rows.columns:
                raise Undecided(f"events of the user-space TCP have no field '{key}'")
            rows = rows.filter(pl.col(key) == value)
        rows = rows.with_columns(
            gap=(pl.col("t_ns").diff().over("step", "number")) / 1e9, time=pl.col("t_ns") / 1e9
        )
        return (
            rows.filter(pl.col("t_ns").is_between(*require_span(run, self.between)))
            if self.between is not None
            else rows
        )

    def _numbers(self, rows: pl.DataFrame, field: str) -> list[float]:
        if field not in rows.columns or not rows.schema[field].is_numeric():
            raise Undecided(f"events of the user-space TCP have no number '{field}'")
        numbers = rows[field].drop_nulls().to_list()
        if not numbers:
            raise Undecided(
                f"no event '{self.event}' on {self.host} {span_words(self.between)} has a '{field}'"
            )
        return [float(number) for number in numbers]


def own_events(run: RunData, host: str, flow: str | None, action: str | None) -> pl.DataFrame:
    """Return the events of a host's user-space TCP; raises ``Undecided`` when it left none."""
    rows = run.table("tcp_events").filter(pl.col("node") == host)
    if rows.is_empty():
        raise Undecided(f"no program of the user-space TCP left events on {host}")
    if flow is not None:
        rows = rows.filter(pl.col("flow") == flow)
    return rows if action is None else rows.filter(pl.col("step") == action)


def event_evidence(rows: pl.DataFrame) -> Evidence:
    """Return the first events as a small table."""
    text = (
        f"the first of {many(rows.height, 'event')}"
        if rows.height > MOST_ROWS
        else many(rows.height, "event")
    )
    return rows_evidence(
        text, list(rows.head(MOST_ROWS).iter_rows(named=True)), (rows["t_ns"][0], rows["t_ns"][-1])
    )


def rows_evidence(
    text: str, rows: list[dict[str, Any]], span: tuple[int, int] | None = None
) -> Evidence:
    """Return the first events as a table, with those of their numbers that are in ``SHOWN``."""
    rows = rows[:MOST_ROWS]
    columns = [name for name in SHOWN if any(row.get(name) is not None for row in rows)]
    table = [("time", *columns)]
    table += [
        (
            f"{row['t_ns'] / 1e9:.6f} s",
            *("" if row[name] is None else str(row[name]) for name in columns),
        )
        for row in rows
    ]
    begin, end = span or (rows[0]["t_ns"], rows[-1]["t_ns"])
    return Evidence(text, None, (), begin, end, tuple(table))
