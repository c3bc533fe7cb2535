"""What links were asked to do, when, and what the packets that crossed them show they did."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tcpexp.analysis.faults import count_faults
from tcpexp.analysis.packetpaths import PacketPaths
from tcpexp.analysis.samples import sample_times, sampled_span
from tcpexp.late import polars as pl
from tcpexp.plan.paths import Hop
from tcpexp.plan.types import DirectionPlan, LinkChange, LinkRates, LinkState, LossPlan, RunPlan
from tcpexp.store.rundata import RunData

#: After a change of a link, packets sent this much earlier may already meet the new setting in the
#: queue.
_MARGIN_NS = 500_000_000
_SIGMAS = 3.0
ETHERNET_BYTES = 14
#: Bytes of the IP header, by its version, in which damage makes a packet unrecognisable: of IPv4's
#: the version, lengths, protocol and addresses, of IPv6's the version, length, next header and
#: destination (the source is part of TCP's checksum).
UNRECOGNISABLE_BYTES = {4: 12, 6: 20}
#: Those that no checksum covers besides: IPv6's traffic class, flow label and hop limit.
UNCHECKED_BYTES = {4: 0, 6: 4}
#: Bytes of the IP header in which damage never reaches the kernel's counter of wrong TCP checksums.
UNCOUNTED_BYTES = {4: 20, 6: 24}
_MIN_TRIALS = 20


@dataclass(frozen=True)
class Epoch:
    """A span of time in which one direction of a link was meant to behave as ``direction`` says.

    ``up`` False: it was taken down.
    """

    link: str
    towards: str
    from_ns: int
    to_ns: int
    direction: DirectionPlan
    up: bool = True


def find_epochs(run: RunData) -> list[Epoch]:
    """Return the epochs of every direction of every link, from the plan's changes at the times when
    they really happened.

    A list of rates (``LinkRates``) makes no epochs of its own here: it changes nothing but the rate
    (:func:`find_rate_epochs`).
    """
    return _find(run, with_rates=False)


def find_rate_epochs(run: RunData) -> list[Epoch]:
    """Return the epochs of every direction of every link, one for each rate that it had.

    A rate of 0 lets nothing pass.
    """
    return _find(run, with_rates=True)


def _find(run: RunData, *, with_rates: bool) -> list[Epoch]:
    epochs: list[Epoch] = []
    for link in run.plan.network.links:
        for towards, direction in ((link.b.node, link.forward), (link.a.node, link.backward)):
            epochs += _epochs_of(run, link.name, towards, direction, with_rates=with_rates)
    return epochs


def _epochs_of(
    run: RunData, link: str, towards: str, start: DirectionPlan, *, with_rates: bool
) -> Iterator[Epoch]:
    steps = list(_link_steps(run, link, towards))
    spans = [
        (begin, end, step.do) for begin, end, step in steps if not isinstance(step.do, LinkRates)
    ]
    rates = (
        [
            span
            for begin, end, step in steps
            if isinstance(step.do, LinkRates)
            for span in _rate_spans(step.do, begin, end)
        ]
        if with_rates
        else []
    )
    cuts = sorted(
        {0, run.end_ns, *(time for begin, end, _ in [*spans, *rates] for time in (begin, end))}
    )
    cuts = [cut for cut in cuts if 0 <= cut <= run.end_ns]
    at = 0
    for begin, end in itertools.pairwise(cuts):
        now, up = start, True
        for since, until, do in spans:
            if since <= begin < until:
                if isinstance(do, LinkChange):
                    now = do.direction
                elif isinstance(do, LinkState):
                    up = do.up
        while at < len(rates) and rates[at][1] <= begin:
            at += 1
        if at < len(rates) and rates[at][0] <= begin:
            now = dataclasses.replace(now, rate_bps=rates[at][2])
        yield Epoch(link, towards, begin, end, now, up)


def _rate_spans(what: LinkRates, begin_ns: int, end_ns: int) -> Iterator[tuple[int, int, int]]:
    """Yield (from, to, rate) of a list that is at work between two times."""
    for after, following, rate in zip(
        what.after_ns, (*what.after_ns[1:], end_ns - begin_ns), what.rates_bps, strict=True
    ):
        if begin_ns + after < end_ns:
            yield begin_ns + after, min(begin_ns + following, end_ns), rate


def _link_steps(run: RunData, link: str, towards: str) -> Iterator[tuple[int, int, Any]]:
    """Yield (from, to, step) of the changes of one direction of a link, in the order of their
    beginning.
    """
    started = run.table("events").filter(pl.col("event") == "start")
    actual = dict(zip(started["step"].to_list(), started["t_ns"].to_list(), strict=True))
    found = []
    for step in run.plan.steps:
        do = step.do
        if isinstance(do, LinkChange | LinkRates) and (do.link, do.towards) != (link, towards):
            continue
        if (
            not isinstance(do, LinkChange | LinkRates | LinkState)
            or do.link != link
            or step.at_ns is None
        ):
            continue
        begin = actual.get(step.id)
        begin = step.at_ns if begin is None or isinstance(do, LinkRates) else begin
        found.append((begin, run.end_ns if step.until_ns is None else step.until_ns, step))
    return iter(sorted(found, key=lambda change: change[0]))


def journeys_of(run: RunData, epoch: Epoch) -> pl.DataFrame:
    """Return the journeys that crossed the epoch's link in its direction and time, when no other
    link on their way has faults.
    """
    paths = PacketPaths(run)
    journeys = run.table("journeys").with_columns(paths.subflow())
    pairs = []
    for name, subflow, source, target in (
        journeys.select("flow", "subflow", "from_node", "to_node")
        .unique(maintain_order=True)
        .iter_rows()
    ):
        hops = paths.hops(name, subflow, source, target)
        if (epoch.link, epoch.towards) in [hop.key for hop in hops] and not _others_have_faults(
            run.plan, hops, epoch
        ):
            pairs.append((name, subflow, source, target))
    if not pairs:
        return journeys.drop("subflow").clear()
    wanted = pl.DataFrame(
        pairs,
        schema={
            "flow": pl.String,
            "subflow": pl.Int64,
            "from_node": pl.String,
            "to_node": pl.String,
        },
        orient="row",
    )
    own = journeys.join(
        wanted, on=["flow", "subflow", "from_node", "to_node"], how="semi", nulls_equal=True
    ).drop("subflow")
    return own.filter(pl.col("sent_ns").is_between(*_undisturbed(epoch)))


def _undisturbed(epoch: Epoch) -> tuple[int, int]:
    """Return from when to when what is sent meets only this setting."""
    late = 0 if epoch.from_ns <= 0 else epoch.from_ns + _MARGIN_NS
    return late, epoch.to_ns - _MARGIN_NS


def _others_have_faults(plan: RunPlan, hops: Sequence[Hop], epoch: Epoch) -> bool:
    for hop in hops:
        changes = [
            step.do.direction
            for step in plan.steps
            if isinstance(step.do, LinkChange) and step.do.link == hop.link.name
        ]
        if hop.key != (epoch.link, epoch.towards) and any(
            direction.has_faults_or_delay for direction in (hop.direction, *changes)
        ):
            return True
    return False


@dataclass(frozen=True)
class FaultRate:
    """One kind of fault of one direction in one epoch: asked and measured probability, and how far
    chance may put them apart.

    ``correlated`` is set when a correlation was asked for: netem's correlated models do not keep
    the rate they are given.
    """

    link: str
    towards: str
    from_ns: int
    to_ns: int
    fault: str
    asked: float
    measured: float | None
    events: int
    trials: int
    low: float
    high: float
    correlated: bool
    why: str = ""

    @property
    def inside(self) -> bool | None:
        """Whether the measured rate lies in the interval; None when it was not measured."""
        return None if self.measured is None else self.low <= self.measured <= self.high

    def as_dict(self) -> dict[str, Any]:
        """Return it as a mapping for JSON."""
        return {**dataclasses.asdict(self), "inside": self.inside}


def measure_faults(run: RunData) -> list[FaultRate]:
    """Measure loss, duplication, corruption and reordering of every direction that was asked for
    any.
    """
    rates = []
    for epoch in find_epochs(run):
        faults = _asked(epoch.direction)
        if not faults or not epoch.up:
            continue
        journeys = journeys_of(run, epoch)
        for fault, asked, correlated, spread in faults:
            counted = _count(run, epoch, fault, journeys)
            seen = 1.0
            if fault == "corrupt":
                seen = visible_damage(journeys, _hidden_bytes(run))
            rates.append(_rate(epoch, fault, (asked, correlated, spread), counted, seen))
    return rates


def _asked(direction: DirectionPlan) -> list[tuple[str, float, bool, float]]:
    """Return (fault, probability, correlated, variance relative to independent trials) of what a
    direction asks for.
    """
    found = []
    if direction.loss is not None:
        asked, spread = expected_loss(direction.loss)
        found.append(("loss", asked, False, spread))
    if direction.duplicate:
        found.append(("duplicate", direction.duplicate, bool(direction.duplicate_correlation), 1.0))
    if direction.corrupt:
        found.append(("corrupt", direction.corrupt, bool(direction.corrupt_correlation), 1.0))
    if direction.reorder:
        odd = bool(direction.reorder_correlation) or bool(
            direction.reorder_gap and direction.reorder_gap > 1
        )
        found.append(("reorder", direction.reorder, odd, 1.0))
    return found


def expected_loss(loss: LossPlan) -> tuple[float, float]:
    """Return (mean loss probability, how much wider than independent trials its count scatters).

    Gilbert-Elliott: the bad state holds with probability p/(p+r) and its spells correlate
    neighbours by lambda = 1-p-r, which widens the variance of a sum of state indicators by
    (1+lambda)/(1-lambda).
    """
    if loss.model == "random":
        return loss.p, 1.0
    r = 1.0 - loss.p if loss.r is None else loss.r
    bad_loss = 1.0 if loss.bad_loss is None else loss.bad_loss
    good_loss = 0.0 if loss.good_loss is None else loss.good_loss
    bad = loss.p / (loss.p + r) if loss.p + r > 0 else 0.0
    memory = min(max(1.0 - loss.p - r, 0.0), 0.999999)
    return bad * bad_loss + (1 - bad) * good_loss, (1 + memory) / (1 - memory)


def _count(run: RunData, epoch: Epoch, fault: str, journeys: pl.DataFrame) -> tuple[int, int, str]:
    """Return (events, trials, why not measured or how)."""
    if journeys.is_empty():
        short = epoch.to_ns - epoch.from_ns <= 2 * _MARGIN_NS
        why = (
            "it lasted for less than a second, and packets near a change may meet either setting"
            if short
            else "no packets whose both ends were captured"
        )
        return 0, 0, why
    span = _undisturbed(epoch)
    journeys = journeys.filter(pl.col("copies").is_not_null())  # not cut or joined on the way
    if fault == "loss":
        dropped = count_drops_before(run, epoch.link, epoch.towards, *span)
        if dropped:
            # what the queue dropped is known from sample to sample only
            of_queue = count_drops(run, epoch.link, epoch.towards, "queue", *span)
            qdisc = "queue" if of_queue else "policer"
            span = drops_span(run, epoch.link, epoch.towards, qdisc, *span)
            journeys = journeys.filter(pl.col("sent_ns").is_between(*span))
        missing = int((journeys["copies"] == 0).sum())
        chosen = count_faults(run, epoch.link, epoch.towards, "drop", *span)
        more = [f"{dropped} more were dropped by the full queue"] if dropped else []
        more += [f"{chosen} more were dropped by faults on chosen segments"] if chosen else []
        return (
            max(missing - dropped - chosen, 0),
            journeys.height - dropped - chosen,
            "; ".join(more),
        )
    arrived = journeys.filter(pl.col("copies") > 0)
    chosen = count_faults(run, epoch.link, epoch.towards, fault, *span)
    if fault == "duplicate":
        return int((arrived["copies"] > 1).sum()) - chosen, arrived.height - chosen, ""
    if fault == "corrupt":
        if not _whole_packets(run):
            return _count_bad_checksums(run, epoch)
        return max(int(arrived["changed"].sum()) - chosen, 0), arrived.height, ""
    return _count_jumps(epoch, arrived)


def _count_bad_checksums(run: RunData, epoch: Epoch) -> tuple[int, int, str]:
    """Count damage by the receiving kernel's Tcp.InCsumErrors: what remains when the captures hold
    only headers.

    Its samples do not end where :func:`_undisturbed` does, so what arrived is counted between the
    same two.
    """
    rows = run.table("counters").filter(
        (pl.col("node") == epoch.towards) & (pl.col("counter") == "Tcp.InCsumErrors")
    )
    if rows.is_empty() or epoch.towards not in {
        node.name for node in run.plan.network.nodes if node.kind == "host"
    }:
        return (
            0,
            0,
            (
                "the captures hold only headers; record whole packets (capture: {snaplen: full}) to"
                " see damage"
            ),
        )
    first, last = sampled_span(sample_times(run, epoch.towards, rows), (epoch.from_ns, epoch.to_ns))
    values = rows.sort("t_ns").filter(pl.col("t_ns").is_between(first, last))["value"]
    before = rows.sort("t_ns").filter(pl.col("t_ns") <= first)["value"]
    always = dataclasses.replace(epoch, from_ns=0, to_ns=run.end_ns + _MARGIN_NS)
    arrived = journeys_of(run, always).filter(pl.col("received_ns").is_between(first, last))
    chosen = count_faults(run, epoch.link, epoch.towards, "corrupt", first, last)
    damaged = int(values[-1]) - int(before[-1]) if before.len() and values.len() else 0
    return (
        max(damaged - chosen, 0),
        arrived.height,
        "counted by the kernel (Tcp.InCsumErrors): the captures hold only headers",
    )


def visible_damage(journeys: pl.DataFrame, hidden_bytes: int) -> float:
    """Return the share of single damaged bits that can be recognised as damage, when those in
    ``hidden_bytes`` cannot.

    netem flips one bit anywhere in the frame. In the Ethernet header no checksum notices; in the
    addresses, the protocol or the lengths of the IP header the packet is no longer recognisable and
    counts as lost. The kernel's TCP counter misses all of both.
    """
    if journeys.is_empty():
        return 1.0
    share = journeys.select((1 - hidden_bytes / pl.col("frame_bytes")).clip(0, 1).mean()).item()
    return 1.0 if share is None else float(share)


def _hidden_bytes(run: RunData) -> int:
    """Return in how many bytes of a frame damage is not recognised as such."""
    ip = run.plan.network.ip
    return ETHERNET_BYTES + (
        UNRECOGNISABLE_BYTES[ip] + UNCHECKED_BYTES[ip]
        if _whole_packets(run)
        else UNCOUNTED_BYTES[ip]
    )


def _whole_packets(run: RunData) -> bool:
    captures = [recorder for recorder in run.plan.recorders if recorder.kind == "capture"]
    return bool(captures) and all(not recorder.options.get("snaplen", 0) for recorder in captures)


#: What drops packets of a direction by design, in the words of the table ``queues``.
DROPPERS = ("policer", "queue", "netem")


def count_drops_before(run: RunData, link: str, towards: str, from_ns: int, to_ns: int) -> int:
    """Return what a direction's policer and queue dropped, before any fault could."""
    return sum(
        count_drops(run, link, towards, qdisc, from_ns, to_ns) for qdisc in ("policer", "queue")
    )


def count_drops(run: RunData, link: str, towards: str, qdisc: str, from_ns: int, to_ns: int) -> int:
    """Return the growth of a qdisc's drop counter between the samples closest to two times.

    What the probes before t0 cost does not count.
    """
    samples = _samples_of(run, link, towards, qdisc)
    if samples.is_empty():
        return 0
    begin, end = sampled_span(samples["t_ns"].to_list(), (from_ns, to_ns))
    values = samples.filter(pl.col("t_ns").is_in([begin, end]))["drops"]
    return int(values[-1] or 0) - int(values[0] or 0)


def drops_span(
    run: RunData, link: str, towards: str, qdisc: str, from_ns: int, to_ns: int
) -> tuple[int, int]:
    """Return the times of the samples between which :func:`count_drops` counts."""
    samples = _samples_of(run, link, towards, qdisc)
    return sampled_span(samples["t_ns"].to_list(), (from_ns, to_ns))


def _samples_of(run: RunData, link: str, towards: str, qdisc: str) -> pl.DataFrame:
    return (
        run.table("queues")
        .filter(
            (pl.col("link") == link) & (pl.col("towards") == towards) & (pl.col("qdisc") == qdisc)
        )
        .sort("t_ns")
    )


def _count_jumps(epoch: Epoch, arrived: pl.DataFrame) -> tuple[int, int, str]:
    """Count packets that netem let pass without the delay: they overtake packets sent just before
    by most of the delay.

    Overtaking by less than twice the jitter is the jitter's work. A packet that has no delayed one
    closely before it cannot show a jump and is no trial, whether it jumped or not: one that did is
    known by its own time, which is below the delay, one that did not would have arrived a delay
    earlier.
    """
    delay, jitter = epoch.direction.delay_ns, epoch.direction.jitter_ns
    need = max(delay // 2, 2 * jitter)
    if delay == 0 or need >= delay - jitter:
        return 0, 0, "the delay is too small against its jitter to tell a reordered packet"
    before = pl.col("received_ns").cum_max().shift(1)
    rows = arrived.sort("sent_ns").with_columns(
        overtook=before - pl.col("received_ns"), transit=pl.col("received_ns") - pl.col("sent_ns")
    )
    jumped = pl.col("overtook") > need
    trials = rows.filter(
        jumped | ((pl.col("transit") >= delay - jitter) & (pl.col("overtook") + delay > need))
    )
    return int(trials.select(jumped.sum()).item() or 0), trials.height, ""


def _rate(
    epoch: Epoch,
    fault: str,
    asked: tuple[float, bool, float],
    counted: tuple[int, int, str],
    seen: float = 1.0,
) -> FaultRate:
    probability, correlated, spread = asked
    events, trials, why = counted
    measured = events / trials if trials >= _MIN_TRIALS else None
    if measured is None and not why:
        why = f"only {trials} packets"
    if seen < 1 and measured is not None:
        why = f"{why}; of the damaged packets {seen:.1%} can be recognised".removeprefix("; ")
    low, high = binomial_interval(probability * seen, trials, spread)
    return FaultRate(
        epoch.link,
        epoch.towards,
        epoch.from_ns,
        epoch.to_ns,
        fault,
        probability,
        measured,
        events,
        trials,
        low,
        high,
        correlated,
        why,
    )


def binomial_interval(probability: float, trials: int, spread: float = 1.0) -> tuple[float, float]:
    """Return the range of rates that ``trials`` with ``probability`` give within three standard
    deviations.

    One event more is allowed on each side, because a count is a whole number. ``spread`` widens the
    variance.
    """
    if trials <= 0:
        return 0.0, 1.0
    sigma = math.sqrt(spread * probability * (1 - probability) / trials)
    slack = _SIGMAS * sigma + 1.0 / trials
    return max(probability - slack, 0.0), min(probability + slack, 1.0)
