"""Why a phase ended: what came behind it, HyStart told from ssthresh, the kernel's counters asked
which HyStart.
"""

from __future__ import annotations

import itertools
from typing import Any

from tcpexp.analysis.echoes import is_echo
from tcpexp.analysis.timeline import NEVER, Timeline
from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.plan.flows import addresses_of
from tcpexp.plan.types import FlowPlan
from tcpexp.store.rundata import RunData

_TRAIN, _DELAY = "TcpExt.TCPHystartTrainDetect", "TcpExt.TCPHystartDelayDetect"
#: A slow start of which this share of the ACKs found the sender limited by something else than cwnd
#: stood still because of that.
_STOOD_STILL = 0.5


class Exits:
    """Names what ended each phase.

    Holds the run's HyStart counters and the marks of congestion that senders received.
    """

    def __init__(self, run: RunData) -> None:
        self.run = run
        counters = run.table("counters")
        self.hystart = counters.filter(pl.col("counter").is_in([_TRAIN, _DELAY])).sort("t_ns")
        self.sampled = counters.select("node", "t_ns").unique().sort("t_ns")

    def name(
        self,
        phases: list[dict[str, Any]],
        timeline: Timeline,
        flow: FlowPlan,
        connection: int,
        *,
        switched: bool,
    ) -> None:
        """Fill ``ended_by`` of the ``phases`` of one of a flow's connections.

        ``switched`` says that another congestion control took over at the end.
        """
        for phase, following in itertools.pairwise(phases):
            phase["ended_by"] = self._inner(phase, following, timeline, flow, connection)
        if phases:
            phases[-1]["ended_by"] = "switched" if switched else _at_the_end(phases[-1])

    def _inner(
        self,
        phase: dict[str, Any],
        following: dict[str, Any],
        timeline: Timeline,
        flow: FlowPlan,
        connection: int,
    ) -> str:
        kind, then = phase["phase"], following["phase"]
        at = int(following["from_ns"])
        if phase["resolution_ns"] or then in ("startup", "drain", "probe_bw", "probe_rtt"):
            return "gain"
        if then == "rto_recovery":
            return "timeout"
        if then == "cwr":
            return self._cwr(at, flow, connection)
        if then == "fast_recovery":
            return "loss"
        if kind in ("fast_recovery", "rto_recovery", "cwr"):
            return "undone" if _undone(phase, timeline) else "repaired"
        if kind == "slow_start":
            return self._slow_start(at, timeline, flow)
        return "idle"

    def _slow_start(self, at: int, timeline: Timeline, flow: FlowPlan) -> str:
        """HyStart sets ssthresh to the cwnd of that moment (net/ipv4/tcp_cubic.c, hystart_update).

        Else the old threshold was reached.
        """
        before, after = timeline.before(at), timeline.after(at)
        if timeline.ssthresh[after] >= timeline.ssthresh[before]:
            return "ssthresh"
        return self._hystart(at, flow)

    def _hystart(self, at: int, flow: FlowPlan) -> str:
        """Return which of HyStart's counters grew in the sample around ``at``.

        ``hystart`` when that cannot be told.
        """
        rows = self.hystart.filter(pl.col("node") == flow.sender)
        times = self.sampled.filter(pl.col("node") == flow.sender)["t_ns"].to_numpy()
        low, high = np.searchsorted(times, at) - 1, np.searchsorted(times, at)
        if rows.is_empty() or low < 0 or high >= times.size:
            return "hystart"
        grew = []
        for counter, word in ((_TRAIN, "hystart_train"), (_DELAY, "hystart_delay")):
            own = rows.filter(pl.col("counter") == counter)
            values = [
                own.filter(pl.col("t_ns") <= times[index])["value"].max() or 0
                for index in (low, high)
            ]
            grew += [word] if values[1] > values[0] else []  # type: ignore[operator]
        return grew[0] if len(grew) == 1 else "hystart"

    def _cwr(self, at: int, flow: FlowPlan, connection: int) -> str:
        """CWR follows an ECN echo, or a tail loss probe that repaired a loss
        (``tcp_process_tlp_ack``), or a full local queue.
        """
        acks = self.run.table("packets").filter(
            (pl.col("connection") == connection)
            & (pl.col("node") == flow.sender)
            & (pl.col("t_ns") <= at)
            & ~pl.col("src").is_in(addresses_of(self.run.plan, flow.sender))
        )
        echoes = acks.sort("t_ns").filter(is_echo() & (pl.col("t_ns") >= at - 1_000_000))
        return "ecn" if echoes.height else "loss"


def _undone(phase: dict[str, Any], timeline: Timeline) -> bool:
    """Whether the sender took its reduction back (``tcp_undo_cwnd_reduction``): ssthresh is as it
    was before the phase.
    """
    before, after = timeline.before(int(phase["from_ns"])), timeline.after(int(phase["to_ns"]))
    during = timeline.ssthresh[timeline.after(int(phase["from_ns"]))]
    return bool(
        timeline.ssthresh[after] >= timeline.ssthresh[before]
        and during < timeline.ssthresh[after]
        and timeline.ssthresh[before] != NEVER
    )


def _at_the_end(phase: dict[str, Any]) -> str:
    """A slow start that lasted to the flow's end: what kept it from growing, if most of its ACKs
    found the window unused.
    """
    if phase["phase"] == "slow_start":
        for name in ("receiver", "application"):
            if (phase[f"{name}_limited"] or 0.0) > _STOOD_STILL:
                return f"{name}_limited"
    return "end"
