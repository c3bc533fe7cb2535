"""Captures to the ``packets`` table: read directly, or by tshark where a capture holds something
that is left to it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl

from tcpexp.ingest import tshark
from tcpexp.ingest.direct import read_direct
from tcpexp.ingest.pcap import UnusualCaptureError

#: Environment variable that forces one way: ``tshark`` for all captures, or ``direct``, which then
#: raises where it would hand over.
VARIABLE = "TCPEXP_CAPTURE_READER"

Tell = Callable[[str], None]


def read_captures(
    captures: Sequence[Path], t0_realtime_ns: int, workers: int = 2, tell: Tell | None = None
) -> list[pl.DataFrame]:
    """Return the packets of each capture, in the given order; tsharks, where any are needed, run
    ``workers`` at a time.

    ``tell`` is called with a sentence for each capture that is left to tshark. Raises ``HostError``
    when that is missing, ``DataError`` when a capture cannot be read at all.
    """
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        return list(pool.map(lambda path: read_capture(path, t0_realtime_ns, tell), captures))


def read_capture(capture: Path, t0_realtime_ns: int, tell: Tell | None = None) -> pl.DataFrame:
    """Return the packets of one capture: the ``packets`` columns that a capture alone can fill (not
    ``node``, not ``flow``).
    """
    forced = os.environ.get(VARIABLE)
    if forced == "direct":
        return read_direct(capture, t0_realtime_ns)
    if forced != "tshark":
        try:
            return read_direct(capture, t0_realtime_ns)
        except UnusualCaptureError as unusual:
            if tell is not None:
                tell(f"{capture.name} is read by tshark: {unusual}")
    return tshark.read_capture(capture, t0_realtime_ns)
