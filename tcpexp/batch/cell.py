"""One run of a study, as it travels: what a worker needs to make it, and what it hands back."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

from tcpexp.plan.types import RunPlan

Keep = Literal["metrics", "tables", "runs"]
#: What of a plan is prose: it changes no run, so rewording it repeats none.
PROSE = ("title", "description", "references", "explain")
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
    cost: dict[str, Any] = dataclasses.field(default_factory=dict)
    archive: bytes | None = None
    needs: tuple[str, str, str, str] | None = None


def content_key(plan: RunPlan, identity: dict[str, str]) -> str:
    """Return the hash that names a run: of its plan without prose, and of the place's identity
    (kernel, image, engine).
    """
    parts = {name: value for name, value in dataclasses.asdict(plan).items() if name not in PROSE}
    text = json.dumps([KEY_SCHEMA, parts, identity], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
