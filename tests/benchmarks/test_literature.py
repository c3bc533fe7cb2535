"""docs/concepts/literature.md shows the numbers of literature.json beside it, and a study for each
block.
"""

import json
from pathlib import Path

import literature
import polars as pl
import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs" / "concepts"


def test_the_page_is_current():
    numbers = json.loads((DOCS / "literature.json").read_text())
    page = (DOCS / "literature.md").read_text()
    assert literature.written(page, numbers) == page, "python benchmarks/literature.py"
    assert {match[2] for match in literature.BLOCK.finditer(page)} == set(literature.SHOWN)
    assert set(numbers) <= set(literature.SHOWN)


def _study(tmp_path, failed=()):
    folder = tmp_path / "syn_schedule-quick"
    (folder / "tables" / "runs").mkdir(parents=True)
    (folder / "cells" / "a").mkdir(parents=True)
    (folder / "cells" / "a" / "cell.json").write_text(
        json.dumps({"identity": {"image": "0123456789abcdef", "qemu": "7.2.22 (Debian)"}})
    )
    summary = {
        "failed": list(failed),
        "left": 0,
        "tables_sha256": "f" * 64,
        "verdicts": [{"result": "PASS"}, {"result": "FAIL"}, {"result": "PASS"}],
    }
    (folder / "results.json").write_text(json.dumps(summary))
    columns = {
        "run": [0, 1],
        "cell": [0, 0],
        "certificate": ["VALID", "SUSPECT"],
        "retries": [6.0, 6.0],
        "syns": [7.0, 7.0],
    }
    columns |= {"last_syn": [63.9, 64.1], "given_up": [129.5, None]}
    pl.DataFrame(columns).write_parquet(folder / "tables" / "runs" / "part-0.parquet")
    return folder


def test_a_study_becomes_a_table_of_means(tmp_path):
    name, kept = literature.collect(_study(tmp_path))
    text = literature.table_of(name, kept)
    assert kept["rows"] == [["6", "7", "64.00", "129.50"]]
    assert "`tcpexp sweep syn_schedule --quick`" in text
    assert "2 runs (1 SUSPECT, 1 VALID), expectations 1 FAIL, 2 PASS" in " ".join(text.split())


def test_a_study_with_failed_runs_is_not_taken(tmp_path):
    with pytest.raises(SystemExit, match="1 runs failed"):
        literature.collect(_study(tmp_path, failed=["x"]))
