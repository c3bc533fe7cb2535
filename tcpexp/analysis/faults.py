"""Faults on chosen segments: how often each was to act, and how often it did."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tcpexp.late import polars as pl
from tcpexp.plan.types import SegmentFault, Step
from tcpexp.record import files
from tcpexp.record.measured import FaultPoint
from tcpexp.store.rundata import RunData

_SINGLE = ("syn", "syn-ack", "fin")


@dataclass(frozen=True)
class Applied:
    """What one fault did. ``expected`` is None where its choice has no known number; ``doubt`` says
    what the record lacks.

    ``highest`` is the number of the last segment of its kind that any flow had, ``connections`` how
    many there were.
    """

    step: str
    label: str
    fault: SegmentFault
    applied: int
    expected: int | None
    connections: int
    highest: int
    doubt: str

    @property
    def as_asked(self) -> bool:
        """Whether it acted on each segment that was chosen, or on any where their number is not
        known.
        """
        return self.applied == self.expected if self.expected is not None else self.applied > 0

    @property
    def asked(self) -> str:
        """What was asked in words."""
        return "at least one segment" if self.expected is None else _segments(self.expected)

    @property
    def measured(self) -> str:
        """What was done in words."""
        return _segments(self.applied)

    @property
    def why(self) -> str:
        """Why it did less, or more, than was asked; empty when it did not."""
        if self.as_asked:
            return ""
        if not self.connections:
            return "there was no such connection"
        kind = self.fault.segment
        if self.highest < max(self.fault.nth, default=1) and not self.fault.bytes:
            return (
                f"there were only {self.highest} segments of the kind {kind}"
                if self.highest
                else f"there was no segment of the kind {kind}"
            )
        return (
            "the chosen segment, or its chosen transmission, did not come while the fault was"
            " active"
            if not self.applied
            else "it acted on other numbers"
        )


def _segments(count: int) -> str:
    return f"{count} segment{'' if count == 1 else 's'}"


def fault_steps(run: RunData) -> list[tuple[Step, SegmentFault]]:
    """Return the plan's steps that are faults on chosen segments."""
    return [
        (step, step.do)
        for step in (*run.plan.setup, *run.plan.steps)
        if isinstance(step.do, SegmentFault)
    ]


def judge_applied(run: RunData) -> Iterator[Applied]:
    """Yield what each fault of the plan did, in the plan's order."""
    points = _points(run.path / files.RAW / files.FAULTS)
    for step, fault in fault_steps(run):
        point = next(
            (
                point
                for point in points
                if (point["link"], point["towards"]) == (fault.link, fault.towards)
            ),
            None,
        )
        rules = [rule for rule in point["rules"] if rule["step"] == step.id] if point else []
        connections = max(
            max((int(rule["connections"]) for rule in rules), default=0) - fault.skip_connections, 0
        )
        highest = max((int(rule["highest"]) for rule in rules), default=0)
        applied = sum(int(rule["applied"]) for rule in rules)
        yield Applied(
            step.id,
            step.label,
            fault,
            applied,
            _expected(fault, connections),
            connections,
            highest,
            _doubt(point),
        )


def _expected(fault: SegmentFault, connections: int) -> int | None:
    """Return on how many segments a fault should have acted, at least one.

    None when only the traffic decides.
    """
    if fault.every is not None or fault.bytes or not fault.transmissions:
        return None
    numbers = 1 if fault.segment in _SINGLE else len(fault.nth)
    return numbers * len(fault.transmissions) * max(connections, 1)


def _doubt(point: FaultPoint | None) -> str:
    if point is None:
        return "the run left no record of what it did (raw/faults.json)"
    lacks = (
        (point["lines_lost"], "segments were touched beyond what the record has room for"),
        (point["untracked_flows"], "flows found no room among those that are followed"),
        (
            point["untracked_segments"],
            "segments found no room among those whose retransmissions are awaited",
        ),
        (point["failed"], "segments could not be duplicated or damaged"),
    )
    return "; ".join(f"{count} {words}" for count, words in lacks if count)


def count_faults(
    run: RunData, link: str, towards: str, effect: str, from_ns: int, to_ns: int
) -> int:
    """Return on how many segments faults of one effect acted in a direction of a link between two
    times.
    """
    here = (pl.col("link") == link) & (pl.col("towards") == towards) & (pl.col("effect") == effect)
    return run.table("faults").filter(here & pl.col("t_ns").is_between(from_ns, to_ns)).height


@lru_cache(maxsize=4)
def _read(path: Path, changed_ns: int) -> list[FaultPoint]:
    points: list[FaultPoint] = json.loads(path.read_text())["points"]
    return points


def _points(path: Path) -> list[FaultPoint]:
    return _read(path, path.stat().st_mtime_ns) if path.is_file() else []
