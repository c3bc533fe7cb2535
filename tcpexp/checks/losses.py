"""Checks of losses, delay and fairness: ``loss_event``, ``backoff``, ``repair_time``,
``queueing_delay``, ``convergence``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from tcpexp.analysis.fairness import converged_at
from tcpexp.checks.base import Evidence, FlowName, HostName, Undecided, Verdict
from tcpexp.checks.compare import Compared, Count, Number
from tcpexp.checks.congestion import MOST_ROWS, Which, choose, phases_of
from tcpexp.checks.flows import HARMLESS_LOSS
from tcpexp.checks.recorded import BETWEEN, Between, captures_of, flow_plan, require_span
from tcpexp.checks.words import digits, many, span_words, time_words
from tcpexp.late import polars as pl
from tcpexp.plan.flows import receiver_of
from tcpexp.units import Duration, Fraction
from tcpexp.views.spans import Span

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


class LossEvents(Compared[Count]):
    """How many loss events a flow's sender went through: each from its first notice of a loss to
    its return to normal operation.

    At least one when nothing else is asked. docs/concepts/phases.md says how they are found.
    """

    name: ClassVar[str] = "loss_event"
    example: ClassVar[str] = (
        "{flow: cubic, noticed_by: sack, spurious: false, between: [1s, 20s], at_least: 2}"
    )

    flow: FlowName = Field(description="the flow")
    noticed_by: (
        Literal["duplicate_acks", "sack", "rack", "tlp", "rto", "path_mtu", "ecn"] | None
    ) = Field(default=None, description="only events that were noticed so")
    spurious: bool | None = Field(
        default=None, description="only events without (true) or with (false) a real loss"
    )
    between: Between | None = BETWEEN

    def needs_comparator(self) -> bool:
        """Without one, at least one event is asked."""
        return False

    def title(self) -> str:
        """Name the kind of events, the flow and the span."""
        kind = "" if self.spurious is None else ("spurious " if self.spurious else "real ")
        by = f" noticed by {self.noticed_by}" if self.noticed_by else ""
        return f"{kind}loss events of flow {self.flow}{by} {span_words(self.between)}"

    def asked(self) -> str:
        """Return what is asked in words."""
        return self.comparison() or "at least 1"

    def evaluate(self, run: RunData) -> Verdict:
        """Count the events."""
        rows = events_of(run, self.flow, require_span(run, self.between))
        if self.noticed_by is not None and rows["noticed_by"].null_count():
            raise Undecided(
                "the captures hold too few bytes of each packet (snaplen): whether ACKs carried"
                " SACK blocks cannot be known"
            )
        kept = (
            rows
            if self.noticed_by is None
            else rows.filter(pl.col("noticed_by") == self.noticed_by)
        )
        if self.spurious is not None:
            if kept["spurious"].null_count():
                raise Undecided(
                    "without captures of both ends it cannot be told whether a loss was one"
                )
            kept = kept.filter(pl.col("spurious") == self.spurious)
        passed = self.holds(kept.height) if self.has_comparator() else kept.height > 0
        reason = (
            f"flow {self.flow} had {many(kept.height, 'such event')} of {rows.height}; asked:"
            f" {self.asked()}"
        )
        return self.verdict(
            passed,
            many(kept.height, "event"),
            reason,
            [event_evidence(kept if kept.height else rows)],
        )


class Backoff(Compared[Number]):
    """By which factor a flow's sender reduced its window at a loss: the new ssthresh over the cwnd
    before.

    CUBIC 0.7 (RFC 9438 section 4.6), Reno 0.5 (RFC 5681 section 3.1), each rounded down to whole
    segments; so small windows give smaller factors.
    """

    name: ClassVar[str] = "backoff"
    example: ClassVar[str] = "{flow: cubic, equals: 0.7, tolerance: 3%}"

    flow: FlowName = Field(description="the flow")
    which: Which = Field(
        default="each", description="each event's factor, the first, or the median"
    )
    between: Between | None = BETWEEN

    def title(self) -> str:
        """Name the flow and the span."""
        return f"back-off factor of flow {self.flow} {span_words(self.between)}"

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the factors."""
        span = require_span(run, self.between)
        rows = events_of(run, self.flow, span)
        values = rows["backoff"].drop_nulls().to_list()
        if not values:
            raise Undecided(f"flow {self.flow} reduced its window at no loss {span_words(span)}")
        chosen = choose(values, self.which)
        measured = " to ".join(digits(each) for each in sorted({min(chosen), max(chosen)}))
        reason = (
            f"flow {self.flow} reduced its window to {measured} of it ({self.which} of"
            f" {many(len(values), 'event')}); asked: {self.comparison()}"
        )
        return self.verdict(
            all(self.holds(each) for each in chosen), measured, reason, [event_evidence(rows)]
        )


class RepairTime(Compared[Duration]):
    """How long a loss took: until the sender noticed it, until all was repaired, or both together.

    The longest of all events is judged.
    """

    name: ClassVar[str] = "repair_time"
    example: ClassVar[str] = "{flow: cubic, measure: notice, at_most: 100ms}"

    flow: FlowName = Field(description="the flow")
    measure: Literal["notice", "repair", "both"] = Field(
        default="both", description="loss to notice, notice to repair, or loss to repair"
    )
    between: Between | None = BETWEEN

    def title(self) -> str:
        """Name the flow and the span."""
        what = {"notice": "loss to notice", "repair": "notice to repair", "both": "loss to repair"}[
            self.measure
        ]
        return f"longest time from {what} of flow {self.flow} {span_words(self.between)}"

    def words(self, value: float) -> str:
        """Return a time in words."""
        return time_words(value)

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the longest time."""
        span = require_span(run, self.between)
        rows = events_of(run, self.flow, span)
        took = {"notice": pl.col("notice_delay_ns"), "repair": pl.col("repair_delay_ns")}
        took["both"] = pl.col("notice_delay_ns") + pl.col("repair_delay_ns")
        timed = (
            rows.with_columns(took=took[self.measure])
            .filter(pl.col("took").is_not_null())
            .sort("took", descending=True)
        )
        if timed.is_empty():
            raise Undecided(
                f"flow {self.flow} had no loss event that can be timed {span_words(span)}"
            )
        longest = timed.row(0, named=True)
        measured = time_words(longest["took"])
        reason = (
            f"the longest of {many(timed.height, 'event')} took {measured}; asked:"
            f" {self.comparison()}"
        )
        return self.verdict(self.holds(longest["took"]), measured, reason, [event_evidence(timed)])


class QueueingDelay(Compared[Duration]):
    """What a flow's data waited in queues on their way: the one-way delay of each segment less the
    links' delays.

    Needs captures of both ends. Jitter counts too, being part of the delay.
    """

    name: ClassVar[str] = "queueing_delay"
    example: ClassVar[str] = "{flow: upload, between: [5s, 20s], percentile: 95, at_most: 20ms}"

    flow: FlowName = Field(description="the flow")
    percentile: Annotated[float, Field(ge=0, le=100)] = Field(
        default=50, description="which percentile, 0 to 100; the median when silent"
    )
    between: Between | None = BETWEEN

    def title(self) -> str:
        """Name the percentile, the flow and the span."""
        return (
            f"{digits(self.percentile)}th percentile of the queueing delay of flow {self.flow}"
            f" {span_words(self.between)}"
        )

    def words(self, value: float) -> str:
        """Return a time in words."""
        return time_words(value)

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the percentile."""
        span = require_span(run, self.between)
        flow = flow_plan(run, self.flow)
        for host in (flow.sender, receiver_of(flow)):
            captures_of(run, host, fraction=HARMLESS_LOSS)
        own = (
            (pl.col("flow") == self.flow)
            & (pl.col("from_node") == flow.sender)
            & (pl.col("payload_bytes") > 0)
        )
        rows = run.table("journeys").filter(
            own & pl.col("queueing_ns").is_not_null() & pl.col("sent_ns").is_between(*span)
        )
        if rows.is_empty():
            raise Undecided(f"no data of flow {self.flow} arrived {span_words(span)}")
        value = float(rows["queueing_ns"].quantile(self.percentile / 100, "nearest") or 0)
        worst = rows.sort("queueing_ns", descending=True).row(0, named=True)
        text = (
            f"{many(rows.height, 'segment')}; the longest waited {time_words(worst['queueing_ns'])}"
        )
        evidence = Evidence(text, worst["sent_capture"], (worst["sent_number"],), span[0], span[1])
        reason = (
            f"the {digits(self.percentile)}th percentile was {time_words(value)}; asked:"
            f" {self.comparison()}"
        )
        return self.verdict(self.holds(value), time_words(value), reason, [evidence])


class Convergence(Compared[Duration]):
    """How long flows took to share fairly: from ``begin`` until Jain's index of a second reached
    ``index`` and stayed there for ``hold``.

    Flows are those whose data one host receives. When they never converge, the check fails.
    """

    name: ClassVar[str] = "convergence"
    example: ClassVar[str] = "{towards: h2, begin: 20s, index: 0.9, hold: 3s, at_most: 15s}"

    towards: HostName = Field(description="the host that receives the flows")
    begin: Duration = Field(description="when to begin counting, such as the second flow's start")
    index: Annotated[Fraction, Field(gt=0)] = Field(
        default=0.9, description="what Jain's index must reach"
    )
    hold: Duration = Field(default=2_000_000_000, description="how long it must stay there")

    def title(self) -> str:
        """Name the host and the time."""
        return f"convergence of the flows towards {self.towards} from {time_words(self.begin)} on"

    def words(self, value: float) -> str:
        """Return a time in words."""
        return time_words(value)

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the time."""
        span = require_span(run, None)
        captures_of(run, self.towards, fraction=HARMLESS_LOSS)
        rows = run.table("fairness").filter(
            (pl.col("towards") == self.towards) & (pl.col("t_ns") >= self.begin)
        )
        if rows.is_empty():
            raise Undecided(
                f"no two flows towards {self.towards} ran together after {time_words(self.begin)}"
            )
        at = converged_at(rows, self.begin, self.index, self.hold)
        best = float(rows["jain_index"].to_numpy().max())
        evidence = Evidence(
            f"Jain's index over 1 s: at most {digits(best)}, {many(rows.height, 'interval')}",
            from_ns=self.begin,
            to_ns=at or span[1],
        )
        if at is None:
            reason = (
                f"Jain's index did not stay at {digits(self.index)} for {time_words(self.hold)};"
                f" asked: {self.comparison()}"
            )
            return self.verdict(False, "never", reason, [evidence])
        took = at - self.begin
        reason = (
            f"after {time_words(took)} Jain's index reached {digits(self.index)} and stayed there;"
            f" asked: {self.comparison()}"
        )
        return self.verdict(self.holds(took), time_words(took), reason, [evidence])


def events_of(run: RunData, flow: str, span: Span) -> pl.DataFrame:
    """Return a flow's loss events that were noticed in ``span``.

    Raises ``Undecided`` when its sender was not traced.
    """
    phases_of(run, flow, None)
    return (
        run.table("loss_events")
        .filter((pl.col("flow") == flow) & pl.col("noticed_ns").is_between(*span))
        .sort("noticed_ns")
    )


def event_evidence(rows: pl.DataFrame) -> Evidence:
    """Return the first events as a table."""
    head = (
        "noticed at",
        "by",
        "lost",
        "sent again",
        "cwnd",
        "ssthresh",
        "factor",
        "repaired after",
    )
    lines = [
        (
            time_words(row["noticed_ns"]),
            row["noticed_by"] or "unknown",
            str(row["lost_packets"] if row["lost_packets"] is not None else "unknown"),
            str(row["retransmissions"]),
            str(row["cwnd_before"]),
            str(row["ssthresh_after"] or ""),
            "" if row["backoff"] is None else digits(row["backoff"]),
            "never" if row["repair_delay_ns"] is None else time_words(row["repair_delay_ns"]),
        )
        for row in rows.head(MOST_ROWS).iter_rows(named=True)
    ]
    more = f", {MOST_ROWS} of them below" if rows.height > MOST_ROWS else ""
    begin = None if rows.is_empty() else int(rows["noticed_ns"].to_numpy().min())
    end = (
        None
        if rows.is_empty()
        else int((rows["repaired_ns"].fill_null(rows["noticed_ns"])).to_numpy().max())
    )
    return Evidence(
        f"{many(rows.height, 'loss event')}{more}",
        None,
        (),
        begin,
        end,
        (head, *lines) if lines else (),
    )
