"""Traces and journeys to the table ``loss_events``: what was lost, how the sender noticed, how it
answered, how long repair took.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tcpexp.analysis.bbrphases import is_bbr
from tcpexp.analysis.echoes import is_echo
from tcpexp.analysis.flowstates import congestion_states, connection_slices
from tcpexp.analysis.mechanisms import AT_ONCE_NS
from tcpexp.analysis.segments import mark_resent
from tcpexp.analysis.timeline import Timeline
from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.plan.types import FlowPlan
from tcpexp.store.frames import conform, empty_frame
from tcpexp.store.rundata import RunData

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tcpexp.analysis.timeline import Int64

#: RFC 5681 section 3.2: the third duplicate ACK, RFC 6675's DupThresh, is taken for a loss.
DUPTHRESH = 3
_QUIET = ("Open", "Disorder")


@dataclass(frozen=True)
class Episode:
    """From the sender's first notice of a loss to its return to Open; ``repaired_ns`` None when the
    record ended before.

    ``first`` is the state it began in (Recovery, Loss, CWR), ``timeouts`` how often it was set to
    Loss.
    """

    noticed_ns: int
    repaired_ns: int | None
    first: str
    timeouts: int


@dataclass(frozen=True)
class _Connection:
    """One connection's packets as its sender saw them, as arrays in time order.

    ``again_ns`` are segments sent again, ``mtu_ns`` those that path MTU discovery sent first,
    ``dsack_ns`` ACKs that report a duplicate. Per ACK: ``ack_ns``, ``ece``, ``sacked_bytes`` (in
    its SACK blocks). ``lost`` are the segments that were lost (t_ns, seq_rel, payload_bytes,
    again), None when not known. ``mss`` is the largest payload.
    """

    again_ns: Int64
    mtu_ns: Int64
    ack_ns: Int64
    dsack_ns: Int64
    cut_ns: Int64
    ece: NDArray[np.bool_]
    sacked_bytes: Int64
    lost: dict[str, NDArray[Any]] | None
    has_sack: bool
    mss: int


def build_loss_events(run: RunData, states: pl.DataFrame) -> pl.DataFrame:
    """Return the ``loss_events`` table of all flows whose sender was traced.

    ``states`` is the table ``flow_states``.
    """
    rows: list[dict[str, Any]] = []
    for flow in run.plan.flows:
        own = states.filter(pl.col("flow") == flow.name)
        if own.is_empty():
            continue
        changes = congestion_states(run, flow)
        for begin, end in connection_slices(own):
            connection, port = int(own["connection"][begin]), int(own["port"][begin])
            mine = changes.filter(pl.col("connection") == connection)
            episodes = find_episodes(mine["t_ns"].to_list(), mine["ca_state"].to_list())
            if episodes:
                rows += _events(
                    _connection(run, flow, connection),
                    own[begin:end],
                    mine,
                    episodes,
                    (flow, connection, port),
                )
    return (
        conform(pl.DataFrame(rows, infer_schema_length=None), "loss_events")
        if rows
        else empty_frame("loss_events")
    )


def find_episodes(set_ns: list[int], states: list[str]) -> list[Episode]:
    """Return the episodes that a connection's changes of congestion state make, in order."""
    episodes: list[Episode] = []
    begin, first, timeouts = 0, "", 0
    for t_ns, state in zip(set_ns, states, strict=True):
        if first and state in _QUIET:
            episodes.append(Episode(begin, t_ns, first, timeouts))
            first = ""
        elif state not in _QUIET:
            begin, first, timeouts = (begin, first, timeouts) if first else (t_ns, state, 0)
            timeouts += state == "Loss"
    return [*episodes, Episode(begin, None, first, timeouts)] if first else episodes


def _connection(run: RunData, flow: FlowPlan, connection: int) -> _Connection:
    packets = run.table("packets").filter(
        (pl.col("connection") == connection) & (pl.col("node") == flow.sender)
    )
    outward = pl.col("src").is_in(
        [interface.address for interface in run.plan.network.node(flow.sender).interfaces]
    )
    sent = packets.filter(outward & (pl.col("payload_bytes") > 0)).sort("t_ns", maintain_order=True)
    segments = mark_resent(
        run, sent.select("capture", "number", "t_ns", "seq_rel", "payload_bytes")
    )
    acks = packets.filter(~outward & pl.col("flags").str.contains("A")).sort(
        "t_ns", maintain_order=True
    )
    offers = packets.filter(pl.col("flags").str.contains("S"))["sack_permitted"]
    journeys = run.table("journeys").filter(
        (pl.col("connection") == connection)
        & (pl.col("from_node") == flow.sender)
        & (pl.col("payload_bytes") > 0)
    )
    lost = None
    if journeys.height:
        gone = journeys.filter((pl.col("copies") == 0) | pl.col("changed")).select(
            capture="sent_capture", number="sent_number"
        )
        rows = segments.join(gone, on=["capture", "number"], how="semi", maintain_order="left")
        lost = {
            name: rows[name].to_numpy() for name in ("t_ns", "seq_rel", "payload_bytes", "again")
        }
    first = run.table("resent").filter(
        (pl.col("connection") == connection)
        & (pl.col("node") == flow.sender)
        & (pl.col("by") == "path_mtu")
    )
    edges = pl.col("sack_blocks").list
    sacked = (edges.gather_every(2, 1).list.sum() - edges.gather_every(2, 0).list.sum()).fill_null(
        0
    )
    known = ~pl.col("options_cut").fill_null(False)
    seen = acks.select("t_ns", known=known, dsack=is_dsack(), ece=is_echo(), sacked=sacked)
    return _Connection(
        mtu_ns=first["t_ns"].to_numpy(),
        again_ns=segments.filter("again")["t_ns"].to_numpy(),
        ack_ns=seen["t_ns"].to_numpy(),
        dsack_ns=seen.filter("dsack")["t_ns"].to_numpy(),
        cut_ns=seen.filter(~pl.col("known"))["t_ns"].to_numpy(),
        ece=seen["ece"].to_numpy(),
        sacked_bytes=seen["sacked"].to_numpy(),
        lost=lost,
        has_sack=bool(len(offers)) and bool(offers.all()),
        mss=int(segments["payload_bytes"].to_numpy().max(initial=0)),
    )


def _events(
    seen: _Connection,
    rows: pl.DataFrame,
    changes: pl.DataFrame,
    episodes: list[Episode],
    whose: tuple[FlowPlan, int, int],
) -> list[dict[str, Any]]:
    """Return the rows of one connection's events."""
    flow, connection, port = whose
    timeline = Timeline.of(rows, changes)
    control = rows["congestion_control"]
    found = []
    for episode, lost in zip(episodes, _losses_of(seen, episodes), strict=True):
        found.append(
            {
                "flow": flow.name,
                "node": flow.sender,
                "connection": connection,
                "port": port,
                "noticed_ns": episode.noticed_ns,
                "repaired_ns": episode.repaired_ns,
                "timeouts": episode.timeouts - _shortened(seen, episode),
                **_lost(lost, episode),
                **_answer(
                    timeline, episode, is_bbr(str(control[timeline.before(episode.noticed_ns)]))
                ),
                **_repair(seen, episode, timeline, lost),
            }
        )
    return found


def _losses_of(seen: _Connection, episodes: list[Episode]) -> list[dict[str, NDArray[Any]] | None]:
    """Return each episode's lost segments, in the order in which they were sent.

    None where losses are not known.
    """
    if seen.lost is None:
        return [None] * len(episodes)
    owner = assign_losses(seen.lost["t_ns"], seen.lost["again"], episodes)
    order = np.argsort(owner, kind="stable")
    bounds = np.searchsorted(owner[order], np.arange(len(episodes) + 1))
    return [
        {name: times[order[low:high]] for name, times in seen.lost.items()}
        for low, high in itertools.pairwise(bounds.tolist())
    ]


def assign_losses(sent: Int64, again: NDArray[np.bool_], episodes: list[Episode]) -> Int64:
    """Return for each lost segment (when it was sent, whether it was sent before) the index of its
    episode, -1 when none.

    A first transmission belongs to the first episode that began after it was sent: what is sent in
    a recovery lies behind its recovery point (RFC 6675) and is noticed by the next. A lost
    retransmission belongs to the episode that sent it.
    """
    noticed = np.array([episode.noticed_ns for episode in episodes], dtype=np.int64)
    repaired = np.array(
        [
            np.iinfo(np.int64).max if episode.repaired_ns is None else episode.repaired_ns
            for episode in episodes
        ]
    )
    first = np.searchsorted(noticed, sent, side="right")
    inside = np.searchsorted(repaired, sent, side="left")
    inside = np.where(
        (inside < noticed.size) & (noticed[np.minimum(inside, noticed.size - 1)] <= sent),
        inside,
        first,
    )
    owner = np.where(again, inside, first)
    return np.where(owner < noticed.size, owner, -1)


def _lost(lost: dict[str, NDArray[Any]] | None, episode: Episode) -> dict[str, Any]:
    if lost is None:
        return {}
    ranges = merge_ranges(lost["seq_rel"], lost["payload_bytes"])
    first = int(lost["t_ns"].min()) if lost["t_ns"].size else None
    return {
        "lost_packets": lost["t_ns"].size,
        "lost_bytes": sum(ranges[1::2]) - sum(ranges[::2]),
        "lost_ranges": ranges,
        "lost_ns": first,
        "notice_delay_ns": None if first is None else episode.noticed_ns - first,
    }


def merge_ranges(left: Int64, size: Int64) -> list[int]:
    """Return the edges of the union of ``[left, left + size)``: left, right, left, right...,
    ascending.
    """
    if left.size == 0:
        return []
    order = np.argsort(left, kind="stable")
    begin, end = left[order], np.maximum.accumulate((left + size)[order])
    cut = np.flatnonzero(begin[1:] > end[:-1])
    lefts, rights = begin[np.concatenate([[0], cut + 1])], end[np.append(cut, end.size - 1)]
    return [int(side) for pair in zip(lefts, rights, strict=True) for side in pair]


def _answer(timeline: Timeline, episode: Episode, bbr: bool) -> dict[str, Any]:
    """Return the windows before, at and after.

    The row at the notice is the state before the ACK that brought it.
    """
    before, during = timeline.before(episode.noticed_ns), timeline.after(episode.noticed_ns)
    over = (
        timeline.row_ns.size - 1
        if episode.repaired_ns is None
        else timeline.after(episode.repaired_ns)
    )
    threshold = timeline.values(timeline.ssthresh, during)
    cwnd = int(timeline.cwnd[before])
    reduced = threshold is not None and not bbr and cwnd > 0
    return {
        "cwnd_before": cwnd,
        "cwnd_after": int(timeline.cwnd[over]),
        "ssthresh_before": timeline.values(timeline.ssthresh, before),
        "ssthresh_after": threshold,
        "backoff": threshold / cwnd if reduced and threshold is not None else None,
    }


def _repair(
    seen: _Connection, episode: Episode, timeline: Timeline, lost: dict[str, NDArray[Any]] | None
) -> dict[str, Any]:
    """Return how the loss was noticed and repaired, and whether there was one at all."""
    end = episode.repaired_ns
    until = int(timeline.row_ns[-1]) if end is None else end
    again = _count(seen.again_ns, episode.noticed_ns, until)
    rtt = int(timeline.srtt_us[timeline.before(until)]) * 1000
    cut = _count(seen.cut_ns, episode.noticed_ns, until + rtt)
    dsacks = None if cut else _count(seen.dsack_ns, episode.noticed_ns, until + rtt)
    noticed_by = _noticed_by(seen, episode, timeline)
    if noticed_by == "ecn":
        spurious: bool | None = False  # a mark tells of congestion, not of a loss
    elif lost is not None:
        spurious = lost["t_ns"].size == 0
    else:
        spurious = 0 < again <= dsacks if dsacks else None
    return {
        "noticed_by": noticed_by,
        "repair_delay_ns": None if end is None else end - episode.noticed_ns,
        "retransmissions": again,
        "dsacks": dsacks,
        "spurious": spurious,
    }


def is_dsack() -> pl.Expr:
    """Return whether an ACK's first SACK block reports a duplicate: it lies below the ACK or inside
    the second block (RFC 2883 section 4).
    """
    blocks = pl.col("sack_blocks").list
    left, right = blocks.get(0, null_on_oob=True), blocks.get(1, null_on_oob=True)
    low, high = blocks.get(2, null_on_oob=True), blocks.get(3, null_on_oob=True)
    inside = ((left >= low) & (right <= high)).fill_null(False)
    return ((right <= pl.col("ack_rel")) | inside).fill_null(False)


def _noticed_by(seen: _Connection, episode: Episode, timeline: Timeline) -> str | None:
    """Return the mechanism: ``rto``, ``path_mtu``, ``ecn``, ``tlp``, ``duplicate_acks``, ``sack``
    or ``rack``; None where the capture cut SACK blocks off.

    A timeout sets Loss, as does path MTU discovery when a packet or a probe was too large
    (``tcp_simple_retransmit``). A segment sent again while the sender was still in Open or Disorder
    is a tail loss probe (RFC 8985 section 7). Without SACK the third duplicate ACK counts (RFC 5681
    section 3.2); with SACK three segments' worth of SACKed bytes (RFC 6675) are ``sack``, fewer are
    left to RACK's time (RFC 8985 section 6).
    """
    if episode.first == "Loss":
        return (
            "path_mtu"
            if _count(seen.mtu_ns, episode.noticed_ns, episode.noticed_ns + AT_ONCE_NS)
            else "rto"
        )
    since = (
        episode.noticed_ns - 2 * int(timeline.srtt_us[timeline.before(episode.noticed_ns)]) * 1000
    )
    if episode.first == "CWR" and _count(seen.ack_ns[seen.ece], since, episode.noticed_ns):
        return "ecn"
    if _count(
        seen.again_ns,
        max(since, _quiet_since(timeline, episode.noticed_ns)),
        episode.noticed_ns - 1,
    ):
        return "tlp"
    if not seen.has_sack:
        return "duplicate_acks"
    last = int(seen.ack_ns.searchsorted(episode.noticed_ns, side="right")) - 1
    if last >= 0 and _count(seen.cut_ns, int(seen.ack_ns[last]), int(seen.ack_ns[last])):
        return None
    return "sack" if last >= 0 and seen.sacked_bytes[last] >= DUPTHRESH * seen.mss else "rack"


def _shortened(seen: _Connection, episode: Episode) -> int:
    """Return how often path MTU discovery set Loss in an episode, and not a timer."""
    until = (
        int(seen.mtu_ns[-1])
        if seen.mtu_ns.size and episode.repaired_ns is None
        else episode.repaired_ns or 0
    )
    return _count(seen.mtu_ns, episode.noticed_ns, until)


def _count(times: Int64, low_ns: int, high_ns: int) -> int:
    """Return how many of the ascending ``times`` lie from ``low_ns`` to ``high_ns``, inclusive."""
    return max(
        int(times.searchsorted(high_ns, side="right") - times.searchsorted(low_ns, side="left")), 0
    )


def _quiet_since(timeline: Timeline, t_ns: int) -> int:
    """Return when the sender last came back to Open or Disorder before ``t_ns``.

    The start when it never left.
    """
    index = int(timeline.set_ns.searchsorted(t_ns, side="left"))
    while index > 0 and timeline.states[index - 1] in _QUIET:
        index -= 1
    return (
        int(timeline.set_ns[index])
        if index < timeline.set_ns.size and index > 0
        else int(timeline.row_ns[0])
    )
