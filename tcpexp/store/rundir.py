"""The run directory: its name, its paths and atomic writes that survive a crash and explain a full
disk.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tcpexp.errors import RunError
from tcpexp.paths import give_to_user, invoking_user

_syncing = threading.local()
#: What the kernel says when there is no room, and what the user can do about it.
_NO_ROOM = {
    errno.ENOSPC: "free some space, or choose another place with --out DIR",
    errno.EDQUOT: (
        "your disk quota is used up: remove old runs, or choose another place with --out DIR"
    ),
    errno.EROFS: "the file system is read-only: choose another place with --out DIR",
    errno.EACCES: "no permission: choose a folder of your own with --out DIR",
    errno.EPERM: "no permission: choose a folder of your own with --out DIR",
}


@contextlib.contextmanager
def disk_errors(path: Path) -> Any:
    """Turn an ``OSError`` of a write below ``path`` into a ``RunError`` that says what to do."""
    try:
        yield
    except OSError as error:
        hint = _NO_ROOM.get(error.errno or 0)
        raise RunError(
            f"cannot write {error.filename or path}: {error.strerror}", hint=hint
        ) from error


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write ``content`` to ``path`` so that a reader sees the old file or the whole new one, never
    a part.

    A temporary file in the same folder is written, synced and renamed; the folder is synced too.
    Raises ``RunError``.
    """
    data = content.encode() if isinstance(content, str) else content

    def fill(temporary: Path) -> None:
        temporary.write_bytes(data)

    write_atomic_with(path, fill)


def write_atomic_with(path: Path, fill: Callable[[Path], None]) -> None:
    """Let ``fill`` write a temporary file, then move it to ``path`` as :func:`write_atomic` does.

    Raises ``RunError``.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            fill(temporary)
            os.chmod(temporary, 0o644)
            _sync(temporary)
            os.replace(temporary, path)
            _sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
        owner = invoking_user()
        if owner is not None:
            os.chown(path, *owner)


def to_json_text(value: Any) -> str:
    """Return ``value`` as indented JSON with sorted keys and a final newline: equal values, equal
    bytes.
    """
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


@contextlib.contextmanager
def without_sync() -> Iterator[None]:
    """Write without syncing inside the ``with`` block, in this thread: for scratch files of which
    :func:`sync_tree` syncs those that are kept.
    """
    before = getattr(_syncing, "off", False)
    _syncing.off = True
    try:
        yield
    finally:
        _syncing.off = before


def sync_tree(folder: Path) -> None:
    """Sync every file in ``folder`` and every folder of it to disk; raises ``RunError``.

    Many at once: a file system writes its journal for all that wait together (24 small files: 0.13
    s instead of 0.27 s).
    """
    paths = [
        path
        for path in folder.rglob("*")
        if not path.is_symlink() and (path.is_file() or path.is_dir())
    ]
    with disk_errors(folder), ThreadPoolExecutor(max_workers=16) as pool:
        list(pool.map(_sync_now, [*paths, folder]))


def _sync(path: Path) -> None:
    if not getattr(_syncing, "off", False):
        _sync_now(path)


def _sync_now(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def run_id(now: datetime, seed: int, place: str) -> str:
    """Return a run's name, such as ``20260102T030405Z-s7-uml``; ``now`` is turned into UTC."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-s{seed}-{place}"


#: Enough for a manifest.
RESERVED_BYTES = 1 << 20


@dataclass(frozen=True)
class RunDirectory:
    """One run's folder. ``path`` is ``<results>/<experiment>/<run id>``."""

    path: Path

    @classmethod
    def create(
        cls, results: Path, experiment: str, seed: int, place: str, now: datetime | None = None
    ) -> RunDirectory:
        """Make a new, empty run directory with ``raw/`` in it.

        The name is taken with an exclusive ``mkdir``, so two runs that start in the same second get
        ``...`` and ``...-2``. ``place`` is ``guest`` or ``host``. Raises ``RunError`` when the
        folder cannot be made.
        """
        name = run_id(now or datetime.now(UTC), seed, place)
        parent = results / experiment
        with disk_errors(parent):
            made = [folder for folder in (parent, *parent.parents) if not folder.exists()]
            parent.mkdir(parents=True, exist_ok=True)
            path = _take_name(parent, name)
            (path / "raw").mkdir()
            for folder in made:
                _own(folder)
            give_to_user(path)
        return cls(path)

    @contextlib.contextmanager
    def reserved(self) -> Iterator[None]:
        """Hold room for what is written after a run, so that a disk that fills up meanwhile leaves
        enough for the manifest.

        Raises ``RunError`` when there is not even that.
        """
        reserve = self.path / ".reserve"
        with disk_errors(reserve), reserve.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, RESERVED_BYTES)
        try:
            yield
        finally:
            reserve.unlink(missing_ok=True)

    @property
    def id(self) -> str:
        """The run id."""
        return self.path.name

    @property
    def raw(self) -> Path:
        """What the engine recorded; never changed afterwards."""
        return self.path / "raw"

    @property
    def tables(self) -> Path:
        """Parquet tables, one per entry of ``tcpexp.record.tables.TABLES``."""
        return self.path / "tables"

    @property
    def figures(self) -> Path:
        """The plots, SVG and PNG."""
        return self.path / "figures"

    @property
    def spec(self) -> Path:
        """The spec as given."""
        return self.path / "spec.yaml"

    @property
    def plan(self) -> Path:
        """The resolved plan."""
        return self.path / "plan.json"

    @property
    def events(self) -> Path:
        """Every action with its planned and actual time."""
        return self.path / "events.jsonl"

    @property
    def manifest(self) -> Path:
        """The manifest, written last."""
        return self.path / "manifest.json"

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.path / "report.html"

    def write(self, name: str, content: bytes | str) -> Path:
        """Write the file ``name`` (relative to the run) atomically and return its path.

        Raises ``RunError``.
        """
        path = self.path / name
        write_atomic(path, content)
        return path

    def write_json(self, name: str, value: Any) -> Path:
        """Write ``value`` as JSON; see :meth:`write`."""
        return self.write(name, to_json_text(value))

    def hand_over(self) -> None:
        """Give everything to the user behind sudo, if there is one; raises ``RunError``."""
        with disk_errors(self.path):
            give_to_user(self.path)


def _take_name(parent: Path, name: str) -> Path:
    number = 1
    while True:
        path = parent / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            number += 1
        else:
            return path


def _own(path: Path) -> None:
    owner = invoking_user()
    if owner is not None:
        os.chown(path, *owner)
