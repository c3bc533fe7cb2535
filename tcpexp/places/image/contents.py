"""What an image's root file system has, read from its files: programs, and the congestion controls
and queue disciplines of its kernel. Nothing is booted.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tcpexp.places.image.image import Image
from tcpexp.places.image.listing import list_contents
from tcpexp.places.inventory import KNOWN_QDISCS, Inventory

#: The Linux version with which a discipline came, of those newer than the oldest image.
SINCE = {"dualpi2": (6, 17)}


def find_contents(image: Image, tree: Path | None) -> Inventory:
    """Return what a guest of ``image`` has, by the list that it was made with, or by its files.

    ``tree`` is where the root file system lies unpacked, None where it does not. An image made
    before there were such lists, that lies nowhere unpacked, has only one thing known of it: which
    disciplines are newer than its kernel. The settings of its kernel are not known.
    """
    described: dict[str, Any] = json.loads((image.path / "image.json").read_text())
    contents: dict[str, list[str]] = described.get("contents", {})
    if "qdiscs" not in contents and tree is not None and tree.is_dir():
        contents = list_contents(tree, image.kernel)

    def listed(name: str) -> frozenset[str] | None:
        return frozenset(contents[name]) if name in contents else None

    return Inventory(
        listed("programs"),
        None,
        listed("congestion_controls"),
        listed("qdiscs") or qdiscs_by_version(image.kernel),
    )


def qdiscs_by_version(kernel: str) -> frozenset[str]:
    """Return the disciplines that are not newer than ``kernel``, such as ``6.1.0-57-cloud-amd64``:
    all that its version can tell. All of them for a name that begins with no version.
    """
    found = re.match(r"(\d+)\.(\d+)", kernel)
    version = (int(found[1]), int(found[2])) if found else None
    return frozenset(
        name for name in KNOWN_QDISCS if version is None or SINCE.get(name, (0, 0)) <= version
    )
