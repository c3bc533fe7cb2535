"""The place of docs/guides/extending.md, installed as a package of somebody else would be."""

from __future__ import annotations

import importlib
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tcpexp.places import registry

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "extending.md"
FOLDER = tempfile.TemporaryDirectory(prefix="tcpexp-example-place-")


def block(name: str) -> str:
    """Return the page's fenced block whose first line names the file ``name``."""
    found = re.search(rf"^```\w+\n(# {re.escape(name)}\n.*?)^```$", PAGE.read_text(), re.M | re.S)
    assert found is not None, f"{PAGE.name} has no file {name}"
    return found[1]


@contextmanager
def installed() -> Iterator[Path]:
    """Have the example installed inside the ``with`` block; yields the folder it is in."""
    folder = Path(FOLDER.name)
    (folder / "twice_place.py").write_text(block("twice_place.py"))
    group = re.search(
        r'^\[project.entry-points."(\S+)"\]\n(twice = )"(\S+)"$', PAGE.read_text(), re.M
    )
    assert group is not None
    metadata = folder / "twice_place-1.0.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: twice-place\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{group[1]}]\n{group[2]}{group[3]}\n")
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    registry._installed.cache_clear()
    try:
        yield folder
    finally:
        sys.path.remove(str(folder))
        importlib.invalidate_caches()
        registry._installed.cache_clear()
