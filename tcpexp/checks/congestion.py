"""Checks of congestion control's phases: ``phase``, ``phase_time``, ``growth``, ``initial_window``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tcpexp.analysis.segments import data_segments
from tcpexp.checks.base import Evidence, FlowName, Undecided, Verdict
from tcpexp.checks.compare import Compared, Count, Number
from tcpexp.checks.recorded import (
    BETWEEN,
    Between,
    captures_of,
    flow_plan,
    require_span,
    require_tracepoint,
)
from tcpexp.checks.words import digits, many, span_words, time_words
from tcpexp.late import polars as pl
from tcpexp.units import Duration
from tcpexp.views.spans import Span

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

PhaseName = Literal[
    "slow_start",
    "congestion_avoidance",
    "fast_recovery",
    "rto_recovery",
    "cwr",
    "startup",
    "drain",
    "probe_bw",
    "probe_rtt",
]
Which = Literal["each", "first", "median"]
#: Evidence names at most so many phases or events.
MOST_ROWS = 6


class PhaseSeen(Compared[Count]):
    """How many phases of a kind a flow's congestion control went through; at least one when nothing
    else is asked.

    Found from the kernel's own record, after the rules of docs/concepts/phases.md. A phase counts
    when it begins in the time span.
    """

    name: ClassVar[str] = "phase"
    example: ClassVar[str] = "{flow: cubic, phase: slow_start, ended_by: hystart_delay, equals: 1}"

    flow: FlowName = Field(description="the flow")
    phase: PhaseName = Field(description="the phase")
    ended_by: str | None = Field(
        default=None,
        description=(
            "only phases that ended so, such as `loss`, `timeout`, `hystart`, `hystart_train`,"
            " `ssthresh`"
        ),
    )
    between: Between | None = BETWEEN

    def needs_comparator(self) -> bool:
        """Without one, at least one such phase is asked."""
        return False

    def title(self) -> str:
        """Name the phase, the flow and the span."""
        ended = f" that ended by {self.ended_by}" if self.ended_by else ""
        return f"phases {self.phase}{ended} of flow {self.flow} {span_words(self.between)}"

    def asked(self) -> str:
        """Return what is asked in words."""
        return self.comparison() or "at least 1"

    def evaluate(self, run: RunData) -> Verdict:
        """Count the phases."""
        rows = phases_of(run, self.flow, require_span(run, self.between)).filter(
            pl.col("phase") == self.phase
        )
        kept = rows if self.ended_by is None else rows.filter(_ended(self.ended_by))
        count = kept.height
        passed = self.holds(count) if self.has_comparator() else count > 0
        others = (
            f"; the others ended by {', '.join(sorted(set(rows['ended_by'].to_list())))}"
            if kept.height < rows.height
            else ""
        )
        reason = f"flow {self.flow} had {many(count, 'such phase')}{others}; asked: {self.asked()}"
        return self.verdict(
            passed, many(count, "phase"), reason, [phase_evidence(kept if count else rows)]
        )


def _ended(word: str) -> pl.Expr:
    """Return the filter; ``hystart`` means either of its rules."""
    return (
        pl.col("ended_by").str.starts_with("hystart")
        if word == "hystart"
        else pl.col("ended_by") == word
    )


class PhaseTime(Compared[Duration]):
    """How long a flow's congestion control was in a phase: in all, or in the longest or first one.

    Phases are cut at the ends of the time span.
    """

    name: ClassVar[str] = "phase_time"
    example: ClassVar[str] = "{flow: cubic, phase: fast_recovery, measure: longest, at_most: 200ms}"

    flow: FlowName = Field(description="the flow")
    phase: PhaseName = Field(description="the phase")
    measure: Literal["total", "longest", "first"] = Field(
        default="total", description="all of them together, the longest, or the first"
    )
    between: Between | None = BETWEEN

    def title(self) -> str:
        """Name the phase, the flow and the span."""
        return f"{self.measure} time of flow {self.flow} in {self.phase} {span_words(self.between)}"

    def words(self, value: float) -> str:
        """Return a time in words."""
        return time_words(value)

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the time."""
        span = require_span(run, self.between)
        everything = phases_of(run, self.flow, None).filter(pl.col("phase") == self.phase)
        rows = everything.filter((pl.col("to_ns") > span[0]) & (pl.col("from_ns") < span[1]))
        lengths = (rows["to_ns"].clip(*span) - rows["from_ns"].clip(*span)).to_list()
        if not lengths and self.measure != "total":
            raise Undecided(f"flow {self.flow} was never in {self.phase} {span_words(span)}")
        value = {
            "total": sum(lengths),
            "longest": max(lengths, default=0),
            "first": lengths[0] if lengths else 0,
        }[self.measure]
        reason = (
            f"flow {self.flow} spent {time_words(value)} in {self.phase} ({self.measure}); asked:"
            f" {self.comparison()}"
        )
        return self.verdict(self.holds(value), time_words(value), reason, [phase_evidence(rows)])


class Growth(Compared[Number]):
    """How a flow's cwnd grew per round trip: as a factor in slow start, in segments in congestion
    avoidance.

    RFC 5681 section 3.1: at most 2 in slow start, 1 in Reno's avoidance. Whole round trips count in
    which cwnd limited the sender, from a moment until all that was sent before it is acknowledged;
    a phase without one has no growth.
    """

    name: ClassVar[str] = "growth"
    example: ClassVar[str] = "{flow: reno, phase: congestion_avoidance, equals: 1, tolerance: 10%}"

    flow: FlowName = Field(description="the flow")
    phase: Literal["slow_start", "congestion_avoidance"] = Field(description="the phase")
    which: Which = Field(
        default="median", description="the median of all such phases, the first, or each of them"
    )
    between: Between | None = BETWEEN

    def title(self) -> str:
        """Name the phase, the flow and the span."""
        return f"growth per RTT of flow {self.flow} in {self.phase} {span_words(self.between)}"

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the growth."""
        span = require_span(run, self.between)
        rows = phases_of(run, self.flow, span).filter(
            (pl.col("phase") == self.phase) & pl.col("growth_per_rtt").is_not_null()
        )
        values = rows["growth_per_rtt"].to_list()
        if not values:
            raise Undecided(
                f"flow {self.flow} had no {self.phase} of a round trip or more in which cwnd was"
                f" the limit {span_words(span)}"
            )
        chosen = choose(values, self.which)
        unit = "times" if self.phase == "slow_start" else "segments"
        measured = (
            f"{' to '.join(digits(each) for each in sorted({min(chosen), max(chosen)}))} {unit}"
            " per RTT"
        )
        reason = (
            f"cwnd of flow {self.flow} grew by {measured} ({self.which} of"
            f" {many(len(values), 'phase')}); asked: {self.comparison()}"
        )
        return self.verdict(
            all(self.holds(each) for each in chosen), measured, reason, [phase_evidence(rows)]
        )


class InitialWindow(Compared[Count]):
    """How many data segments a flow's sender sent before the first acknowledgement of its data
    came: its initial window (RFC 6928: 10).

    Data that the application sent and had acknowledged by itself before, such as a request, are
    left out: what counts is the first burst of full segments.
    """

    name: ClassVar[str] = "initial_window"
    example: ClassVar[str] = "{flow: cubic, equals: 10}"

    flow: FlowName = Field(description="the flow")

    def title(self) -> str:
        """Name the flow."""
        return f"initial window of flow {self.flow}"

    def evaluate(self, run: RunData) -> Verdict:
        """Count the full segments up to the first ACK that covers one of them."""
        require_span(run, (0, 1))
        flow = flow_plan(run, self.flow)
        captures_of(run, flow.sender)
        sent = data_segments(run, flow, flow.sender)
        full = sent.filter(pl.col("payload_bytes") == sent["payload_bytes"].max())
        if full.is_empty():
            raise Undecided(f"flow {self.flow} sent no data")
        first = full.row(0, named=True)
        mine = (pl.col("capture") == first["capture"]) & (pl.col("stream") == first["stream"])
        acks = run.table("packets").filter(
            mine & (pl.col("dst_port") == first["src_port"]) & (pl.col("t_ns") > first["t_ns"])
        )
        covering = acks.filter(pl.col("ack_rel") > first["seq_rel"])["t_ns"].min()
        burst = full.filter(mine if covering is None else mine & (pl.col("t_ns") < covering))
        evidence = Evidence(
            "the first burst",
            first["capture"],
            tuple(burst["number"].to_list()[:20]),
            first["t_ns"],
            burst["t_ns"].to_list()[-1],
        )
        reason = (
            f"flow {self.flow} sent {many(burst.height, 'full segment')} before the first was"
            f" acknowledged; asked: {self.comparison()}"
        )
        return self.verdict(
            self.holds(burst.height), many(burst.height, "segment"), reason, [evidence]
        )


def phases_of(run: RunData, flow: str, span: Span | None) -> pl.DataFrame:
    """Return a flow's phases that begin in ``span``.

    Raises ``Undecided`` when its sender was not traced.
    """
    require_tracepoint(run, "tcp:tcp_probe")
    require_tracepoint(run, "tcp:tcp_cong_state_set")
    rows = run.table("phases").filter(pl.col("flow") == flow).sort("from_ns")
    if rows.is_empty():
        raise Undecided(f"the kernel's trace holds nothing of flow {flow}")
    return rows if span is None else rows.filter(pl.col("from_ns").is_between(*span))


def choose(values: list[float], which: Which) -> list[float]:
    """Return what of ``values`` is judged."""
    if which == "each":
        return values
    return values[:1] if which == "first" else [sorted(values)[(len(values) - 1) // 2]]


def phase_evidence(rows: pl.DataFrame) -> Evidence:
    """Return the first phases as a table."""
    head = ("from", "to", "phase", "ended by", "cwnd", "per RTT")
    lines = [
        (
            time_words(row["from_ns"]),
            time_words(row["to_ns"]),
            row["phase"],
            row["ended_by"] or "",
            f"{row['cwnd_from']} to {row['cwnd_to']}",
            "" if row["growth_per_rtt"] is None else digits(row["growth_per_rtt"]),
        )
        for row in rows.head(MOST_ROWS).iter_rows(named=True)
    ]
    more = f", the first {MOST_ROWS} of them" if rows.height > MOST_ROWS else ""
    begin = None if rows.is_empty() else int(rows["from_ns"][0])
    end = None if rows.is_empty() else int(rows["to_ns"][-1])
    return Evidence(
        f"{many(rows.height, 'phase')}{more}", None, (), begin, end, (head, *lines) if lines else ()
    )
