"""``Spec``: an experiment's spec that Python reads, builds, changes and writes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp import paths
from tcpexp.catalogue import load_catalogue
from tcpexp.errors import SpecError, SpecErrors
from tcpexp.notebook.parts import part
from tcpexp.notebook.values import (
    IN_MEMORY,
    Settings,
    in_words_of_python,
    override_texts,
    path_text,
    plain,
    value_text,
)
from tcpexp.plan.examine import examine_spec
from tcpexp.spec.dump import dump_yaml
from tcpexp.spec.edit import REMOVED, edit_yaml, with_value
from tcpexp.spec.overrides import keys_at, override_keys, override_source
from tcpexp.spec.source import Source, load_source, source_of_text
from tcpexp.store.rundir import write_atomic

if TYPE_CHECKING:
    from tcpexp.plan.types import RunPlan


class Spec:
    """An experiment's spec: always a valid one.

    Made from the name of an experiment that ships, a file, YAML text (of several lines), a dict, or
    another ``Spec``; keyword arguments are keys of the spec, and go over what is given::

        spec = Spec("bbr_vs_cubic", duration="20s")
        spec.set("links.h1-h2.rate", "20mbit")
        spec["actions"].append({"at": "2s", "do": "mark", "text": "here"})
        spec.write("mine.yaml")

    What would make it invalid raises ``SpecErrors`` with all mistakes and changes nothing. Comments
    and the shape of the text stay as they are, but for what is changed.

    ``folder`` is where the files beside the spec (plugins, topologies, programs) lie: by default
    the file's folder, else the working directory.
    """

    def __init__(
        self,
        given: str | Path | Mapping[str, Any] | Spec | None = None,
        /,
        *,
        folder: str | Path | None = None,
        **keys: Any,
    ) -> None:
        self._plan: RunPlan | None = None
        source = _read(given, keys if given is None else {})
        if folder is not None:
            source = dataclasses.replace(source, folder=Path(folder).resolve())
        self._source = source
        if given is not None and keys:
            self._change(
                tuple(f"{name}={value_text(plain(value))}" for name, value in keys.items())
            )
        else:
            self._plan = self._valid(source)

    @property
    def name(self) -> str:
        """Its name, in folders and commands."""
        return str(self._source.raw["name"])

    @property
    def title(self) -> str:
        """Its heading."""
        return str(self._source.raw.get("title") or self.name)

    @property
    def source(self) -> Source:
        """The text with the place of every value, for ``tcpexp.api.run_experiment``."""
        return self._source

    def plan(self, *, seed: int | None = None) -> RunPlan:
        """Return the resolved plan: every default, name and address (``tcpexp.api.RunPlan``)."""
        if seed is not None:
            return self._valid(self._source, seed)
        self._plan = self._plan or self._valid(self._source)
        return self._plan

    def set(self, path: str | Mapping[str, Any] | Sequence[str], value: Any = None) -> Spec:
        """Change the value at ``path``, such as ``links.h1-h2.rate`` or ``actions[1].at``; return
        this spec.

        A dict, or a list of ``path=value`` texts, changes several values at once, for those that
        are valid only together. Raises ``SpecErrors``, and then nothing has changed.
        """
        given: Settings = {path: value} if isinstance(path, str) else path
        if isinstance(given, Mapping):
            given = {name: plain(item) for name, item in given.items()}
        self._change(override_texts(given))
        return self

    def get(self, path: str, default: Any = None) -> Any:
        """Return the value at ``path``, ``default`` when the spec does not say it."""
        try:
            keys = keys_at(self._source, path)
        except SpecErrors:
            return default
        value = self._source.raw_at(*keys)
        return default if value is None else part(self, keys)

    def copy(self) -> Spec:
        """Return a spec of its own that says the same."""
        return Spec(self)

    def __getitem__(self, key: str) -> Any:
        if key not in self._source.raw:
            raise KeyError(key)
        return part(self, (key,))

    def __setitem__(self, key: str, value: Any) -> None:
        self._put((key,), plain(value))

    def __delitem__(self, key: str) -> None:
        if key not in self._source.raw:
            raise KeyError(key)
        self._put((key,), REMOVED)

    def __contains__(self, key: object) -> bool:
        return key in self._source.raw

    def __iter__(self) -> Iterator[str]:
        return iter(self._source.raw)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and bool(self._source.raw == other._source.raw)

    __hash__ = None  # type: ignore[assignment]

    def to_dict(self) -> dict[str, Any]:
        """Return the spec as plain values of its own."""
        value: dict[str, Any] = plain(self._source.raw)
        return value

    def to_yaml(self) -> str:
        """Return the spec's text, comments included."""
        return self._source.text

    def write(self, path: str | Path) -> Path:
        """Write the spec as a file and return its path.

        Raises ``SpecErrors`` when it would not be valid there, for want of the files beside it.
        """
        target = Path(path)
        self._valid(dataclasses.replace(self._source, folder=target.absolute().parent))
        write_atomic(target, self._source.text)
        return target

    def __repr__(self) -> str:
        return f"Spec({self.name!r}: {self.title})"

    def _repr_html_(self) -> str:
        from tcpexp.notebook.shown import code_html

        return code_html(self.title, self._source.text)

    # what the parts use

    def _value_at(self, keys: tuple[str | int, ...]) -> Any:
        """Return the plain value at ``keys``; not to be changed."""
        return self._source.raw_at(*keys)

    def _put(self, keys: tuple[str | int, ...], value: Any) -> None:
        """Write a value at ``keys``, or take it away; raises ``SpecErrors``."""
        raw = self._source.raw_at(*keys[:-1])
        if value is not REMOVED and not (isinstance(raw, list) and keys[-1] == len(raw)):
            self._change((f"{path_text(keys)}={value_text(value)}",))
            return
        source = self._edited(self._source, keys, value)
        self._plan = self._valid(source)
        self._source = source

    def _change(self, texts: tuple[str, ...]) -> None:
        """Write ``path=value`` texts, if the spec is valid with all of them."""
        overridden = self._overridden(texts)
        plan = self._valid(overridden)
        source = self._source
        for text in texts:
            raw, keys, value = override_keys(source, text)
            if raw != source.raw:  # the topology's name has become a mapping
                source = self._edited(source, ("topology",), raw["topology"])
            source = self._edited(source, keys, value)
        self._source, self._plan = source, plan

    def _overridden(self, texts: tuple[str, ...]) -> Source:
        try:
            return override_source(self._source, texts)
        except SpecErrors as errors:
            raise in_words_of_python(errors) from None

    def _edited(self, source: Source, keys: tuple[str | int, ...], value: Any) -> Source:
        text = edit_yaml(source.text, keys, value, with_value(source.raw, keys, value))
        return dataclasses.replace(source_of_text(text, IN_MEMORY, source.folder))

    def _valid(self, source: Source, seed: int | None = None) -> RunPlan:
        examined = examine_spec(source, load_catalogue(), seed=seed)
        if examined.plan is None:
            errors = SpecErrors(list(examined.errors))
            raise in_words_of_python(errors) from None
        return examined.plan


def _read(given: str | Path | Mapping[str, Any] | Spec | None, keys: dict[str, Any]) -> Source:
    """Return what a spec is made from; raises ``SpecErrors``."""
    if isinstance(given, Spec):
        return given.source
    if given is None or isinstance(given, Mapping):
        raw = plain(keys if given is None else given)
        return source_of_text(dump_yaml(raw), IN_MEMORY, Path.cwd())
    if isinstance(given, str) and "\n" in given:
        try:
            return source_of_text(given, IN_MEMORY, Path.cwd())
        except SpecErrors as errors:
            raise in_words_of_python(errors) from None
    if not isinstance(given, str | Path):
        raise SpecError(
            f"a spec is not made from a {type(given).__name__}",
            hint="give an experiment's name, a file, YAML text, a dict or a Spec",
        )
    return load_source(paths.find_spec(str(given)))
