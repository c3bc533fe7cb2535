"""Make one run; ``python -m tcpexp.batch.job`` makes it in a process of its own.

That process reads the job, one line of JSON, from its standard input. It writes what happens to its
standard output, as lines of JSON: ``starts``, ``progress``, ``say``, and at last ``row``.

When its standard input ends before that, whoever started it is gone. It then ends the run and keeps
what was recorded.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tcpexp.batch.rows import Job, RunRow, crash_row, empty_row, error_row, outcome_row
from tcpexp.errors import TcpexpError
from tcpexp.runs.errorrows import crash_words
from tcpexp.runs.runner import run_experiment, spec_seed
from tcpexp.runs.signals import StopSignals

if TYPE_CHECKING:
    from tcpexp.plan.types import RunPlan
    from tcpexp.runs.pipeline import RunOutcome
    from tcpexp.runs.watcher import RunWatcher

#: The experiment's time is told at most this often, in seconds of wall time.
TELL_EVERY_S = 0.2


def run_outcome(job: Job, watcher: RunWatcher) -> RunOutcome:
    """Make the run and return what came of it.

    Raises what :func:`tcpexp.runs.runner.run_experiment` raises.
    """
    options = job.options
    if job.index:
        options = dataclasses.replace(
            options, seed=(spec_seed(job.spec, options) + job.index) % 2**32
        )
    return run_experiment(job.spec, options, watcher)


class Telling:
    """A ``RunWatcher`` that writes what it is told as lines of JSON.

    The first signal ends the run.
    """

    def __init__(self, signals: StopSignals, stream: IO[str]) -> None:
        self.signals = signals
        self.stream = stream
        self._told: tuple[str, float] = ("", 0.0)

    def starts(self, plan: RunPlan, place: str, run_dir: Path) -> None:
        """Tell what runs where."""
        self.tell(
            starts={
                "name": plan.name,
                "duration_s": plan.duration_ns / 1e9,
                "seed": plan.seed,
                "place": place,
                "run": str(run_dir),
            }
        )

    def progress(self, phase: str, seconds: float | None) -> None:
        """Tell each new phase, and the experiment's time now and then."""
        now = time.monotonic()
        if phase != self._told[0] or now - self._told[1] > TELL_EVERY_S:
            self._told = (phase, now)
            self.tell(progress={"phase": phase, "seconds": seconds})

    def say(self, text: str) -> None:
        """Pass on what was said."""
        self.tell(say=text)

    def stop(self) -> bool:
        """Return whether a signal has come."""
        return self.signals.asked

    def tell(self, **event: Any) -> None:
        """Write one event; does nothing when nobody reads any more."""
        with contextlib.suppress(BrokenPipeError):
            self.stream.write(json.dumps(event, default=str) + "\n")
            self.stream.flush()


def run_told(job: Job, telling: Telling) -> RunRow:
    """Make the run and return its row, whatever happens."""
    try:
        return outcome_row(job, run_outcome(job, telling))
    except TcpexpError as error:
        return error_row(job, error)
    except KeyboardInterrupt:
        return {**empty_row(job), "status": "interrupted"}
    except Exception as error:
        return crash_row(job, *crash_words(error))


def stop_with_parent() -> None:
    """Wait until the standard input ends, then ask this process to stop."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Make the run that the standard input describes.

    Whatever else is printed goes to standard error.
    """
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with StopSignals().listening() as signals:
        job = Job.from_line(sys.stdin.readline())
        threading.Thread(target=stop_with_parent, daemon=True).start()
        telling = Telling(signals, events)
        telling.tell(row=run_told(job, telling))


if __name__ == "__main__":
    main()
