"""What a place is: somewhere a plan can be run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tcpexp.errors import DataError, Missing
from tcpexp.plan.types import RunPlan

#: Called with the phase (``network``, ``probes``, ``setup``, ``run``, ``stop``) and the experiment's time in seconds.
Progress = Callable[[str, float], None]
#: Asked often; true means that the run shall end now and keep what it has.
Stop = Callable[[], bool]


@dataclass(frozen=True)
class PlaceResult:
    """How a run ended: ``status`` is ``complete``, ``interrupted`` or ``failed``; ``where`` and ``error`` say more.

    ``virtual_seconds`` is how long the run lasted on the place's own clock, from the first command to the last; ``facts``
    are the place's part of the manifest.
    """

    status: str
    where: str | None
    error: str | None
    wall_seconds: float
    virtual_seconds: float | None
    clock: str
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_engine(cls, raw: Path, *, wall_seconds: float, clock: str, facts: dict[str, Any]) -> PlaceResult:
        """Return the result that the engine left in ``raw/engine.json``; raises ``DataError`` when there is none."""
        try:
            engine = json.loads((raw / "engine.json").read_text())
        except (OSError, ValueError) as error:
            raise DataError(f"the engine left no readable engine.json: {error}") from None
        return cls(
            status=engine["status"],
            where=engine.get("where"),
            error=engine.get("error"),
            wall_seconds=wall_seconds,
            virtual_seconds=engine.get("engine_seconds"),
            clock=clock,
            facts={**engine.get("versions", {}), **facts},
        )


class Place(Protocol):
    """Somewhere a plan can be run."""

    name: str

    def check(self, plan: RunPlan) -> tuple[Missing, ...]:
        """Return what this place lacks to run ``plan``."""
        ...

    def run(self, plan: RunPlan, run_dir: Path, progress: Progress, stop: Stop) -> PlaceResult:
        """Run ``plan``; leave ``events.jsonl`` and ``raw/`` in ``run_dir``."""
        ...
