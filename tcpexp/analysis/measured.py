"""What the run itself and the probes before it show of a direction's rate, queue and delay, for the
certificate.
"""

from __future__ import annotations

from dataclasses import dataclass

from tcpexp.analysis.links import Epoch, journeys_of
from tcpexp.analysis.settings import bits
from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.plan.types import QueuePlan
from tcpexp.record.measured import RateProbe
from tcpexp.store.rundata import NANOSECONDS, RunData

#: How far a rate may be from what was asked.
RATE_TOLERANCE = 0.005
#: Frames that may pass beyond the rate between two samples: two saved up in the bucket, one in
#: transmission.
BUCKET_FRAMES = 3
#: A rate is measured in the run when the queue held packets for the time of so many frames.
BUSY_FRAMES = 30
#: The smallest one-way time may be so far from the delay, ns, on a virtual and on a real clock.
DELAY_TOLERANCE_NS = {"virtual": 200_000, "real": 1_000_000}
#: Disciplines that drop at the tail only: what waits in them will leave.
TAIL_DROPPING = ("pfifo", "bfifo", "red")
#: A sample so soon behind a change does not count: it may show the setting of before.
_SETTLE_NS = 50_000_000
_ETHERNET_BYTES = 14
#: What a packet looks like in the capture of its sender.
_LOOK = [
    "protocol",
    "src",
    "src_port",
    "dst",
    "dst_port",
    "ip_id",
    "checksum",
    "flags",
    "seq",
    "ack",
    "payload_bytes",
    "ts_val",
    "ts_ecr",
]


@dataclass(frozen=True)
class Measurement:
    """What was measured, in words and as a number.

    ``wrong`` says why that cannot be, ``why`` why nothing was. ``due``: it should have been
    measured.
    """

    text: str = ""
    wrong: str = ""
    why: str = ""
    due: bool = False
    value: float = 0.0


def probe_of(run: RunData, link: str, towards: str) -> RateProbe | None:
    """Return what the burst before t0 measured of a direction."""
    for rate in run.probes.get("rates", []):
        if (rate["link"], rate["towards"]) == (link, towards):
            return rate
    return None


def probed_rate(run: RunData, epoch: Epoch) -> Measurement:
    """Return the rate by the burst before t0."""
    asked, probe = epoch.direction.rate_bps, probe_of(run, epoch.link, epoch.towards)
    if asked is None:
        return Measurement(why="there was no rate before t0")
    if probe is None:
        few = bool(run.probes.get("rates"))
        return Measurement(
            why=(
                "of many equal directions one is measured, this is another"
                if few
                else "there were no probes before the run"
            ),
            due=not few,
        )
    rate = probe.get("measured_bps")
    if rate is None:
        return Measurement(
            why=str(probe.get("why") or "too few frames of the burst arrived"),
            due=not probe.get("why"),
        )
    off = abs(rate - asked) / asked
    return Measurement(
        f"{bits(rate)} by a burst",
        (
            f"a burst was off by {off:.2%}, allowed {RATE_TOLERANCE:.1%}"
            if off > RATE_TOLERANCE
            else ""
        ),
    )


def samples_in(run: RunData, epoch: Epoch) -> pl.DataFrame:
    """Return the samples of a direction's queue within an epoch, in order."""
    begin = 0 if epoch.from_ns <= 0 else epoch.from_ns + _SETTLE_NS
    own = (
        (pl.col("link") == epoch.link)
        & (pl.col("towards") == epoch.towards)
        & (pl.col("qdisc") == "queue")
    )
    return (
        run.table("queues").filter(own & pl.col("t_ns").is_between(begin, epoch.to_ns)).sort("t_ns")
    )


def carried_rate(run: RunData, epoch: Epoch, frame_bytes: int, *, judge: bool) -> Measurement:
    """Return the rate at which packets left a queue that surely held some.

    What a sample finds waiting takes a time that the rate tells; in that time a fifo's packets
    leave one behind the other. Where the receiver's capture shows them (:func:`_by_packets`) their
    times count, else what the queue counted between two samples. Whatever waited, no more than the
    rate and what the bucket holds may have passed. ``judge`` False: the clock is not exact enough
    to say that a rate is wrong.
    """
    asked = epoch.direction.rate_bps
    samples = samples_in(run, epoch).with_columns(
        sent=pl.col("sent_bytes").diff(),
        length=pl.col("t_ns").diff(),
        waiting=pl.col("backlog_bytes").shift(1),
    )
    if asked is None or samples.height < 2:
        return Measurement(why="the queue was not sampled in that time")
    slack = BUCKET_FRAMES * frame_bytes
    between = samples.filter(pl.col("length") > 0).with_columns(
        allowed=pl.col("length") * (asked / 8 / NANOSECONDS)
    )
    beyond = between.filter(pl.col("sent") > pl.col("allowed") * (1 + RATE_TOLERANCE) + slack)
    if beyond.height and judge:
        worst = beyond.row(0, named=True)
        rate = worst["sent"] * 8e9 / worst["length"]
        return Measurement(
            f"up to {bits(rate)}",
            f"{bits(rate)} passed before {worst['t_ns'] / NANOSECONDS:.3f} s, more than the rate"
            " allows",
        )
    if epoch.direction.queue is None or epoch.direction.queue.discipline not in TAIL_DROPPING:
        return Measurement(
            why="its queue drops packets that wait, so no sample says how long it was busy"
        )
    sent, length = _by_packets(run, epoch, samples, asked)
    if sent < BUSY_FRAMES * frame_bytes:
        busy = between.filter(pl.col("waiting") >= pl.col("allowed"))
        sent, length = float(busy["sent"].sum() or 0), float(busy["length"].sum() or 0)
    if sent < BUSY_FRAMES * frame_bytes:
        return Measurement(why="too few packets waited")
    rate = sent * 8e9 / length
    off = abs(sent - length * asked / 8e9)
    wrong = (
        f"{bits(rate)} while packets waited, asked {bits(asked)}"
        if judge and off > RATE_TOLERANCE * sent + slack
        else ""
    )
    return Measurement(f"{bits(rate)} while packets waited", wrong)


def _by_packets(
    run: RunData, epoch: Epoch, samples: pl.DataFrame, asked: int
) -> tuple[float, float]:
    """Return the bytes that left the queue while it surely held some, and the time that they took,
    ns, by when packets arrived.

    Nothing where packets do not arrive as they left: behind jitter, reordering, loss, another
    link's queue, or a cut or joined segment.
    """
    direction = epoch.direction
    clean = not (
        direction.jitter_ns
        or direction.reorder
        or direction.loss
        or direction.corrupt
        or direction.duplicate
    )
    if (
        not clean
        or len(run.plan.network.links) != 1
        or any(
            interface.offloads for node in run.plan.network.nodes for interface in node.interfaces
        )
    ):
        return 0.0, 0.0
    windows = samples.filter(pl.col("backlog_packets") > 2).select(
        pl.col("t_ns").alias("begin"), busy=(pl.col("backlog_bytes") * (8e9 / asked)).cast(pl.Int64)
    )
    packets = (
        journeys_of(run, epoch)
        .filter(pl.col("copies") > 0)
        .select(left=pl.col("received_ns") - direction.delay_ns, bytes="frame_bytes")
        .sort("left")
    )
    if windows.is_empty() or packets.is_empty():
        return 0.0, 0.0
    within = packets.join_asof(
        windows, left_on="left", right_on="begin", strategy="backward"
    ).filter(pl.col("left") - pl.col("begin") <= pl.col("busy"))
    spans = within.group_by("begin").agg(
        sent=pl.col("bytes").sum() - pl.col("bytes").first(),
        length=pl.col("left").last() - pl.col("left").first(),
        count=pl.len(),
    )
    spans = spans.filter(pl.col("count") > 1)
    return float(spans["sent"].sum() or 0), float(spans["length"].sum() or 0)


def measured_queue(
    run: RunData, epoch: Epoch, asked: QueuePlan, frame_bytes: int, *, first: bool
) -> Measurement:
    """Return how much a queue held, and the most that a sample found.

    By the burst before t0 where that could fill it (``first``: in the first epoch).

    cake's limit counts the memory that packets take, which no sample shows.
    """
    if asked.discipline == "cake":
        return Measurement(
            why="cake's limit counts the memory of packets, which is not what its samples count"
        )
    in_bytes = asked.limit_packets is None
    limit = asked.limit_bytes if asked.limit_packets is None else asked.limit_packets
    assert limit is not None, "a queue has a limit"
    unit = "B" if in_bytes else "packets"
    words, wrong, most = [], "", 0
    probe = probe_of(run, epoch.link, epoch.towards) if first else None
    held = None if probe is None else probe.get("held")
    if held is not None:
        words.append(f"a burst filled it with {held} frames")
        fits = held * frame_bytes <= limit < (held + 1) * frame_bytes if in_bytes else held == limit
        wrong = "" if fits else f"a burst filled it with {held} frames"
    samples = samples_in(run, epoch)
    if samples.height:
        most = int(samples["backlog_bytes" if in_bytes else "backlog_packets"].max() or 0)  # type: ignore[arg-type]
        words.append(f"at most {most:,} {unit} at a sample")
        wrong = wrong or (f"{most:,} {unit} waited" if most > limit else "")
    return Measurement(
        "; ".join(words),
        wrong,
        "" if words else "its queue was not sampled",
        value=-max(most, held or 0),
    )


def class_samples(run: RunData, epoch: Epoch, name: str) -> pl.DataFrame:
    """Return the samples of a class of htb within an epoch, in order."""
    begin = 0 if epoch.from_ns <= 0 else epoch.from_ns + _SETTLE_NS
    return (
        run.table("classes")
        .filter(
            (pl.col("link") == epoch.link)
            & (pl.col("towards") == epoch.towards)
            & (pl.col("class") == name)
            & pl.col("t_ns").is_between(begin, epoch.to_ns)
        )
        .sort("t_ns")
    )


def measured_class_queue(run: RunData, epoch: Epoch, name: str) -> Measurement:
    """Return the most packets that waited in a class's own queue at a sample."""
    queue = epoch.direction.queue
    own = next((one for one in queue.classes if one.name == name), None) if queue else None
    samples = class_samples(run, epoch, name)
    if own is None or samples.is_empty():
        return Measurement(why="the class was not sampled in that time")
    most = int(samples["backlog_packets"].max() or 0)  # type: ignore[arg-type]
    wrong = f"{most} packets waited" if most > own.limit_packets else ""
    return Measurement(f"at most {most} packets at a sample", wrong, value=-most)


def measured_class(
    run: RunData, epoch: Epoch, name: str, frame_bytes: int, clock: str
) -> Measurement:
    """Return the most that a class of htb sent between two samples: no more than its ceiling and
    what its bucket holds may have passed.

    Of a class without a ceiling nothing is to be judged but the link's rate, which has an item.
    """
    queue = epoch.direction.queue
    own = next((one for one in queue.classes if one.name == name), None) if queue else None
    samples = (
        class_samples(run, epoch, name)
        .with_columns(sent=pl.col("sent_bytes").diff(), length=pl.col("t_ns").diff())
        .filter(pl.col("length") > 0)
    )
    if own is None or samples.is_empty():
        return Measurement(why="the class was not sampled in that time")
    sent, length = int(samples["sent"].sum()), int(samples["length"].sum())
    text = f"{bits(sent * 8e9 / length)} in the mean"
    if own.ceil_bps is None:
        return Measurement(text)
    allowed = pl.col("length") * (own.ceil_bps / 8 / NANOSECONDS) * (1 + RATE_TOLERANCE)
    beyond = samples.filter(pl.col("sent") > allowed + BUCKET_FRAMES * frame_bytes)
    if beyond.height and clock == "virtual":
        worst = beyond.row(0, named=True)
        rate = worst["sent"] * 8e9 / worst["length"]
        return Measurement(
            text,
            f"{bits(rate)} passed before {worst['t_ns'] / NANOSECONDS:.3f} s, more than the ceiling"
            " allows",
        )
    return Measurement(f"{text}, never more than the ceiling between two samples")


def measured_policer(run: RunData, epoch: Epoch, frame_bytes: int, clock: str) -> Measurement:
    """Return what a policer let pass: in any time no more than its rate and its burst.

    By the packets that arrived behind it, each at the time at which it was sent: a policer holds
    none back. Where a queue stands behind it, what that dropped had passed as well, and is not
    known packet by packet.
    """
    policer = epoch.direction.policer
    assert policer is not None, "only a direction with one is asked for"
    passed = (
        journeys_of(run, epoch)
        .filter(pl.col("copies") > 0)
        .select("sent_ns", "frame_bytes")
        .sort("sent_ns")
    )
    if passed.is_empty():
        return Measurement(why="no packet crossed it of which both ends were captured")
    times = passed["sent_ns"].to_numpy().astype(float)
    sizes = passed["frame_bytes"].to_numpy().astype(float)
    # what had passed until a packet, less what the rate allows: the policer's bucket, upside down
    level = sizes.cumsum() - times * (policer.rate_bps / 8e9)
    before = level - sizes
    most = float((level - np.minimum.accumulate(before)).max())
    text = f"at most {most:,.0f} B beyond the rate"
    slack = frame_bytes + RATE_TOLERANCE * policer.burst_bytes
    if most > policer.burst_bytes + slack and clock == "virtual":
        return Measurement(text, f"{text}, more than the burst of {policer.burst_bytes:,} B")
    return Measurement(text)


def measured_delay(run: RunData, epoch: Epoch, clock: str) -> Measurement:
    """Return the smallest one-way time of the packets that crossed the link and no other with a
    delay.

    A queue can only make it longer, uniform jitter shorter by no more than itself. Jitter without
    bounds, and reordering, which lets packets skip the delay, hide it.
    """
    direction, tolerance = epoch.direction, DELAY_TOLERANCE_NS[clock]
    if direction.reorder or (
        direction.jitter_ns and direction.jitter_distribution not in (None, "uniform")
    ):
        return Measurement(
            why="jitter without bounds and reordered packets hide it; the base RTT has its range"
        )
    journeys = journeys_of(run, epoch).filter(pl.col("copies") > 0)
    if journeys.is_empty():
        return Measurement(
            why="no packet crossed it and no other delay in that time; the base RTT has the sum"
        )
    least = direction.delay_ns - tolerance - direction.jitter_ns
    if _all_doubtful(run, journeys, least):
        return Measurement(
            why="the packets that crossed it are alike to the bit, and which of them arrived is not"
            " known; the base RTT has the sum"
        )
    smallest = int(journeys.select((pl.col("received_ns") - pl.col("sent_ns")).min()).item())
    off = smallest - direction.delay_ns
    text = f"{smallest / 1e6:.3f} ms the fastest packet"
    if off < -tolerance - direction.jitter_ns:
        less = "the delay and its jitter allow" if direction.jitter_ns else "the delay"
        return Measurement(
            text,
            f"the fastest packet took {smallest / 1e6:.3f} ms, less than {less}",
            value=smallest,
        )
    if (
        off > tolerance + direction.jitter_ns
        and direction.rate_bps is None
        and not _other_queues(run, epoch)
    ):
        return Measurement(
            text,
            f"the fastest packet took {smallest / 1e6:.3f} ms, although it had no queue to wait in",
            value=smallest,
        )
    return Measurement(text, value=smallest)


def _all_doubtful(run: RunData, journeys: pl.DataFrame, least_ns: int) -> bool:
    """Whether every packet is too fast, but would not be if one alike to the bit that was sent
    earlier and counts as lost had arrived in its place.

    Where others show how long packets take, the journeys are already such that none needs that
    excuse.
    """
    took = pl.col("received_ns") - pl.col("sent_ns")
    if journeys.filter(took >= least_ns).height:
        return False
    packets = run.table("packets").select(
        *_LOOK, sent_capture="capture", sent_number="number", sent_ns="t_ns"
    )
    names = ["sent_capture", "sent_number"]
    lost = packets.join(
        run.table("journeys").filter(pl.col("copies") == 0), on=names, how="semi"
    ).select(*_LOOK, "sent_capture", lost_ns="sent_ns")
    excused = (
        journeys.select(*names, "received_ns")
        .join(packets, on=names)
        .join(lost, on=[*_LOOK, "sent_capture"], nulls_equal=True)
        .filter(pl.col("lost_ns") < pl.col("sent_ns"))
        .filter(pl.col("received_ns") - pl.col("lost_ns") >= least_ns)
    )
    return excused.select(names).unique().height == journeys.height


def _other_queues(run: RunData, epoch: Epoch) -> bool:
    """Whether any other direction has a rate, in whose queue the packet may have waited."""
    others = [
        side
        for link in run.plan.network.links
        if link.name != epoch.link
        for side in (link.forward, link.backward)
    ]
    return any(side.rate_bps is not None for side in others)
