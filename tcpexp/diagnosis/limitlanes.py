"""One direction of a connection as arrays, as its sender saw it: what it sent, and the ACKs that it
had got by then.

A capture shows the sender's own times only where it was made beside the sender. Elsewhere an ACK
passes the capture before the sender has it, and the data that it releases pass later. So ACKs are
put off by what an ACK and the data behind it take between the capture and the sender
(``beyond_ns``). That is measured: by the handshake, and by time stamps, which the sender echoes
(RFC 7323 section 4).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tcpexp.late import numpy as np
from tcpexp.late import polars as pl

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Truths = NDArray[np.bool_]

#: No time, no number.
NONE = -1
#: Without any measurement, a full segment of Ethernet with time stamps.
_USUAL_MSS = 1448


@dataclass
class Lane:
    """One direction of one connection.

    ``sent`` are its segments with payload in the order of the capture, ``acks`` the other end's
    segments with an ACK number. Positions count from the initial sequence numbers without wrapping.
    """

    connection: int
    sender: str
    node: str
    capture: str
    first_ns: int
    last_ns: int
    # segments with payload
    sent_ns: Ints
    begin: Ints
    end: Ints
    number: Ints
    reduced: Truths  # with CWR: the sender has answered to ECN (RFC 3168 section 6.1.2)
    # what the other end acknowledges
    ack_ns: Ints  # as captured
    ack_to: Ints
    window: Ints  # bytes, NONE where its scale is unknown
    ack_number: Ints
    ack_payload: Ints
    selective: Truths  # with SACK blocks
    echoing: Truths  # ACKs that report ECN marks (ECE)
    # moments; NONE where there are none
    syn_ns: int = NONE
    established_ns: int = NONE
    fin_ns: int = NONE
    reset_ns: int = NONE
    other_data_ns: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    mss: int = _USUAL_MSS
    scale_known: bool = True
    #: How long an ACK takes at least from the capture to the sender, and data from there back to
    #: it; None where nothing tells.
    beyond_ns: int | None = None
    #: What they took in the middle, by which captures are compared.
    usual_ns: int | None = None
    #: Empty segments below the highest byte sent: keep-alives, and probes of a closed window.
    probe_ns: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    #: When each ACK took effect, as the capture would have seen it at once.
    effect_ns: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    #: The sender's time stamps, NONE without.
    stamp: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    #: Whether the ACKs' delays beyond the capture were followed one by one.
    followed: bool = False


#: Columns of segments that lanes are made of.
_ASKED = (
    "connection", "capture", "number", "t_ns", "from_client", "flags", "syn", "fin", "rst",
    "has_ack", "payload_bytes", "begin", "ack_to", "window_bytes", "window", "ts_val", "ts_ecr",
    "sack_blocks", "ace", "mss",
)  # fmt: skip


def lanes_of(segments: pl.DataFrame, connections: pl.DataFrame) -> Iterator[Lane]:
    """Yield both directions of every connection, those that carry data.

    ``segments`` are those of :func:`tcpexp.diagnosis.segments.segments_of`.
    """
    known = {row["connection"]: row for row in connections.iter_rows(named=True)}
    ordered = segments.select(_ASKED).sort("connection", "number", maintain_order=True)
    for (number,), rows in ordered.partition_by(
        "connection", as_dict=True, maintain_order=True, include_key=True
    ).items():
        table = _Rows(rows)
        for sender in ("client", "server"):
            lane = _lane(known[number], table, sender)
            if lane is not None:
                yield lane


class _Rows:
    """The columns of one connection's segments as arrays."""

    def __init__(self, rows: pl.DataFrame) -> None:
        self.t = rows["t_ns"].to_numpy()
        self.number = rows["number"].to_numpy()
        self.capture = str(rows["capture"][0])
        self.from_client = rows["from_client"].to_numpy()
        self.syn, self.fin, self.rst = (rows[name].to_numpy() for name in ("syn", "fin", "rst"))
        self.has_ack = rows["has_ack"].to_numpy()
        self.size = _ints(rows["payload_bytes"].fill_null(0))
        self.begin = _ints(rows["begin"])
        self.ack_to = _ints(rows["ack_to"])
        self.window = _ints(rows["window_bytes"])
        self.field = _ints(rows["window"])
        self.ts_val, self.ts_ecr = _ints(rows["ts_val"]), _ints(rows["ts_ecr"])
        self.sacks = (rows["sack_blocks"].list.len().fill_null(0) > 0).to_numpy()
        flags = rows["flags"].fill_null("").str
        self.cwr, self.ece = flags.contains("C").to_numpy(), flags.contains("E").to_numpy()
        self.ace = rows["ace"].is_not_null().to_numpy()
        self.mss = _ints(rows["mss"])


def _ints(column: pl.Series) -> Ints:
    values: Ints = column.cast(pl.Int64).fill_null(NONE).to_numpy()
    return values


def _lane(connection: dict[str, object], rows: _Rows, sender: str) -> Lane | None:
    own = rows.from_client == (sender == "client")
    data = own & (rows.size > 0) & ~rows.rst
    if not data.any():
        return None
    # a SYN's payload (Fast Open) stands behind the SYN's own number
    begin = rows.begin[data] + rows.syn[data]
    acks = ~own & rows.has_ack & ~rows.rst & (rows.ack_to != NONE)
    # a window of 0 is 0 with any scale
    window = np.where(rows.field == 0, 0, rows.window)
    t = rows.t
    lane = Lane(
        connection=int(str(connection["connection"])),
        sender=sender,
        node=str(connection[sender] or connection[f"{sender}_address"]),
        capture=rows.capture,
        first_ns=int(t[0]),
        last_ns=int(t.max()),
        sent_ns=np.maximum.accumulate(t[data]),
        begin=begin,
        end=begin + rows.size[data],
        number=rows.number[data],
        reduced=rows.cwr[data] & ~rows.ace[data],
        ack_ns=np.maximum.accumulate(t[acks]) if acks.any() else t[acks],
        ack_to=rows.ack_to[acks],
        window=window[acks],
        ack_number=rows.number[acks],
        ack_payload=rows.size[acks],
        selective=rows.sacks[acks],
        echoing=(rows.ece & ~rows.syn & ~rows.ace)[acks],
        syn_ns=_first(t, rows.syn & ~rows.has_ack),
        established_ns=_established(rows),
        fin_ns=_first(t, own & rows.fin),
        reset_ns=_first(t, rows.rst),
        other_data_ns=t[~own & (rows.size > 0)],
        scale_known=bool((window[acks] > 0).any()) or bool((rows.field[acks] <= 0).all()),
    )
    lane.mss = _mss(rows, own, lane)
    took = _beyond(rows, own, sender)
    if took.size:
        lane.beyond_ns, lane.usual_ns = int(took.min()), int(np.median(took))
    lane.probe_ns = _probes(rows, own)
    lane.stamp = rows.ts_val[data]
    lane.effect_ns = lane.ack_ns + (lane.beyond_ns or 0)
    _follow(lane, rows, data, acks)
    return lane


def _first(t: Ints, mask: Truths) -> int:
    at = np.flatnonzero(mask)
    return int(t[at[0]]) if at.size else NONE


def _established(rows: _Rows) -> int:
    """Return when the client's first ACK behind the SYN-ACK passed."""
    answers = np.flatnonzero(rows.syn & rows.has_ack)
    if not answers.size:
        return NONE
    third = np.flatnonzero(rows.from_client & rows.has_ack & ~rows.syn & ~rows.rst)
    third = third[third > answers[0]]
    return int(rows.t[third[0]]) if third.size else NONE


def _mss(rows: _Rows, own: Truths, lane: Lane) -> int:
    """Return the payload of a full segment.

    The other end's MSS option less time stamps (RFC 6691, RFC 7323 appendix A), or what was sent
    where that is less: the path's MTU may be smaller. Without the option it is the commonest large
    size.
    """
    sizes = lane.end - lane.begin
    offered = rows.mss[~own & rows.syn & (rows.mss > 0)]
    stamped = bool((rows.ts_val[own & (rows.size > 0)] != NONE).any())
    largest = int(sizes.max())
    if offered.size:
        most = int(offered[0]) - (12 if stamped else 0)
        # below the option's size what was sent most of all full ones
        if largest >= most:
            return max(most, 1)
    if sizes.size >= 10:
        values, counts = np.unique(sizes[sizes * 2 > largest], return_counts=True)
        return int(values[np.argmax(counts)])
    return int(largest if largest >= 500 else _USUAL_MSS)


def _probes(rows: _Rows, own: Truths) -> Ints:
    """Return when empty segments were sent whose number lies below the highest byte sent."""
    empty = own & (rows.size == 0) & ~rows.syn & ~rows.fin & ~rows.rst
    ends = np.where(own & ~rows.rst, rows.begin + rows.size + rows.syn + rows.fin, 0)
    times: Ints = rows.t[empty & (rows.begin < np.maximum.accumulate(ends))]
    return times


def _beyond(rows: _Rows, own: Truths, sender: str) -> Ints:
    """Return how long after packets to the sender its answers passed the capture: in the handshake,
    and of time stamps that it echoes. Nothing where there are no such answers.
    """
    found = []
    syn, answer = _one(rows.syn & ~rows.has_ack), _one(rows.syn & rows.has_ack)
    t = rows.t
    if sender == "server" and syn is not None and answer is not None and answer > syn:
        found.append(int(t[answer] - t[syn]))
    if sender == "client" and answer is not None:
        third = np.flatnonzero(own & rows.has_ack & ~rows.syn)
        third = third[third > answer]
        found += [int(t[third[0]] - t[answer])] if third.size else []
    took = np.array(found, dtype=np.int64)
    asked = np.flatnonzero(~own & (rows.ts_val > 0))
    answered = np.flatnonzero(own & (rows.ts_ecr > 0) & rows.has_ack)
    if asked.size and answered.size:
        values, first = np.unique(rows.ts_val[asked], return_index=True)
        echoes, echoed = np.unique(rows.ts_ecr[answered], return_index=True)
        at = np.searchsorted(values, echoes)
        at[at == values.size] = 0
        fits = values[at] == echoes
        took = np.append(took, t[answered[echoed[fits]]] - t[asked[first[at[fits]]]])
    return took[took >= 0]


def _follow(lane: Lane, rows: _Rows, data: Truths, acks: Truths) -> None:
    """Put each ACK off until the last segment has passed that still echoes an older time stamp.

    The sender had sent that one before it got the ACK. Where a queue stands between sender and
    capture, this is how the ACKs keep up with it.
    """
    echoed, stamped = rows.ts_ecr[data], rows.ts_val[acks]
    if not acks.any() or (echoed <= 0).any() or (stamped <= 0).any():
        return
    zero = int(stamped[0])
    older = np.maximum.accumulate(stamps_after(echoed, zero))
    last = np.searchsorted(older, stamps_after(stamped, zero), side="left") - 1
    passed = np.where(last >= 0, lane.sent_ns[np.maximum(last, 0)], np.iinfo(np.int64).min)
    effect = np.maximum(lane.effect_ns, passed)
    lane.effect_ns = np.maximum.accumulate(effect)
    lane.followed = True


def stamps_after(stamps: Ints, zero: int) -> Ints:
    """Return how far time stamps lie behind ``zero``, modulo 2**32 (RFC 7323 section 5.2)."""
    return (stamps - zero + 2**31) % 2**32 - 2**31


def _one(mask: Truths) -> int | None:
    """Return the row where there is just one."""
    at = np.flatnonzero(mask)
    return int(at[0]) if at.size == 1 else None
