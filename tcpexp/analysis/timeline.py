"""The congestion window's timeline of one connection: what was in force when, exact to the ACK."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcpexp.late import numpy as np
from tcpexp.late import polars as pl

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int64 = NDArray[np.int64]

#: Stands for an ssthresh that is infinite: the largest Int64.
NEVER = 2**63 - 1


@dataclass(frozen=True)
class Timeline:
    """One connection's ``flow_states`` and congestion states as arrays.

    ``row_ns``, ``cwnd``, ``ssthresh`` (``NEVER`` while infinite), ``srtt_us`` have an element per
    row, each the state just before that segment was processed. ``set_ns`` and ``states`` are the
    changes of congestion state. ``force_ns[k]`` is when the values of row k + 1 came into force: at
    the first change of congestion state behind row k, if there is one before row k + 1, else when
    segment k was processed. A switch of the congestion control counts as such a change: the new one
    sets the threshold at once (BBR an infinite one: net/ipv4/tcp_bbr.c, bbr_init).
    """

    row_ns: Int64
    cwnd: Int64
    ssthresh: Int64
    srtt_us: Int64
    set_ns: Int64
    states: tuple[str, ...]
    force_ns: Int64

    @classmethod
    def of(
        cls, rows: pl.DataFrame, changes: pl.DataFrame, switched_ns: Sequence[int] = ()
    ) -> Timeline:
        """Make it from one connection's rows of ``flow_states``, its (t_ns, ca_state), and when its
        congestion control was switched.
        """
        row_ns = rows["t_ns"].to_numpy()
        set_ns = changes["t_ns"].to_numpy()
        ssthresh = rows["ssthresh"].fill_null(NEVER).to_numpy()
        return cls(
            row_ns,
            rows["cwnd"].to_numpy(),
            ssthresh,
            rows["srtt_us"].to_numpy(),
            set_ns,
            tuple(changes["ca_state"].to_list()),
            _force(
                row_ns, np.sort(np.concatenate([set_ns, np.array(switched_ns, dtype=np.int64)]))
            ),
        )

    @property
    def slow(self) -> NDArray[np.bool_]:
        """Whether each row's window is below its threshold: ``tcp_in_slow_start``
        (include/net/tcp.h), RFC 5681 section 3.1.
        """
        return np.asarray(self.cwnd < self.ssthresh)

    def before(self, t_ns: int) -> int:
        """Return the last row at or before ``t_ns``; 0 when there is none."""
        return max(int(self.row_ns.searchsorted(t_ns, side="right")) - 1, 0)

    def after(self, t_ns: int) -> int:
        """Return the first row behind ``t_ns``, which shows what was in force then.

        The last one when there is none.
        """
        return min(int(self.row_ns.searchsorted(t_ns, side="right")), self.row_ns.size - 1)

    def values(self, array: Int64, index: int) -> int | None:
        """Return an element as an int, None for ``NEVER``."""
        value = int(array[index])
        return None if value == NEVER else value


def _force(row_ns: Int64, set_ns: Int64) -> Int64:
    """Return per row k when the values of row k + 1 came into force.

    ``set_ns`` are the moments, in order, that changed them between two segments.
    """
    if set_ns.size == 0:
        return row_ns
    index = np.searchsorted(set_ns, row_ns, side="left")
    following = set_ns[np.minimum(index, set_ns.size - 1)]
    upper = np.append(row_ns[1:], row_ns[-1:])
    inside = (index < set_ns.size) & (following < upper)
    return np.where(inside, following, row_ns)


@dataclass(frozen=True)
class Phase:
    """One phase before it becomes a row: where it is and how it was found.

    ``resolution_ns`` is how far ``from_ns`` may be off.
    """

    from_ns: int
    to_ns: int
    name: str
    rule: str
    resolution_ns: int = 0
