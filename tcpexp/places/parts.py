"""What a virtual place is made of and can be handed on by its hash: images and kernels."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from tcpexp.errors import HostError


class Part(Protocol):
    """A kind of part; ``name`` is its word in a place's identity."""

    name: str

    def find(self, sha256: str) -> bool:
        """Return whether this machine has it."""
        ...

    def export(self, sha256: str, path: Path) -> None:
        """Write it to an archive. Raises ``HostError`` when it is not here."""
        ...

    def take(self, path: Path, sha256: str) -> None:
        """Put that of an archive into the cache, verified, without making it the one in use."""
        ...


class ImagePart:
    """A guest image."""

    name = "image"

    def find(self, sha256: str) -> bool:
        """Return whether this machine has the image, in use or kept."""
        from tcpexp.places.image.image import find_image

        return find_image(sha256) is not None

    def export(self, sha256: str, path: Path) -> None:
        """Write the image to ``path``, compressed a little. Raises ``HostError``."""
        from tcpexp.places.image.archive import export_image
        from tcpexp.places.image.image import find_image

        image = find_image(sha256)
        if image is None:
            raise HostError(f"this machine has no guest image {sha256} to send")
        export_image(image, path, level=1)

    def take(self, path: Path, sha256: str) -> None:
        """Import the image. Raises ``HostError`` or ``DataError``."""
        from tcpexp.places.image.archive import import_image

        import_image(path, lambda text: None, activate=False, expect=sha256)


class KernelPart:
    """A User-Mode Linux kernel."""

    name = "kernel"

    def find(self, sha256: str) -> bool:
        """Return whether this machine has the kernel."""
        from tcpexp.places.uml.kernel import find_kernel

        return find_kernel(sha256) is not None

    def export(self, sha256: str, path: Path) -> None:
        """Write the kernel to ``path``. Raises ``HostError``."""
        from tcpexp.places.uml.archive import export_kernel
        from tcpexp.places.uml.kernel import find_kernel

        kernel = find_kernel(sha256)
        if kernel is None:
            raise HostError(f"this machine has no kernel {sha256} to send")
        export_kernel(kernel, path)

    def take(self, path: Path, sha256: str) -> None:
        """Import the kernel. Raises ``HostError`` or ``DataError``."""
        from tcpexp.places.uml.archive import import_kernel

        import_kernel(path, lambda text: None, activate=False, expect=sha256)


#: By name, in the order in which workers ask for them.
PARTS: dict[str, Part] = {part.name: part for part in (ImagePart(), KernelPart())}
