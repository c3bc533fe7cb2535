"""Tables from tables: what the analysis finds is written to disk before any figure or verdict uses it."""

from __future__ import annotations

import numpy as np
import polars as pl

from tcpexp.analysis.fairness import build_fairness
from tcpexp.analysis.flowstates import build_flow_states
from tcpexp.analysis.links import Epoch, find_epochs
from tcpexp.analysis.losses import build_loss_events
from tcpexp.analysis.phases import build_phases
from tcpexp.plan.paths import Paths
from tcpexp.store.frames import write_table
from tcpexp.store.rundata import RunData


def derive_tables(run: RunData) -> None:
    """Write ``flow_states``, ``phases``, ``loss_events`` and ``fairness``, and fill ``queueing_ns`` of ``journeys``.

    A table whose sources were not recorded stays empty. ``run`` reads the new tables from then on.
    """
    states = build_flow_states(run)
    made = {
        "flow_states": states,
        "phases": build_phases(run, states),
        "loss_events": build_loss_events(run, states),
        "fairness": build_fairness(run),
        "journeys": with_queueing(run),
    }
    for name, frame in made.items():
        write_table(run.path, name, frame)
    run.forget(*made)


def with_queueing(run: RunData) -> pl.DataFrame:
    """Return ``journeys`` with ``queueing_ns``: the delay less what the links on the way were asked to add when the packet left."""
    journeys = run.table("journeys")
    epochs = find_epochs(run)
    paths, flows = Paths(run.plan.network), {flow.name: flow for flow in run.plan.flows}
    parts = []
    for (flow, source, target), rows in journeys.group_by("flow", "from_node", "to_node", maintain_order=True):
        base = np.zeros(rows.height, dtype=np.int64)
        for hop in paths.of_packets(flows.get(str(flow)), str(source), str(target)):
            base += _delay(rows["sent_ns"].to_numpy(), [each for each in epochs if (each.link, each.towards) == hop.key])
        parts.append(rows.with_columns(queueing_ns=pl.col("delay_ns") - pl.Series(base)))
    return pl.concat(parts) if parts else journeys


def _delay(sent_ns: np.ndarray[tuple[int, ...], np.dtype[np.int64]], epochs: list[Epoch]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Return the delay of one link's direction that was in force at each time; before the first epoch, the first one's."""
    begins = np.array([each.from_ns for each in epochs], dtype=np.int64)
    delays = np.array([each.direction.delay_ns for each in epochs], dtype=np.int64)
    if not delays.size:
        return np.zeros(sent_ns.shape, dtype=np.int64)
    result: np.ndarray[tuple[int, ...], np.dtype[np.int64]] = delays[np.maximum(np.searchsorted(begins, sent_ns, side="right") - 1, 0)]
    return result
