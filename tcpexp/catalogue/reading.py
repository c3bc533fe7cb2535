"""``load_spec`` and ``load_plan``: a spec's file read with our words and those of installed
packages.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tcpexp.catalogue.catalogue import load_catalogue
from tcpexp.plan import examine
from tcpexp.spec import load

if TYPE_CHECKING:
    from tcpexp.catalogue.catalogue import Catalogue
    from tcpexp.plan.types import RunPlan
    from tcpexp.spec.model import ExperimentSpec
    from tcpexp.spec.source import Source


def load_spec(
    path: Path | Source, catalogue: Catalogue | None = None, *, overrides: Iterable[str] = ()
) -> ExperimentSpec:
    """Return the spec in ``path`` with the ``--set`` values ``overrides``; raises ``SpecErrors``,
    in the file's order.

    ``catalogue`` knows the actions, checks, recorders and plots: the built-in and installed ones
    when None. The spec's ``plugins:`` are added to it.
    """
    return load.load_spec(path, catalogue or load_catalogue(), overrides=overrides)


def load_plan(
    path: Path | Source,
    catalogue: Catalogue | None = None,
    *,
    overrides: Iterable[str] = (),
    seed: int | None = None,
    slot: int = 0,
    folder: Path | None = None,
) -> RunPlan:
    """Return the plan of the spec in ``path``, or raise all that is wrong with it.

    Raises ``SpecErrors``. ``seed`` and ``slot`` are those of ``compile_plan``; files that the spec
    names lie in ``folder``, beside it unless given.
    """
    return examine.load_plan(
        path,
        catalogue or load_catalogue(),
        overrides=overrides,
        seed=seed,
        slot=slot,
        folder=folder,
    )
