"""One run of a study, as it travels: what a worker needs to make it, and what it hands back."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Literal, NotRequired, TypedDict

from tcpexp.plan.types import PROSE, RunPlan

Keep = Literal["metrics", "tables", "runs"]
KEY_SCHEMA = 1


@dataclass(frozen=True)
class CellTask:
    """What a worker needs to make one run: nothing of it is a file that the worker would have to
    have.

    ``plan`` is the plan as JSON, ``measures`` are definitions of table measures as JSON, ``token``
    tells the worker whether it shares ``folder``. A run that lasts longer than ``limit_s`` seconds
    of wall time is ended and counts as failed.
    """

    key: str
    label: str
    plan: str
    spec: bytes
    folder: str
    token: str
    workplace: str
    identity: dict[str, str]
    keep: Keep = "tables"
    measures: tuple[str, ...] = ()
    limit_s: float | None = None


class CellCost(TypedDict, total=False):
    """What a run took, and where it was made."""

    wall_s: float
    processor_s: float
    recorded_bytes: int
    kept_bytes: int
    host: str
    pid: int


class CellRow(TypedDict):
    """``cell.json``: which run it is, how it ended, and its numbers where it has any."""

    key: str
    label: str
    identity: dict[str, str]
    status: str
    error: str | None
    seed: NotRequired[int]
    certificate: NotRequired[str | None]
    reasons: NotRequired[list[str]]
    verdicts: NotRequired[list[CellVerdict]]
    checks_passed: NotRequired[int]
    checks_failed: NotRequired[int]
    metrics: NotRequired[dict[str, float]]
    measured: NotRequired[dict[str, float | None]]
    cost: NotRequired[CellCost]


class CellVerdict(TypedDict):
    """A verdict as ``cell.json`` has it."""

    title: str
    result: str
    measured: str


@dataclass(frozen=True)
class CellResult:
    """What a worker hands back: small, and with ``archive`` the run itself where the worker does
    not share the study's folder.

    ``needs`` says that nothing was run for want of an image or a kernel: which of both, its sha256,
    the worker's address, and its cache (machine and folder).
    """

    key: str
    status: str
    error: str | None = None
    cost: CellCost = dataclasses.field(default_factory=CellCost)
    archive: bytes | None = None
    needs: tuple[str, str, str, str] | None = None


def content_key(plan: RunPlan, identity: dict[str, str]) -> str:
    """Return the hash that names a run: of its plan without prose, and of the place's identity
    (kernel, image, engine).
    """
    parts = {name: value for name, value in dataclasses.asdict(plan).items() if name not in PROSE}
    text = json.dumps([KEY_SCHEMA, parts, identity], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
