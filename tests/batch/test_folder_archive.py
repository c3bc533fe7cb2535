"""A run that a worker sends: plain files inside the run's folder, nothing else."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from tcpexp.batch.folder import unpack_files
from tcpexp.errors import DataError


def archive(*members: tarfile.TarInfo) -> tarfile.TarFile:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size) if member.isfile() else None)
    stream.seek(0)
    return tarfile.open(fileobj=stream)


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, 3 if kind == tarfile.REGTYPE else 0
    return info


def test_files_and_folders_arrive(tmp_path: Path) -> None:
    unpack_files(archive(member("cell", tarfile.DIRTYPE), member("cell/cell.json")), tmp_path)
    assert (tmp_path / "cell" / "cell.json").read_bytes() == b"xxx"


@pytest.mark.parametrize(
    "bad",
    [
        member("../outside"),
        member("/tmp/outside"),
        member("cell/link", tarfile.SYMTYPE, "/etc/passwd"),
        member("cell/hard", tarfile.LNKTYPE, "x"),
    ],
    ids=["above", "absolute", "symbolic", "hard"],
)
def test_nothing_else_is_unpacked(bad: tarfile.TarInfo, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no plain file"):
        unpack_files(archive(bad), tmp_path)
    assert list(tmp_path.iterdir()) == []
