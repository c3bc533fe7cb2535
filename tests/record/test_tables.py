"""The tables as data: every column has a type, a meaning, and the unit that its name says."""

import json
from pathlib import Path

import pytest

from tcpexp.record.columns import NODE, T_NS, Column, TableSchema
from tcpexp.store.schemas import known_tables

#: The tables with their columns, types and order as runs that are kept have them.
from tests.support.endings import UNITS

KEPT = json.loads((Path(__file__).parent / "tables.json").read_text())


@pytest.mark.parametrize("name", KEPT)
def test_a_tables_columns_stay(name):
    table = known_tables()[name]
    assert {
        "columns": [[column.name, column.type] for column in table.columns],
        "order": list(table.order),
    } == KEPT[name]


@pytest.mark.parametrize("table", known_tables().values(), ids=known_tables())
def test_columns_say_what_they_mean_and_in_which_unit(table):
    for column in table.columns:
        assert column.meaning
        for ending, unit in UNITS.items():
            if column.name.endswith(ending):
                assert column.unit == unit, column.name


def test_a_column_is_named_once():
    with pytest.raises(ValueError, match="named twice"):
        TableSchema("x", "one", (T_NS, T_NS), ("t_ns",))


def test_a_table_is_ordered_by_its_own_columns():
    with pytest.raises(ValueError, match="lacks"):
        TableSchema("x", "one", (NODE,), ("t_ns",))


def test_types_by_name():
    table = TableSchema("x", "one", (T_NS, Column("load", "Float64", "share")), ("t_ns",))
    assert dict(table.types) == {"t_ns": "Int64", "load": "Float64"}
