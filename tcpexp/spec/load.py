"""``load_spec``: a YAML file to an ``ExperimentSpec``, or all that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from tcpexp.errors import Place, SpecError, SpecErrors
from tcpexp.spec.messages import translate
from tcpexp.spec.model import ExperimentSpec
from tcpexp.spec.overrides import override_source
from tcpexp.spec.source import Source, load_source

if TYPE_CHECKING:
    from tcpexp.catalogue import Catalogue


def load_spec(path: Path, catalogue: Catalogue | None = None, *, overrides: Iterable[str] = ()) -> ExperimentSpec:
    """Return the spec in ``path`` with the ``--set`` values ``overrides``; raises ``SpecErrors``, in the file's order.

    ``catalogue`` knows the actions, checks, recorders and plots (the built-in and installed ones when None); the spec's
    ``plugins:`` are added to it.
    """
    source = load_source(Path(path))
    return validate_source(override_source(source, overrides), catalogue)


def validate_source(source: Source, catalogue: Catalogue | None = None) -> ExperimentSpec:
    """Return the spec that ``source`` holds; raises ``SpecErrors``."""
    if catalogue is None:
        from tcpexp.catalogue import load_catalogue

        catalogue = load_catalogue()
    _load_plugins(source, catalogue)
    try:
        spec = ExperimentSpec.model_validate(source.raw, context={"catalogue": catalogue})
    except ValidationError as error:
        found = [SpecError(each.message, where=source.place(*each.path, key=each.key), hint=each.hint) for each in translate(error, ExperimentSpec, source.raw)]
        raise SpecErrors(sorted(found, key=_order)) from None
    spec._source = source
    return spec


def _load_plugins(source: Source, catalogue: Catalogue) -> None:
    """Add what the files under ``plugins:`` define; a wrong shape is left to the model to report."""
    names: Any = source.raw_at("plugins")
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list):
        return
    for index, name in enumerate(names):
        if isinstance(name, str):
            try:
                catalogue.load_plugin(source.folder, name)
            except SpecError as error:
                where = source.place("plugins", index)
                raise SpecErrors([SpecError(error.message, where=where, hint=error.hint)]) from None


def _order(error: SpecError) -> tuple[str, int, int]:
    where = error.where
    return (where.file, where.line, where.column) if isinstance(where, Place) else (str(where), 0, 0)
