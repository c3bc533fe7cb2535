"""Moments and times that all panels show: actions as marks, actions with an end and faults as bands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcpexp.plots.marks import REVERSIBLE, action_marks
from tcpexp.store.tables import TABLES

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


def mark_rows(run: RunData) -> list[dict[str, Any]]:
    """Return the run's action marks as ``{"t", "label"}``, in time order."""
    return [{"t": mark.t_ns, "label": mark.label} for mark in action_marks(run)]


def band_rows(run: RunData) -> list[dict[str, Any]]:
    """Return ``{"from", "to", "label", "kind"}`` of what was in force for a while: reversible actions, and faults where they were recorded."""
    starts: dict[str, dict[str, Any]] = {}
    bands: list[dict[str, Any]] = []
    for event in run.table("events").sort("t_ns").iter_rows(named=True):
        step, label = event["step"], event["label"] or event["step"] or ""
        if event["kind"] not in REVERSIBLE or step is None or event["t_ns"] is None:
            continue
        if event["event"] == "start":
            starts[step] = event
        elif event["event"] == "end" and step in starts and event["t_ns"] > starts[step]["t_ns"]:
            bands.append({"from": starts.pop(step)["t_ns"], "to": event["t_ns"], "label": label, "kind": "action"})
    return bands + _faults(run)


def _faults(run: RunData) -> list[dict[str, Any]]:
    """Return the faults in force, from the table ``faults``; nothing where there is no such table."""
    if "faults" not in TABLES:
        return []
    rows = []
    for fault in run.table("faults").iter_rows(named=True):
        start, end = fault.get("from_ns"), fault.get("to_ns")
        if start is not None and end is not None:
            label = " ".join(str(fault[key]) for key in ("kind", "fault", "link", "label") if fault.get(key))
            rows.append({"from": start, "to": end, "label": label, "kind": "fault"})
    return rows
