"""A terminal that closes in the middle of a run: the run ends as after Ctrl-C, with manifest and
report.
"""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tcpexp.runs.signals import StopSignals

SPEC = """
name: long
title: One request, then a long wait
topology: two_host
duration: {duration}
actions:
  - {{do: http_server, host: h2, port: 80, files: {{index.html: "Hello from h2."}}}}
  - {{at: 0.1s, do: http_get, id: get, from: h1, to: h2, path: /index.html}}
"""


def write_spec(folder: Path, duration: str) -> Path:
    path = folder / "long.yaml"
    path.write_text(SPEC.format(duration=duration))
    return path


def start_on_terminal(arguments: list[str]) -> tuple[int, int]:
    """Start tcpexp as the leader of a session on a terminal of its own.

    Return its pid and the terminal's other side.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whatever started the tests
        os.execv(sys.executable, [sys.executable, "-m", "tcpexp.cli.main", *arguments])
    return pid, terminal


def wait_for_events(results: Path, pid: int) -> None:
    """Wait until the experiment is under way (its events are written where the place can show them
    before the end).
    """
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if any(results.glob("long/*/events.jsonl")):
            return
        assert os.waitpid(pid, os.WNOHANG) == (0, 0), "the run ended by itself"
        time.sleep(0.05)
    raise AssertionError("the experiment never began")


def exit_status(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.root
def test_a_closed_terminal_ends_a_run_on_the_host_and_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_UID", "12345")
    monkeypatch.setenv("SUDO_GID", "23456")
    results = tmp_path / "results"
    pid, terminal = start_on_terminal(
        ["run", str(write_spec(tmp_path, "600s")), "--on", "host", "--out", str(results)]
    )
    wait_for_events(results, pid)
    os.close(terminal)
    assert exit_status(pid) == 4
    (run,) = (results / "long").iterdir()
    assert json.loads((run / "manifest.json").read_text())["status"] == "interrupted"
    assert (run / "report.html").is_file()
    assert {(path.stat().st_uid, path.stat().st_gid) for path in (run, *run.rglob("*"))} == {
        (12345, 23456)
    }


@pytest.mark.root
def test_a_run_that_is_to_outlive_its_terminal_does(tmp_path: Path) -> None:
    """``nohup`` ignores SIGHUP for the command that it starts."""
    results = tmp_path / "results"
    argv = [
        "nohup",
        sys.executable,
        "-m",
        "tcpexp.cli.main",
        "run",
        str(write_spec(tmp_path, "3s")),
        "--on",
        "host",
        "--out",
        str(results),
        "-q",
    ]
    process = subprocess.Popen(argv)
    wait_for_events(results, process.pid)
    process.send_signal(signal.SIGHUP)
    assert process.wait(120) == 0
    (run,) = (results / "long").iterdir()
    assert json.loads((run / "manifest.json").read_text())["status"] == "complete"


def test_hanging_up_again_does_not_abort() -> None:
    """The kernel, a shell and sudo may each send one.

    A terminate that follows counts as the first.
    """
    child = """
import os, signal
from tcpexp.runs.signals import StopSignals
signals = StopSignals()
with signals.listening():
    for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
        os.kill(os.getpid(), number)
        assert signals.asked
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        os._exit(1)
    except KeyboardInterrupt:
        os._exit(7)
"""
    assert subprocess.run([sys.executable, "-c", child], check=False).returncode == 7


def test_the_former_handlers_return() -> None:
    before = signal.getsignal(signal.SIGHUP)
    with StopSignals().listening():
        assert signal.getsignal(signal.SIGHUP) is not before
    assert signal.getsignal(signal.SIGHUP) is before
