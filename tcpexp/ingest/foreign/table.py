"""Packets whose headers are read to rows of the table ``packets``."""

from __future__ import annotations

from dataclasses import dataclass
from socket import AF_INET, AF_INET6, inet_ntop

import numpy as np
import polars as pl

from tcpexp.ingest.columnar import Spread, nullable, pick
from tcpexp.ingest.foreign.frames import MOST_BLOCKS, WRONG, Context, Frames
from tcpexp.ingest.foreign.pieces import Piece
from tcpexp.ingest.headers import PROTOCOLS, TCP
from tcpexp.ingest.mptcpoptions import words_of
from tcpexp.ingest.pcap import Int64
from tcpexp.ingest.streams import ACK, NOT_USED, SYN, Placed, Streams
from tcpexp.ingest.tshark import FLAG_LETTERS
from tcpexp.store.frames import schema_of

_MASK = 0xFFFFFFFF
_FLAG_TEXTS = [
    "".join(letter for letter, bit in FLAG_LETTERS if flags & bit) for flags in range(512)
]
#: Columns of the table that every packet may have, -1 for those that have not.
_PLAIN = ("src_port", "dst_port", "ip_id", "checksum", "ttl", "ecn", "payload_bytes")
#: Columns of TCP segments alone.
_OF_TCP = ("seq", "ack", "window", "mss", "wscale", "ts_val", "ts_ecr", "fast_open", "data_ack")
#: Wireshark counts the bytes of so many SACK blocks of a segment.
_COUNTED_BLOCKS = 3
#: Columns that are filled once the whole file is read.
LATER = {"capture", "t_ns", "labels", "in_flight_bytes", "rtt_ns", "node", "flow", "connection"}


@dataclass(frozen=True)
class Segments:
    """A piece's TCP segments as Wireshark's analysis needs them: frame numbers and interface
    of each, and the columns of ``tcpanalysis.Segment`` in its order.
    """

    number: Int64
    interface: Int64
    columns: tuple[Int64, ...]


def rows_of(
    piece: Piece, frames: Frames, numbers: Int64, streams: Streams
) -> tuple[pl.DataFrame, Segments]:
    """Return a piece's rows of the table: without ``LATER``, with ``epoch_ns`` and ``interface``,
    and addresses as numbers.
    """
    rows = np.flatnonzero(frames["protocol"] == TCP)
    tcp: dict[str, pl.Series] = {}
    segments = Segments(numbers[:0], numbers[:0], ())
    if rows.size:
        tcp, segments = _tcp(piece, frames, rows, (numbers[rows], streams))
    values = {
        "number": pl.Series(numbers),
        "epoch_ns": pl.Series(piece.epoch_ns),
        "interface": pl.Series(piece.interface * _DEVICES + frames["device"] + 1),
        "frame_bytes": pl.Series(piece.frame_bytes),
        "protocol": pick(PROTOCOLS, frames["protocol"]),
        "checksum_bad": pl.Series((frames["sum"] == WRONG) | (frames["ip_sum"] == WRONG)),
        "src": nullable(frames["src"]).cast(pl.Int32),
        "dst": nullable(frames["dst"]).cast(pl.Int32),
        **{name: nullable(frames[name]) for name in _PLAIN},
        **tcp,
    }
    schema = {name: kind for name, kind in schema_of("packets").items() if name not in LATER}
    wanted = [
        (pl.col(name) if name in values else pl.lit(None).cast(kind)).alias(name)
        if name in ("src", "dst")
        else (pl.col(name) if name in values else pl.lit(None)).cast(kind).alias(name)
        for name, kind in schema.items()
    ]
    return pl.DataFrame(values).select("epoch_ns", "interface", *wanted), segments


#: More than Linux has interfaces: the number behind a file's interface.
_DEVICES = 1 << 33


def split_interface(number: int) -> tuple[int, int | None]:
    """Return a file's interface and the device of the host in it, of a number in ``interface``."""
    interface, device = divmod(number, _DEVICES)
    return interface, device - 1 if device else None


def address_texts(context: Context) -> pl.Series:
    """Return the addresses as texts, in the order of their numbers."""
    return pl.Series(
        [
            inet_ntop(AF_INET if len(address) == 4 else AF_INET6, address)
            for address in context.addresses.known
        ],
        dtype=pl.String,
    )


def _tcp(
    piece: Piece, frames: Frames, rows: Int64, known: tuple[Int64, Streams]
) -> tuple[dict[str, pl.Series], Segments]:
    numbers, streams = known
    seq, ack, flags, window = (frames[name][rows] for name in ("seq", "ack", "flags", "window"))
    ends = (
        frames["src"][rows],
        frames["dst"][rows],
        frames["src_port"][rows],
        frames["dst_port"][rows],
    )
    wscale = frames["wscale"][rows]
    placed = streams.place(ends, (seq, ack, flags, wscale), numbers)
    syn = flags & SYN > 0
    scaled = np.where(syn, window, window << np.maximum(placed.scale, 0))
    # a SYN whose options were cut off does not tell that there is no scale
    known_scale = (placed.scale >= 0) | (placed.scale == NOT_USED)
    seq_rel = (seq - placed.base) & _MASK
    spread = Spread(rows, piece.count)
    found = {
        "stream": placed.stream,
        "window_bytes": np.where(syn | known_scale | (window == 0), scaled, -1),
        "seq_rel": seq_rel,
        "ack_rel": np.where(flags & ACK, (ack - placed.other_base) & _MASK, ack),
        "dsn": _data_numbers(frames, rows, seq_rel),
        "mptcp_token": frames["token"][rows],
        **{name: frames[name][rows] for name in _OF_TCP},
    }
    series = {name: spread.numbers(value) for name, value in found.items()}
    series["flags"] = spread.series(pick(_FLAG_TEXTS, flags))
    series["options_cut"] = spread.series(pl.Series(frames["options_cut"][rows] == 1))
    series["sack_permitted"] = spread.series(_permitted(frames, rows))
    series["mptcp"] = spread.series(_mptcp_words(frames["subtypes"][rows]))
    series["sack_blocks"] = spread.series(_sack_blocks(frames, rows, placed))
    interface = piece.interface[rows] * _DEVICES + frames["device"][rows] + 1
    columns = (
        placed.stream,
        placed.direction,
        seq,
        ack,
        frames["payload_bytes"][rows],
        flags,
        window,
        scaled,
        placed.base,
        placed.other_scale,
        piece.epoch_ns[rows],
        _sacked(frames, rows),
        placed.reused.astype(np.int64),
        frames["subtypes"][rows],
    )
    return series, Segments(numbers, interface, tuple(column.copy() for column in columns))


def _permitted(frames: Frames, rows: Int64) -> pl.Series:
    """Return whether each header has the option, null where it may have been cut off."""
    found = frames["sack_permitted"][rows] == 1
    unsure = ~found & (frames["options_cut"][rows] == 1)
    series = pl.Series(found)
    return series.set(pl.Series(unsure), None) if unsure.any() else series


def _sacked(frames: Frames, rows: Int64) -> Int64:
    """Return how many bytes Wireshark counts as selectively acknowledged by each segment, -1
    without the option.
    """
    edges = frames.edges[rows]
    left, right = edges[:, 0::2], edges[:, 1::2]
    held = np.where(left >= 0, (right - left) & _MASK, 0)[:, :_COUNTED_BLOCKS].sum(axis=1)
    return np.where(frames["sack_count"][rows] > 0, held, -1)


def _data_numbers(frames: Frames, rows: Int64, seq_rel: Int64) -> Int64:
    """Return the data sequence number of each payload's first byte, -1 where no option tells it."""
    begin = frames["dsn_number"][rows]
    told = (begin >= 0) & (frames["payload_bytes"][rows] > 0)
    return np.where(told, (begin + seq_rel - frames["dsn_at"][rows]) & _MASK, -1)


def _mptcp_words(subtypes: Int64) -> pl.Series:
    different, which = np.unique(subtypes, return_inverse=True)
    words = [words_of(bits) for bits in different.tolist()]
    return pl.Series(words, dtype=pl.String).gather(which)


def _sack_blocks(frames: Frames, rows: Int64, placed: Placed) -> pl.Series:
    """Return left and right edges, alternating, relative to the other end's first number.

    Null without the option.
    """
    few = np.flatnonzero(frames["sack_count"][rows] > 0)
    if not few.size:
        return pl.Series([None], dtype=pl.List(pl.Int64)).new_from_index(0, rows.size)
    edges = frames.edges[rows[few]]
    relative = np.where(edges >= 0, (edges - placed.other_base[few][:, None]) & _MASK, -1)
    columns = [nullable(relative[:, at]).alias(str(at)) for at in range(2 * MOST_BLOCKS)]
    lists = pl.select(pl.concat_list(columns).list.drop_nulls()).to_series()
    return Spread(few, rows.size).series(lists)
