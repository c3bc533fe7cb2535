"""The page of data lists every table and column."""

import pytest

from tcpexp.store.schemas import known_tables
from tools.docs.tables import tables_markdown, update_page


def test_every_column_is_listed_with_its_unit_and_meaning():
    text = tables_markdown()
    for table in known_tables().values():
        assert f"### {table.name}\n" in text
        assert all(
            f"| `{column.name}` | {column.type} | {column.unit} | {column.meaning} |" in text
            for column in table.columns
        )
    assert "| `ecn` | Int64 |  | 0 not-ECT, 1 ECT(1), 2 ECT(0), 3 CE |" in text
    assert "zero_window_probe_ack" in text


def test_a_page_without_marks():
    with pytest.raises(ValueError, match="marks"):
        update_page("# nothing")
