"""What killed runs and builds left behind, in every kind of place.

Only what tcpexp made and nobody uses any more is removed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

from tcpexp.errors import HostError
from tcpexp.paths import cache_dir
from tcpexp.places.image.scratch import running
from tcpexp.places.registry import all_kinds


def remove_leftovers() -> list[str]:
    """Remove the leftovers that this user may remove; return what was removed, in words."""
    removed = [words for kind in all_kinds() for words in kind.leftovers()]
    return list(dict.fromkeys(removed))


def needs_root() -> bool:
    """Return whether runs may have left something that this user may not remove."""
    return any(kind.has_leftovers_for_root() for kind in all_kinds())


def remove_cache() -> list[str]:
    """Remove the whole cache (images, kernels, templates, crash reports); return what was removed,
    in words.

    Raises:
        HostError: a run or a build uses it, or part of it belongs to somebody else.
    """
    folder = cache_dir()
    if not folder.is_dir():
        return []
    users = [*running(), *(str(lock) for lock in folder.glob("*/build.lock") if _is_held(lock))]
    if users:
        raise HostError(
            f"the cache {folder} is in use: {', '.join(users)}",
            hint="wait for its end, or end it, and try again",
        )
    size = sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))
    for path in (folder, *folder.rglob("*")):
        if path.is_dir() and not path.is_symlink() and path.stat().st_uid == os.geteuid():
            path.chmod(0o700)  # a system's tree has folders that not even their owner may change
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        raise HostError(f"parts of {folder} belong to another user", hint="sudo tcpexp clean --all")
    return [f"{folder}: {size / 1e6:.0f} MB of images, kernels and templates"]


def _is_held(lock: Path) -> bool:
    """Return whether a process holds a lock file."""
    with lock.open("r") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
