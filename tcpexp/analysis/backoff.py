"""Rows of ``flow_states`` between two ACKs: the window while a retransmission timer backs off,
which no received segment shows.

A timeout sets cwnd to one segment more than is still considered to be on its way
(``tcp_enter_loss``, net/ipv4/tcp_input.c): 1, unless something was sent within the last round trip.
What holds from then on is what the next ``ss`` snapshot shows or, when an ACK comes first, the row
of that ACK, which is the state just before it was processed.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import Any

from tcpexp.late import polars as pl
from tcpexp.plan.types import FlowPlan
from tcpexp.record.tables.kernel import INFINITE_SSTHRESH
from tcpexp.store.rundata import RunData

#: A timeout counts everything as lost that was sent longer ago than a round trip
#: (``tcp_timeout_mark_lost``); so much longer is surely that.
_SURELY_LOST_NS = 100_000_000
#: Columns of ``flow_states`` that only ``ss`` shows.
SHOWN_BY_SS = (
    "rttvar_us",
    "rto_ms",
    "pacing_rate_bps",
    "delivery_rate_bps",
    "bbr_bw_bps",
    "bbr_min_rtt_us",
    "bbr_pacing_gain",
    "bbr_cwnd_gain",
)
_KNOWN_BY_ACKS = ("acked_bytes", "in_flight_bytes", "receive_window_bytes", "srtt_us")


@dataclass(frozen=True)
class _Backoff:
    """The timeouts of one connection in a row, without an ACK between them, and the next row behind
    them (None at the end).
    """

    timeouts: tuple[int, ...]
    before: dict[str, Any]
    behind: dict[str, Any] | None

    @property
    def until_ns(self) -> float:
        """When the next segment was received."""
        return float("inf") if self.behind is None else float(self.behind["t_ns"])


def rows_in_backoff(
    run: RunData, flow: FlowPlan, rows: pl.DataFrame, snapshots: pl.DataFrame, changes: pl.DataFrame
) -> pl.DataFrame:
    """Return rows to add to one flow's ``rows`` of ``flow_states``.

    One behind each timeout whose window is known, and one per ``ss`` snapshot until the next ACK.

    ``snapshots`` are those of :func:`tcpexp.analysis.flowstates.sender_snapshots`, ``changes`` its
    congestion states. A row lies 1 ns behind its timeout, whose effect it shows; ``source`` is
    ``timeout`` or ``ss``. A connection that received nothing has no rows at all.
    """
    added: list[dict[str, Any]] = []
    for key, part in (
        rows.sort("t_ns", maintain_order=True)
        .partition_by("connection", as_dict=True, maintain_order=True)
        .items()
    ):
        lost = changes.filter((pl.col("connection") == key[0]) & (pl.col("ca_state") == "Loss"))[
            "t_ns"
        ].to_list()
        if lost:
            seen = snapshots.filter(pl.col("connection") == key[0]).sort("t_ns").rows(named=True)
            for backoff in _backoffs(part, lost):
                added += _rows_of(backoff, seen, _sent(run, flow, key[0]))
    return pl.DataFrame(added, schema=rows.schema, orient="row") if added else rows.clear()


def _backoffs(own: pl.DataFrame, lost: list[int]) -> list[_Backoff]:
    """Return a connection's timeouts, those together between which no segment came."""
    times = own["t_ns"].to_list()
    groups: dict[int, list[int]] = {}
    for t_ns in lost:
        groups.setdefault(bisect.bisect_right(times, t_ns), []).append(t_ns)
    found = []
    for index, timeouts in sorted(groups.items()):
        if index:
            behind = own.row(index, named=True) if index < own.height else None
            found.append(_Backoff(tuple(timeouts), own.row(index - 1, named=True), behind))
    return found


def _sent(run: RunData, flow: FlowPlan, connection: int) -> list[int]:
    """Return when a connection's sender sent data, in order."""
    addresses = [face.address for face in run.plan.network.node(flow.sender).interfaces]
    own = (
        (pl.col("connection") == connection)
        & (pl.col("node") == flow.sender)
        & pl.col("src").is_in(addresses)
        & (pl.col("payload_bytes") > 0)
    )
    return run.table("packets").filter(own)["t_ns"].sort().to_list()


def _rows_of(
    backoff: _Backoff, seen: list[dict[str, Any]], sent: list[int]
) -> list[dict[str, Any]]:
    shown = [row for row in seen if backoff.timeouts[0] < row["t_ns"] < backoff.until_ns]
    found = []
    for index, t_ns in enumerate(backoff.timeouts):
        later = (
            float(backoff.timeouts[index + 1])
            if index + 1 < len(backoff.timeouts)
            else backoff.until_ns
        )
        at_once = next((row for row in shown if t_ns < row["t_ns"] < later), None)
        cwnd = (
            at_once["ss_cwnd"]
            if at_once
            else (
                backoff.behind["cwnd"]
                if backoff.behind is not None and later == backoff.until_ns
                else _by_rule(t_ns, backoff, sent)
            )
        )
        threshold = next(
            (_finite(row["ss_ssthresh"]) for row in shown if row["t_ns"] > t_ns),
            backoff.behind["ssthresh"] if backoff.behind is not None else None,
        )
        if cwnd is not None and (shown or backoff.behind is not None):
            found.append(_row(backoff, t_ns + 1, cwnd, threshold, at_once, "timeout"))
    return found + [
        _row(backoff, row["t_ns"], row["ss_cwnd"], _finite(row["ss_ssthresh"]), row, "ss")
        for row in shown
        if row["ss_cwnd"] is not None
    ]


def _by_rule(t_ns: int, backoff: _Backoff, sent: list[int]) -> int | None:
    """Return 1 when nothing was sent so shortly before a timeout that the kernel may count it as on
    its way; None when that is not sure.
    """
    index = bisect.bisect_left(sent, t_ns) - 1
    quiet = t_ns - sent[index] if index >= 0 else 0
    return 1 if quiet >= int(backoff.before["srtt_us"] or 0) * 1000 + _SURELY_LOST_NS else None


def _finite(threshold: int | None) -> int | None:
    return threshold if threshold is not None and threshold < INFINITE_SSTHRESH else None


def _row(
    backoff: _Backoff,
    t_ns: int,
    cwnd: int,
    ssthresh: int | None,
    shown: dict[str, Any] | None,
    source: str,
) -> dict[str, Any]:
    """Return a row: what ACKs change as the next ACK finds it, what ``ss`` shows from the snapshot,
    null where there is none.
    """
    known = {name: (backoff.behind or backoff.before)[name] for name in _KNOWN_BY_ACKS}
    if backoff.behind is None:
        known["in_flight_bytes"] = None
    from_ss = {name: shown[name] if shown else None for name in SHOWN_BY_SS}
    return {
        **backoff.before,
        **known,
        **from_ss,
        "t_ns": t_ns,
        "cwnd": cwnd,
        "ssthresh": ssthresh,
        "ca_state": "Loss",
        "limited": None,
        "source": source,
    }
