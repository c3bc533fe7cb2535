"""How to make a run: what the command line, or a caller, asks for."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from tcpexp.places.base import Clock
from tcpexp.places.registry import AUTO


@dataclass(frozen=True)
class RunOptions:
    """How to run: place, clock, kernel, seed (None: the spec's), ``path=value`` overrides, results
    folder, the command line to record.

    ``on`` is a place's name, ``guest`` (the best virtual clock) or ``auto``; ``kernel`` a name, or
    the beginning of a hash.

    ``figures``: draw the spec's plots as files too, SVG and PNG. ``folder`` is where files lie that
    the spec names, beside it unless given: for a spec that was changed and not saved.

    ``allow_modules``: congestion controls of the spec's own may be loaded into this machine's
    kernel.
    """

    on: str = AUTO
    clock: Clock | None = None
    kernel: str | None = None
    seed: int | None = None
    overrides: tuple[str, ...] = ()
    out: Path | None = None
    command: tuple[str, ...] = ()
    figures: bool = False
    folder: Path | None = None
    allow_modules: bool = False


def command_text(options: RunOptions, more: str = "") -> str:
    """Return the command line as given, for a hint."""
    text = shlex.join(options.command) if options.command else "tcpexp run SPEC"
    return f"{text} {more}".rstrip()
