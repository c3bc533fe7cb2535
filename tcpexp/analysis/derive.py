"""Tables from tables: what the analysis finds is written to disk before any figure or verdict uses
it.
"""

from __future__ import annotations

from tcpexp.analysis.crosschecks import build_cross_checks
from tcpexp.analysis.fairness import build_fairness
from tcpexp.analysis.flowstates import build_flow_states
from tcpexp.analysis.links import find_epochs
from tcpexp.analysis.losses import build_loss_events
from tcpexp.analysis.offered import delay_at
from tcpexp.analysis.packetpaths import PacketPaths
from tcpexp.analysis.phases import build_phases
from tcpexp.analysis.resent import build_resent
from tcpexp.analysis.timeouts import build_timeouts
from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.store.frames import write_table
from tcpexp.store.rundata import RunData


def derive_tables(run: RunData) -> None:
    """Write the tables that follow from others, and fill ``queueing_ns`` of ``journeys``.

    These are ``resent``, ``timeouts``, ``flow_states``, ``phases``, ``loss_events``, ``fairness``
    and ``cross_checks``.

    A table whose sources were not recorded stays empty. ``run`` reads the new tables from then on.
    """
    resent = build_resent(run)
    _write(run, {"resent": resent, "timeouts": build_timeouts(run, resent)})
    states = build_flow_states(run)
    made = {
        "flow_states": states,
        "phases": build_phases(run, states),
        "loss_events": build_loss_events(run, states),
        "fairness": build_fairness(run),
        "journeys": with_queueing(run),
    }
    _write(run, made)
    _write(run, {"cross_checks": build_cross_checks(run)})


def _write(run: RunData, made: dict[str, pl.DataFrame]) -> None:
    for name, frame in made.items():
        write_table(run.path, name, frame)
    run.forget(*made)


def with_queueing(run: RunData) -> pl.DataFrame:
    """Return ``journeys`` with ``queueing_ns``: the delay less what the links on the way were asked
    to add when the packet left.
    """
    journeys = run.table("journeys")
    epochs = find_epochs(run)
    paths = PacketPaths(run)
    parts = []
    for key, rows in journeys.with_columns(paths.subflow()).group_by(
        "flow", "subflow", "from_node", "to_node", maintain_order=True
    ):
        flow, subflow, source, target = key
        base = np.zeros(rows.height, dtype=np.int64)
        for hop in paths.hops(
            None if flow is None else str(flow),
            None if subflow is None else int(str(subflow)),
            str(source),
            str(target),
        ):
            base += delay_at(
                [epoch for epoch in epochs if (epoch.link, epoch.towards) == hop.key],
                rows["sent_ns"].to_numpy(),
            )
        parts.append(
            rows.drop("subflow").with_columns(queueing_ns=pl.col("delay_ns") - pl.Series(base))
        )
    return pl.concat(parts) if parts else journeys
