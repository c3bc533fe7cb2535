"""Moments and times that all panels show: actions and faults as marks, actions with an end as
bands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcpexp.report.panels.model import Band, Mark
from tcpexp.views.faults import fault_words
from tcpexp.views.marks import REVERSIBLE, action_marks

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

#: More faults than this are not marked one by one in every panel; the time-sequence graph has them
#: all.
MOST_FAULTS = 200


def mark_rows(run: RunData) -> list[Mark]:
    """Return what was done and where faults acted, in time order."""
    actions: list[Mark] = [
        {"t": mark.t_ns, "label": mark.label, "kind": "action"} for mark in action_marks(run)
    ]
    faults: list[Mark] = [
        {"t": row["t_ns"], "label": fault_words(row), "kind": "fault"}
        for row in run.table("faults").head(MOST_FAULTS).iter_rows(named=True)
    ]
    return sorted(actions + faults, key=lambda mark: mark["t"])


def band_rows(run: RunData) -> list[Band]:
    """Return the actions that were in force for a while and then undone."""
    starts: dict[str, dict[str, Any]] = {}
    bands: list[Band] = []
    for event in run.table("events").sort("t_ns").iter_rows(named=True):
        step, label = event["step"], event["label"] or event["step"] or ""
        if event["kind"] not in REVERSIBLE or step is None or event["t_ns"] is None:
            continue
        if event["event"] == "start":
            starts[step] = event
        elif event["event"] == "end" and step in starts and event["t_ns"] > starts[step]["t_ns"]:
            bands.append({"from": starts.pop(step)["t_ns"], "to": event["t_ns"], "label": label})
    return bands
