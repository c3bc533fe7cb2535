"""The experiment ends at its end: what captures, traces and programs recorded after it is in no
table.

Recorders run on through the clean-up, in which programs are stopped, connections close and what
waited in queues arrives. The raw files stay whole. Samples of sockets, queues, counters and the
processor are cut only of a run that ended early: else the last is planned for the end, and none is
taken after it.
"""

from __future__ import annotations

from tcpexp.late import polars as pl
from tcpexp.store.rundata import RunData

#: Tables of moments that the clean-up adds to, apart from those that are made of packets.
ENDS = (
    "tcp_probe",
    "states",
    "retransmits",
    "ca_states",
    "tcp_events",
    "variables",
    "faults",
    "iperf3",
)


#: Tables of samples, apart from those that recorders bring.
SAMPLED = ("sockets", "queues", "queue_statistics", "classes", "counters")


def ended_early(run: RunData) -> bool:
    """Whether a run was interrupted or failed behind its zero, so that samplers went on behind its
    end.
    """
    return run.engine.get("status") in ("interrupted", "failed") and run.end_ns > 0


def until_end(frame: pl.DataFrame, end_ns: int, column: str = "t_ns") -> pl.DataFrame:
    """Return the rows of which the time in ``column`` lies before the end of the experiment
    (:attr:`RunData.end_ns`).
    """
    return frame.filter(pl.col(column) < end_ns)
