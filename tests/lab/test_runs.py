"""Recorded runs on the page: listed, opened, noted on, taken along; and nothing beside them."""

from __future__ import annotations

import ast
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tcpexp.lab.runs import keep_newest, list_runs, write_notes
from tcpexp.spec.yaml12 import parse_yaml
from tests.support.labs import LabClient


@pytest.fixture
def run(lab: LabClient, recorded: Path) -> str:
    return lab.keep_run(recorded, "bbr_vs_cubic")


def test_the_history_has_what_is_in_results(lab: LabClient, run: str) -> None:
    (row,) = lab.get("/api/history").json()
    assert (row["run"], row["status"]) == (run, "complete")
    assert row["passed"] > 0 and row["report"]


def test_a_run_that_was_killed_says_so(lab: LabClient, run: str) -> None:
    (lab.results / run / "manifest.json").unlink()
    assert lab.get("/api/history").json()[0]["status"] == "incomplete"


def test_the_report_is_a_page_whose_script_alone_may_run(lab: LabClient, run: str) -> None:
    answer = lab.get(f"/runs/{run}/report.html")
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "script-src 'sha256-" in policy or policy.startswith("sandbox allow-scripts ")
    assert "allow-same-origin" not in policy and "unsafe-inline' " not in policy


def test_a_report_of_somebody_else_runs_apart(lab: LabClient, run: str) -> None:
    (lab.results / run / "report.html").write_text("<script>fetch('/api/run')</script>")
    policy = lab.get(f"/runs/{run}/report.html").headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts") and "same-origin" not in policy


def test_other_files_are_saved_and_never_shown(lab: LabClient, run: str) -> None:
    (lab.results / run / "raw" / "evil.html").write_text("<script>1</script>")
    for file in ("manifest.json", "raw/evil.html"):
        answer = lab.get(f"/runs/{run}/{file}")
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "file",
    ["../secret", "..%2Fsecret", "%2e%2e/%2e%2e/secret", "/etc/passwd", "%2Fetc%2Fpasswd",
     "raw/../../../secret", ".hidden", "link", "folder/secret", "raw", "nothing", "%00"],
)  # fmt: skip
def test_no_file_outside_of_a_run_is_given(
    lab: LabClient, run: str, tmp_path: Path, file: str
) -> None:
    (tmp_path / "secret").write_text("s3cret")
    (lab.results / "secret").write_text("s3cret")
    path = lab.results / run
    (path.parent / "secret").write_text("s3cret")
    (path / ".hidden").write_text("s3cret")
    (path / "link").symlink_to(tmp_path / "secret")
    (path / "folder").symlink_to(tmp_path)
    answer = lab.get(f"/runs/{run}/{file}")
    assert answer.status_code in (400, 404) and "s3cret" not in answer.text


@pytest.mark.parametrize("name", ["../x", "a/../b", "..", "bbr_vs_cubic", "a/b/c", "", "a/"])
def test_a_run_is_named_by_two_words(lab: LabClient, run: str, name: str) -> None:
    assert lab.get("/api/notes", params={"run": name}).status_code == 404
    assert lab.post("/api/show", {"run": name, "tab": "1"}).status_code == 404


def test_a_folder_that_a_link_leads_to_is_no_run(
    lab: LabClient, run: str, tmp_path: Path, recorded: Path
) -> None:
    shutil.copytree(recorded, tmp_path / "elsewhere" / "r1")
    os.symlink(tmp_path / "elsewhere", lab.results / "linked")
    assert [row["run"] for row in lab.get("/api/history").json()] == [run]
    assert lab.get("/runs/linked/r1/manifest.json").status_code == 404


def test_notes_lie_beside_the_run(lab: LabClient, run: str) -> None:
    assert lab.post("/api/notes", {"run": run, "text": "one second\n"}).status_code == 200
    assert (lab.results / run / "notes.md").read_text() == "one second\n"
    assert lab.get(f"/api/notes?run={run}").json() == {"text": "one second\n"}
    lab.post("/api/notes", {"run": run, "text": " "})
    assert not (lab.results / run / "notes.md").exists()


def test_notes_are_never_written_through_a_link(lab: LabClient, run: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    (lab.results / run / "notes.md").symlink_to(secret)
    assert lab.get(f"/api/notes?run={run}").json() == {"text": ""}
    assert lab.post("/api/notes", {"run": run, "text": "x"}).status_code == 403
    assert secret.read_text() == "s3cret"


def test_notes_have_a_size(lab: LabClient, run: str) -> None:
    assert lab.post("/api/notes", {"run": run, "text": "x" * 300_000}).status_code == 413


def test_a_notebook_opens_the_run(lab: LabClient, run: str) -> None:
    answer = lab.get(f"/api/notebook?run={run}")
    assert 'filename="bbr_vs_cubic.ipynb"' in answer.headers["content-disposition"]
    book = json.loads(answer.text)
    assert book["nbformat"] == 4
    code = ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code"]
    assert f"tcpexp.load('{lab.results / run}')" in code[0]
    for text in code:
        ast.parse(text)
    known: dict[str, Any] = {}
    exec(code[0], known)
    packets = eval(code[3], known)
    assert packets.height > 100 and eval(code[1], known) and eval(code[2], known) is not None


def test_the_spec_of_a_run_has_the_values_of_its_command(lab: LabClient, run: str) -> None:
    manifest = lab.results / run / "manifest.json"
    raw = json.loads(manifest.read_text())
    raw["command"] = ["tcpexp", "run", "x", "--set", "seed=77"]
    manifest.write_text(json.dumps(raw))
    found = lab.get(f"/api/spec?run={run}").json()
    assert found["spec"] == "bbr_vs_cubic"
    assert parse_yaml(found["text"], "x").raw["seed"] == 77
    assert lab.get("/api/history").json()[0]["set"] == ["seed=77"]


def test_a_students_oldest_runs_go_first_and_those_with_notes_last(
    tmp_path: Path, recorded: Path
) -> None:
    for number in range(4):
        path = tmp_path / "x" / f"r{number}"
        path.mkdir(parents=True)
        shutil.copy(recorded / "plan.json", path)
        os.utime(path / "plan.json", (number, number))
    write_notes(tmp_path / "x" / "r0", "kept\n")
    assert keep_newest(tmp_path, 2) == 2
    assert {row["run"] for row in list_runs(tmp_path)} == {"x/r0", "x/r3"}
