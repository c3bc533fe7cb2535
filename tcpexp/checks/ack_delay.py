"""The check ``ack_delay``: how long a receiver takes to acknowledge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from tcpexp.checks.base import Evidence, FlowName, Undecided, Verdict
from tcpexp.checks.compare import Compared
from tcpexp.checks.recorded import BETWEEN, Between, captures_of, flow_plan, require_span
from tcpexp.checks.segments import kind_filter
from tcpexp.checks.window_step import LISTED
from tcpexp.late import polars as pl
from tcpexp.plan.flows import addresses_of, receiver_of
from tcpexp.units import Duration, QuantityError
from tcpexp.views.spans import within
from tcpexp.words.measured import span_words, time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.plan.types import FlowPlan
    from tcpexp.store.rundata import RunData


def _in_order(numbers: tuple[int, int]) -> tuple[int, int]:
    if numbers[0] < 1 or numbers[1] < numbers[0]:
        raise QuantityError("segments: are counted from 1, first and last", "write [1, 16]")
    return numbers


class AckDelay(Compared[Duration]):
    """How long a flow's receiver takes to acknowledge a data segment: from its arrival to the first
    ACK that covers it.

    Both are seen in the receiver's capture, so the network has no part in it. `segments` chooses
    data segments by their number in the order of arrival, from 1; the flow's first connection is
    looked at.
    """

    name: ClassVar[str] = "ack_delay"
    example: ClassVar[str] = "{flow: upload, segments: [1, 16], measure: max, at_most: 1ms}"

    flow: FlowName = Field(description="the flow")
    segments: Annotated[tuple[int, int], AfterValidator(_in_order)] | None = Field(
        default=None,
        description=(
            "first and last data segment, counted from 1; all of the time span when left out"
        ),
    )
    measure: Literal["min", "median", "max"] = Field(
        description="which number of all the delays is compared"
    )
    between: Between | None = BETWEEN

    def title(self) -> str:
        """Name the flow, the segments and the span."""
        which = f", data segments {self.segments[0]} to {self.segments[1]}" if self.segments else ""
        return f"{self.measure} delay of ACKs of flow {self.flow}{which} {span_words(self.between)}"

    def words(self, value: float) -> str:
        """Return a duration in words."""
        return time_words(value)

    def evaluate(self, run: RunData) -> Verdict:
        """Compare one number of the delays; the table of all is the evidence."""
        span = require_span(run, self.between)
        rows = ack_delays(run, flow_plan(run, self.flow))
        if self.segments is not None:
            if rows.height < self.segments[1]:
                raise Undecided(
                    f"only {many(rows.height, 'data segment')} of flow {self.flow} arrived"
                )
            rows = rows.filter(pl.col("index").is_between(*self.segments))
        rows = rows.filter(within(span))
        if rows.is_empty() or rows.get_column("delay_ns").null_count():
            raise Undecided(
                "no data segment arrived"
                if rows.is_empty()
                else "not every one of these segments was acknowledged"
            )
        delays = rows.get_column("delay_ns")
        value = {"min": delays.min, "median": delays.median, "max": delays.max}[self.measure]()
        assert isinstance(value, (int, float))
        table = [("data segment", "arrived", "packet", "payload", "ACK after", "ACK's packet")]
        for row in rows.head(LISTED).iter_rows(named=True):
            cells = (
                row["index"],
                f"{row['t_ns'] / 1e9:.6f} s",
                row["number"],
                row["payload_bytes"],
                time_words(row["delay_ns"]),
                row["ack_number"],
            )
            table.append(tuple(str(cell) for cell in cells))  # type: ignore[arg-type]
        numbers = tuple(rows.get_column("number").to_list()[:LISTED])
        text = f"{many(rows.height, 'data segment')} and the ACKs that cover them"
        evidence = Evidence(
            text, rows["capture"][0], numbers, rows["t_ns"][0], rows["t_ns"][-1], tuple(table)
        )
        low, high = time_words(delays.min()), time_words(delays.max())  # type: ignore[arg-type]
        reason = (
            f"{many(rows.height, 'segment')} acknowledged after {low} to {high}; asked:"
            f" {self.measure} {self.comparison()}"
        )
        return self.verdict(self.holds(value), time_words(value), reason, [evidence])


def ack_delays(run: RunData, flow: FlowPlan) -> pl.DataFrame:
    """Return one row per data segment that arrived: its packet, ``index`` from 1, ``delay_ns`` and
    ``ack_number`` (null: never covered).
    """
    receiver = receiver_of(flow)
    own = addresses_of(run.plan, receiver)
    seen = (
        run.table("packets")
        .filter(pl.col("capture").is_in(captures_of(run, receiver)) & (pl.col("flow") == flow.name))
        .sort("t_ns", "number")
    )
    seen = seen.filter(pl.col("stream").eq_missing(pl.lit(seen.get_column("stream").min())))
    mine = pl.col("src").is_in(own)
    data = seen.filter(~mine & kind_filter("data")).with_columns(
        end=pl.col("seq_rel") + pl.col("payload_bytes")
    )
    data = (
        data.unique("end", keep="first", maintain_order=True)
        .sort("t_ns", "number")
        .with_row_index("index", 1)
    )
    acks = seen.filter(mine & pl.col("ack_rel").is_not_null()).unique(
        "ack_rel", keep="first", maintain_order=True
    )
    acks = acks.select("ack_rel", ack_ns="t_ns", ack_number="number").sort("ack_rel")
    joined = data.sort("end").join_asof(
        acks, left_on="end", right_on="ack_rel", strategy="forward", coalesce=False
    )
    return joined.with_columns(delay_ns=pl.col("ack_ns") - pl.col("t_ns")).sort("index")
