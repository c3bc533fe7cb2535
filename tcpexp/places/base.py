"""What a place is: somewhere a plan can be run; and what a kind of place can be asked.

A new kind of place is a folder with a class derived from :class:`PlaceKind` and a line in
``registry.py``, or in the metadata of a package of its own (docs/guides/extending.md).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypedDict

from tcpexp.errors import DataError, Missing, SpecError
from tcpexp.machine.findings import Finding
from tcpexp.plan.types import RunPlan
from tcpexp.record.files import ENGINE
from tcpexp.record.summary import EngineSummary
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
            engine: EngineSummary = json.loads((raw / ENGINE).read_text())
        except (OSError, ValueError) as error:
            raise DataError(f"the engine left no readable {ENGINE}: {error}") from None
        return cls(
            status=engine["status"],
            where=engine.get("where"),
            error=engine.get("error"),
            wall_seconds=wall_seconds,
            virtual_seconds=engine.get("engine_seconds"),
            clock=clock,
            facts={**engine.get("versions", {}), **facts},
        )


class GuestState(TypedDict, total=False):
    """The last word of what runs inside: the phase (``done`` at the end) and the experiment's time.

    Then also how the engine ended, or why it could not.
    """

    phase: str
    t: float
    status: int
    error: str


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
    ``allow_modules``: modules of the plan's own may be loaded into a kernel that is not the run's
    alone.
    """

    clock: Clock | None = None
    kernel: str | None = None
    image: str | None = None
    trusted: bool = True
    allow_modules: bool = False


class Part(Protocol):
    """A kind of thing that places are made of and that can be handed on by its hash.

    ``name`` is its word in a place's identity, ``commands`` the group of commands that hands it on.
    """

    name: str
    commands: str

    def find(self, sha256: str) -> bool:
        """Return whether this machine has it."""
        ...

    def export(self, sha256: str, path: Path) -> None:
        """Write it to an archive. Raises ``HostError`` when it is not here."""
        ...

    def take(self, path: Path, sha256: str) -> None:
        """Put that of an archive into the cache, verified, without making it the one in use."""
        ...


class PlaceKind(Protocol):
    """A kind of place, as the registry knows it.

    What has a value or a body here is what most kinds want; a kind says where it differs.
    """

    #: What ``--on`` takes.
    name: str
    #: A heading, such as ``User-Mode Linux (no root needed)``.
    title: str
    #: What follows "was made ...".
    words: str
    #: What it is, in a few words.
    what: str
    #: The clocks that it offers, the usual one first.
    clocks: tuple[Clock, ...]
    needs_root: bool = False
    #: Whether one of several kernels can be chosen.
    has_kernels: bool = False
    #: Whether its clock moves while a program computes.
    computing_takes_time: bool = True
    #: Whether there is a prompt in it (:meth:`shell`).
    has_shell: bool = False

    def parts(self) -> tuple[Part, ...]:
        """Return what it is made of, in the order in which a worker asks for them."""
        return ()

    def describe(self) -> str:
        """Return what one should know before choosing it, in words."""
        clocks = " or ".join(self.clocks)
        root = "needs root" if self.needs_root else "needs no root"
        kernels = "; --kernel chooses the kernel" if self.has_kernels else ""
        return f"{self.what}; on the {clocks} clock; {root}{kernels}"

    def missing(self) -> tuple[Missing, ...]:
        """Return what this machine lacks for any run in such a place."""
        ...

    def unmade(self, kernels: Sequence[str] = ()) -> tuple[str, ...]:
        """Return what set-up has still to make before a run: ``image``, or the name of a kernel.

        ``kernels`` are those that are wanted: none means the one in use, ``all`` means all.
        """
        return ()

    def prepare(self, wanted: Wanted, say: Say) -> None:
        """Make what a run needs and is not there yet."""
        return None

    def open(self, wanted: Wanted, say: Say) -> Place:
        """Return the place. Raises ``SpecError`` for a clock or kernel that it does not offer."""
        ...

    def identity(self, wanted: Wanted) -> dict[str, str]:
        """Return what decides a capture's bytes besides the plan; builds what is not there.

        Empty where the same plan does not give the same bytes again.
        """
        return {}

    def slot(self) -> AbstractContextManager[int]:
        """Hold the number that keeps a run's addresses apart from those of runs beside it."""
        return nullcontext(0)

    def examine(self, say: Say) -> list[Finding]:
        """Look at what such a place needs of this machine; builds nothing, changes nothing."""
        ...

    def leftovers(self) -> list[str]:
        """Remove what killed runs left, as far as this user may; return what went, in words."""
        return []

    def has_leftovers_for_root(self) -> bool:
        """Return whether killed runs may have left what only root may remove."""
        return False

    def shell(self, say: Say) -> int:
        """Open a prompt in such a place on this terminal; return its exit status."""
        raise SpecError(f"there is no prompt in {self.name}")
