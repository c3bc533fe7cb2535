"""Where the runs of a study are made, and what else than the plan decides their results.

A study names its workplace: a kind of place, or ``module:class``. So a worker on another machine
can make one of its own, and tests (and others) can bring a place of their own.
"""

from __future__ import annotations

import dataclasses
import importlib
from typing import TYPE_CHECKING, Any, Protocol

from tcpexp.errors import HostError, Missing, SpecError
from tcpexp.places.base import Wanted
from tcpexp.places.registry import GUEST, all_parts, choose_kind
from tcpexp.telling import say_nothing

if TYPE_CHECKING:
    from tcpexp.places.base import Place


#: Before a place's name: what runs there may mean harm.
UNTRUSTED = "untrusted/"


class Workplace(Protocol):
    """A kind of place, and its identity.

    Two runs of one plan in places of equal identity give the same tables. ``name`` is what a
    worker loads.
    """

    name: str

    def identity(self) -> dict[str, str]:
        """Return what decides the results besides the plan, by name: image, kernel, engine."""
        ...

    def open(self) -> Place:
        """Return the place to run in."""
        ...

    def fit(self, asked: dict[str, str]) -> tuple[str, str] | None:
        """Take up what a study of the identity ``asked`` is made with.

        Returns:
            The part (``image``, ``kernel``) and sha256 of what must come first, if something must.
        """
        ...

    def missing(self) -> tuple[Missing, ...]:
        """Return what this machine lacks."""
        ...


class KindWorkplace:
    """A virtual place on its virtual clock: repeatable bit for bit."""

    def __init__(self, on: str = GUEST, kernel: str | None = None, *, trusted: bool = True) -> None:
        self.wanted = Wanted("virtual", kernel, trusted=trusted)
        self.kind = choose_kind(on, self.wanted, "tcpexp sweep")
        self.name = self.kind.name if trusted else f"{UNTRUSTED}{self.kind.name}"

    def missing(self) -> tuple[Missing, ...]:
        """Return what this machine lacks for such a place."""
        return self.kind.missing()

    def identity(self) -> dict[str, str]:
        """Return the place's kind and the hashes of its parts; builds what is not there."""
        return {"place": self.kind.name, **self.kind.identity(self.wanted)}

    def open(self) -> Place:
        """Return the place."""
        return self.kind.open(self.wanted, say_nothing)

    def fit(self, asked: dict[str, str]) -> tuple[str, str] | None:
        """Use the study's parts where this machine has them; return the first that it has not."""
        parts = {}
        for name, part in all_parts().items():
            sha256 = asked.get(name)
            if sha256 is not None:
                if not part.find(sha256):
                    return name, sha256
                parts[name] = sha256
        self.wanted = dataclasses.replace(self.wanted, **parts)  # type: ignore[arg-type]
        return None


def load_workplace(name: str, kernel: str | None = None) -> Workplace:
    """Return the workplace of a place's name or ``module:class``; raises ``SpecError``."""
    if name.startswith(UNTRUSTED):
        return KindWorkplace(name.removeprefix(UNTRUSTED), kernel, trusted=False)
    module, colon, attribute = name.partition(":")
    if not colon:
        return KindWorkplace(name, kernel)
    given = {} if kernel is None else {"kernel": kernel}
    try:
        made: Workplace = getattr(importlib.import_module(module), attribute)(**given)
    except TypeError:
        if kernel is None:
            raise
        raise SpecError(
            f"the workplace '{name}' has no kernels, and {kernel} is asked for"
        ) from None
    except (ImportError, AttributeError) as error:
        raise SpecError(
            f"there is no workplace '{name}': {error}", hint="write module:class"
        ) from None
    return made


def require_identity(mine: dict[str, str], asked: dict[str, str], where: str) -> None:
    """Raise ``HostError`` when this worker would not make the runs that the study is made of."""
    differing = sorted(name for name in {*mine, *asked} if mine.get(name) != asked.get(name))
    if differing:
        words = ", ".join(
            f"{name} {_short(mine.get(name))} instead of {_short(asked.get(name))}"
            for name in differing
        )
        hint = (
            "a worker needs the same version of tcpexp, the same kernel or QEMU and the same guest "
            "image as the machine that began the study"
        )
        if differing == ["memory"]:
            hint = (
                "its template was booted otherwise: remove the folder templates of tcpexp's cache "
                "(tcpexp guest info) there, so that it is made again"
            )
        raise HostError(f"the worker on {where} has {words}", hint=hint)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 16 else f"{text[:12]}..."
