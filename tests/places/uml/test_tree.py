"""The folders that a guest sees: the same for every user."""

from __future__ import annotations

import os

import pytest

from tcpexp.places.uml.tree import build_engine


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_the_engines_files_have_the_same_modes_whatever_the_users_umask(
    tmp_path, monkeypatch, umask
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    former = os.umask(umask)
    try:
        folder = build_engine(lambda text: None, lambda work: (work / "made.pyc").write_bytes(b""))
        assert os.umask(umask) == umask
    finally:
        os.umask(former)
    modes = {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}
    folders = {
        path.stat().st_mode & 0o777 for path in [folder, *folder.rglob("*")] if path.is_dir()
    }
    assert (modes, folders) == ({0o644}, {0o755})
