"""The catalogue: every action, check, recorder and plot by name: ours, those of installed packages,
those beside a spec.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.errors import SpecError
from tcpexp.registry import Registry

if TYPE_CHECKING:
    from tcpexp.plan.types import RunPlan
    from tcpexp.plots.base import Plot

#: Each kind and the module that lists its built-ins in ``BUILTIN``: name to class.
KINDS = {
    "actions": ("action", "tcpexp.actions"),
    "checks": ("check", "tcpexp.checks"),
    "recorders": ("recorder", "tcpexp.recorders"),
    "plots": ("plot", "tcpexp.plots"),
    "topologies": ("topology", None),
}


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

    def plot(self, name: str) -> type[Plot]:
        """Return a plot's class, which the registry may hold as ``module:class``.

        Raises ``SpecError`` with a suggestion.
        """
        from tcpexp.plots.base import load_plot

        item = self.plots.get(name)
        if isinstance(item, str):
            return load_plot(item)
        found: type[Plot] = item
        return found

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
        try:
            exec(compile(source, file or name, "exec"), module.__dict__)
            self._add_module(module)
        except SpecError:
            raise
        except Exception as error:
            # the plugin is the user's own program: anything can go wrong in it
            raise SpecError(
                f"the plugin '{name}' fails: {type(error).__name__}: {error}",
                hint=_where(error, file or name),
            ) from error
        self.plugins[name] = source

    def _add_module(self, module: types.ModuleType) -> None:
        """Add a module's classes, or call its ``register(catalogue)``."""
        register = getattr(module, "register", None)
        if callable(register):
            register(self)
            return
        own = [
            value
            for value in vars(module).values()
            if isinstance(value, type) and value.__module__ == module.__name__
        ]
        for value in dict.fromkeys(own):
            if not _is_template(value, own):
                self.add(value)

    def add(self, item: type) -> None:
        """Register a class by what it derives from.

        A class that derives from none of ours is left alone.
        """
        bases = {base.__module__ + "." + base.__qualname__ for base in item.__mro__[1:]}
        for base, kind in _BASES.items():
            if base in bases:
                self.registry(kind).add(item_name(kind, item), item)


#: What a plugin's class derives from, and the kind that makes it.
_BASES = {
    "tcpexp.actions.base.Action": "actions",
    "tcpexp.checks.base.Check": "checks",
    "tcpexp.recorders.base.RecorderModel": "recorders",
    "tcpexp.plots.base.Plot": "plots",
    "mininet.topo.Topo": "topologies",
}


def _is_template(item: type, classes: list[type]) -> bool:
    """Return whether a plugin's class is only there for others to derive from.

    pydantic leaves each generic that a module fills in (``Compared[Duration]``) in that module; it
    is nobody's class. A generic with open parameters cannot be used by a spec. A base class without
    a name of its own is one when another class of the plugin derives from it.
    """
    generic = getattr(item, "__pydantic_generic_metadata__", None) or {}
    if generic.get("origin") is not None or generic.get("parameters"):
        return True
    return not _says_its_name(item) and any(item in other.__mro__[1:] for other in classes)


def _says_its_name(item: type) -> bool:
    fields = getattr(item, "model_fields", {})
    default = fields["do"].default if "do" in fields else getattr(item, "name", None)
    return isinstance(default, str) and bool(default)


def item_name(kind: str, item: type) -> str:
    """Return the word by which a spec names a class: ``do`` of an action, ``name`` of the others."""
    fields = getattr(item, "model_fields", {})
    default = (
        fields["do"].default
        if kind == "actions" and "do" in fields
        else getattr(item, "name", None)
    )
    if not isinstance(default, str) or not default:
        what = "do: Literal['...'] = '...'" if kind == "actions" else "name = '...'"
        raise SpecError(
            f"the class {item.__name__} does not say its name", hint=f"add {what} to it"
        )
    return default


def load_catalogue(*, entry_points: bool = True, runs_code: bool = True) -> Catalogue:
    """Return a catalogue of the built-ins and of what installed packages bring as entry points
    ``tcpexp.<kind>``.
    """
    catalogue = Catalogue(runs_code=runs_code)
    for kind, (_, module) in KINDS.items():
        if module is not None:
            builtin = importlib.import_module(module).BUILTIN
            for name in builtin:
                catalogue.registry(kind).add_later(
                    name, functools.partial(builtin.__getitem__, name)
                )
    if entry_points:
        installed = importlib.metadata.entry_points()
        for kind in KINDS:
            for entry in installed.select(group=f"tcpexp.{kind}"):
                catalogue.registry(kind).add(entry.name, _load_entry(entry, kind))
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


def _load_entry(entry: importlib.metadata.EntryPoint, kind: str) -> Any:
    try:
        return entry.load()
    except Exception as error:  # another package's code
        package = entry.dist.name if entry.dist else entry.value
        cause = (
            f"the installed package '{package}' fails to load its {KINDS[kind][0]} '{entry.name}':"
            f" {error}"
        )
        raise SpecError(cause, hint=f"mend or remove it: pip uninstall {package}") from error


def _where(error: Exception, file: str) -> str | None:
    """Return the line of the plugin in which ``error`` was raised."""
    line = getattr(error, "lineno", None)
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{file}:{line}" if line else None
