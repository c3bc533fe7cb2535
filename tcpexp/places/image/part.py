"""The guest's image, as something that can be handed on."""

from __future__ import annotations

from pathlib import Path

from tcpexp.errors import HostError, TcpexpError
from tcpexp.places.image.archive import export_image, import_image
from tcpexp.places.image.image import find_image


class ImagePart:
    """A guest image."""

    name = "image"
    commands = "guest"

    def find(self, sha256: str) -> bool:
        """Return whether this machine has the image, in use or kept."""
        return find_image(sha256) is not None

    def export(self, sha256: str, path: Path) -> None:
        """Write the image to ``path``, compressed a little. Raises ``HostError``."""
        image = find_image(sha256)
        if image is None:
            raise HostError(f"this machine has no guest image {sha256} to send")
        export_image(image, path, level=1)

    def take(self, path: Path, sha256: str) -> None:
        """Import the image. Raises ``HostError`` or ``DataError``."""
        import_image(path, lambda text: None, activate=False, expect=sha256)


IMAGE = ImagePart()


def unmade_image() -> tuple[str, ...]:
    """Return ``image`` where there is none; a damaged one counts, so that making it says why."""
    try:
        return () if find_image() else (IMAGE.name,)
    except TcpexpError:
        return (IMAGE.name,)
