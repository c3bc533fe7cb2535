"""Where running guests have their files: a folder of the cache, cleared of what killed runners
left.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import socket
from contextlib import ExitStack
from pathlib import Path

from tcpexp.paths import cache_dir

#: Folders of versions that did not name the machine.
_UNNAMED = re.compile(r"\d+-[a-z0-9_]{8}")


def scratch_dir() -> Path:
    """Return the folder for the files of running guests, on a disk of this machine if
    ``XDG_CACHE_HOME`` is one.
    """
    folder = cache_dir() / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def scratch_prefix() -> str:
    """Return how the name of a runner's folder begins: its process id and its machine, since
    machines may share the cache.
    """
    return f"{os.getpid()}-{socket.gethostname()[:40]}-"


def clean_leftovers() -> list[str]:
    """Remove the files of this machine's runners that are gone.

    Return what was removed, in words.
    """
    removed: list[str] = []
    runs = cache_dir() / "runs"
    for folder in runs.iterdir() if runs.is_dir() else ():
        owner, _, rest = folder.name.partition("-")
        mine = rest.startswith(f"{socket.gethostname()[:40]}-") or _UNNAMED.fullmatch(folder.name)
        if mine and owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(f"files of an ended guest: {folder}")
    return removed


def running() -> list[str]:
    """Return the folders of this machine's runners that are alive, and those of other machines that
    share the cache.
    """
    runs = cache_dir() / "runs"
    found = []
    for folder in sorted(runs.iterdir()) if runs.is_dir() else ():
        owner, _, rest = folder.name.partition("-")
        here = rest.startswith(f"{socket.gethostname()[:40]}-")
        if folder.is_dir() and owner.isdigit() and (not here or Path(f"/proc/{owner}").exists()):
            found.append(str(folder))
    return found


def remove_unfinished(kind: str) -> list[str]:
    """Remove half-built things in the folder ``kind`` of the cache; return what went, in words.

    Nothing is removed while somebody is building there.
    """
    folder = cache_dir() / kind
    locks = [path for path in (folder / "build.lock", folder / "build-2.lock") if path.is_file()]
    if not locks:
        return []
    with ExitStack() as held:
        for lock in locks:
            try:
                fcntl.flock(held.enter_context(lock.open("r")), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return []
        unfinished = sorted(folder.glob("building-*"))
        for path in unfinished:
            shutil.rmtree(path, ignore_errors=True)
    return [f"unfinished build {path}" for path in unfinished if not path.exists()]
