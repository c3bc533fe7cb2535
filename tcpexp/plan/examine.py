"""``load_plan``: a spec's file to its plan, or all the mistakes in it.

Reading, models and compiling each stop at what they cannot go on with, and a mistake in one hides
those of the next. So what is wrong is left out (``tcpexp.plan.leaveout``) and the rest is looked at
again, until nothing is wrong any more. What only follows from a mistake, or from leaving it out, is
not reported.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tcpexp.errors import SpecError, SpecErrors
from tcpexp.plan.compile import compile_plan
from tcpexp.plan.leaveout import Remainder
from tcpexp.spec.load import order_of, read_source, validate_source

if TYPE_CHECKING:
    from tcpexp.plan.types import RunPlan
    from tcpexp.spec.source import Source
    from tcpexp.spec.vocabulary import Vocabulary

#: After so many looks, or mistakes, there is enough to mend.
MAX_LOOKS, MAX_ERRORS = 40, 40


@dataclass(frozen=True)
class Examined:
    """A spec's plan, None when there are mistakes.

    ``rest`` is what is left without them, None when nothing can be made of it.
    """

    plan: RunPlan | None
    errors: tuple[SpecError, ...]
    rest: Source | None


def load_plan(
    given: Path | Source,
    catalogue: Vocabulary,
    *,
    overrides: Iterable[str] = (),
    seed: int | None = None,
    slot: int = 0,
    folder: Path | None = None,
) -> RunPlan:
    """Return the plan of the spec that is given; the files that it names lie in ``folder``, beside
    the spec unless given.

    Raises ``SpecErrors`` with the mistakes of all stages, in the file's order.
    """
    source = read_source(given, overrides, folder)
    examined = examine_spec(source, catalogue, seed=seed, slot=slot)
    if examined.plan is None:
        raise SpecErrors(list(examined.errors))
    return examined.plan


def examine_spec(
    source: Source, catalogue: Vocabulary, *, seed: int | None = None, slot: int = 0
) -> Examined:
    """Return the plan of what ``source`` holds, or every mistake in it."""
    remainder = Remainder(source)
    found: list[SpecError] = []
    for _ in range(MAX_LOOKS):
        errors, plan = _look(remainder.source, catalogue, seed, slot)
        if plan is not None:
            return Examined(None if found else plan, _sorted(found), remainder.source)
        seen = {(str(error.where), error.message) for error in found}
        found += [
            error
            for error in errors
            if remainder.is_news(error) and (str(error.where), error.message) not in seen
        ]
        if len(found) >= MAX_ERRORS or not remainder.leave_out(errors):
            break
    return Examined(None, _sorted(found or errors), None)


def _look(
    source: Source, catalogue: Vocabulary, seed: int | None, slot: int
) -> tuple[list[SpecError], RunPlan | None]:
    """Return the mistakes that are seen first, or the plan."""
    try:
        return [], compile_plan(validate_source(source, catalogue), catalogue, seed=seed, slot=slot)
    except SpecErrors as several:
        return several.errors, None
    except SpecError as error:
        return [error], None


def _sorted(errors: Iterable[SpecError]) -> tuple[SpecError, ...]:
    return tuple(sorted(errors, key=order_of))
