"""What the engine says of a whole run: ``raw/engine.json``, and ``raw/trace/trace.json``.

Times are ns on the clock that their names say. A key that an older version did not write is absent.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

RunStatus = Literal["complete", "interrupted", "failed"]


class CaptureStatistics(TypedDict, total=False):
    """What tcpdump counted at its end; None where it printed none, because it was killed."""

    captured: int | None
    dropped: int | None
    #: Its last words, where it failed.
    error: str


class SamplerStatistics(TypedDict):
    """How many samples of one kind were planned, taken and failed; the largest time between two."""

    planned: int
    taken: int
    failed: int
    largest_gap_ns: int


class TraceSummary(TypedDict, total=False):
    """The kernel's trace: the events recorded, those that the kernel lacks, and how many records
    were overwritten.
    """

    events: list[str]
    missing: list[str]
    overrun: int
    page_bytes: int


class ClockStep(TypedDict):
    """A time at which the machine's clock of the day was set, and by how much."""

    t_ns: int
    by_ns: int


class RecordingSummary(TypedDict):
    """What the recorders say: each capture by its name, each sampler by its recorder's word."""

    captures: dict[str, CaptureStatistics]
    samplers: dict[str, SamplerStatistics]
    trace: TraceSummary | None
    #: Processor time that sampling took, its programs included.
    sampler_cpu_s: NotRequired[float]


class WrittenSummary(RecordingSummary, total=False):
    """``raw/engine.json`` as the engine writes it.

    ``where`` names what was being done when the run ended early, ``error`` what happened.
    ``end_ns`` counts from t0, as the tables do. ``put_back`` has for each inherited setting of a
    host what it was, what was wanted and what it is now.
    """

    status: RunStatus
    error: str | None
    where: str | None
    t0_realtime_ns: int | None
    t0_monotonic_ns: int | None
    end_ns: int | None
    clock_steps: list[ClockStep]
    #: The files in which time stamps were put right.
    restamped: list[str]
    engine_seconds: float
    put_back: dict[str, tuple[str, str, str]]
    readback: str
    wire_filter: str | None
    versions: dict[str, str]
    problems: list[str]
    restored: bool


class EngineSummary(WrittenSummary, total=False):
    """``raw/engine.json`` as it is read: older versions also wrote the clock, virtual or real."""

    clock: str
