"""A store of finished runs and tables that is not a folder of this machine."""

from __future__ import annotations

import hashlib

import pytest

from tcpexp.batch.store import copy_tables, fetch_cells, put_cells
from tcpexp.errors import DataError, HostError
from tcpexp.studies.run import run_study
from tcpexp.studies.tables import hash_tables
from tests.support.cheap import study_of, write_spec


@pytest.fixture(autouse=True)
def log(tmp_path, monkeypatch):
    """Where the cheap place notes its runs."""
    monkeypatch.setenv("CHEAP_LOG", str(tmp_path / "log.txt"))


def test_tables_go_to_any_store_of_fsspec(tmp_path):
    import fsspec

    outcome = run_study(study_of(write_spec(tmp_path, repeat=1), tmp_path / "out"), jobs=2)
    tables = outcome.path / "tables"
    copy_tables(tables, f"file://{tmp_path}/store")
    assert hash_tables(tmp_path / "store") == hash_tables(tables)
    (tables / "runs" / "part-00007.parquet").write_bytes(b"of a longer study")
    copy_tables(tables, "memory://bucket/study")
    (tables / "runs" / "part-00007.parquet").unlink()
    copy_tables(tables, "memory://bucket/study")
    memory = fsspec.filesystem("memory")
    stored = {
        name.removeprefix("/bucket/study/"): hashlib.sha256(memory.cat(name)).hexdigest()
        for name in memory.find("/bucket/study")
    }
    assert stored == hash_tables(tables)
    with pytest.raises(HostError, match="cannot be copied"):
        copy_tables(tables, "nosuchprotocol://bucket/study")


def test_a_study_goes_on_from_a_store(tmp_path):
    """Another machine, another day: the finished runs come from the store, and only the others are
    made.
    """
    store = f"file://{tmp_path}/store"
    spec = write_spec(tmp_path, repeat=1)
    first = run_study(study_of(spec, tmp_path / "first"), jobs=2)
    assert put_cells(first.path, store) == 6
    assert put_cells(first.path, store) == 0
    spec = write_spec(tmp_path, repeat=2)
    study = study_of(spec, tmp_path / "second")
    assert fetch_cells(study.folder(), store, {run.key for run in study.runs}) == 6
    second = run_study(study, jobs=2)
    assert (second.found, second.made) == (6, 6)
    (damaged,) = list((tmp_path / "store" / "cells").glob(f"{study.runs[0].key}*"))
    damaged.write_bytes(damaged.read_bytes()[:100])
    study = study_of(spec, tmp_path / "third")
    with pytest.raises(DataError, match="damaged"):
        fetch_cells(study.folder(), store, {run.key for run in study.runs})
