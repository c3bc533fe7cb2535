"""Several runs, a few at a time, each in a process of its own, so that none takes the others with
it.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from tcpexp.batch.forked import Forked, may_fork
from tcpexp.batch.job import main as make_run
from tcpexp.batch.rows import Job, RunRow, RunStart, crash_row, empty_row

if TYPE_CHECKING:
    from tcpexp.runs.signals import StopSignals

#: How long runs that are to be aborted may take to leave a manifest, in seconds of wall time; then
#: they are killed.
ABORT_GRACE_S = 5.0


class Display(Protocol):
    """Who is told how several runs go; ``number`` counts the jobs from 0 on."""

    def begins(self, number: int, job: Job) -> None:
        """Take note that a run's process starts."""

    def starts(self, number: int, run: RunStart) -> None:
        """Take note that the run itself starts: ``name``, ``duration_s``, ``seed``, ``place``,
        ``run``.
        """

    def progress(self, number: int, phase: str, seconds: float | None) -> None:
        """Take note of a run's phase and of its experiment's time in seconds."""

    def say(self, number: int | None, text: str) -> None:
        """Take note of something said, by a run or by none."""

    def ends(self, number: int, row: RunRow) -> None:
        """Take note of what came of a run."""

    def tick(self) -> None:
        """Take note that a little time has passed: nothing else calls, for a thread would keep runs
        from being forked.
        """


class JobProcess:
    """A run in a process of its own, with a session of its own: a Ctrl-C at the terminal reaches it
    only through us.

    The process is forked where this one may fork, so that a run need not import what the one before
    it has imported.
    """

    def __init__(self, number: int, job: Job) -> None:
        self.number = number
        self.job = job
        self.row: RunRow | None = None
        self.run: str | None = None
        self._rest = b""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        read_job, write_job = os.pipe()
        read_events, write_events = os.pipe()
        self.stdin, self.stdout = os.fdopen(write_job, "wb"), os.fdopen(read_events, "rb")
        self.process = start_process((read_job, write_events, self._errors.fileno()))
        os.close(read_job)
        os.close(write_events)
        with contextlib.suppress(BrokenPipeError):  # it has ended: its exit status says how
            self.stdin.write(job.to_line())
            self.stdin.flush()

    def read(self, display: Display) -> bool:
        """Take over what the process has written; return whether there can be more."""
        data = os.read(self.stdout.fileno(), 1 << 16)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(json.loads(line), display)
        return bool(data)

    def _take(self, event: dict[str, Any], display: Display) -> None:
        if "row" in event:
            self.row = event["row"]
        elif "starts" in event:
            self.run = event["starts"]["run"]
            display.starts(self.number, event["starts"])
        elif "progress" in event:
            display.progress(self.number, event["progress"]["phase"], event["progress"]["seconds"])
        elif "say" in event:
            display.say(self.number, event["say"])

    def stop(self) -> None:
        """Ask the run to end and to keep what was recorded; the second time, to abort."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)

    def finish(self, asked: bool) -> RunRow:
        """Wait for the process and return the run's row, also when it ended without a word.

        ``asked``: it was asked to stop.
        """
        status = self.process.wait()
        said = self._last_words()
        self.close()
        if self.row is None and asked and self.run is None:
            return empty_row(self.job)
        row = self.row or crash_row(
            self.job, f"the run's process ended {exit_words(status)}", said or None
        )
        return {**row, "run": row["run"] or self.run}

    def _last_words(self) -> str:
        """Return the end of what the process wrote to its standard error."""
        self._errors.seek(0)
        return self._errors.read()[-1000:].decode(errors="replace").strip()

    def close(self) -> None:
        """Close what leads to the process."""
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()
        self.stdout.close()
        self._errors.close()

    def kill(self) -> None:
        """End the process now; what it runs ends with it."""
        self.process.kill()
        self.process.wait()
        self.close()


def start_process(streams: tuple[int, int, int]) -> Forked | subprocess.Popen[bytes]:
    """Start a process that makes the run which its standard input describes.

    See :mod:`tcpexp.batch.job`.
    """
    if may_fork():
        return Forked(make_run, streams)
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "tcpexp.batch.job"],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(folder or os.getcwd() for folder in sys.path),
        },
        stdin=streams[0],
        stdout=streams[1],
        stderr=streams[2],
        start_new_session=True,
    )


def exit_words(status: int) -> str:
    """Return a process's exit status in words: ``with status 3``, ``by signal SIGKILL``."""
    if status >= 0:
        return f"with status {status}"
    try:
        return f"by signal {signal.Signals(-status).name}"
    except ValueError:
        return f"by signal {-status}"


def run_jobs(
    jobs: Sequence[Job], at_once: int, signals: StopSignals, display: Display
) -> list[RunRow]:
    """Run all jobs, ``at_once`` at a time and in their order; return their rows in the same order.

    The first signal ends the runs under way, which keep what they recorded, and no other is
    started: their rows say "not run". The second raises ``KeyboardInterrupt``, after the runs under
    way were told to abort and have ended.
    """
    rows = [empty_row(job) for job in jobs]
    waiting = list(enumerate(jobs))
    running: list[JobProcess] = []
    asked = False
    try:
        with selectors.DefaultSelector() as selector:
            while running or (waiting and not signals.asked):
                while waiting and len(running) < at_once and not signals.asked:
                    number, job = waiting.pop(0)
                    display.begins(number, job)
                    running.append(JobProcess(number, job))
                    selector.register(running[-1].stdout, selectors.EVENT_READ, running[-1])
                if signals.asked and not asked:
                    asked = True
                    display.say(None, "stopping; what was recorded is kept (Ctrl-C again aborts)")
                    for process in running:
                        process.stop()
                display.tick()
                for key, _ in selector.select(timeout=0.2):
                    if not key.data.read(display):
                        selector.unregister(key.data.stdout)
                        rows[key.data.number] = key.data.finish(asked)
                        running.remove(key.data)
                        display.ends(key.data.number, rows[key.data.number])
    except KeyboardInterrupt:
        abort(running)
        raise
    finally:
        for process in running:
            process.kill()
    return rows


def abort(running: list[JobProcess]) -> None:
    """Tell processes to abort that were asked to stop before, and wait for them a little while."""
    for process in running:
        process.stop()
    deadline = time.monotonic() + ABORT_GRACE_S
    for process in running:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.process.wait(max(deadline - time.monotonic(), 0.0))
