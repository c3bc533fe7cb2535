"""``tcpexp run`` of several specs: a folder, a few at a time, each in a process of its own.

Failures, crashes and interrupts among them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tcpexp import paths
from tcpexp.batch.rows import Job, empty_row
from tcpexp.cli.main import main
from tcpexp.cli.several import TerminalDisplay, outcome_words, print_table, sum_words
from tcpexp.errors import SpecError
from tcpexp.runs.options import RunOptions
from tests.support.several_specs import write_spec


def test_a_folder_stands_for_its_specs_by_name(tmp_path: Path) -> None:
    for name in ("second", "first"):
        write_spec(tmp_path, name)
    (tmp_path / "square.yaml").write_text(
        "description: a network\nnodes: {h1: host, h2: host}\nlinks:\n  - [h1, h2]\n"
    )
    (tmp_path / "misspelt.yml").write_text("name: misspelt\ntoplogy: two_host\n")
    (tmp_path / ".hidden.yaml").write_text("name: hidden\n")
    (tmp_path / "notes.txt").write_text("no spec\n")
    assert [Path(spec).name for spec in paths.expand_specs(str(tmp_path))] == [
        "first.yaml",
        "misspelt.yml",
        "second.yaml",
    ]


def test_the_shipped_folder_is_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert paths.expand_specs("experiments/") == [str(path) for path in paths.shipped_specs()]
    attacks = [path for path in paths.shipped_specs() if path.parent.name == "attacks"]
    assert paths.expand_specs("experiments/attacks") == [str(path) for path in attacks]
    assert paths.expand_specs("synack_drop") == ["synack_drop"]
    assert paths.expand_specs("no_such_thing") == ["no_such_thing"]


def test_a_folder_without_specs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no spec in this folder"):
        paths.expand_specs(str(tmp_path))
    assert main(["run", str(tmp_path)]) == 2


def test_validate_takes_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_spec(tmp_path, "one")
    write_spec(tmp_path, "two")
    assert main(["validate", str(tmp_path), "--json"]) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == ["one", "two"]


def row(name: str, **more: Any) -> dict[str, Any]:
    return {**empty_row(Job(name, RunOptions())), **more}


ROWS = [
    row(
        "good",
        status="complete",
        exit_code=0,
        passed=3,
        certificate={"verdict": "VALID"},
        timing={"total_s": 12.34},
        seed=7,
    ),
    row(
        "bad",
        status="complete",
        exit_code=1,
        passed=2,
        failed=1,
        certificate={"verdict": "SUSPECT"},
        timing={"total_s": 2.0},
        seed=7,
    ),
    row("broken", status="failed", exit_code=4),
    row("waiting"),
]


def test_the_table_has_verdicts_certificate_and_run_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(ROWS, 15.0)
    head, good, bad, broken, waiting, total = capsys.readouterr().out.splitlines()
    assert head.split() == [
        "experiment",
        "status",
        "passed",
        "failed",
        "certificate",
        "run",
        "time",
    ]
    assert good.split() == ["good", "complete", "3", "VALID", "12.3", "s"]
    assert bad.split() == ["bad", "complete", "2", "1", "SUSPECT", "2.0", "s"]
    assert broken.split() == ["broken", "failed"]
    assert waiting.split() == ["waiting", "not", "run"]
    assert (
        total == "4 runs: 1 without a failed check, 1 with failed checks, 1 failed, 1 not run; 15 s"
        " in all"
    )


def test_the_table_tells_seeds_and_undecided_checks_where_there_are_any(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table([ROWS[0], {**ROWS[0], "seed": 8, "undecided": 2}])
    head, first, second, _ = capsys.readouterr().out.splitlines()
    assert head.split() == [
        "experiment",
        "seed",
        "status",
        "passed",
        "failed",
        "undecided",
        "certificate",
        "run",
        "time",
    ]
    assert first.split()[:4] == ["good", "7", "complete", "3"]
    assert second.split()[:5] == ["good", "8", "complete", "3", "2"]


def test_the_table_fits_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(
        [
            row(
                "impaired_download_small",
                status="interrupted",
                passed=12,
                failed=10,
                certificate={"verdict": "SUSPECT"},
                timing={"total_s": 1234.5},
            )
        ]
    )
    line = capsys.readouterr().out.splitlines()[1]
    assert line.split() == [
        "impaired_download_small",
        "interrupted",
        "12",
        "10",
        "SUSPECT",
        "1234.5",
        "s",
    ]


def test_what_came_of_a_run_in_words() -> None:
    assert [outcome_words(outcome) for outcome in ROWS] == [
        "3 passed, VALID, 12.3 s",
        "2 passed, 1 failed, SUSPECT, 2.0 s",
        "failed",
        "not run",
    ]
    assert sum_words(ROWS[:1]) == "1 runs: 1 without a failed check"


def test_a_failed_check_is_named_when_its_run_ends(capsys: pytest.CaptureFixture[str]) -> None:
    display = TerminalDisplay(1)
    display.begins(0, Job("experiments/bad.yaml", RunOptions()))
    verdict = {"result": "FAIL", "title": "SYNs from h1", "measured": "4", "asked": "7"}
    display.ends(
        0,
        {
            **ROWS[1],
            "verdicts": [verdict, {**verdict, "result": "PASS", "title": "other"}],
            "run": "results/bad/r1",
        },
    )
    display.close()
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "[1/1] bad: 2 passed, 1 failed, SUSPECT, 2.0 s",
        "  FAIL SYNs from h1: 4 (expected 7)",
        "  see results/bad/r1",
    ]


def run_program(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "tcpexp.cli.main", "run", *map(str, arguments)]


@pytest.mark.root
def test_several_at_a_time_on_the_host_keep_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Same names, same addresses asked for: each run gets a slot of its own."""
    specs = tmp_path / "specs"
    specs.mkdir()
    for name, status in (("one", 0), ("three", 0), ("two", 7)):
        write_spec(specs, name, status=status)
    code = main(
        [
            "run",
            str(specs),
            "--on",
            "host",
            "--jobs",
            "3",
            "--out",
            str(tmp_path / "results"),
            "--json",
        ]
    )
    rows = json.loads(capsys.readouterr().out)
    assert code == 1
    assert [(row["experiment"], row["status"], row["passed"], row["failed"]) for row in rows] == [
        ("one", "complete", 1, 0),
        ("three", "complete", 1, 0),
        ("two", "complete", 0, 1),
    ]
    nets = {
        json.loads((Path(row["run"]) / "plan.json").read_text())["network"]["subnets"][0]
        for row in rows
    }
    assert len(nets) == 3


def wait_for_line(process: subprocess.Popen[str], word: str, times: int) -> list[str]:
    assert process.stderr is not None
    said: list[str] = []
    for line in process.stderr:
        said.append(line)
        if sum(word in text for text in said) == times:
            return said
    raise AssertionError(f"ended before '{word}': {said}")


@pytest.mark.root
def test_one_interrupt_ends_the_runs_under_way_and_lists_the_rest(tmp_path: Path) -> None:
    specs = [write_spec(tmp_path, name, duration="600s") for name in ("a", "b", "c")]
    command = run_program(*specs, "--on", "host", "--jobs", "2", "--out", tmp_path / "results")
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    wait_for_line(process, "started", 2)
    for name in ("a", "b"):
        while (
            not any((tmp_path / "results" / name).glob("*/events.jsonl")) and process.poll() is None
        ):
            time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    out, rest = process.communicate()
    assert process.returncode == 4, rest
    assert "stopping" in rest
    assert [
        line.split()[0]
        for line in out.splitlines()
        if "interrupted" in line and "runs:" not in line
    ] == ["a", "b"]
    assert any(line.split() == ["c", "not", "run"] for line in out.splitlines())
    for name in ("a", "b"):
        (run,) = (tmp_path / "results" / name).iterdir()
        assert json.loads((run / "manifest.json").read_text())["status"] == "interrupted"
    assert not (tmp_path / "results" / "c").exists()


@pytest.mark.full
@pytest.mark.guest
def test_several_at_a_time_in_the_guest_leave_the_captures_of_one_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    specs = tmp_path / "specs"
    specs.mkdir()
    for name in ("one", "two"):
        write_spec(specs, name, duration="5s")
    captures: list[list[bytes]] = []
    for jobs in ("1", "2"):
        assert (
            main(
                [
                    "run",
                    str(specs),
                    "--on",
                    "guest",
                    "--jobs",
                    jobs,
                    "--out",
                    str(tmp_path / jobs),
                    "--json",
                ]
            )
            == 0
        )
        rows = json.loads(capsys.readouterr().out)
        captures.append([(Path(row["run"]) / "raw" / "h1-eth0.pcap").read_bytes() for row in rows])
    assert captures[0] == captures[1]
