"""User-Mode Linux, as a kind of place."""

from __future__ import annotations

from collections.abc import Sequence

from tcpexp.errors import Missing
from tcpexp.machine.findings import Finding
from tcpexp.places.base import Clock, Part, Place, PlaceKind, Wanted
from tcpexp.places.image.part import IMAGE, unmade_image
from tcpexp.places.image.scratch import clean_leftovers, remove_unfinished
from tcpexp.places.kernel.part import KERNEL
from tcpexp.places.uml.examine import examine_uml, missing_here, unmade_kernels
from tcpexp.places.uml.place import UmlPlace
from tcpexp.places.uml.shell import open_shell
from tcpexp.telling import Say


class UmlKind(PlaceKind):
    """The kernel as a process, on a clock that jumps; needs no root."""

    name = "uml"
    title = "User-Mode Linux (no root needed)"
    words = "in User-Mode Linux"
    what = "User-Mode Linux, the kernel as a process on a clock that jumps"
    clocks: tuple[Clock, ...] = ("virtual",)
    has_kernels = True
    computing_takes_time = False
    has_shell = True

    def parts(self) -> tuple[Part, ...]:
        """Return the image and the kernel."""
        return (IMAGE, KERNEL)

    def missing(self) -> tuple[Missing, ...]:
        """Return what is missing to run or to build what runs."""
        return missing_here()

    def unmade(self, kernels: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the image and the kernels that are not in the cache."""
        return (*unmade_image(), *unmade_kernels(kernels))

    def prepare(self, wanted: Wanted, say: Say) -> None:
        """Build what is not in the cache: kernel, image, root tree, engine."""
        UmlPlace(say, wanted.kernel, wanted.image, trusted=wanted.trusted).prepare()

    def open(self, wanted: Wanted, say: Say) -> Place:
        """Return the place."""
        return UmlPlace(say, wanted.kernel, wanted.image, trusted=wanted.trusted)

    def identity(self, wanted: Wanted) -> dict[str, str]:
        """Return the hashes of kernel, image, engine and command line; builds what is not there."""
        return UmlPlace(kernel=wanted.kernel, image_sha256=wanted.image).prepare().identity()

    def examine(self, say: Say) -> list[Finding]:
        """Return what User-Mode Linux needs of this machine."""
        return examine_uml()

    def leftovers(self) -> list[str]:
        """Remove half-built kernels and trees, and the files of killed runs."""
        kinds = ("images", "trees", "kernels")
        return [*clean_leftovers(), *(words for kind in kinds for words in remove_unfinished(kind))]

    def shell(self, say: Say) -> int:
        """Boot a guest with its console on this terminal."""
        return open_shell(say)


UML = UmlKind()
