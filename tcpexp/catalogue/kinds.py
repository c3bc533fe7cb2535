"""What a spec can name: the kinds of items, our own, and what each derives from."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tcpexp.errors import SpecError


@dataclass(frozen=True)
class Kind:
    """One kind of item.

    ``name`` is the plural by which it is listed (and the end of its entry points' group), ``word``
    the singular. ``builtin`` is the module that lists ours in ``BUILTIN``, name to class; ``base``
    is the class that each derives from, as ``module.class``.
    """

    name: str
    word: str
    builtin: str | None
    base: str

    @property
    def group(self) -> str:
        """The entry points by which installed packages add items."""
        return f"tcpexp.{self.name}"

    def builtins(self) -> Mapping[str, Any]:
        """Return ours: name to class, each imported when it is asked for."""
        if self.builtin is None:
            return {}
        found: Mapping[str, Any] = importlib.import_module(self.builtin).BUILTIN
        return found

    def holds(self, item: type) -> bool:
        """Return whether a class derives from the kind's base."""
        return self.base in {f"{base.__module__}.{base.__qualname__}" for base in item.__mro__[1:]}


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("actions", "action", "tcpexp.actions", "tcpexp.actions.base.Action"),
        Kind("checks", "check", "tcpexp.checks", "tcpexp.checks.base.Check"),
        Kind("recorders", "recorder", "tcpexp.recorders", "tcpexp.recorders.base.RecorderModel"),
        Kind("plots", "plot", "tcpexp.plots", "tcpexp.plots.base.Plot"),
        Kind("topologies", "topology", None, "mininet.topo.Topo"),
    )
}


def item_name(kind: str, item: type) -> str:
    """Return the word by which a spec names a class.

    It is ``do`` of an action, ``name`` of the others.
    """
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


def says_its_name(item: type) -> bool:
    """Return whether a class has a word of its own by which a spec could name it."""
    fields = getattr(item, "model_fields", {})
    default = fields["do"].default if "do" in fields else getattr(item, "name", None)
    return isinstance(default, str) and bool(default)


def is_template(item: type, classes: list[type]) -> bool:
    """Return whether a plugin's class is only there for others to derive from.

    pydantic leaves each generic that a module fills in (``Compared[Duration]``) in that module; it
    is nobody's class. A generic with open parameters cannot be used by a spec. A base class without
    a name of its own is one when another class of the plugin derives from it.
    """
    generic = getattr(item, "__pydantic_generic_metadata__", None) or {}
    if generic.get("origin") is not None or generic.get("parameters"):
        return True
    return not says_its_name(item) and any(item in other.__mro__[1:] for other in classes)
