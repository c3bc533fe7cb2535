"""QEMU, as a kind of place."""

from __future__ import annotations

from collections.abc import Sequence

from tcpexp.errors import Missing
from tcpexp.machine.findings import Finding
from tcpexp.places.base import Clock, Part, Place, PlaceKind, Wanted
from tcpexp.places.image.image import build_image, find_image
from tcpexp.places.image.part import IMAGE, unmade_image
from tcpexp.places.image.scratch import clean_leftovers, remove_unfinished
from tcpexp.places.qemu import machine
from tcpexp.places.qemu.examine import examine_qemu
from tcpexp.places.qemu.machine import qemu_version
from tcpexp.places.qemu.place import QemuPlace
from tcpexp.places.qemu.shell import open_shell
from tcpexp.places.qemu.template import build_template
from tcpexp.places.registry import refuse_kernel
from tcpexp.telling import Say


class QemuKind(PlaceKind):
    """A virtual machine with the distribution's own kernel; needs no root."""

    name = "qemu"
    title = "QEMU (no root needed)"
    words = "in a virtual machine"
    what = "a virtual machine with the distribution's own kernel"
    clocks: tuple[Clock, ...] = ("virtual", "real")
    has_shell = True

    def parts(self) -> tuple[Part, ...]:
        """Return the image; it holds the kernel."""
        return (IMAGE,)

    def missing(self) -> tuple[Missing, ...]:
        """Return that QEMU is missing."""
        return machine.qemu_missing()

    def unmade(self, kernels: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the image where it is not in the cache."""
        return unmade_image()

    def prepare(self, wanted: Wanted, say: Say) -> None:
        """Build the image and, for the virtual clock, the template."""
        QemuPlace(wanted.clock or "virtual", say, wanted.image).prepare()

    def open(self, wanted: Wanted, say: Say) -> Place:
        """Return the virtual machine. Raises ``SpecError`` when a kernel is asked for."""
        refuse_kernel(wanted, "qemu runs the kernel of its image only")
        return QemuPlace(wanted.clock or "virtual", say, wanted.image, trusted=wanted.trusted)

    def identity(self, wanted: Wanted) -> dict[str, str]:
        """Return the hashes of the image, the template's ingredients and the booted memory.

        Equal ingredients give equal memory; should they ever not, the runs would differ, and this
        tells it before. Builds what is not there.
        """
        image = find_image(wanted.image) or build_image(_silent)
        template = build_template(image, _silent)
        return {
            "image": image.sha256,
            "qemu": qemu_version(),
            "template": template.key,
            "memory": str(template.facts.get("ram_sha256")),
        }

    def examine(self, say: Say) -> list[Finding]:
        """Return what the virtual machine needs, and what limits it."""
        return examine_qemu(say)

    def leftovers(self) -> list[str]:
        """Remove half-built templates and the files of killed runs."""
        return [*clean_leftovers(), *remove_unfinished("images"), *remove_unfinished("templates")]

    def shell(self, say: Say) -> int:
        """Boot the machine with its console on this terminal."""
        return open_shell(say)


def _silent(text: str) -> None:
    return None


QEMU = QemuKind()
