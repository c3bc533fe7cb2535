"""``Catalogue``: one registry per kind, filled from our lists, entry points and plugins."""

from __future__ import annotations

import functools
import importlib.metadata
import linecache
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.catalogue.kinds import KINDS, Kind, is_template, item_name
from tcpexp.errors import SpecError
from tcpexp.record.tables import TABLES
from tcpexp.registry import Registry

if TYPE_CHECKING:
    from tcpexp.plan.types import RunPlan
    from tcpexp.record.columns import TableSchema


class Catalogue:
    """One registry per kind. ``topologies`` holds only those of others; files in ``topologies/``
    are found by name.

    ``runs_code`` false: Python files that lie beside a spec (plugins, topologies) are refused, for
    specs of people whom one need not trust.
    """

    def __init__(self, *, runs_code: bool = True) -> None:
        self.runs_code = runs_code
        self.actions: Registry[Any] = Registry("action")
        self.checks: Registry[Any] = Registry("check")
        self.recorders: Registry[Any] = Registry("recorder")
        self.plots: Registry[Any] = Registry("plot")
        self.topologies: Registry[Any] = Registry("topology")
        #: text of each plugin file by its name in the spec
        self.plugins: dict[str, str] = {}

    def registry(self, kind: str) -> Registry[Any]:
        """Return the registry of ``actions``, ``checks``, ``recorders``, ``plots`` or
        ``topologies``.
        """
        registry: Registry[Any] = getattr(self, kind)
        return registry

    def tables(self) -> dict[str, TableSchema]:
        """Return the tables that recorders bring, by name.

        Raises ``SpecError`` when two have one name, or when it is that of a table of every run.
        """
        tables: Registry[TableSchema] = Registry("table")
        for name, table in TABLES.items():
            tables.add(name, table)
        brought = [model.table for _, model in self.recorders if model.table is not None]
        for table in brought:
            tables.add(table.name, table)
        return {table.name: table for table in brought}

    def load_plugin(self, folder: Path, name: str) -> None:
        """Add what the Python file ``name`` beside a spec defines; raises ``SpecError``."""
        if not self.runs_code:
            cause = (
                f"the spec brings a program of its own, '{name}', which would run on this machine"
            )
            raise SpecError(cause, hint="read it, and run it yourself if you trust it")
        if Path(name).is_absolute() or ".." in Path(name).parts or not name.endswith(".py"):
            raise SpecError(
                f"'{name}' is not a Python file beside the spec",
                hint="write a relative path such as my_checks.py",
            )
        try:
            source = (folder / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise SpecError(
                f"there is no file '{name}' beside the spec", hint=f"looked for {folder / name}"
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise SpecError(f"cannot read '{name}': {error}") from None
        self.load_plugin_text(name, source, file=str(folder / name))

    def load_plugin_text(self, name: str, source: str, *, file: str | None = None) -> None:
        """Add what a plugin's ``source`` defines; a plugin that is known already is left alone."""
        if name in self.plugins:
            return
        module = types.ModuleType(
            "tcpexp_plugin_" + "".join(letter if letter.isalnum() else "_" for letter in name)
        )
        module.__file__ = file or name
        sys.modules[module.__name__] = module
        # so that the text of its functions is found even where there is no such file
        linecache.cache[module.__file__] = (
            len(source),
            None,
            source.splitlines(keepends=True),
            module.__file__,
        )
        try:
            exec(compile(source, module.__file__, "exec"), module.__dict__)
            self._add_module(module)
        except SpecError:
            raise
        except Exception as error:
            # the plugin is the user's own program: anything can go wrong in it
            raise SpecError(
                f"the plugin '{name}' fails: {type(error).__name__}: {error}",
                hint=_line_of(error, module.__file__),
            ) from error
        self.plugins[name] = source

    def _add_module(self, module: types.ModuleType) -> None:
        """Add a module's classes, or call its ``register(catalogue)``."""
        register = getattr(module, "register", None)
        if callable(register):
            register(self)
            return
        classes = [
            value
            for value in vars(module).values()
            if isinstance(value, type) and value.__module__ == module.__name__
        ]
        for item in dict.fromkeys(classes):
            if not is_template(item, classes):
                self.add(item)

    def add(self, item: type) -> None:
        """Register a class by what it derives from.

        A class that derives from none of ours is left alone.
        """
        for kind in KINDS.values():
            if kind.holds(item):
                self.registry(kind.name).add(item_name(kind.name, item), item)

    def add_later(self, kind: Kind, name: str, load: Callable[[], Any]) -> None:
        """Register what ``load`` returns when the name is first asked for.

        Then ``SpecError`` is raised for what does not derive from the kind's base.
        """
        self.registry(kind.name).add_later(name, functools.partial(_checked, kind, name, load))


def load_catalogue(*, entry_points: bool = True, runs_code: bool = True) -> Catalogue:
    """Return a catalogue of the built-ins and of what installed packages bring as entry points
    ``tcpexp.<kind>``.

    Nothing is imported yet: a package that cannot be loaded raises ``SpecError`` when its item is
    asked for.
    """
    catalogue = Catalogue(runs_code=runs_code)
    for kind in KINDS.values():
        builtins = kind.builtins()
        for name in builtins:
            catalogue.add_later(kind, name, functools.partial(builtins.__getitem__, name))
    if entry_points:
        installed = importlib.metadata.entry_points()
        for kind in KINDS.values():
            for entry in installed.select(group=kind.group):
                catalogue.add_later(
                    kind, entry.name, functools.partial(_load_entry, entry, kind.word)
                )
    return catalogue


def catalogue_for(plan: RunPlan) -> Catalogue:
    """Return the catalogue of a plan: with the plugins that travel in it, so that a run can be read
    without its spec.
    """
    catalogue = load_catalogue()
    texts = {file.path: file.content for file in plan.files}
    for name in plan.plugins:
        catalogue.load_plugin_text(name, texts[f"plugins/{name}"])
    return catalogue


def _checked(kind: Kind, name: str, load: Callable[[], Any]) -> Any:
    item = load()
    if not (isinstance(item, type) and kind.holds(item)):
        raise SpecError(
            f"the {kind.word} '{name}' is none: {item!r}", hint=f"derive it from {kind.base}"
        )
    return item


def _load_entry(entry: importlib.metadata.EntryPoint, word: str) -> Any:
    try:
        return entry.load()
    except Exception as error:  # another package's code
        package = entry.dist.name if entry.dist else entry.value
        cause = (
            f"the installed package '{package}' fails to load its {word} '{entry.name}': {error}"
        )
        raise SpecError(cause, hint=f"mend or remove it: pip uninstall {package}") from error


def _line_of(error: Exception, file: str) -> str | None:
    """Return the line of the plugin in which ``error`` was raised."""
    line = getattr(error, "lineno", None)
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{file}:{line}" if line else None
