"""``load_spec``: a YAML file to an ``ExperimentSpec``, or all that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from tcpexp.errors import Position, SpecError, SpecErrors
from tcpexp.spec.messages import translate
from tcpexp.spec.model import ExperimentSpec
from tcpexp.spec.overrides import override_source
from tcpexp.spec.owncontrol import OWN_NAMES, declared_names
from tcpexp.spec.source import Source, load_source

if TYPE_CHECKING:
    from tcpexp.spec.vocabulary import Vocabulary


def load_spec(
    given: Path | Source, catalogue: Vocabulary, *, overrides: Iterable[str] = ()
) -> ExperimentSpec:
    """Return the spec that is given with the ``--set`` values ``overrides``; raises ``SpecErrors``,
    in the file's order.

    ``catalogue`` knows the actions, checks, recorders and plots; the spec's ``plugins:`` are added
    to it.
    """
    return validate_source(read_source(given, overrides), catalogue)


def read_source(
    given: Path | Source, overrides: Iterable[str] = (), folder: Path | None = None
) -> Source:
    """Return a file, or what was read already, with the ``--set`` values in it.

    What it names is looked for in ``folder``, beside it unless given. What is wrong and does
    not keep the rest from being read is in its ``errors``.
    """
    source = given if isinstance(given, Source) else load_source(Path(given), folder)
    return override_source(source, overrides, keep_errors=True)


def validate_source(source: Source, catalogue: Vocabulary) -> ExperimentSpec:
    """Return the spec that ``source`` holds; raises ``SpecErrors``."""
    found = [*source.errors, *_load_plugins(source, catalogue)]
    spec: ExperimentSpec | None = None
    try:
        own = declared_names(source.raw, source.folder)
        context = {"catalogue": catalogue, OWN_NAMES: own}
        spec = ExperimentSpec.model_validate(source.raw, context=context)
    except ValidationError as error:
        for finding in translate(error, ExperimentSpec, source.raw):
            found.append(
                SpecError(
                    finding.message,
                    where=source.place(*finding.path, key=finding.key),
                    hint=finding.hint,
                    instead=finding.instead,
                )
            )
    if found or spec is None:
        raise SpecErrors(sorted(found, key=order_of))
    spec._source = source
    return spec


def _load_plugins(source: Source, catalogue: Vocabulary) -> list[SpecError]:
    """Add what the files under ``plugins:`` define, and return what is wrong with them.

    A wrong shape is left to the model to report.
    """
    names: Any = source.raw_at("plugins")
    names = [names] if isinstance(names, str) else names
    errors: list[SpecError] = []
    for index, name in enumerate(names if isinstance(names, list) else ()):
        if isinstance(name, str):
            try:
                catalogue.load_plugin(source.folder, name)
            except SpecError as error:
                where = source.place("plugins", index)
                errors.append(SpecError(error.message, where=where, hint=error.hint))
    return errors


def order_of(error: SpecError) -> tuple[str, int, int]:
    """Return what sorts errors as they stand in the file."""
    where = error.where
    return (
        (where.file, where.line, where.column)
        if isinstance(where, Position)
        else (str(where), 0, 0)
    )
