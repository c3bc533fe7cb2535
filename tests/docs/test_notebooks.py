"""The notebooks of docs/notebooks: stored without outputs, and every cell works; in the guest."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.support.folders import ROOT

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
#: How many figures each shows: one for each cell that ends with one, none twice.
FIGURES = {"01-first-run": 3, "02-buffers": 3, "03-sweep": 2}
#: Those that make a dozen runs.
LONG = ("03-sweep",)


def test_each_notebook_is_known():
    assert [path.stem for path in NOTEBOOKS] == list(FIGURES)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs(path: Path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.outputs for cell in code] == [[]] * len(code)
    assert {cell.execution_count for cell in code} == {None}
    assert path.stat().st_size < 20_000


@pytest.mark.guest
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[pytest.mark.full] if path.stem in LONG else [])
        for path in NOTEBOOKS
    ],
)
def test_every_cell_works_and_shows_what_it_should(path: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT)]))
    (tmp_path / "results").mkdir()
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert [output for output in outputs if output.get("name") == "stderr"] == []
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == FIGURES[path.stem]
    assert list((tmp_path / "results").iterdir()), "runs are kept beside the notebook"
