"""``events.jsonl``: every action's planned and actual time, command, status and output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tcpexp.engine.clock import Clock
from tcpexp.engine.journal import JsonLines
from tcpexp.plan.types import Step
from tcpexp.record.lines import EVENT_KEYS, EventKind


class EventLog:
    """Writes the events of a run."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.clock = clock
        self._lines = JsonLines(path, clock)

    def write(
        self,
        event: EventKind,
        step: Step | None = None,
        *,
        planned_ns: int | None = None,
        at_monotonic_ns: int | None = None,
        **values: Any,
    ) -> None:
        """Append an event.

        Lateness is the time since ``planned_ns``, never below zero (a process may end early).

        ``behind_ns`` among the values is the part of it in which the engine was at work on what was
        due before.
        """
        at = Clock.monotonic_ns() if at_monotonic_ns is None else at_monotonic_ns
        row: dict[str, Any] = dict.fromkeys(EVENT_KEYS)
        if step is not None:
            row.update(
                step=step.id,
                action=step.action,
                kind=step.do.kind,
                node=getattr(step.do, "node", None),
                label=step.label,
            )
        if planned_ns is not None and self.clock.t0_monotonic_ns is not None:
            row.update(
                planned_ns=planned_ns, lateness_ns=max(0, at - self.clock.absolute_ns(planned_ns))
            )
        row.update(values)
        self._lines.write({"event": event, **row}, at)

    def close(self) -> None:
        """Close the file."""
        self._lines.close()
