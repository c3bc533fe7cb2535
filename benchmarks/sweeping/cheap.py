"""A workplace whose runs cost next to nothing: what is left is the sweep itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tcpexp.errors import Missing
from tcpexp.places.base import PlaceResult
from tcpexp.plan.types import RunPlan
from tcpexp.telling import TellPhase

WORKPLACE = "sweeping.cheap:CheapWorkplace"


class CheapPlace:
    """Leaves what an engine would have left of a run in which nothing was recorded but
    one counter.
    """

    name = "uml"
    clock = "virtual"

    def part(self, name: str) -> str | None:
        """Have no parts."""
        return None

    def check(self, plan: RunPlan) -> tuple[Missing, ...]:
        """Lack nothing."""
        return ()

    def run(
        self, plan: RunPlan, run_dir: Path, progress: TellPhase, stop: Callable[[], bool]
    ) -> PlaceResult:
        """Write a counter that is 0 and then the seed."""
        raw = run_dir / "raw"
        (raw / "counters").mkdir(parents=True)
        blocks = "".join(
            f"# t_ns={t}\nTcp: ActiveOpens OutSegs\nTcp: 0 {count}\n"
            for t, count in ((0, 0), (10**9, plan.seed))
        )
        (raw / "counters" / "h1.txt").write_text(blocks)
        (run_dir / "events.jsonl").write_text("")
        ended = {"status": "complete", "where": None, "error": None, "end_ns": 10**9}
        (raw / "engine.json").write_text(
            json.dumps(
                {
                    **ended,
                    "t0_realtime_ns": 0,
                    "t0_monotonic_ns": 0,
                    "versions": {"kernel": "6.1.0"},
                }
            )
        )
        return PlaceResult.from_engine(raw, wall_seconds=0.0, clock="virtual", facts={})


class CheapWorkplace:
    """The kind of place."""

    name = WORKPLACE

    def missing(self) -> tuple[Missing, ...]:
        """Lack nothing."""
        return ()

    def identity(self) -> dict[str, str]:
        """Return what all of them have."""
        return {"engine": "cheap"}

    def fit(self, asked: dict[str, str]) -> tuple[str, str] | None:
        """Need nothing."""
        return None

    def open(self) -> CheapPlace:
        """Return the place."""
        return CheapPlace()
