"""Plan in, results out, through the files behind the guest's memory devices.

Plan device: block 0 ``TCPEXP01``, size (u64 little-endian), JSON header; block 1 the word ``STOP``
once the run shall end; from block 2 a tar of ``plan.json`` and the plan's files.

Result device: block 0 ``TCPEXP01``, JSON progress and, in its last 16 bytes, the log's size and the
complement of it (u64 each: a value that is being written is told from one that is there). The log
begins at block 1 and only grows, while the run goes on. It is a sequence of records: offset in the
file (u64), bytes of content (u64), bytes of the name (u16), name, content; numbers are
little-endian. A record without an offset begins its file anew; a name that ends in ``/`` is a
folder. The log's size is written after the log and always ends with a record.
"""

from __future__ import annotations

import base64
import io
import json
import mmap
import os
import struct
import tarfile
from pathlib import Path

from tcpexp.errors import RunError
from tcpexp.places.base import GuestState
from tcpexp.places.qemu.machine import PLAN_BYTES
from tcpexp.plan.types import RunPlan, to_execute, to_json

MAGIC = b"TCPEXP01"
BLOCK = 4096
_LOG_SIZE = struct.Struct("<QQ")
_RECORD = struct.Struct("<QQH")


def make_device_file(path: Path, size: int) -> None:
    """Create a sparse file of ``size`` bytes."""
    with path.open("wb") as file:
        file.truncate(size)


def write_plan(path: Path, plan: RunPlan) -> None:
    """Write ``plan`` and its files to the plan device. Raises ``RunError`` when they do not fit."""
    archive = plan_archive(plan)
    if 2 * BLOCK + len(archive) > PLAN_BYTES:
        raise RunError(
            f"the plan's files take {len(archive) >> 20} MiB; at most {PLAN_BYTES >> 20} MiB fit",
            hint="ship smaller files",
        )
    header = json.dumps({"seed": plan.seed}).encode()
    with path.open("r+b") as file:
        file.seek(2 * BLOCK)
        file.write(archive)
        file.seek(0)
        file.write(MAGIC + struct.pack("<Q", len(archive)) + header)


def plan_archive(plan: RunPlan) -> bytes:
    """Return the tar that the agent unpacks: ``plan.json`` and ``RunPlan.files``.

    The same plan, the same bytes.
    """
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, "plan.json", to_json(to_execute(plan)).encode())
        for file in plan.files:
            _add(
                tar,
                file.path,
                base64.b64decode(file.content) if file.binary else file.content.encode(),
            )
    return sink.getvalue()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    info.mode = 0o755
    tar.addfile(info, io.BytesIO(data))


def request_stop(path: Path) -> None:
    """Ask the engine in the guest to end the run and to keep what it has."""
    with path.open("r+b") as file:
        file.seek(BLOCK)
        file.write(b"STOP")


class ResultDevice:
    """The result device seen from the host while the guest runs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        self._followed = 0

    def state(self) -> GuestState:
        """Return the guest's last word on its progress.

        Empty when there is none, or while it is being written.
        """
        head = self._map[:BLOCK]
        if head[:8] != MAGIC:
            return {}
        try:
            state: GuestState = json.loads(head[8 : -_LOG_SIZE.size].split(b"\0", 1)[0])
        except ValueError:
            return {}
        return state

    def follow(self, run_dir: Path) -> int:
        """Write what the log has gained since the last call into ``run_dir``.

        Return the log's size in bytes so far.

        Raises ``RunError`` on a damaged log or a full disk.
        """
        size, complement = _LOG_SIZE.unpack_from(self._map, BLOCK - _LOG_SIZE.size)
        if size ^ complement == 2**64 - 1 and size > self._followed:
            if BLOCK + size > len(self._map):
                raise RunError("the results do not fit into the result device")
            with (
                memoryview(self._map) as device,
                device[BLOCK + self._followed : BLOCK + size] as log,
            ):
                _write_records(log, run_dir)
            self._followed = size
        return self._followed

    def close(self) -> None:
        """Let go of the device's file."""
        self._map.close()
        os.unlink(self.path)


def _write_records(log: memoryview, run_dir: Path) -> None:
    at = 0
    while at < len(log):
        if at + _RECORD.size > len(log):
            raise RunError("the guest's results cannot be unpacked: a record is cut off")
        offset, size, name_size = _RECORD.unpack_from(log, at)
        content = at + _RECORD.size + name_size
        if content + size > len(log):
            raise RunError(
                "the guest's results cannot be unpacked: a record is longer than the log"
            )
        name = os.fsdecode(bytes(log[at + _RECORD.size : content]))
        if not name.strip("/") or Path(name).is_absolute() or ".." in Path(name).parts:
            raise RunError(f"the guest's results hold '{name}', which is not a file of the run")
        try:
            _write_record(
                run_dir / name, offset, log[content : content + size], folder=name.endswith("/")
            )
        except OSError as error:
            raise RunError(
                f"{run_dir / name} cannot be written: {error.strerror}",
                hint="free some space and run again",
            ) from None
        at = content + size


def _write_record(path: Path, offset: int, content: memoryview, *, folder: bool) -> None:
    """Put ``content`` at ``offset`` of a file that anybody may read; a folder is made."""
    with content:
        target = path if folder else path.parent
        if not target.is_dir():
            target.mkdir(parents=True)
            target.chmod(0o755)
        if folder:
            return
        with path.open("r+b" if offset else "wb") as file:
            if not offset:
                path.chmod(0o644)
            file.seek(offset)
            file.write(content)
