"""What is measured of an idle network before t0 (``raw/probes.json``), and what faults on chosen
segments did (``raw/faults.json``).
"""

from __future__ import annotations

from typing import Any, TypedDict

#: ``from`` is a word of Python.
PathProbe = TypedDict(
    "PathProbe",
    {"from": str, "to": str, "asked_rtt_ns": int, "rtt_ns": "list[int | None]"},
)
PathProbe.__doc__ = """Round trips of pings between two hosts; None for one without an answer."""


class Departures(TypedDict):
    """The rate at which a burst left: None when too few frames say anything.

    ``spacing_ns`` are the times between departures, ``counted`` how many of them the rate is made
    from, ``starved`` how often the link waited for the sender.
    """

    measured_bps: float | None
    spacing_ns: list[int]
    counted: int
    starved: int


class Burst(Departures):
    """What a burst through one direction's shaper measured.

    ``held`` is how many frames filled the queue, None when it was never full; ``why`` says why the
    rate is not known.
    """

    frame_bytes: int
    sent: int
    held: int | None
    why: str


class RateProbe(Burst):
    """A burst, with the direction that it measured and the rate that was asked for."""

    link: str
    towards: str
    asked_bps: int | None


class Probes(TypedDict, total=False):
    """``raw/probes.json``."""

    paths: list[PathProbe]
    rates: list[RateProbe]


class FaultRule(TypedDict):
    """How often a rule of a fault found its segment, and acted on it."""

    step: str
    first: int | None
    connections: int
    highest: int
    selected: int
    applied: int


class FaultPoint(TypedDict):
    """What faults did in one direction of a link.

    ``lines`` are rows of the table ``faults`` without link and direction.
    """

    link: str
    towards: str
    lines_lost: int
    flows: int
    untracked_flows: int
    untracked_segments: int
    failed: int
    rules: list[FaultRule]
    lines: list[dict[str, Any]]


class Faults(TypedDict):
    """``raw/faults.json``."""

    points: list[FaultPoint]
