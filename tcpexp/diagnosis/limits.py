"""``limits``: what limited the rate of each direction of a connection, interval by interval.

In the manner of T-RAT (Zhang, Breslau, Paxson, Shenker: "On the Characteristics and Origins of
Internet Flow Rates", SIGCOMM 2002), with what both directions of a capture tell: each pause of the
sender has a reason, and reasons of less than a round trip are summed over round trips.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tcpexp.diagnosis.judged import marked_segments
from tcpexp.diagnosis.limitgaps import Pieces, gap_pieces, prompt_ns
from tcpexp.diagnosis.limitlanes import NONE, Lane, lanes_of
from tcpexp.diagnosis.limitloss import Repair, repairs_of
from tcpexp.diagnosis.limitreasons import CODES, NAMES, REASONS, Sure
from tcpexp.diagnosis.limitrounds import Stream, rounds_of, stream_of
from tcpexp.diagnosis.limitspans import intervals, overlaid
from tcpexp.diagnosis.limitwhy import why
from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.store.frames import conform, empty_frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

#: So many connections are judged, those with the most data.
MOST_CONNECTIONS = 1_000


def limits(
    packets: pl.DataFrame, connections: pl.DataFrame, marked: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return the table ``limits`` of the connections with the most data, at most
    ``MOST_CONNECTIONS``.

    Each direction is judged by the capture nearest to its sender. A direction without data has no
    rows. ``marked`` is what :func:`tcpexp.diagnosis.judged.marked_segments` returns, where that is
    known.
    """
    chosen = judged_connections(connections)
    rows = [row for lane in nearest_lanes(packets, chosen, marked) for row in lane_rows(lane)]
    if not rows:
        return empty_frame("limits")
    return conform(pl.DataFrame(rows, infer_schema_length=None), "limits")


def judged_connections(connections: pl.DataFrame) -> pl.DataFrame:
    """Return the ``MOST_CONNECTIONS`` connections with the most data."""
    return (
        connections.with_columns(
            carried=pl.col("bytes_to_server").fill_null(0) + pl.col("bytes_to_client").fill_null(0)
        )
        .sort("carried", descending=True, maintain_order=True)
        .head(MOST_CONNECTIONS)
        .drop("carried")
    )


def nearest_lanes(
    packets: pl.DataFrame, connections: pl.DataFrame, marked: pl.DataFrame | None = None
) -> list[Lane]:
    """Return each direction with data once: as that capture saw it which lies nearest to its
    sender, by the time that an ACK and the data behind it took between the two.
    """
    best: dict[tuple[int, str], Lane] = {}
    seen = packets.filter(pl.col("connection").is_in(connections["connection"].implode()))
    captures = seen["capture"].unique(maintain_order=True).to_list()
    for capture in captures:
        here = connections.with_columns(capture=pl.lit(capture))
        if marked is not None and len(captures) == 1:
            segments = marked.filter(pl.col("connection").is_in(here["connection"].implode()))
        else:
            segments = marked_segments(seen, here)
        for lane in lanes_of(segments.filter(~pl.col("copy")), here):
            key = (lane.connection, lane.sender)
            if key not in best or _distance(lane) < _distance(best[key]):
                best[key] = lane
    return [best[key] for key in sorted(best)]


def _distance(lane: Lane) -> tuple[bool, int]:
    """Return what is least for the best capture: one with ACKs, then the nearest."""
    return lane.ack_ns.size == 0, lane.usual_ns if lane.usual_ns is not None else 2**62


def lane_rows(lane: Lane) -> list[dict[str, Any]]:
    """Return the rows of one direction."""
    stream = stream_of(lane)
    rounds = rounds_of(stream)
    repairs = repairs_of(stream)
    base = (
        gap_pieces(stream, rounds)
        if lane.ack_ns.size
        else Pieces.one(int(lane.sent_ns[0]), int(lane.sent_ns[-1]), "one_way")
    )
    parts = [base, *_before(stream), *_after(stream)]
    pieces = overlaid(Pieces.joined(parts), _special(lane, stream, repairs))
    spans = intervals(pieces, stream.rtt or 0)
    return [_row(stream, repairs, span, last=span is spans[-1]) for span in spans]


def _before(stream: Stream) -> Iterator[Pieces]:
    """Yield what was before the direction's first data."""
    lane = stream.lane
    first = int(lane.sent_ns[0])
    start = lane.first_ns
    if lane.syn_ns != NONE:
        opened = lane.established_ns if lane.established_ns != NONE else first
        opened = min(max(opened, start), first)
        yield Pieces.one(start, opened, "opening")
        start = opened
    heard = lane.other_data_ns[lane.other_data_ns <= first]
    if heard.size:
        asked = max(int(heard[-1]), start)
        yield Pieces.one(start, asked, "other")
        start = asked
    closed = _closed_before(stream, first)
    if closed is not None:
        begin = max(closed, start)
        yield Pieces.one(start, begin, "begun", int(lane.number[0]))
        yield Pieces.one(begin, first, "window_zero", int(lane.number[0]))
        return
    known = lane.syn_ns != NONE or heard.size > 0
    yield Pieces.one(start, first, "turn" if known else "begun", int(lane.number[0]))


def _closed_before(stream: Stream, first: int) -> int | None:
    """Return since when the window was closed that kept back the first data that was captured."""
    lane = stream.lane
    earlier = np.flatnonzero(lane.effect_ns <= first)
    shut = earlier[lane.window[earlier] == 0]
    if not shut.size:
        return None
    opened = earlier[earlier > shut[-1]]
    if opened.size and first - int(lane.effect_ns[opened[0]]) > prompt_ns(stream):
        return None
    return int(lane.effect_ns[shut[0]])


def _after(stream: Stream) -> Iterator[Pieces]:
    """Yield what came behind the direction's last new data."""
    lane = stream.lane
    last = int(lane.sent_ns[np.flatnonzero(stream.new)[-1]])
    if not lane.ack_ns.size:
        yield Pieces.one(last, lane.last_ns, "one_way")
        return
    acked = int(stream.when(stream.una, stream.top[-1:])[0])
    acked = min(acked, lane.last_ns)
    if _tried_closed(stream, last):
        yield Pieces.one(last, lane.last_ns, "window_zero")
        return
    yield Pieces.one(last, acked, "sent")
    later = lane.other_data_ns[lane.other_data_ns > acked]
    until = int(later[-1]) if later.size else acked
    yield Pieces.one(acked, until, "other")
    yield Pieces.one(until, lane.last_ns, "pause")


def _tried_closed(stream: Stream, last: int) -> bool:
    """Return whether the sender tried a closed window behind its last new segment: it had more."""
    tried = stream.lane.probe_ns[stream.lane.probe_ns > last]
    return bool(tried.size and (stream.edge_by(tried) <= stream.top[-1]).any())


def _special(lane: Lane, stream: Stream, repairs: list[Repair]) -> list[tuple[int, int, int]]:
    """Return (begin, end, reason) of what goes before everything else."""
    found = []
    for repair in repairs:
        # what an ACK did at the sender, away from the capture, may lie behind the last packet
        end = min(repair.end_ns, lane.last_ns)
        found.append((repair.silent_ns, repair.begin_ns, CODES["silence"]))
        found.append((repair.begin_ns, max(repair.begin_ns, end), CODES["repair"]))
    found += [(begin, end, CODES["marked"]) for begin, end in _marked(stream)]
    ends = [moment for moment in (lane.fin_ns, lane.reset_ns) if moment != NONE]
    if ends:
        sent = int(lane.sent_ns[np.flatnonzero(stream.new)[-1]])
        begin = max(min(ends), sent)
        over = [min(repair.end_ns, lane.last_ns) for repair in repairs]
        mended = [end for end in over if end > begin]
        acked = int(stream.when(stream.una, stream.top[-1:])[0])
        # a FIN leaves with the last data: they are still under way
        under_way = [acked] if lane.reset_ns == NONE and acked <= lane.last_ns else []
        found.append((max([begin, *mended, *under_way]), lane.last_ns, CODES["closing"]))
    return sorted(found)


def _marked(stream: Stream) -> list[tuple[int, int]]:
    """Return when the sender answered to ECN: from an ACK with ECE until all is acknowledged that
    was under way (RFC 3168 section 6.1.2).
    """
    lane = stream.lane
    found: list[tuple[int, int]] = []
    for at in np.flatnonzero(lane.echoing).tolist():
        begin = int(lane.effect_ns[at])
        if found and begin <= found[-1][1]:
            continue
        sent = int(np.searchsorted(lane.sent_ns, begin, side="right")) - 1
        if sent < 0:
            continue
        end = int(stream.when(stream.una, stream.top[sent : sent + 1])[0])
        found.append((begin, min(end, lane.last_ns)))
    return found


def _row(
    stream: Stream, repairs: list[Repair], span: tuple[int, int, int], *, last: bool
) -> dict[str, Any]:
    """Return the row of an interval. What leaves at its end belongs to the next one, if any."""
    lane = stream.lane
    begin, end, code = span
    reason = REASONS[NAMES[code]]
    inside = (lane.sent_ns >= begin) & ((lane.sent_ns < end) | last)
    receiver = "server" if lane.sender == "client" else "client"
    whose = {"sender": lane.sender, "receiver": receiver, "nobody": None}
    text, numbers = why(stream, repairs, NAMES[code], begin, end)
    sure = _how_sure(stream, NAMES[code])
    return {
        "connection": lane.connection,
        "direction": lane.node,
        "sender": lane.sender,
        "from_ns": begin,
        "to_ns": end,
        "limit": reason.limit,
        "sure": sure,
        "who": whose.get(reason.whose, reason.whose),
        "bytes": int(stream.fresh[inside].sum()),
        "why": text,
        "capture": lane.capture,
        "packets": numbers,
    }


def _how_sure(stream: Stream, reason: str) -> Sure:
    """Return how sure a reason is at this capture.

    Far from the sender a silence may hide packets that were lost before the capture; without the
    scale of the receive window nobody knows whether it was full.
    """
    if reason in ("turn", "pause") and stream.far:
        return "likely"
    if reason == "clocked" and not stream.lane.scale_known:
        return "unsure"
    return REASONS[reason].sure
