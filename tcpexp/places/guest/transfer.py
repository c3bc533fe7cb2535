"""Plan in, results out, through the files behind the guest's memory devices.

Plan device: block 0 ``TCPEXP01``, size (u64 little-endian), JSON header; block 1 the word ``STOP`` once the run shall end; from block 2
a tar of ``plan.json`` and the plan's files. Result device: block 0 ``TCPEXP01`` and JSON progress; from block 1 a tar of the run's files.
"""

from __future__ import annotations

import base64
import io
import json
import mmap
import os
import shutil
import struct
import tarfile
from pathlib import Path
from typing import Any

from tcpexp.errors import RunError
from tcpexp.places.guest.machine import OUT_BYTES, PLAN_BYTES
from tcpexp.plan.types import RunPlan, to_json

MAGIC = b"TCPEXP01"
BLOCK = 4096


def make_device_file(path: Path, size: int) -> None:
    """Create a sparse file of ``size`` bytes."""
    with path.open("wb") as file:
        file.truncate(size)


def write_plan(path: Path, plan: RunPlan) -> None:
    """Write ``plan`` and its files to the plan device. Raises ``RunError`` when they do not fit."""
    archive = plan_archive(plan)
    if 2 * BLOCK + len(archive) > PLAN_BYTES:
        raise RunError(f"the plan's files take {len(archive) >> 20} MiB; at most {PLAN_BYTES >> 20} MiB fit", hint="ship smaller files")
    header = json.dumps({"seed": plan.seed}).encode()
    with path.open("r+b") as file:
        file.seek(2 * BLOCK)
        file.write(archive)
        file.seek(0)
        file.write(MAGIC + struct.pack("<Q", len(archive)) + header)


def plan_archive(plan: RunPlan) -> bytes:
    """Return the tar that the agent unpacks: ``plan.json`` and ``RunPlan.files``; the same plan, the same bytes."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, "plan.json", to_json(plan).encode())
        for file in plan.files:
            _add(tar, file.path, base64.b64decode(file.content) if file.binary else file.content.encode())
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


def _refuse_escape(member: tarfile.TarInfo) -> None:
    """Raise ``RunError`` for anything but a plain file or folder below the run directory."""
    parts = Path(member.name).parts
    if not (member.isfile() or member.isdir()) or Path(member.name).is_absolute() or ".." in parts:
        raise RunError(f"the guest's results hold '{member.name}', which is not a file of the run")


class ResultDevice:
    """The result device seen from the host while the guest runs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("rb")
        self._map = mmap.mmap(self._file.fileno(), BLOCK, prot=mmap.PROT_READ)

    def state(self) -> dict[str, Any]:
        """Return the guest's last word on its progress; empty when there is none, or while it is being written."""
        head = self._map[:BLOCK]
        if head[:8] != MAGIC:
            return {}
        try:
            state: dict[str, Any] = json.loads(head[8:].split(b"\0", 1)[0])
        except ValueError:
            return {}
        return state

    def extract(self, run_dir: Path, size: int) -> None:
        """Unpack the results into ``run_dir``. Raises ``RunError`` on a damaged archive or a full disk."""
        if size > OUT_BYTES - BLOCK:
            raise RunError("the results do not fit into the result device")
        if shutil.disk_usage(run_dir).free < size:
            raise RunError(f"the results need {size >> 20} MiB in {run_dir}", hint="free some space and run again")
        self._file.seek(BLOCK)
        try:
            with tarfile.open(fileobj=self._file, mode="r|", bufsize=1 << 20) as archive:
                for member in archive:
                    _refuse_escape(member)
                    archive.extract(member, run_dir, set_attrs=False)
        except (tarfile.TarError, OSError) as error:
            raise RunError(f"the guest's results cannot be unpacked: {error}") from None
        for path in run_dir.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)

    def close(self) -> None:
        """Let go of the device's file."""
        self._map.close()
        self._file.close()
        os.unlink(self.path)
