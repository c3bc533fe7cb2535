"""The page of data lists every table and column."""

import pytest

from tcpexp.record.tables import TABLES
from tools.docs.tables import column_notes, tables_markdown, update_page


def test_every_column_is_listed_with_its_comment():
    text = tables_markdown()
    for table in TABLES.values():
        assert f"### {table.name}\n" in text
        assert all(f"| `{column}` |" in text for column in table.columns)
    assert column_notes()["packets"]["ecn"] == "0 not-ECT, 1 ECT(1), 2 ECT(0), 3 CE"
    assert "zero_window_probe_ack" in column_notes()["packets"]["labels"]


def test_a_page_without_marks():
    with pytest.raises(ValueError, match="marks"):
        update_page("# nothing")
