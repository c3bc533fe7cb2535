"""Checks of flows: ``share``, ``goodput``, ``jain``, ``rtt``, ``retransmissions``, ``congestion_control``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tcpexp.checks.base import Check, Evidence, FlowName, Undecided, Verdict
from tcpexp.checks.compare import Compared, Count
from tcpexp.checks.recorded import (
    BETWEEN,
    Between,
    Span,
    captures_of,
    flow_plan,
    receiver_of,
    require_span,
    require_tracepoint,
    sample_interval,
    snapshot_times,
    table_exists,
    within,
)
from tcpexp.checks.words import digits, many, number_words, rate_words, span_words, time_words
from tcpexp.units import Duration, Fraction, QuantityError, Rate

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

#: A capture that missed fewer packets than this still measures a rate to three digits.
HARMLESS_LOSS = 0.001
#: The interval of the table ``throughput``.
INTERVAL_NS = 100_000_000
NS = 1_000_000_000


class Goodput(Compared[Rate]):
    """The rate at which a flow's payload arrives for the first time at its receiver.

    Retransmitted bytes count once and headers not at all. The mean over the time span, in whole intervals of 100 ms.
    """

    name: ClassVar[str] = "goodput"
    example: ClassVar[str] = "{flow: cubic, between: [1s, 5s], at_least: 8.5mbit}"

    flow: FlowName = Field(description="the flow")
    between: Between | None = BETWEEN

    def title(self) -> str:
        """Name the flow and the span."""
        return f"goodput of flow {self.flow} {span_words(self.between)}"

    def words(self, value: float) -> str:
        """Return a rate in words."""
        return rate_words(value)

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the mean goodput."""
        span = require_span(run, self.between)
        rate_bps, evidence = goodput_bps(run, self.flow, span)
        reason = f"flow {self.flow} delivered {rate_words(rate_bps)}; asked: {self.comparison()}"
        return self.verdict(self.holds(rate_bps), rate_words(rate_bps), reason, [evidence])


class Share(Compared[Fraction]):
    """A flow's part of the goodput of several flows, from 0 to 1."""

    name: ClassVar[str] = "share"
    example: ClassVar[str] = "{flow: bbr, of: [bbr, cubic], between: [10s, 60s], at_least: 0.5}"

    flow: FlowName = Field(description="the flow whose part is asked")
    of: tuple[FlowName, ...] | None = Field(
        default=None, min_length=2, description="the flows that share, this one among them; all flows when left out"
    )
    between: Between | None = BETWEEN

    @model_validator(mode="after")
    def _flow_is_among_them(self) -> Self:
        if self.of is not None and self.flow not in self.of:
            raise QuantityError(f"of: does not name the flow '{self.flow}' itself", "add it to the list")
        return self

    def title(self) -> str:
        """Name the flow and the span."""
        return f"share of flow {self.flow} {span_words(self.between)}"

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the share of the goodput."""
        span = require_span(run, self.between)
        flows = self.of or tuple(flow.name for flow in run.plan.flows)
        if len(flows) < 2:
            raise Undecided("a share needs at least two flows")
        rates, evidence = all_goodputs(run, flows, span)
        share = rates[self.flow] / sum(rates.values())
        parts = ", ".join(f"{name} {rate_words(rate)}" for name, rate in rates.items())
        reason = f"flow {self.flow} had {digits(share)} of the goodput ({parts}); asked: {self.comparison()}"
        return self.verdict(self.holds(share), digits(share), reason, evidence)


class Jain(Compared[Fraction]):
    """Jain's fairness index of several flows' goodput: 1 when all are equal, 1/n when one has everything."""

    name: ClassVar[str] = "jain"
    example: ClassVar[str] = "{flows: [first, second], between: [30s, 60s], at_least: 0.9}"

    flows: tuple[FlowName, ...] | None = Field(
        default=None, min_length=2, description="the flows; all when left out"
    )
    between: Between | None = BETWEEN

    def title(self) -> str:
        """Name the flows and the span."""
        return f"Jain's index of {', '.join(self.flows) if self.flows else 'all flows'} {span_words(self.between)}"

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the index. Jain, Chiu, Hawe: (sum x)^2 / (n sum x^2)."""
        span = require_span(run, self.between)
        flows = self.flows or tuple(flow.name for flow in run.plan.flows)
        if len(flows) < 2:
            raise Undecided("Jain's index needs at least two flows")
        rates, evidence = all_goodputs(run, flows, span)
        total = sum(rates.values())
        index = total**2 / (len(rates) * sum(rate**2 for rate in rates.values()))
        reason = f"Jain's index of {many(len(rates), 'flow')} is {digits(index)}; asked: {self.comparison()}"
        return self.verdict(self.holds(index), digits(index), reason, evidence)


class RoundTrip(Compared[Duration]):
    """A flow's round-trip time as its sender sees it: from a data segment to the ACK that first covers it."""

    name: ClassVar[str] = "rtt"
    example: ClassVar[str] = "{flow: cubic, between: [1s, 60s], percentile: 99, at_most: 85ms}"

    flow: FlowName = Field(description="the flow")
    percentile: Annotated[float, Field(ge=0, le=100)] | None = Field(
        default=None, description="which percentile, 0 to 100; 50 (the median) when neither this nor `measure` is given"
    )
    measure: Literal["min", "median", "mean", "max"] | None = Field(default=None, description="instead of a percentile")
    between: Between | None = BETWEEN

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if self.percentile is not None and self.measure is not None:
            raise QuantityError("percentile: and measure: exclude each other", "leave one of them out")
        return self

    def title(self) -> str:
        """Name the measure, the flow and the span."""
        return f"{self._measure_words()} RTT of flow {self.flow} {span_words(self.between)}"

    def words(self, value: float) -> str:
        """Return a time in words."""
        return time_words(value)

    def _measure_words(self) -> str:
        if self.percentile is not None:
            return f"{number_words(self.percentile)}th percentile of the"
        return {"min": "smallest", "max": "largest", "mean": "mean"}.get(self.measure or "", "median")

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the percentile; the evidence names the largest sample."""
        import polars as pl

        span = require_span(run, self.between)
        captures_of(run, flow_plan(run, self.flow).sender, fraction=HARMLESS_LOSS)
        rows = run.table("rtt").filter((pl.col("flow") == self.flow) & within(span))
        if rows.is_empty():
            raise Undecided(f"there is no RTT sample of flow {self.flow} {span_words(span)}")
        column = rows.get_column("rtt_ns")
        if self.measure == "mean":
            value = float(column.mean())  # type: ignore[arg-type]
        else:
            percent = {"min": 0.0, "max": 100.0}.get(self.measure or "", 50.0 if self.percentile is None else self.percentile)
            value = float(column.quantile(percent / 100, interpolation="nearest") or 0)
        largest = rows.row(int(column.arg_max() or 0), named=True)
        evidence = Evidence(
            f"{many(rows.height, 'sample')}; the largest, {time_words(largest['rtt_ns'])}, at {time_words(largest['t_ns'])}",
            from_ns=span[0],
            to_ns=span[1],
        )
        reason = f"the {self._measure_words()} RTT of flow {self.flow} was {time_words(value)}; asked: {self.comparison()}"
        return self.verdict(self.holds(value), time_words(value), reason, [evidence])


class Retransmissions(Compared[Count]):
    """How many segments a flow's sender sent again.

    Counted by the kernel itself (tracepoint `tcp:tcp_retransmit_skb`) where that was recorded, else by the sequence
    numbers in the sender's capture; the verdict says which.
    """

    name: ClassVar[str] = "retransmissions"
    example: ClassVar[str] = "{flow: upload, equals: 0}"

    flow: FlowName = Field(description="the flow")
    between: Between | None = BETWEEN

    def title(self) -> str:
        """Name the flow and the span."""
        return f"retransmissions of flow {self.flow} {span_words(self.between)}"

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the number of retransmissions."""
        span = require_span(run, self.between)
        require_packets_of(run, self.flow)
        count, source, evidence = self._count(run, span)
        reason = f"{many(count, 'segment was', 'segments were')} sent again, counted by {source}; asked: {self.comparison()}"
        return self.verdict(self.holds(count), many(count, "retransmission"), reason, evidence)

    def _count(self, run: RunData, span: Span) -> tuple[int, str, list[Evidence]]:
        """Return the number, who counted, and the packets."""
        import polars as pl

        try:
            require_tracepoint(run, "tcp:tcp_retransmit_skb")
        except Undecided:
            evidence = self._repeated(run, span)
            return sum(len(each.packets) for each in evidence), "sequence number in the sender's capture", evidence
        sender = flow_plan(run, self.flow).sender
        rows = run.table("retransmits").filter(
            (pl.col("flow") == self.flow) & (pl.col("node") == sender) & within(span)
        )
        evidence = []
        if rows.height:
            first, last = rows.get_column("t_ns")[0], rows.get_column("t_ns")[-1]
            evidence = [Evidence(f"first at {time_words(first)}, last at {time_words(last)}", from_ns=first, to_ns=last)]
        source = "its own TCP in user space" if flow_plan(run, self.flow).application == "utcp" else "the kernel (tcp_retransmit_skb)"
        return rows.height, source, evidence

    def _repeated(self, run: RunData, span: Span) -> list[Evidence]:
        """Return the data segments whose bytes were sent before, one evidence per capture of the sender."""
        import polars as pl

        from tcpexp.analysis.segments import segments_sent_again

        flow = flow_plan(run, self.flow)
        again = segments_sent_again(run, flow).filter(within(span))
        found = []
        for capture in captures_of(run, flow.sender):
            numbers = tuple(again.filter(pl.col("capture") == capture)["number"].to_list())
            if numbers:
                found.append(Evidence("segments sent again", capture, numbers, span[0], span[1]))
        return found


class CongestionControl(Check):
    """Which congestion control a flow's sender uses, as `ss` shows it."""

    name: ClassVar[str] = "congestion_control"
    example: ClassVar[str] = "{flow: upload, at: 20s, is: bbr}"

    flow: FlowName = Field(description="the flow")
    is_: str = Field(alias="is", min_length=1, description="the algorithm's name: `cubic`, `bbr`, `reno`...")
    at: Duration | None = Field(default=None, description="in the snapshot nearest to this time")
    between: Between | None = Field(default=None, description="in every snapshot of this time span, `[10s, 60s]`")

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if self.at is not None and self.between is not None:
            raise QuantityError("at: and between: exclude each other", "leave one of them out")
        return self

    def title(self) -> str:
        """Name the flow and the time."""
        when = span_words(self.between) if self.at is None else f"at {time_words(self.at)}"
        return f"congestion control of flow {self.flow} {when}"

    def asked(self) -> str:
        """Return the algorithm."""
        return self.is_

    def evaluate(self, run: RunData) -> Verdict:
        """Judge every snapshot of the span that shows a socket of the flow."""
        import polars as pl

        span = self._span(run)
        rows = run.table("sockets").filter(
            (pl.col("flow") == self.flow)
            & (pl.col("node") == flow_plan(run, self.flow).sender)
            & (pl.col("state") == "estab")
            & pl.col("congestion_control").is_not_null()
            & within(span)
        )
        if rows.is_empty():
            raise Undecided(f"no snapshot {span_words(span)} shows an established socket of flow {self.flow}")
        seen = rows.get_column("congestion_control").unique(maintain_order=True).to_list()
        wrong = rows.filter(pl.col("congestion_control") != self.is_)
        moment = (wrong if wrong.height else rows).get_column("t_ns")
        evidence = Evidence(f"ss shows {', '.join(seen)}", from_ns=moment[0], to_ns=moment[-1])
        reason = f"ss shows {', '.join(seen)} in {many(rows.get_column('t_ns').n_unique(), 'snapshot')}; asked: {self.is_}"
        return self.verdict(wrong.is_empty(), ", ".join(seen), reason, [evidence])

    def _span(self, run: RunData) -> Span:
        if self.at is None:
            return require_span(run, self.between)
        require_span(run, (max(self.at - 1, 0), self.at))
        sender = flow_plan(run, self.flow).sender
        nearest = min(snapshot_times(run, sender), key=lambda t_ns: abs(t_ns - (self.at or 0)))
        if abs(nearest - self.at) > sample_interval(run, "ss", sender):
            raise Undecided(f"the snapshot nearest to {time_words(self.at)} was taken at {time_words(nearest)}")
        return nearest, nearest


def goodput_bps(run: RunData, flow: str, span: Span) -> tuple[float, Evidence]:
    """Return a flow's mean goodput in bit/s over the whole intervals inside ``span``, and where it was counted.

    Raises ``Undecided`` when the flow sent nothing in the whole run, or its receiver's capture has gaps.
    """
    import polars as pl

    receiver = receiver_of(flow_plan(run, flow))
    captures = captures_of(run, receiver, fraction=HARMLESS_LOSS)
    require_packets_of(run, flow)
    begin, end = -(-span[0] // INTERVAL_NS) * INTERVAL_NS, span[1]
    if end < run.plan.duration_ns:
        end = end // INTERVAL_NS * INTERVAL_NS
    if end <= begin:
        raise Undecided(f"the time span holds no whole interval of {time_words(INTERVAL_NS)}")
    rows = run.table("throughput").filter((pl.col("flow") == flow) & (pl.col("t_ns") >= begin) & (pl.col("t_ns") < end))
    total = int(rows.get_column("goodput_bytes").sum())
    evidence = Evidence(f"{flow}: {total} bytes arrived at {receiver}", captures[0], (), begin, end)
    return total * 8 * NS / (end - begin), evidence


def all_goodputs(run: RunData, flows: tuple[str, ...], span: Span) -> tuple[dict[str, float], list[Evidence]]:
    """Return each flow's goodput in bit/s and the evidence; raises ``Undecided`` when none sent anything."""
    rates, evidence = {}, []
    for flow in flows:
        rates[flow], proof = goodput_bps(run, flow, span)
        evidence.append(proof)
    if not sum(rates.values()):
        raise Undecided(f"none of the flows delivered anything {span_words(span)}")
    return rates, evidence


def require_packets_of(run: RunData, flow: str) -> None:
    """Raise ``Undecided`` when a flow delivered nothing in the whole run: then it cannot be judged, only be absent."""
    import polars as pl

    if not table_exists(run, "throughput"):
        raise Undecided("the captures have not been turned into tables")
    if run.table("throughput").filter(pl.col("flow") == flow).is_empty():
        raise Undecided(f"no packet of flow {flow} arrived in the whole run")
