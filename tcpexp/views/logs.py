"""What programs logged, and when their processes ran."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tcpexp.late import polars as pl

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


def process_runs(run: RunData, action: str) -> list[tuple[int, int | None, int | None]]:
    """Return (start ns, end ns, status) of each run of an action's process; end and status None
    when it had not ended.

    What the engine itself ended, because the run was cut short, had not ended.
    """
    step = _step_id(run, action)
    rows = run.table("events").filter(
        (pl.col("step") == step) & pl.col("event").is_in(["start", "end"])
    )
    runs: list[tuple[int, int | None, int | None]] = []
    for row in rows.sort("t_ns", maintain_order=True).iter_rows(named=True):
        if row["event"] == "start":
            runs.append((row["t_ns"], None, None))
        elif (
            runs
            and runs[-1][1] is None
            and not (run.status != "complete" and row["t_ns"] >= run.end_ns)
        ):
            runs[-1] = (runs[-1][0], row["t_ns"], row["status"])
    return runs


def read_logs(run: RunData, action: str, endings: tuple[str, ...]) -> dict[str, str]:
    """Return a process's output by file name, of the files that were recorded."""
    step = _step_id(run, action)
    paths = [run.path / "raw" / "logs" / f"{step}.{ending}" for ending in endings]
    return {
        path.name: path.read_text(encoding="utf-8", errors="replace")
        for path in paths
        if path.is_file()
    }


def _step_id(run: RunData, action: str) -> str:
    """Return the id of the action's step: its own, or the first of several."""
    ids = [step.id for step in (*run.plan.setup, *run.plan.steps)]
    return (
        action
        if action in ids
        else next((step for step in ids if step.startswith(f"{action}.")), action)
    )


@dataclass(frozen=True)
class Event:
    """One line of the log: when it was written, in ns from the start of the experiment, and what it
    says.
    """

    t_ns: int
    facts: dict[str, Any]


def read_events(run: RunData, action: str) -> list[Event]:
    """Return the events of an action's log in their order, none without a log or a clock.

    Lines that are no JSON objects with a ``time_ns`` are left out: a program may print other text
    too.
    """
    zero_ns = run.engine.get("t0_realtime_ns")
    if zero_ns is None:
        return []
    logged = json_objects("".join(read_logs(run, action, ("out",)).values()))
    return [
        Event(facts["time_ns"] - int(zero_ns), facts)
        for facts in logged
        if isinstance(facts.get("time_ns"), int)
    ]


def json_objects(text: str) -> list[dict[str, Any]]:
    """Return the lines of a log that are JSON objects, in their order."""
    objects = []
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            objects.append(value)
    return objects
