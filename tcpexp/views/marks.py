"""Moments at which something was done to the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

#: Steps whose end undoes something, so that their end is worth a mark.
REVERSIBLE = {"firewall", "link_change", "link_state", "sysctl", "segment_fault"}


@dataclass(frozen=True)
class ActionMark:
    """A moment on the time axis, and what happened then."""

    t_ns: int
    label: str


def action_marks(run: RunData) -> list[ActionMark]:
    """Return the run's marks in time order: action starts, marks, and ends of what was undone
    before the run ended.

    Steps that the plan keeps off the plots (``Step.mark``) are left out, and of a repeated step all
    but the first.
    """
    events = run.table("events")
    hidden = {step.id for step in run.plan.steps if not step.mark}
    first: set[tuple[str, str | None]] = set()
    marks: list[ActionMark] = []
    for event in events.sort("t_ns").iter_rows(named=True):
        what, step = event["event"], event["step"]
        if step in hidden or event["t_ns"] is None or event["t_ns"] < 0 or (what, step) in first:
            continue
        label = event["label"] or event["text"] or step or ""
        if what in ("start", "mark") and label:
            marks.append(ActionMark(event["t_ns"], label))
        elif what == "end" and event["kind"] in REVERSIBLE and event["t_ns"] < run.plan.duration_ns:
            marks.append(ActionMark(event["t_ns"], f"end: {label}"))
        else:
            continue
        if step is not None:
            first.add((what, step))
    return marks
