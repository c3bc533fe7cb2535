"""``tcpexp run`` from spec to report, and again from disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tcpexp.cli.main import main
from tcpexp.store.manifest import read_manifest
from tests.support.plain_spec import PLAIN, spec_in


def program(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "tcpexp.cli.main", *map(str, arguments)]


def run_json(
    capsys: pytest.CaptureFixture[str], *arguments: str | Path
) -> tuple[int, list[dict[str, object]]]:
    code = main(["run", *map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.guest
def test_a_run_in_the_guest_can_be_judged_and_reported_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, (row,) = run_json(
        capsys, spec_in(tmp_path), "--on", "guest", "--out", tmp_path / "results"
    )
    assert code == 0
    assert (row["status"], row["where"], row["clock"]) == ("complete", "uml", "virtual")
    timing = row["timing"]
    assert isinstance(timing, dict)
    parts = sum(
        timing[name]
        for name in ("start_s", "run_s", "reading_s", "judging_s", "drawing_s", "report_s")
    )
    assert timing["experiment_s"] == 3
    assert 0 < parts <= timing["total_s"] + 0.01
    run = Path(str(row["run"]))
    assert Path(str(row["report"])).is_file()
    assert (run / "spec.yaml").read_text() == PLAIN
    assert main(["check", str(run)]) == 0
    (run / "report.html").unlink()
    assert main(["check", str(run)]) == 5
    assert main(["report", "--quiet", str(run)]) == 0
    assert (run / "report.html").is_file()
    assert main(["check", "plain", "--results", str(tmp_path / "results")]) == 0
    capture = run / "raw" / "h1-eth0.pcap"
    capture.write_bytes(capture.read_bytes()[:-1])
    assert main(["check", str(run)]) == 5
    assert main(["report", str(run)]) == 5
    assert "raw/h1-eth0.pcap" in capsys.readouterr().err


@pytest.mark.guest
def test_a_spec_that_is_wrong_does_not_keep_the_next_from_being_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = spec_in(tmp_path, PLAIN.replace("status: 0", "status: 7"))
    code, rows = run_json(
        capsys, "no_such_spec", spec, "--on", "guest", "--out", tmp_path / "results"
    )
    assert code == 2
    assert [row["exit_code"] for row in rows] == [2, 1]


@pytest.mark.full
@pytest.mark.guest
def test_repeat_takes_the_seeds_in_turn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, rows = run_json(
        capsys,
        spec_in(tmp_path),
        "--repeat",
        "2",
        "--seed",
        "5",
        "--on",
        "guest",
        "--out",
        tmp_path / "results",
    )
    assert code == 0
    assert [row["seed"] for row in rows] == [5, 6]


@pytest.mark.guest
def test_one_interrupt_keeps_what_was_recorded(tmp_path: Path) -> None:
    spec = spec_in(tmp_path, PLAIN.replace("duration: 3s", "duration: 20000s"))
    command = program("run", spec, "--on", "guest", "--out", tmp_path / "results")
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        words = line.split()
        if words[0] == "run" and float(words[1]) > 2:
            break
    assert said[0] == "plain: One request on a plain link (20000 s, seed 1, in User-Mode Linux)\n"
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    assert process.wait() == 4, rest
    assert "stopping" in rest
    (run,) = (tmp_path / "results" / "plain").iterdir()
    assert read_manifest(run).status == "interrupted"
    assert (run / "raw" / "h1-eth0.pcap").stat().st_size > 24
    assert (run / "report.html").is_file()


@pytest.mark.root
def test_a_run_on_the_host(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, (row,) = run_json(
        capsys, spec_in(tmp_path), "--on", "host", "--out", tmp_path / "results"
    )
    assert code == 0
    assert (row["status"], row["where"], row["clock"]) == ("complete", "host", "real")


@pytest.mark.root
def test_a_full_disk_is_refused_before_the_run(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    spec = spec_in(tmp_path)
    script = 'mount -t tmpfs -o size=1m tmpfs "$1" && shift && exec "$@"'
    command = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        script,
        "sh",
        str(small),
        *program("run", spec, "--out", small, "--on", "host"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "MiB are free" in done.stderr
    assert "--out DIR" in done.stderr


def test_a_results_folder_that_cannot_be_written_is_refused_before_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = "host" if os.geteuid() == 0 else "uml"
    (tmp_path / "file").write_text("")
    assert (
        main(
            [
                "run",
                str(spec_in(tmp_path)),
                "--on",
                place,
                "--out",
                str(tmp_path / "file" / "results"),
            ]
        )
        == 3
    )
    errors = capsys.readouterr().err
    assert "cannot be written" in errors
    assert "--out DIR" in errors
