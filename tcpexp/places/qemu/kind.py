"""QEMU, as a kind of place."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from tcpexp.errors import Missing, SpecError
from tcpexp.machine.findings import Finding
from tcpexp.places.base import Clock, Place, Wanted
from tcpexp.telling import Say


class QemuKind:
    """A virtual machine with the distribution's own kernel; needs no root."""

    name = "qemu"
    title = "QEMU (no root needed)"
    words = "in a virtual machine"
    clocks: tuple[Clock, ...] = ("virtual", "real")
    needs_root = False

    def missing(self) -> tuple[Missing, ...]:
        """Return that QEMU is missing."""
        from tcpexp.places.qemu import machine

        return machine.qemu_missing()

    def open(self, wanted: Wanted, say: Say) -> Place:
        """Return the virtual machine. Raises ``SpecError`` when a kernel is asked for."""
        from tcpexp.places.qemu.place import QemuPlace

        if wanted.kernel is not None:
            hint = "leave --kernel out, or use --on uml"
            raise SpecError("qemu runs the kernel of its image only", hint=hint)
        return QemuPlace(wanted.clock or "virtual", say, wanted.image)

    def identity(self, wanted: Wanted) -> dict[str, str]:
        """Return the hashes of the image, the template's ingredients and the booted memory.

        Equal ingredients give equal memory; should they ever not, the runs would differ, and this
        tells it before. Builds what is not there.
        """
        from tcpexp.places.image.image import build_image, find_image
        from tcpexp.places.qemu.machine import qemu_version
        from tcpexp.places.qemu.template import build_template

        image = find_image(wanted.image) or build_image(_silent)
        template = build_template(image, _silent)
        return {
            "image": image.sha256,
            "qemu": qemu_version(),
            "template": template.key,
            "memory": str(template.facts.get("ram_sha256")),
        }

    def slot(self) -> AbstractContextManager[int]:
        """Return 0: each run is alone in its machine."""
        return nullcontext(0)

    def examine(self, say: Say) -> list[Finding]:
        """Return what the virtual machine needs, and what limits it."""
        from tcpexp.places.qemu.examine import examine_qemu

        return examine_qemu(say)

    def leftovers(self) -> list[str]:
        """Remove half-built templates and the files of killed runs."""
        from tcpexp.places.image.scratch import clean_leftovers, remove_unfinished

        return [*clean_leftovers(), *remove_unfinished("images"), *remove_unfinished("templates")]


def _silent(text: str) -> None:
    return None


QEMU = QemuKind()
