"""What killed runs and builds left behind, of both places; only what tcpexp made and nobody uses any more is removed."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

from tcpexp import paths
from tcpexp.places import journal
from tcpexp.places.guest.scratch import clean_leftovers as clean_guest


def remove_leftovers(state_dir: Path = journal.STATE_DIR) -> list[str]:
    """Remove the leftovers that this user may remove; return what was removed, in words."""
    removed = clean_guest() if (paths.cache_dir() / "runs").is_dir() else []
    removed += [words for kind in ("images", "templates") for words in remove_unfinished(paths.cache_dir() / kind)]
    if os.geteuid() == 0:
        removed += journal.clean_leftovers(state_dir)
    return removed


def remove_unfinished(folder: Path) -> list[str]:
    """Remove half-built images or templates in ``folder`` unless somebody is building there; return what was removed."""
    lock = folder / "build.lock"
    if not lock.is_file():
        return []
    with lock.open("r") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return []
        unfinished = sorted(folder.glob("building-*"))
        for each in unfinished:
            shutil.rmtree(each, ignore_errors=True)
    return [f"unfinished build {each}" for each in unfinished if not each.exists()]


def needs_root(state_dir: Path = journal.STATE_DIR) -> bool:
    """Return whether host runs may have left something that this user may not remove."""
    return os.geteuid() != 0 and any(state_dir.glob("run-*.json"))
