"""docs/concepts/kernels-compared.md shows the numbers of kernels-compared.json beside it, a row for
each measure that the script names, and the study has them all.
"""

import json
from pathlib import Path

import kernels_compared
import polars as pl
import pytest

from tcpexp.catalogue.reading import load_spec
from tcpexp.paths import studies_dir

DOCS = Path(__file__).resolve().parents[2] / "docs" / "concepts"


def test_the_page_is_the_numbers():
    kept = json.loads((DOCS / "kernels-compared.json").read_text())
    page = (DOCS / "kernels-compared.md").read_text()
    blocks = {match[2] for match in kernels_compared.BLOCK.finditer(page)}
    assert blocks == {"made", *kernels_compared.SHOWN}
    assert kernels_compared.written(page, kept) == page, "python benchmarks/kernels_compared.py"
    assert [kernel["certificate"] for kernel in kept["kernels"]] == ["VALID"] * 3
    assert set(kept["verdicts"]) == {"PASS"}


def test_the_study_measures_what_the_page_shows():
    spec = load_spec(studies_dir() / "kernels.yaml")
    measures = {row.measure for rows in kernels_compared.SHOWN.values() for row in rows}
    assert measures <= set(spec.sweep.measures)
    assert measures >= {entry.chosen().measure for entry in spec.sweep.expect}


def made(folder: Path, status: str) -> Path:
    """Return a study with two kernels: every measure is 1.5 on the first, 2 on the other."""
    names = {row.measure for rows in kernels_compared.SHOWN.values() for row in rows}
    values = {name: [1.5, 2.0] for name in names}
    (folder / "tables" / "runs").mkdir(parents=True)
    pl.DataFrame(
        {
            "run": [0, 1],
            "key": ["a", "b"],
            "kernel": ["debian-6.1", "debian-7.3"],
            "status": ["complete", status],
            "certificate": ["VALID", "VALID"],
            **values,
        }
    ).write_parquet(folder / "tables" / "runs" / "part.parquet")
    for key, digest in (("a", "12" * 32), ("b", "ab" * 32)):
        (folder / "cells" / key).mkdir(parents=True)
        cell = {"identity": {"kernel": digest}}
        (folder / "cells" / key / "cell.json").write_text(json.dumps(cell))
    (folder / "results.json").write_text(json.dumps({"verdicts": [{"result": "PASS"}] * 3}))
    return folder


def test_a_study_becomes_tables_with_a_column_for_each_kernel(tmp_path):
    kept = kernels_compared.collect(made(tmp_path, "complete"))
    lines = kernels_compared.table_of("changed", kept).splitlines()
    assert lines[0] == "| | | 6.1 | 7.3 |"
    assert lines[2] == "| SYNs to a dead host |  | 2 | 2 |"
    assert "| `connect()` gives up after | s | 1.5 | 2.0 |" in lines
    made_with = " ".join(kernels_compared.made_with(kept).split())
    assert "debian-6.1 (`121212121212`, VALID)" in made_with and "3 PASS" in made_with


def test_a_study_that_is_not_whole_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not every run is complete"):
        kernels_compared.collect(made(tmp_path, "failed"))
