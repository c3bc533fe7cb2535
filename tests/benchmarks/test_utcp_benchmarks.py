"""The benchmarks of the user-space TCP: every case transfers, and readings become a line.

Nothing is timed.
"""

from __future__ import annotations

import pytest
import utcp
import utcp_network
from utcp_network import Reading

from tcpexp.tcp.simulator.apps import pattern

MS = 1_000_000


@pytest.mark.parametrize("case", utcp.CASES, ids=lambda case: str(case[0]))
def test_every_case_delivers_its_stream(
    case: tuple[str, dict[str, object], object, bool, bool],
) -> None:
    rates = utcp.measure(case, pattern(50 * utcp.MSS))  # type: ignore[arg-type]
    assert min(rates) > 0


def test_where_the_wall_time_went() -> None:
    begin = Reading(0, 0, 0, 3, 10)
    pairs = [
        (begin, Reading(100 * MS, 50 * MS, 40 * MS, 3, 11)),
        (begin, Reading(200 * MS, 60 * MS, 120 * MS, 5, 10)),
    ]
    line = utcp_network.describe(1_000_000, pairs)
    assert " 80.0 Mbit/s of wall time (median 60.0)" in line
    assert "160.0 of processor time" in line
    assert "running 37%, waiting for a processor 53%, asleep 10%" in line
    assert "no room for 2, sent again 1" in line
