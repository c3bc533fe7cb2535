"""The check ``logged``: events that a program wrote to its log as lines of JSON.

They are counted, or one of their numbers is compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from tcpexp.checks.base import ActionName, Evidence, Undecided, Verdict
from tcpexp.checks.compare import Compared, Number
from tcpexp.checks.recorded import BETWEEN, Between, require_logs, require_span
from tcpexp.units import QuantityError
from tcpexp.views.logs import Event, process_runs, read_events
from tcpexp.words.measured import number_words, span_words, time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

#: How many events an evidence table lists at most, and how long a value in it may be.
LISTED, LONGEST = 12, 40
#: What one of a field's unit is in nanoseconds, by the end of the field's name.
TIMES = {"_ns": 1.0, "_us": 1e3, "_ms": 1e6, "_s": 1e9}


class Logged(Compared[Number]):
    """What a program logged: how many events of a name there are, or one number that they carry.

    The programs that come with tcpexp write one JSON object per event, such as `{"time_ns": ...,
    "event": "write", "took_us": 1020}`. Without `field` the events are counted. With it every
    event's number must satisfy the comparators, or that of `measure`. The field `time` is when the
    event was logged, in seconds from the start of the experiment.
    """

    name: ClassVar[str] = "logged"
    example: ClassVar[str] = (
        "{action: sender, event: write, field: took_us, measure: max, at_least: 900000}"
    )

    action: ActionName = Field(description="the action's `id`")
    event: str = Field(min_length=1, description="the event's name")
    where: dict[str, StrictBool | StrictInt | StrictFloat | StrictStr] | None = Field(
        default=None,
        description="only events whose fields have these values, such as `{call: accept}`",
    )
    field: str | None = Field(
        default=None,
        min_length=1,
        description="a number of the event; `time` is when it was logged, in seconds",
    )
    measure: Literal["first", "last", "min", "max", "mean", "sum"] | None = Field(
        default=None,
        description=(
            "with `field`: which of the events' numbers is compared; each of them when left out"
        ),
    )
    between: Between | None = BETWEEN

    @model_validator(mode="after")
    def _measures_a_field(self) -> Self:
        if self.measure is not None and self.field is None:
            raise QuantityError(
                "measure: belongs to field:",
                "write field: as well, or leave measure: out to count the events",
            )
        return self

    def title(self) -> str:
        """Name the action, the event and the number."""
        where = (
            f" with {', '.join(f'{key} {value}' for key, value in self.where.items())}"
            if self.where
            else ""
        )
        what = (
            f"{f'{self.measure} of ' if self.measure else ''}{self.field} in "
            if self.field
            else "number of "
        )
        return (
            f"{what}events '{self.event}'{where} of action {self.action} {span_words(self.between)}"
        )

    def words(self, value: float) -> str:
        """Return a number of the field in words: a time where the field's name ends with its
        unit.
        """
        if self.field == "time":
            return time_words(value * TIMES["_s"])
        for ending, factor in TIMES.items():
            if self.field is not None and self.field.endswith(ending):
                return time_words(value * factor)
        return number_words(value)

    def asked(self) -> str:
        """Return the comparators, and whether every event is meant."""
        return (
            f"every one {self.comparison()}"
            if self.field and not self.measure
            else self.comparison()
        )

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the events."""
        span = require_span(run, self.between)
        if not process_runs(run, self.action):
            raise Undecided(f"the action {self.action} was not started")
        if run.engine.get("t0_realtime_ns") is None:
            raise Undecided("the run does not say when it began (t0_realtime_ns)")
        require_logs(run, self.action, ("out",))
        events = [event for event in read_events(run, self.action) if self._wanted(event, span)]
        evidence = self._evidence(events)
        if self.field is None:
            counted = many(len(events), "event")
            reason = (
                f"{self.action} logged '{self.event}' {many(len(events), 'time')}; asked:"
                f" {self.asked()}"
            )
            return self.verdict(self.holds(len(events)), counted, reason, evidence)
        numbers = [self._number(event, self.field) for event in events]
        if not numbers:
            raise Undecided(
                f"action {self.action} logged no such event '{self.event}'"
                f" {span_words(self.between)}"
            )
        if self.measure is None:
            low, high = self.words(min(numbers)), self.words(max(numbers))
            measured = low if low == high else f"{low} to {high}"
            passed = all(self.holds(number) for number in numbers)
        else:
            value = _reduce(numbers, self.measure)
            measured, passed = self.words(value), self.holds(value)
        what = f"{self.measure} of {self.field}" if self.measure else self.field
        reason = (
            f"{what} is {measured} in {many(len(events), 'event')} of {self.action}; asked:"
            f" {self.asked()}"
        )
        return self.verdict(passed, measured, reason, evidence)

    def _wanted(self, event: Event, span: tuple[int, int]) -> bool:
        if event.facts.get("event") != self.event or (
            self.between is not None and not span[0] <= event.t_ns <= span[1]
        ):
            return False
        return all(
            key in event.facts and event.facts[key] == value
            for key, value in (self.where or {}).items()
        )

    def _number(self, event: Event, field: str) -> float:
        if field == "time":
            return event.t_ns / 1e9
        value = event.facts.get(field)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Undecided(
                f"the event '{self.event}' of action {self.action} at {time_words(event.t_ns)} has"
                f" no number '{field}'"
            )
        return float(value)

    def _evidence(self, events: list[Event]) -> list[Evidence]:
        if not events:
            return []
        keys = [key for key in events[0].facts if key not in ("time_ns", "event")]
        rows = [("time", *keys)]
        rows += [
            (
                f"{event.t_ns / 1e9:.6f} s",
                *(str(event.facts.get(key, ""))[:LONGEST] for key in keys),
            )
            for event in events[:LISTED]
        ]
        text = many(len(events), f"event '{self.event}'", f"events '{self.event}'") + (
            f", the first {LISTED} listed" if len(events) > LISTED else ""
        )
        return [Evidence(text, None, (), events[0].t_ns, events[-1].t_ns, tuple(rows))]


def _reduce(numbers: list[float], measure: str) -> float:
    if measure in ("first", "last"):
        return numbers[0 if measure == "first" else -1]
    if measure == "mean":
        return sum(numbers) / len(numbers)
    if measure == "sum":
        return sum(numbers)
    return min(numbers) if measure == "min" else max(numbers)
