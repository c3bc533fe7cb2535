"""Where images lie unpacked, as folders of this machine."""

from __future__ import annotations

from pathlib import Path

from tcpexp.paths import cache_dir
from tcpexp.places.image.image import Image


def trees_dir() -> Path:
    """Return where root trees and the engine's folders are kept."""
    return cache_dir() / "trees"


def tree_folder(image: Image, variant: str) -> Path:
    """Return the folder of the root tree of ``image``, with what a place has put into it.

    ``variant`` is a hash of that.
    """
    return trees_dir() / f"root-{image.sha256[:16]}-{variant[:8]}"


def find_unpacked(image: Image) -> Path | None:
    """Return a root tree of ``image``, None where there is none."""
    return next(iter(sorted(trees_dir().glob(f"root-{image.sha256[:16]}-*"))), None)
