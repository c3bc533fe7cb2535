"""The generated page of experiments: complete, and its pictures small."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tcpexp import paths
from tcpexp.library.chapters import CHAPTERS, specs_of
from tools.docs.experimentruns import (
    DOCS,
    MOST_BYTES,
    WIDTH,
    first_figure,
    picture_path,
    read_measured,
    take_runs,
)
from tools.docs.experiments import page as document


@pytest.fixture(scope="module")
def page() -> str:
    return (DOCS / "reference" / "experiments.md").read_text(encoding="utf-8")


def test_every_experiment_has_its_section_and_its_checks(page: str) -> None:
    assert re.findall(r"^### (\w+)$", page, re.MULTILINE) == [
        path.stem for chapter in CHAPTERS for path in specs_of(chapter)
    ]
    sections = page.split("\n### ")[1:]
    assert all("\nChecked:\n\n- " in section for section in sections)


def test_links_and_pictures_exist_and_are_small(page: str) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", page)
    assert targets
    for target in targets:
        assert (DOCS / "reference" / target).is_file(), target
    pictures = sorted((DOCS / "images" / "experiments").glob("*.png"))
    assert all(picture.stat().st_size <= MOST_BYTES for picture in pictures)
    assert {picture.stem for picture in pictures} <= {path.stem for path in paths.shipped_specs()}


def made_run(folder: Path, name: str, size: tuple[int, int]) -> dict[str, Any]:
    """Return a row as ``run --json`` prints it, of a run that drew two figures."""
    run = folder / name
    (run / "figures").mkdir(parents=True)
    (run / "plan.json").write_text(
        json.dumps({"plots": [{"not_drawn": {}}, {"window": {}}, {"ladder": {}}]})
    )
    Image.new("RGBA", size, (200, 30, 30, 255)).save(run / "figures" / "window.png")
    Image.new("RGBA", (10, 10)).save(run / "figures" / "ladder.png")
    return {
        "status": "complete",
        "experiment": name,
        "clock": "virtual",
        "run": str(run),
        "timing": {"total_s": 12.34},
    }


def test_the_first_of_the_specs_figures_is_taken(tmp_path: Path) -> None:
    row = made_run(tmp_path, "synack_drop", (40, 30))
    figure = first_figure(Path(row["run"]))
    assert figure is not None
    assert figure.name == "window.png"


def test_run_times_and_pictures_come_from_runs(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    (docs / "reference").mkdir(parents=True)
    tall = made_run(tmp_path, "synack_drop", (1440, 5000))
    failed = {**tall, "experiment": "syn_flood", "status": "failed"}
    real = {**tall, "experiment": "cc_switch", "clock": "real"}
    take_runs([tall, made_run(tmp_path, "own_spec", (40, 30)), failed, real], docs)
    assert read_measured(docs)["total_s"] == {"synack_drop": 12.3}
    with Image.open(picture_path(docs, "synack_drop")) as picture:
        assert picture.size == (WIDTH, WIDTH)
    assert [path.name for path in (docs / "images" / "experiments").iterdir()] == [
        "synack_drop.png"
    ]
    text = document(docs)
    assert (
        "![The client's firewall drops the server's SYN-ACKs]"
        "(../images/experiments/synack_drop.png)" in text
    )
    assert "Lasts 150 s, takes about 12 s." in text


def test_a_picture_that_is_too_large_is_left_out(tmp_path: Path) -> None:
    import os

    docs = tmp_path / "docs"
    (docs / "reference").mkdir(parents=True)
    row = made_run(tmp_path, "synack_drop", (40, 30))
    Image.frombytes("RGB", (1440, 1440), os.urandom(1440 * 1440 * 3)).save(
        Path(row["run"]) / "figures" / "window.png"
    )
    take_runs([row], docs)
    assert not picture_path(docs, "synack_drop").exists()
