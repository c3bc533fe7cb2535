"""Send guest images and kernels to workers that lack them, through Dask: once to each machine,
verified there by their hash.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tcpexp.errors import TcpexpError
from tcpexp.paths import cache_dir
from tcpexp.places.registry import all_parts

if TYPE_CHECKING:
    from distributed import Client

#: Bytes per message; the scheduler passes them on and keeps none.
PIECE = 8 << 20


class PartSupply:
    """What a coordinator does for workers that say that they need an image or a kernel."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._answers: dict[tuple[str, str], str | None] = {}

    def send(self, needs: tuple[str, str, str, str]) -> str | None:
        """Send the part that a worker needs, unless its machine was sent it before.

        Return why that was not possible, None when it was.

        ``needs`` is the part's name (``image``, ``kernel``), its sha256, the worker's address, and
        its cache (machine and folder), which workers share.
        """
        what, sha256, address, cache = needs
        if (sha256, cache) not in self._answers:
            try:
                self._answers[sha256, cache] = self._send(what, sha256, address)
            except (TcpexpError, OSError) as error:
                self._answers[sha256, cache] = str(error)
        return self._answers[sha256, cache]

    def _send(self, what: str, sha256: str, address: str) -> str | None:
        with tempfile.TemporaryDirectory(prefix="tcpexp-part-") as folder:
            archive = Path(folder) / "part.tar.gz"
            all_parts()[what].export(sha256, archive)
            with archive.open("rb") as file:
                name = f"incoming-{sha256[:16]}-{os.getpid()}.tar.gz"
                answer: str | None = None
                offset = 0
                while answer is None and (piece := file.read(PIECE)):
                    answer = self._say(address, what, name, sha256, offset, piece)
                    offset += len(piece)
                return answer or self._say(address, what, name, sha256, offset, b"")

    def _say(
        self, address: str, what: str, name: str, sha256: str, offset: int, piece: bytes
    ) -> str | None:
        answers: dict[str, str | None] = self.client.run(
            receive_piece, what, name, sha256, offset, piece, workers=[address], on_error="return"
        )
        answer = answers.get(address, f"the worker at {address} is gone")
        return f"the worker at {address}: {answer}" if answer is not None else None


def receive_piece(what: str, name: str, sha256: str, offset: int, piece: bytes) -> str | None:
    """Put a piece into an archive in this worker's cache.

    After the last one, which is empty, import it. Return what went wrong, in words.
    """
    path = cache_dir() / "images" / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if piece:
            with path.open("r+b" if offset else "wb") as file:
                file.seek(offset)
                file.write(piece)
            return None
        try:
            all_parts()[what].take(path, sha256)
        finally:
            path.unlink(missing_ok=True)
    except (TcpexpError, OSError) as error:
        path.unlink(missing_ok=True)
        return str(error)
    return None
