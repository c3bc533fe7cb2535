"""User-Mode Linux, as a kind of place."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from tcpexp.errors import Missing
from tcpexp.machine.findings import Finding
from tcpexp.places.base import Clock, Place, Wanted
from tcpexp.telling import Say


class UmlKind:
    """The kernel as a process, on a clock that jumps; needs no root."""

    name = "uml"
    title = "User-Mode Linux (no root needed)"
    words = "in User-Mode Linux"
    clocks: tuple[Clock, ...] = ("virtual",)
    needs_root = False

    def missing(self) -> tuple[Missing, ...]:
        """Return what is missing to run or to build what runs."""
        from tcpexp.places.uml.examine import missing_here

        return missing_here()

    def open(self, wanted: Wanted, say: Say) -> Place:
        """Return the place."""
        from tcpexp.places.uml.place import UmlPlace

        return UmlPlace(say, wanted.kernel, wanted.image, trusted=wanted.trusted)

    def identity(self, wanted: Wanted) -> dict[str, str]:
        """Return the hashes of kernel, image, engine and command line; builds what is not there."""
        from tcpexp.places.uml.place import UmlPlace

        return UmlPlace(kernel=wanted.kernel, image_sha256=wanted.image).prepare().identity()

    def slot(self) -> AbstractContextManager[int]:
        """Return 0: each run is alone in its kernel."""
        return nullcontext(0)

    def examine(self, say: Say) -> list[Finding]:
        """Return what User-Mode Linux needs of this machine."""
        from tcpexp.places.uml.examine import examine_uml

        return examine_uml()

    def leftovers(self) -> list[str]:
        """Remove half-built kernels and trees, and the files of killed runs."""
        from tcpexp.places.image.scratch import clean_leftovers, remove_unfinished

        kinds = ("images", "trees", "kernels")
        return [*clean_leftovers(), *(words for kind in kinds for words in remove_unfinished(kind))]


UML = UmlKind()
