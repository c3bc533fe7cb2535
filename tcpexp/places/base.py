"""What a place is: somewhere a plan can be run; and what a kind of place can be asked.

A new kind of place is a folder with a class like :class:`PlaceKind` and a line in ``registry.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from tcpexp.errors import DataError, Missing
from tcpexp.machine.findings import Finding
from tcpexp.plan.types import RunPlan
from tcpexp.telling import Say, TellPhase

Clock = Literal["virtual", "real"]
#: Asked often; true means that the run shall end now and keep what it has.
Stop = Callable[[], bool]


@dataclass(frozen=True)
class PlaceResult:
    """How a run ended.

    ``status`` is ``complete``, ``interrupted`` or ``failed``; ``where`` and ``error`` say more.
    ``virtual_seconds`` is how long the run lasted on the place's own clock, from the first command
    to the last; ``facts`` are the place's part of the manifest.
    """

    status: str
    where: str | None
    error: str | None
    wall_seconds: float
    virtual_seconds: float | None
    clock: str
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_engine(
        cls, raw: Path, *, wall_seconds: float, clock: str, facts: dict[str, Any]
    ) -> PlaceResult:
        """Return the result that the engine left in ``raw/engine.json``.

        Raises:
            DataError: there is none.
        """
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
    """Somewhere a plan can be run, on the clock ``clock``."""

    name: str
    clock: Clock

    def check(self, plan: RunPlan) -> tuple[Missing, ...]:
        """Return what this place lacks to run ``plan``, found without building anything."""
        ...

    def part(self, name: str) -> str | None:
        """Return the sha256 of the image or kernel in use; None when there is none (yet)."""
        ...

    def run(self, plan: RunPlan, run_dir: Path, progress: TellPhase, stop: Stop) -> PlaceResult:
        """Run ``plan``; leave ``events.jsonl`` and ``raw/`` in ``run_dir``."""
        ...


@dataclass(frozen=True)
class Wanted:
    """Which variant of a place is wanted: all None is the usual one.

    ``kernel`` is a kernel's name or the beginning of its hash, ``image`` an image's sha256.
    ``trusted``: the plan's programs mean no harm; a place that can be faster for such may be.
    """

    clock: Clock | None = None
    kernel: str | None = None
    image: str | None = None
    trusted: bool = True


class PlaceKind(Protocol):
    """A kind of place, as the registry knows it.

    ``name`` is what ``--on`` takes, ``title`` a heading, ``words`` what follows "was made ...",
    ``clocks`` what it offers (the first is the usual one), ``needs_root`` whether a run does.
    """

    name: str
    title: str
    words: str
    clocks: tuple[Clock, ...]
    needs_root: bool

    def missing(self) -> tuple[Missing, ...]:
        """Return what this machine lacks for any run in such a place."""
        ...

    def open(self, wanted: Wanted, say: Say) -> Place:
        """Return the place. Raises ``SpecError`` for a clock or kernel that it does not offer."""
        ...

    def identity(self, wanted: Wanted) -> dict[str, str]:
        """Return what decides a capture's bytes besides the plan; builds what is not there.

        Empty where the same plan does not give the same bytes again.
        """
        ...

    def slot(self) -> AbstractContextManager[int]:
        """Hold the number that keeps a run's addresses apart from those of runs beside it."""
        ...

    def examine(self, say: Say) -> list[Finding]:
        """Look at what such a place needs of this machine; builds nothing, changes nothing."""
        ...

    def leftovers(self) -> list[str]:
        """Remove what killed runs left, as far as this user may; return what went, in words."""
        ...
