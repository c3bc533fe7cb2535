"""tshark's analysis of some connections of a capture: they are copied to a capture of their own,
which is short.
"""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from tcpexp.errors import DataError
from tcpexp.ingest.pcap import Int64, read_records
from tcpexp.ingest.tshark import read_capture

_COLUMNS = ("labels", "in_flight_bytes", "rtt_ns")
_SECOND = 1_000_000_000
_ETHERNET, _SNAPLEN = 1, 262_144


def borrow_analysis(packets: pl.DataFrame, capture: Path, numbers: Int64) -> pl.DataFrame:
    """Return ``packets`` with tshark's labels, bytes in flight and round-trip times for the packets
    ``numbers`` of ``capture``.

    They have to be all packets between some pairs of ends, for the analysis of a connection knows
    of no other packets. Raises ``HostError`` without tshark, ``DataError`` when it does not read
    what was copied.
    """
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / capture.name
        _copy(capture, numbers, part)
        found = read_capture(part, 0)
    if found.height != numbers.size:
        raise DataError(
            f"{capture}: tshark reads {found.height} of {numbers.size} packets that were copied"
        )
    rows = pl.int_range(pl.len()).cast(pl.Int64)
    asked = found.select(_COLUMNS).with_columns(row=pl.Series(numbers - 1))
    joined = packets.with_columns(row=rows).join(
        asked, on="row", how="left", suffix="_asked", maintain_order="left"
    )
    is_asked = pl.col("labels_asked").is_not_null()
    chosen = [
        pl.when(is_asked).then(pl.col(f"{name}_asked")).otherwise(pl.col(name)).alias(name)
        for name in _COLUMNS
    ]
    return joined.with_columns(chosen).select(packets.columns)


def _copy(capture: Path, numbers: Int64, target: Path) -> None:
    """Write the packets ``numbers`` (from 1, in order) of a capture to a new one."""
    before = 0
    with target.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, _SNAPLEN, _ETHERNET))
        for records in read_records(capture):
            rows = numbers[(numbers > before) & (numbers <= before + records.count)] - before - 1
            before += records.count
            for row in rows.tolist():
                at, size = int(records.at[row]), int(records.captured[row])
                seconds, fraction = divmod(int(records.epoch_ns[row]), _SECOND)
                file.write(
                    struct.pack("<IIII", seconds, fraction, size, int(records.frame_bytes[row]))
                )
                file.write(np.ascontiguousarray(records.data[at : at + size]).tobytes())
