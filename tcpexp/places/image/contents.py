"""What an image's root file system has, read from its files: programs, and the congestion controls
of its kernel. Nothing is booted.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tcpexp.places.image.image import Image
from tcpexp.places.image.listing import list_contents
from tcpexp.places.inventory import Inventory


def find_contents(image: Image, tree: Path | None) -> Inventory | None:
    """Return what a guest of ``image`` has, None where that is not known: an image made before the
    list was, and never unpacked.

    ``tree`` is where the root file system lies unpacked, None where it does not. The settings of
    its kernel are not known.
    """
    described: dict[str, Any] = json.loads((image.path / "image.json").read_text())
    contents = described.get("contents")
    if contents is None and tree is not None and tree.is_dir():
        contents = list_contents(tree, image.kernel)
    if contents is None:
        return None
    qdiscs = contents.get("qdiscs")
    return Inventory(
        frozenset(contents["programs"]),
        None,
        frozenset(contents["congestion_controls"]),
        None if qdiscs is None else frozenset(qdiscs),
    )
