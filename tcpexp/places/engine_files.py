"""The part of tcpexp that runs inside a virtual place: standard library and mininet only."""

from __future__ import annotations

from pathlib import Path

import tcpexp

PACKAGE = Path(tcpexp.__file__).parent
#: Files and folders of the package.
ENGINE_PARTS = (
    "__init__.py",
    "errors.py",
    "plan/__init__.py",
    "plan/endings.py",
    "plan/paths.py",
    "plan/types.py",
    "engine",
    "record",
    "tcp",
)


def read_engine_files() -> dict[str, bytes]:
    """Return the engine's files: path below the folder of ``tcpexp`` to content, by path."""
    found: dict[str, bytes] = {}
    for part in ENGINE_PARTS:
        path = PACKAGE / part
        files = [*path.rglob("*.py"), *path.rglob("*.o")] if path.is_dir() else [path]
        found |= {f"tcpexp/{file.relative_to(PACKAGE)}": file.read_bytes() for file in files}
    return dict(sorted(found.items()))
