"""What each repetition of a study draws anew (``sweep: vary``): values, and what they set.

A draw follows from the run's seed and the value's name alone. So the same study draws the same
values everywhere. For one seed all combinations draw the same values, so that differences between
them can be paired by seed.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tcpexp.spec.expressions import number_of, parse_template
from tcpexp.studies.matrix import override_text

if TYPE_CHECKING:
    from tcpexp.spec.sweep import SweepSpec
    from tcpexp.studies.matrix import Cell


def share_of(name: str, seed: int) -> float:
    """Return a number from 0 to below 1, as good as random."""
    return int.from_bytes(hashlib.sha256(f"{name} {seed}".encode()).digest()[:6], "big") / 2**48


def draw_values(sweep: SweepSpec, seed: int) -> dict[str, str]:
    """Return what a run with ``seed`` draws, by name, as a spec would write it."""
    return {name: drawn.between(share_of(name, seed)) for name, drawn in sweep.vary.items()}


def drawn_numbers(sweep: SweepSpec, seed: int) -> dict[str, float]:
    """Return :func:`draw_values` in base units."""
    return {name: number_of(text) or 0.0 for name, text in draw_values(sweep, seed).items()}


def drawn_overrides(sweep: SweepSpec, cell: Cell, seed: int) -> tuple[list[str], list[str]]:
    """Return the ``--set`` texts of what a run draws, and for each the name of the value that it
    comes from. Raises ``QuantityError``.
    """
    texts, names = [], []
    values = {**cell.values, **drawn_numbers(sweep, seed)}
    for name, written in draw_values(sweep, seed).items():
        paths = sweep.vary[name].set
        settings = (
            {path: parse_template(text).value(values) for path, text in paths.items()}
            if isinstance(paths, dict)
            else dict.fromkeys(paths, written)
        )
        texts += [override_text(path, value) for path, value in settings.items()]
        names += [name] * len(settings)
    return texts, names
