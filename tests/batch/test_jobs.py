"""Jobs, each in a process of its own: what crashes takes no other with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tcpexp.batch.jobs import run_jobs
from tcpexp.batch.rows import Job
from tcpexp.cli.several import QuietDisplay
from tcpexp.runs.options import RunOptions
from tcpexp.runs.signals import StopSignals
from tests.support.several_specs import KILLED, RAISES, write_spec


class Noting(QuietDisplay):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, Any]] = []

    def begins(self, number: int, job: Job) -> None:
        self.noted.append(("begins", number))

    def say(self, number: int | None, text: str) -> None:
        self.noted.append(("says", text))

    def ends(self, number: int, row: dict[str, Any]) -> None:
        self.noted.append(("ends", number))


def left_by_others(noted: tuple[str, Any]) -> bool:
    """Whether a run says that it cleared what a killed run of another test left behind."""
    return noted[0] == "says" and noted[1].startswith("removed what a killed run left")


def test_a_job_survives_its_way_to_another_process() -> None:
    job = Job(
        "a.yaml",
        RunOptions(
            "host",
            None,
            None,
            7,
            ("links.h1-h2.rate=1mbit",),
            Path("/tmp/x"),
            ("tcpexp", "run"),
            figures=True,
        ),
        3,
    )
    assert Job.from_line(job.to_line().decode()) == job


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_crash_an_exception_and_a_wrong_spec_do_not_take_the_others(
    at_once: int, tmp_path: Path
) -> None:
    """None of these reaches a place to run: the plugin is loaded before."""
    killed = write_spec(tmp_path, "killed", plugin=KILLED)
    wrong = write_spec(tmp_path, "wrong", duration="1mbit")
    raises = write_spec(tmp_path, "raises", plugin=RAISES)
    options = RunOptions("guest", out=tmp_path / "results")
    noting = Noting()
    rows = run_jobs(
        [Job(str(path), options) for path in (killed, wrong, raises)]
        + [Job("no_such_spec", options)],
        at_once,
        StopSignals(),
        noting,
    )
    assert [row["exit_code"] for row in rows] == [4, 2, 2, 2]
    assert (rows[0]["status"], rows[0]["errors"][0]["message"]) == (
        "crashed",
        "the run's process ended by signal SIGKILL",
    )
    assert rows[0]["errors"][0]["hint"] == "last words"
    assert rows[1]["errors"][0]["line"] == 4
    assert "ZeroDivisionError" in rows[2]["errors"][0]["message"]
    assert "no such file or experiment" in rows[3]["errors"][0]["message"]
    noted = [one for one in noting.noted if not left_by_others(one)]
    assert sorted(noted) == sorted(
        (word, number) for word in ("begins", "ends") for number in range(4)
    )
    assert [number for word, number in noting.noted if word == "begins"] == [0, 1, 2, 3]


def test_nothing_is_started_once_a_signal_has_come(tmp_path: Path) -> None:
    signals = StopSignals()
    signals.asked = True
    rows = run_jobs(
        [Job("one", RunOptions()), Job("two", RunOptions())], 2, signals, QuietDisplay()
    )
    assert [(row["status"], row["exit_code"]) for row in rows] == [("not run", 4), ("not run", 4)]


def test_a_run_ends_with_the_process_that_asked_for_it(tmp_path: Path) -> None:
    """The plugin keeps the run from starting.

    The run's process sees its input end and gets a signal, which then ends it.
    """
    waits = (
        "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_:"
        " sys.exit(9))\nprint('waiting', file=sys.stderr, flush=True)\ntime.sleep(60)\n"
    )
    job = Job(
        str(write_spec(tmp_path, "waits", plugin=waits)),
        RunOptions("guest", out=tmp_path / "results"),
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "tcpexp.batch.job"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None and process.stderr is not None
    process.stdin.write(job.to_line())
    process.stdin.flush()
    assert process.stderr.readline() == b"waiting\n"
    process.stdin.close()
    assert process.wait() == 9
