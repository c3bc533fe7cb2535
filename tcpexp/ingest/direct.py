"""A capture to the ``packets`` table without tshark: columns straight from the file, and
Wireshark's analysis done again here.

Only connections in which something rare happens are analysed by tshark (``tcpanalysis.py`` says
which), on a capture of them alone.
"""

from __future__ import annotations

from pathlib import Path
from socket import AF_INET, AF_INET6, inet_ntop

import numpy as np
import polars as pl

from tcpexp.ingest.borrowed import borrow_analysis
from tcpexp.ingest.columnar import Spread, nullable, pick
from tcpexp.ingest.headers import PROTOCOLS, TCP, Addresses, Columns, read_headers
from tcpexp.ingest.mptcpoptions import words_of
from tcpexp.ingest.pcap import HEADER_BYTES, PIECE_BYTES, Int64, UnusualCaptureError, read_records
from tcpexp.ingest.quoted import read_quoted
from tcpexp.ingest.streams import ACK, SYN, Ends, Placed, Streams
from tcpexp.ingest.tcpanalysis import NONE, Analysis
from tcpexp.ingest.tcpoptions import Options, read_options
from tcpexp.ingest.tshark import FLAG_LETTERS, LABELS
from tcpexp.ingest.unacked import NO_RTT
from tcpexp.store.frames import empty_frame, schema_of

_MASK = 0xFFFFFFFF
_FLAG_TEXTS = [
    "".join(letter for letter, bit in FLAG_LETTERS if flags & bit) for flags in range(512)
]
#: Wireshark counts the bytes of so many SACK blocks of a segment.
_COUNTED_BLOCKS = 3
#: Columns of the table that every packet may have, -1 for those that have not.
_PLAIN = ("src_port", "dst_port", "ip_id", "checksum", "ttl", "ecn", "payload_bytes")


def read_direct(
    capture: Path, t0_realtime_ns: int, *, labels: bool = True, piece_bytes: int = PIECE_BYTES
) -> pl.DataFrame:
    """Return the packets of one capture: the ``packets`` columns that a capture alone can fill (not
    ``node``, not ``flow``).

    ``t_ns`` counts from ``t0_realtime_ns``. A capture that was cut short gives the packets before
    the cut. Without ``labels`` the columns ``labels``, ``in_flight_bytes`` and ``rtt_ns`` stay
    null. Raises ``UnusualCaptureError`` when the capture holds something that is left to tshark.
    """
    if capture.stat().st_size <= HEADER_BYTES:
        return empty_frame("packets")
    reader = _Reader(capture.stem, t0_realtime_ns, labels)
    frames = [
        reader.frame(read_headers(records, reader.addresses))
        for records in read_records(capture, piece_bytes)
    ]
    if not frames:
        return empty_frame("packets")
    packets = pl.concat(frames)
    return (
        borrow_analysis(packets, capture, reader.strange_packets())
        if reader.analysis.strange
        else packets
    )


class _Reader:
    """What is known of a capture from one piece to the next."""

    def __init__(self, capture: str, t0_realtime_ns: int, labels: bool) -> None:
        self.capture, self.t0, self.labels = capture, t0_realtime_ns, labels
        self.addresses, self.streams, self.analysis = Addresses(), Streams(), Analysis()
        self._number = 0
        # of TCP packets: number, pair of ends, stream
        self._pairs: list[tuple[Int64, Int64, Int64]] = []

    def frame(self, columns: Columns) -> pl.DataFrame:
        """Return the packets of a piece."""
        count = columns.records.count
        numbers = np.arange(self._number + 1, self._number + 1 + count)
        self._number += count
        rows = np.flatnonzero(columns.protocol == TCP)
        tcp = self._tcp(columns, rows, numbers) if rows.size else {}
        self._look_at_quoted(columns, numbers)
        texts = pl.Series(
            [
                inet_ntop(AF_INET if len(address) == 4 else AF_INET6, address)
                for address in self.addresses.known
            ],
            dtype=pl.String,
        )
        values = {
            "number": pl.Series(numbers),
            "t_ns": pl.Series(columns.records.epoch_ns - self.t0),
            "frame_bytes": pl.Series(columns.records.frame_bytes),
            "protocol": pick(PROTOCOLS, columns.protocol),
            "checksum_bad": pl.Series(columns.checksum_bad),
            **{name: texts.gather(nullable(columns[name])) for name in ("src", "dst")},
            **{name: nullable(columns[name]) for name in _PLAIN},
            **tcp,
        }
        constant = {"capture": self.capture}
        schema = schema_of("packets").items()
        wanted = [
            (pl.col(name) if name in values else pl.lit(constant.get(name))).cast(kind).alias(name)
            for name, kind in schema
        ]
        return pl.DataFrame(values).select(wanted)

    def strange_packets(self) -> Int64:
        """Return the numbers of all packets between the ends of a connection about which tshark has
        to be asked.
        """
        number, pair, stream = (np.concatenate(parts) for parts in zip(*self._pairs, strict=True))
        strange = np.unique(pair[np.isin(stream, list(self.analysis.strange))])
        found: Int64 = number[np.isin(pair, strange)]
        return found

    def _look_at_quoted(self, columns: Columns, numbers: Int64) -> None:
        """Make sure that connections which ICMP errors tell of were seen before: Wireshark numbers
        them too.
        """
        for quoted in read_quoted(columns):
            for row, first in zip(
                quoted.rows.tolist(), self.streams.first_packets(quoted.ends), strict=True
            ):
                if first is None or first > numbers[row]:
                    raise UnusualCaptureError(
                        "an ICMP error about a TCP connection that was not captured before"
                    )

    def _tcp(self, columns: Columns, rows: Int64, numbers: Int64) -> dict[str, pl.Series]:
        options = read_options(
            columns.records.data, columns.transport[rows], columns.header_bytes[rows]
        )
        seq, ack, flags, window = (
            columns[name][rows] for name in ("seq", "ack", "flags", "window")
        )
        ends: Ends = (
            columns["src"][rows],
            columns["dst"][rows],
            columns["src_port"][rows],
            columns["dst_port"][rows],
        )
        placed = self.streams.place(ends, (seq, ack, flags, options.wscale), numbers[rows])
        scaled = np.where(flags & SYN, window, window << np.maximum(placed.scale, 0))
        seq_rel = (seq - placed.base) & _MASK
        found = {
            "stream": placed.stream,
            "seq": seq,
            "ack": ack,
            "window": window,
            "window_bytes": scaled,
            "seq_rel": seq_rel,
            "ack_rel": np.where(flags & ACK, (ack - placed.other_base) & _MASK, ack),
            "mss": options.mss,
            "wscale": options.wscale,
            "ts_val": options.ts_val,
            "ts_ecr": options.ts_ecr,
            "fast_open": options.fast_open,
            "mptcp_token": options.mptcp.token,
            "dsn": _data_numbers(options, seq_rel, columns["payload_bytes"][rows]),
            "data_ack": options.mptcp.data_ack,
        }
        spread = Spread(rows, columns.records.count)
        series = {name: spread.numbers(value) for name, value in found.items()}
        series["flags"] = spread.series(pick(_FLAG_TEXTS, flags))
        series["options_cut"] = spread.series(
            pl.Series([False], dtype=pl.Boolean).new_from_index(0, rows.size)
        )
        series["mptcp"] = spread.series(_mptcp_words(options))
        series["sack_permitted"] = spread.series(pl.Series(options.sack_permitted))
        series["sack_blocks"] = spread.series(_sack_blocks(options, placed))
        if self.labels:
            self._pairs.append((numbers[rows], placed.pair, placed.stream))
            judged = self._judge(
                columns, rows, placed, (scaled, _sacked(options), options.mptcp.subtypes)
            )
            series["labels"] = spread.series(_label_lists(judged[:, 0]))
            series["in_flight_bytes"], series["rtt_ns"] = (
                spread.numbers(judged[:, 1]),
                spread.numbers(judged[:, 2], NO_RTT),
            )
        return series

    def _judge(
        self, columns: Columns, rows: Int64, placed: Placed, more: tuple[Int64, Int64, Int64]
    ) -> Int64:
        """Return labels (bits), bytes in flight and round-trip time of each TCP segment, a row
        each.
        """
        scaled, sacked, mptcp = more
        segments = (
            placed.stream,
            placed.direction,
            columns["seq"][rows],
            columns["ack"][rows],
            columns["payload_bytes"][rows],
            columns["flags"][rows],
            columns["window"][rows],
            scaled,
            placed.base,
            placed.other_scale,
            columns.records.epoch_ns[rows],
            sacked,
            placed.reused,
            mptcp,
        )
        return np.array(
            self.analysis.judge(zip(*(column.tolist() for column in segments), strict=True)),
            dtype=np.int64,
        )


def _sacked(options: Options) -> Int64:
    """Return how many bytes Wireshark counts as selectively acknowledged by each segment, -1
    without the option.
    """
    left, right = options.sack_edges[:, 0::2], options.sack_edges[:, 1::2]
    held = np.where(left >= 0, (right - left) & _MASK, 0)[:, :_COUNTED_BLOCKS].sum(axis=1)
    return np.where(options.sack_count > 0, held, NONE)


def _data_numbers(options: Options, seq_rel: Int64, payload: Int64) -> Int64:
    """Return the data sequence number of each payload's first byte, -1 where no option tells it."""
    told = (options.mptcp.number >= 0) & (payload > 0)
    number = (options.mptcp.number + seq_rel - options.mptcp.at) & _MASK
    return np.where(told, number, -1)


def _mptcp_words(options: Options) -> pl.Series:
    different, which = np.unique(options.mptcp.subtypes, return_inverse=True)
    words = [words_of(bits) for bits in different.tolist()]
    return pl.Series(words, dtype=pl.String).gather(which)


def _label_lists(bits: Int64) -> pl.Series:
    different, which = np.unique(bits, return_inverse=True)
    lists = [
        [word for at, word in enumerate(LABELS) if mask >> at & 1] for mask in different.tolist()
    ]
    return pl.Series(lists, dtype=pl.List(pl.String)).gather(which)


def _sack_blocks(options: Options, placed: Placed) -> pl.Series:
    """Return left and right edges, alternating, relative to the other end's first number.

    Null without the option.
    """
    few = np.flatnonzero(options.sack_count)
    if not few.size:
        return pl.Series([None], dtype=pl.List(pl.Int64)).new_from_index(0, options.sack_count.size)
    edges = options.sack_edges[few]
    relative = np.where(edges >= 0, (edges - placed.other_base[few][:, None]) & _MASK, -1)
    columns = [nullable(relative[:, at]).alias(str(at)) for at in range(relative.shape[1])]
    lists = pl.select(pl.concat_list(columns).list.drop_nulls()).to_series()
    return Spread(few, options.sack_count.size).series(lists)
