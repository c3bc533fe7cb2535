"""Where the runs of a study are made, and what else than the plan decides their results.

A study names its workplace as ``module:class``, so that a worker on another machine can make one of its own, and so that tests (and others)
can bring a place of their own.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Protocol

from tcpexp.errors import HostError, Missing, SpecError

if TYPE_CHECKING:
    from tcpexp.places.base import Place

GUEST = "tcpexp.sweep.workplace:GuestWorkplace"


class Workplace(Protocol):
    """A kind of place, and its identity: two runs of one plan in places of equal identity give the same tables."""

    def identity(self) -> dict[str, str]:
        """Return what decides the results besides the plan, by name: image, engine, emulator."""
        ...

    def open(self) -> Place:
        """Return the place to run in."""
        ...

    def fit(self, asked: dict[str, str]) -> str | None:
        """Take up what a study of the identity ``asked`` is made with; return the sha256 of a guest image that must come first, if one must."""
        ...

    def missing(self) -> tuple[Missing, ...]:
        """Return what this machine lacks."""
        ...


class GuestWorkplace:
    """The guest on its virtual clock: repeatable bit for bit."""

    def __init__(self) -> None:
        self.image_sha256: str | None = None

    def missing(self) -> tuple[Missing, ...]:
        """Return what this machine lacks to start a guest."""
        from tcpexp.places.guest import machine

        return machine.qemu_missing()

    def identity(self) -> dict[str, str]:
        """Return the hashes of the image, of the template's ingredients (engine, QEMU, shim, machine) and of the booted guest's memory.

        Equal ingredients give equal memory; should they ever not, the runs would differ, and this tells it before. Builds what is not there.
        """
        from tcpexp.places.guest.image import build_image, find_image
        from tcpexp.places.guest.machine import qemu_version
        from tcpexp.places.guest.template import build_template

        image = find_image(self.image_sha256) or build_image(_silent)
        template = build_template(image, _silent)
        return {"image": image.sha256, "qemu": qemu_version(), "template": template.key, "memory": str(template.facts.get("ram_sha256"))}

    def open(self) -> Place:
        """Return the guest."""
        from tcpexp.places.guest.place import GuestPlace

        return GuestPlace("virtual", image_sha256=self.image_sha256)

    def fit(self, asked: dict[str, str]) -> str | None:
        """Use the study's image where this machine has it, in use or kept; return its hash where it has not."""
        from tcpexp.places.guest.image import find_image

        sha256 = asked.get("image")
        if sha256 is None:
            return None
        if find_image(sha256) is None:
            return sha256
        self.image_sha256 = sha256
        return None


def load_workplace(name: str) -> Workplace:
    """Return the workplace ``module:class``; raises ``SpecError``."""
    module, _, attribute = name.partition(":")
    try:
        made: Workplace = getattr(importlib.import_module(module), attribute)()
    except (ImportError, AttributeError) as error:
        raise SpecError(f"there is no workplace '{name}': {error}", hint="write module:class") from None
    return made


def require_identity(mine: dict[str, str], asked: dict[str, str], where: str) -> None:
    """Raise ``HostError`` when this worker would not make the runs that the study is made of."""
    differing = sorted(name for name in {*mine, *asked} if mine.get(name) != asked.get(name))
    if differing:
        words = ", ".join(f"{name} {_short(mine.get(name))} instead of {_short(asked.get(name))}" for name in differing)
        hint = "a worker needs the same version of tcpexp, the same QEMU and the same guest image as the machine that began the study"
        if differing == ["memory"]:
            hint = "its template was booted otherwise: remove the folder templates of tcpexp's cache (tcpexp guest info) there, so that it is made again"
        raise HostError(f"the worker on {where} has {words}", hint=hint)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 16 else f"{text[:12]}..."


def _silent(text: str) -> None:
    return None
