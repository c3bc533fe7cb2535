"""A capture to the ``packets`` table without tshark: columns straight from the file, and Wireshark's analysis done again here."""

from __future__ import annotations

from pathlib import Path
from socket import AF_INET, AF_INET6, inet_ntop

import numpy as np
import polars as pl

from tcpexp.ingest.headers import PROTOCOLS, TCP, UDP, Addresses, Columns, read_headers
from tcpexp.ingest.pcap import HEADER_BYTES, PIECE_BYTES, Int64, read_records
from tcpexp.ingest.streams import ACK, SYN, Placed, Streams
from tcpexp.ingest.tcpanalysis import Analysis
from tcpexp.ingest.tshark import LABELS
from tcpexp.ingest.tcpoptions import Options, read_options
from tcpexp.store.frames import empty_frame, schema_of

_WRAP_MASK = 0xFFFFFFFF
_LETTERS = (("S", 0x02), ("F", 0x01), ("R", 0x04), ("P", 0x08), ("A", 0x10), ("U", 0x20), ("E", 0x40), ("C", 0x80))
FLAG_TEXTS = ["".join(letter for letter, bit in _LETTERS if flags & bit) for flags in range(256)]


def read_direct(capture: Path, t0_realtime_ns: int, labels: bool = True, piece_bytes: int = PIECE_BYTES) -> pl.DataFrame:
    """Return the packets of one capture: the ``packets`` columns that a capture alone can fill (not ``node``, not ``flow``).

    ``t_ns`` counts from ``t0_realtime_ns``. Without ``labels`` the columns ``labels``, ``in_flight_bytes`` and ``rtt_ns`` stay null.
    Raises ``UnusualCaptureError`` when the capture holds something that is left to tshark.
    """
    if capture.stat().st_size <= HEADER_BYTES:
        return empty_frame("packets")
    reader = _Reader(capture.stem, t0_realtime_ns, labels)
    frames = [reader.frame(read_headers(records, reader.addresses)) for records in read_records(capture, piece_bytes)]
    global STRANGE
    STRANGE = reader.analysis.strange
    return pl.concat(frames) if frames else empty_frame("packets")


class _Reader:
    """What is known of a capture from one piece to the next."""

    def __init__(self, capture: str, t0_realtime_ns: int, labels: bool) -> None:
        self.capture, self.t0, self.labels = capture, t0_realtime_ns, labels
        self.addresses, self.streams = Addresses(), Streams()
        self.analysis = Analysis()
        self.number = 0

    def frame(self, columns: Columns) -> pl.DataFrame:
        """Return the packets of a piece."""
        records = columns.records
        values: dict[str, pl.Series] = {
            name: _nullable(columns[name]) for name in ("src_port", "dst_port", "ip_id", "checksum", "ttl", "ecn", "payload_bytes")
        }
        values["number"] = pl.Series(np.arange(self.number + 1, self.number + 1 + records.count))
        self.number += records.count
        values["t_ns"] = pl.Series(records.epoch_ns - self.t0)
        values["frame_bytes"] = pl.Series(records.frame_bytes)
        values["protocol"] = pl.Series(PROTOCOLS).gather(columns.protocol)
        texts = pl.Series([_address_text(each) for each in self.addresses.known], dtype=pl.String)
        for name in ("src", "dst"):
            values[name] = texts.gather(_nullable(columns[name]))
        values["checksum_bad"] = pl.Series(columns.checksum_bad)
        rows = np.flatnonzero(columns.protocol == TCP)
        values |= self._tcp(columns, rows) if rows.size else {}
        constant = {"capture": pl.lit(self.capture)}
        schema = schema_of("packets")
        absent = {name: pl.lit(None) for name in schema if name not in values and name not in constant}
        return pl.DataFrame(values).select(
            (absent.get(name, constant.get(name, pl.col(name)))).cast(kind).alias(name) for name, kind in schema.items()
        )

    def _tcp(self, columns: Columns, rows: Int64) -> dict[str, pl.Series]:
        options = read_options(columns.records.data, columns.transport[rows], columns.header_bytes[rows])
        seq, ack, flags = (columns[name][rows] for name in ("seq", "ack", "flags"))
        ends = tuple(columns[name][rows] for name in ("src", "dst", "src_port", "dst_port"))
        placed = self.streams.place(ends, seq, ack, flags, options.wscale)  # type: ignore[arg-type]
        window = columns["window"][rows]
        scaled = np.where((flags & SYN == 0) & (placed.scale > 0), window << np.maximum(placed.scale, 0), window)
        found = {
            "stream": placed.stream, "seq": seq, "ack": ack, "window": window, "window_bytes": scaled,
            "seq_rel": (seq - placed.base) & _WRAP_MASK,
            "ack_rel": np.where(flags & ACK, (ack - placed.other_base) & _WRAP_MASK, ack),
            "mss": options.mss, "wscale": options.wscale, "ts_val": options.ts_val, "ts_ecr": options.ts_ecr,
        }  # fmt: skip
        count = columns.records.count
        spread = _Spread(rows, count)
        series = {name: _nullable(spread.numbers(value)) for name, value in found.items()}
        series["flags"] = spread.series(pl.Series(FLAG_TEXTS).gather(flags))
        series["sack_permitted"] = spread.series(pl.Series(options.sack_permitted))
        series["sack_blocks"] = spread.series(_sack_blocks(options, placed))
        if self.labels:
            sacks = options.sack_edges
            held = np.where(sacks[:, 0::2] >= 0, (sacks[:, 1::2] - sacks[:, 0::2]) & 0xFFFFFFFF, 0)[:, :3].sum(axis=1)
            sacked = np.where(options.sack_count > 0, held, -1)
            cols = (placed.stream, placed.direction, seq, ack, columns["payload_bytes"][rows], flags, window, scaled, placed.base, placed.other_scale, columns.records.epoch_ns[rows], sacked, placed.reused)
            res = np.array(self.analysis.judge(zip(*(c.tolist() for c in cols))), dtype=np.int64)
            series["in_flight_bytes"] = _nullable(spread.numbers(res[:, 1]))
            series["rtt_ns"] = _nullable(spread.numbers(res[:, 2]))
            different, which = np.unique(res[:, 0], return_inverse=True)
            words = list(LABELS)
            lists = pl.Series([[w for i, w in enumerate(words) if d >> i & 1] for d in different.tolist()], dtype=pl.List(pl.String))
            series["labels"] = spread.series(lists.gather(which))
        return series


class _Spread:
    """Puts columns of the TCP packets, rows ``rows`` of ``count``, among the others."""

    def __init__(self, rows: Int64, count: int) -> None:
        self.rows, self.count, self.all = rows, count, rows.size == count
        at = np.full(count, -1, dtype=np.int64)
        at[rows] = np.arange(rows.size)
        self.at = _nullable(at)

    def numbers(self, values: Int64) -> Int64:
        """Return them with -1 for the packets between."""
        if self.all:
            return values
        whole = np.full(self.count, -1, dtype=np.int64)
        whole[self.rows] = values
        return whole

    def series(self, values: pl.Series) -> pl.Series:
        """Return them with null for the packets between."""
        return values if self.all else values.gather(self.at)


def _nullable(values: Int64) -> pl.Series:
    """Return a column in which -1 has become null."""
    series = pl.Series(values)
    return series if not values.size or values.min() >= 0 else pl.select(pl.when(series >= 0).then(series)).to_series()


def _sack_blocks(options: Options, placed: Placed) -> pl.Series:
    """Return left and right edges, alternating, relative to the other end's first number; null without the option."""
    few = np.flatnonzero(options.sack_count)
    kind = pl.List(pl.Int64)
    if not few.size:
        return pl.Series([None], dtype=kind).new_from_index(0, options.sack_count.size)
    edges = options.sack_edges[few]
    relative = np.where(edges >= 0, (edges - placed.other_base[few][:, None]) & _WRAP_MASK, -1)
    columns = [_nullable(relative[:, at]).alias(str(at)) for at in range(relative.shape[1])]
    lists = pl.select(pl.concat_list(columns).list.drop_nulls()).to_series()
    at = np.full(options.sack_count.size, -1, dtype=np.int64)
    at[few] = np.arange(few.size)
    return lists.gather(_nullable(at))


def _address_text(address: bytes) -> str:
    return inet_ntop(AF_INET if len(address) == 4 else AF_INET6, address)
