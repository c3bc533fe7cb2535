import polars as pl
import pytest

from tcpexp.errors import DataError
from tcpexp.store.frames import conform, empty_frame, read_table, schema_of, write_table
from tcpexp.store.rundata import RunData
from tcpexp.store.schemas import known_tables


@pytest.mark.parametrize("name", known_tables())
def test_an_absent_table_is_empty_and_has_its_columns(tmp_path, name):
    frame = RunData(tmp_path).table(name)
    assert frame.height == 0
    assert list(frame.columns) == list(known_tables()[name].types)


def test_conform_fills_absent_columns_and_sorts(tmp_path):
    frame = conform(pl.DataFrame({"t_ns": [2, 1], "busy": [0.5, 1]}), "cpu")
    assert frame.rows() == [(1, 1.0), (2, 0.5)]
    assert dict(conform(pl.DataFrame({"t_ns": [1]}), "sockets").schema) == schema_of("sockets")


def test_round_trip(tmp_path):
    write_table(tmp_path, "cpu", pl.DataFrame({"t_ns": [1], "busy": [0.25]}))
    run = RunData(tmp_path)
    assert run.has("cpu")
    assert not run.has("packets")
    assert run.table("cpu").rows() == [(1, 0.25)]


def test_a_damaged_table_is_named(tmp_path):
    write_table(tmp_path, "cpu", empty_frame("cpu"))
    path = tmp_path / "tables" / "cpu.parquet"
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(DataError, match=r"cpu\.parquet"):
        read_table(tmp_path, "cpu")


def test_a_table_of_another_version(tmp_path):
    (tmp_path / "tables").mkdir()
    pl.DataFrame({"t": [1]}).write_parquet(tmp_path / "tables" / "cpu.parquet")
    with pytest.raises(DataError, match="columns"):
        read_table(tmp_path, "cpu")


def test_an_unknown_table():
    with pytest.raises(KeyError, match="no table"):
        RunData("/nowhere").table("packet")


def test_no_plan_names_the_folder(tmp_path):
    with pytest.raises(DataError, match=r"plan\.json"):
        _ = RunData(tmp_path).plan


def test_a_run_without_engine_json_was_interrupted(tmp_path):
    assert RunData(tmp_path).status == "interrupted"
