"""The folder of a study. It keeps finished and failed runs by the hash that names them, and nothing
that is half done.

::

    <results>/studies/<name>[-quick]/
      spec.yaml  study.json            what the study is; written first
      cells/<key>/cell.json            a finished run: metrics, measures, verdicts, its cost
      cells/<key>/tables/ or run/      what is kept of it
      failed/<key>/cell.json, run/     a run that failed, and what it left; --retry tries again
      work/                            runs under way; a coordinator that starts removes what
                                       killed workers left in it
      tables/ figures/ report.html results.json
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

from tcpexp.batch.cell import CellRow
from tcpexp.errors import DataError, HostError
from tcpexp.store.rundir import disk_errors, to_json_text, write_atomic

CELL = "cell.json"


class StudyFolder:
    """The folder ``path`` of one study."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    @property
    def tables(self) -> Path:
        """The study's datasets."""
        return self.path / "tables"

    @property
    def figures(self) -> Path:
        """The study's figures."""
        return self.path / "figures"

    def cell(self, key: str) -> Path:
        """Return where the finished run ``key`` lies."""
        return self.path / "cells" / key

    def failed(self, key: str) -> Path:
        """Return where the failed run ``key`` lies."""
        return self.path / "failed" / key

    def has(self, key: str) -> bool:
        """Return whether the run is finished."""
        return (self.cell(key) / CELL).is_file()

    def has_failed(self, key: str) -> bool:
        """Return whether the run was tried and failed."""
        return (self.failed(key) / CELL).is_file()

    def finished(self) -> set[str]:
        """Return the keys of all finished runs, from one listing: what is in ``cells/`` was put
        there whole.
        """
        return _names(self.path / "cells")

    def failures(self) -> set[str]:
        """Return the keys of all failed runs, from one listing."""
        return _names(self.path / "failed")

    def read_cell(self, key: str) -> CellRow:
        """Return ``cell.json`` of a finished run, else of a failed one.

        Raises ``DataError`` when it is damaged or absent.
        """
        path = (self.cell(key) if self.has(key) else self.failed(key)) / CELL
        try:
            value: CellRow = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise DataError(
                f"{path}: damaged: {error}", hint=f"rm -r {path.parent}, and run the sweep again"
            ) from None
        return value

    def begin(self, description: dict[str, Any], spec: bytes) -> None:
        """Write what the study is; raises ``RunError`` when the folder cannot be written."""
        write_atomic(self.path / "spec.yaml", spec)
        write_atomic(self.path / "study.json", to_json_text(description))

    def is_study(self, token: str) -> bool:
        """Return whether this folder, as seen from here, is that of the study ``token``: false on a
        worker that does not share it.
        """
        try:
            return bool(json.loads((self.path / "study.json").read_text()).get("token") == token)
        except (OSError, ValueError, AttributeError):
            return False

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only coordinator of this folder; raises ``HostError`` when another one is at work.

        Removes what killed workers left.
        """
        with disk_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                    raise
                raise HostError(
                    f"another tcpexp sweep works in {self.path}",
                    hint="wait for it, or choose another folder with --out DIR",
                ) from None
            self._drop_work()
            yield
            with contextlib.suppress(OSError):  # not empty: a worker elsewhere still ends a run
                (self.path / "work").rmdir()
        finally:
            os.close(handle)

    def _drop_work(self) -> None:
        """Remove what killed workers left: out of the way in one step, so that a worker that still
        ends never sees half of its own folder.
        """
        with contextlib.suppress(OSError):
            os.rename(
                self.path / "work", self.path / f".dropped-{os.getpid()}-{time.monotonic_ns()}"
            )
        for folder in self.path.glob(".dropped-*"):
            shutil.rmtree(folder, ignore_errors=True)

    def put(self, made: Path, key: str, *, failed: bool = False) -> bool:
        """Move the folder ``made`` to its place in one step; return false when the run was there
        already, and ``made`` is dropped.

        A failed run gives way to a later one.
        """
        target = self.failed(key) if failed else self.cell(key)
        with disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            if failed:
                shutil.rmtree(target, ignore_errors=True)
            try:
                os.rename(made, target)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                shutil.rmtree(made, ignore_errors=True)
                return False
        if not failed:
            shutil.rmtree(self.failed(key), ignore_errors=True)
        return True

    @contextmanager
    def scratch(self, key: str, *, shared: bool) -> Iterator[Path]:
        """Yield an empty folder to work in.

        Where the study's folder is not shared, one of this machine's own.
        """
        above = self.path / "work"
        if shared:
            with disk_errors(above):
                above.mkdir(parents=True, exist_ok=True)
        folder = Path(
            tempfile.mkdtemp(prefix=f"{key[:16]}-{os.getpid()}-", dir=above if shared else None)
        )
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def unpack(self, archive: bytes, key: str, *, failed: bool) -> bool:
        """Put the run that a worker without this folder has sent; see :meth:`put`."""
        with self.scratch(key, shared=True) as folder:
            with tarfile.open(fileobj=BytesIO(archive)) as tar:
                unpack_files(tar, folder)
            return self.put(folder / "cell", key, failed=failed)


def _names(folder: Path) -> set[str]:
    try:
        return {entry.name for entry in os.scandir(folder)}
    except FileNotFoundError:
        return set()


def unpack_files(tar: tarfile.TarFile, folder: Path) -> None:
    """Unpack an archive into ``folder``: files and folders that lie inside it, nothing else; raises
    ``DataError`` for others.

    Python has such a filter of its own only since 3.11.4; Debian 12 has 3.11.2.
    """
    for member in tar.getmembers():
        path = PurePosixPath(member.name)
        if not (member.isfile() or member.isdir()) or path.is_absolute() or ".." in path.parts:
            raise DataError(
                f"a worker sent '{member.name}', which is no plain file of a run",
                hint="is every worker one of yours?",
            )
        # a folder that its owner may not enter could not be filled
        member.mode |= 0o700 if member.isdir() else 0o600
    tar.extractall(folder)


def pack(made: Path) -> bytes:
    """Return the folder ``made`` as an archive, to send it to the study's folder elsewhere."""
    stream = BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as tar:
        tar.add(made, arcname="cell")
    return stream.getvalue()
