"""Round trips of a sender, counted by sequence numbers: one ends when what was the newest octet at
its beginning is acknowledged.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.store.rundata import RunData

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int64 = NDArray[np.int64]

#: The phases in which RFC 5681 section 3.1 says how a window grows.
GROWING = ("slow_start", "congestion_avoidance")


class Round(NamedTuple):
    """One round trip: the rows of its first segment and of the first one behind it.

    ``by_cwnd``: whether cwnd alone held the sender back in most of it.
    """

    begin: int
    end: int
    by_cwnd: bool


@dataclass(frozen=True)
class Flight:
    """What one connection had sent and had acknowledged, at each row of ``flow_states``.

    ``acked`` and ``sent`` are bytes from the connection's first row, ``by_cwnd`` whether cwnd kept
    the sender from sending more. Each is the state just before that row's segment was processed.
    """

    acked: Int64
    sent: Int64
    by_cwnd: NDArray[np.bool_]

    @classmethod
    def of(cls, rows: pl.DataFrame) -> Flight:
        """Make it from one connection's rows of ``flow_states``."""
        acked = np.maximum.accumulate(rows["acked_bytes"].to_numpy())
        return cls(
            acked,
            acked + rows["in_flight_bytes"].fill_null(0).to_numpy(),
            _full((rows["limited"].fill_null("cwnd") == "cwnd").to_numpy()),
        )

    def rounds(self, low: int, high: int) -> list[Round]:
        """Return the whole round trips in the rows ``low`` to ``high`` - 1, in order.

        A round trip is counted as a sender can count it without a clock: from a moment until what
        had been sent by then is acknowledged (that is how the kernel's HyStart and BBR do it). A
        smoothed RTT lags behind while a queue grows, and goes on counting while nothing is under
        way.
        """
        found: list[Round] = []
        begin = low
        while begin < high:
            # nothing under way: no round trip begins here
            if self.sent[begin] <= self.acked[begin]:
                begin += 1
                continue
            end = low + int(self.acked[low:high].searchsorted(self.sent[begin], side="left"))
            if end >= high:
                break
            found.append(Round(begin, end, float(np.mean(self.by_cwnd[begin:end])) >= 0.5))
            begin = end
        return found


def _full(by_cwnd: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return at which rows the window was full, there or at the ACK before or after.

    Of two that come at once the second finds a segment less in flight.
    """
    full = by_cwnd.copy()
    full[1:] |= by_cwnd[:-1]
    full[:-1] |= by_cwnd[1:]
    return full


def growth_per_round(phase: str, cwnd: Int64, rounds: list[Round]) -> float | None:
    """Return how cwnd grew per round trip: as a factor in slow start, in segments in congestion
    avoidance, else None.

    Only round trips in which cwnd limited the sender count: a window that is not used does not grow
    (RFC 5681 section 3.1, RFC 7661 section 4.3). RFC 5681 section 3.1: slow start at most doubles,
    avoidance adds one segment. None without such a round trip.
    """
    used = [flown for flown in rounds if flown.by_cwnd]
    if not used or phase not in GROWING:
        return None
    if phase == "slow_start":
        return float(
            np.exp(
                np.mean(
                    [
                        np.log(max(int(cwnd[flown.end]), 1) / max(int(cwnd[flown.begin]), 1))
                        for flown in used
                    ]
                )
            )
        )
    return float(np.mean([int(cwnd[flown.end]) - int(cwnd[flown.begin]) for flown in used]))


def windows_by_round(run: RunData, flow: str, phase: str) -> list[list[tuple[int, int]]]:
    """Return the windows of each phase of that name of a flow's busiest connection.

    (t_ns, cwnd) at the beginning of each of its round trips and at the last one's end.

    Only up to the first round trip that cwnd did not limit: behind it the window says nothing.
    Phases without a round trip are empty lists.
    """
    states, phases = (
        run.table(name).filter(pl.col("flow") == flow) for name in ("flow_states", "phases")
    )
    if states.is_empty():
        return []
    connection = (
        states.group_by("connection")
        .len()
        .sort(["len", "connection"], descending=[True, False])["connection"][0]
    )
    rows = states.filter(pl.col("connection") == connection).sort("t_ns", maintain_order=True)
    flight, t_ns, cwnd = Flight.of(rows), rows["t_ns"].to_numpy(), rows["cwnd"].to_numpy()
    found = []
    for row in (
        phases.filter((pl.col("connection") == connection) & (pl.col("phase") == phase))
        .sort("from_ns")
        .iter_rows(named=True)
    ):
        low, high = (
            int(index)
            for index in np.searchsorted(t_ns, [row["from_ns"], row["to_ns"]], side="right")
        )
        used = list(itertools.takewhile(lambda flown: flown.by_cwnd, flight.rounds(low, high)))
        at = [flown.begin for flown in used] + [used[-1].end] if used else []
        found.append([(int(t_ns[index]), int(cwnd[index])) for index in at])
    return found
