"""Make a study in a process of its own: ``python -m tcpexp.studies.job``.

Dask starts its workers anew from the main module of the process that asks for them, which in a
script or a notebook is somebody else's. So whoever wants a study in the middle of a program has it
made here. The process reads the task, one line of JSON, from its standard input, and writes what
happens to its standard output, as lines of JSON: ``begins``, ``ends``, ``say``, and at last
``outcome`` or ``error``. When its standard input ends, it begins no other run.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tcpexp.errors import TcpexpError
from tcpexp.runs.errorrows import crash_words
from tcpexp.runs.signals import StopSignals
from tcpexp.spec.source import source_of_text
from tcpexp.studies.run import run_study
from tcpexp.studies.study import StudyOptions, load_study

if TYPE_CHECKING:
    from tcpexp.batch.cell import CellResult, CellTask
    from tcpexp.batch.estimate import Estimate
    from tcpexp.studies.study import Study


def task_line(study: Study, jobs: int | None, retry: bool) -> bytes:
    """Return a study, and how to make it, as one line of JSON."""
    source, options = study.given, study.options
    task = {
        "text": source.text,
        "file": source.file,
        "folder": str(source.folder),
        "options": dataclasses.asdict(options),
        "jobs": jobs,
        "retry": retry,
    }
    return json.dumps(task, default=str).encode() + b"\n"


class Telling:
    """A ``StudyWatcher`` that writes what it is told as lines of JSON."""

    def __init__(self, signals: StopSignals, stream: IO[str]) -> None:
        self.signals = signals
        self.stream = stream

    def begins(self, total: int, done: int, rest: Estimate) -> None:
        """Tell how many runs there are."""
        self.tell(begins={"total": total, "done": done, "rest_s": rest.wall_s})

    def hands_out(self, task: CellTask) -> None:
        """Say nothing."""

    def ends(self, task: CellTask, result: CellResult, forecast_s: float) -> None:
        """Tell what came of a run."""
        self.tell(ends={"label": task.label, "status": result.status, "error": result.error})

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


def make(task: dict[str, Any], telling: Telling) -> None:
    """Make the study and tell its outcome, or the error that was in the way."""
    given = task["options"]
    out = None if given["out"] is None else Path(given["out"])
    options = StudyOptions(**{**given, "out": out, "overrides": tuple(given["overrides"])})
    try:
        source = source_of_text(task["text"], task["file"], Path(task["folder"]))
        study = load_study(source, options)
        outcome = run_study(study, jobs=task["jobs"], retry=task["retry"], watcher=telling)
    except TcpexpError as error:
        kind = type(error).__name__
        telling.tell(error={"kind": kind, "message": error.message, "hint": error.hint})
    except KeyboardInterrupt:
        telling.tell(error={"kind": "RunError", "message": "the study was aborted", "hint": None})
    except Exception as error:
        message, hint = crash_words(error)
        telling.tell(error={"kind": "RunError", "message": message, "hint": hint})
    else:
        telling.tell(outcome={"failed": outcome.failed, "left": outcome.left})


def stop_with_parent() -> None:
    """Wait until the standard input ends, then ask this process to stop."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Make the study that the standard input describes."""
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with StopSignals().listening() as signals:
        task = json.loads(sys.stdin.readline())
        threading.Thread(target=stop_with_parent, daemon=True).start()
        make(task, Telling(signals, events))


if __name__ == "__main__":
    main()
