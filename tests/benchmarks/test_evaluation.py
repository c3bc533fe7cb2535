"""docs/concepts/evaluation.md: its tables are made from evaluation.json."""

import json
from pathlib import Path

import evaluation

DOCS = Path(__file__).resolve().parents[2] / "docs" / "concepts"


def cell(victim, neighbour, harm, loss=0.01):
    interval = {"mean": harm, "low": None, "high": None, "count": 1}
    return {
        "victim": victim,
        "neighbour": neighbour,
        "path": "depth=1",
        "throughput": interval,
        "latency": interval,
        "loss": {**interval, "mean": loss},
    }


def results(tmp_path, control, result, cells=()):
    folder = tmp_path / control
    folder.mkdir(exist_ok=True)
    criterion = {"id": "x", "section": "7.10", "title": "T", "result": result, "reason": "why"}
    other = {**criterion, "id": "y", "section": "7.9", "title": "U", "result": "PASS"}
    value = {
        "control": control,
        "against": ["cubic"],
        "identity": {"kernel": "0123456789abcdef", "engine": "e"},
        "notes": [],
        "runs": {"total": 3, "certificates": {"VALID": 3}},
        "criteria": [criterion, other],
        "matrix": list(cells),
    }
    (folder / "results.json").write_text(json.dumps(value))
    return folder


def test_numbers_and_tables(tmp_path):
    folders = [
        results(tmp_path, "vegas", "PASS"),
        results(tmp_path, "reno", "FAIL", [cell("reno", "bbr", 0.9), cell("bbr", "reno", 0.25)]),
    ]
    numbers = evaluation.take(folders, {})
    table = evaluation.criteria_table(numbers).splitlines()
    assert table[0] == "| RFC 9743 | criterion | reno | vegas |"
    assert table[2:] == ["| 7.9 | U | pass | pass |", "| 7.10 | T | **FAIL** | pass |"]
    matrix = evaluation.matrix_table(numbers).splitlines()
    assert matrix[-2:] == ["| reno | – | 0.25 (1.0 %) |", "| bbr | 0.90 (1.0 %) | – |"]
    assert "- 7.10, T: why" in evaluation.failures(numbers)
    assert "**vegas**: nothing." in evaluation.failures(numbers)
    assert "| reno | cubic | 3 | 3 | `0123456789ab` | `e` |" in evaluation.made(numbers)
    text = "a\n<!-- evaluation: made -->\nold\n<!-- end -->\nb"
    page = evaluation.page(text, numbers)
    assert "old" not in page
    assert evaluation.page(page, numbers) == page
