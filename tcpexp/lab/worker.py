"""``python -m tcpexp.lab.worker``: a process that has imported everything and waits for one task.

A task is one line of JSON on its standard input: a run to make, or a recorded run to show. What
happens is told on its standard output as lines of JSON, as :mod:`tcpexp.batch.job` does; what the
page shows goes into a file that the task names.

When its standard input ends, whoever started it is gone: it ends the run and keeps what was
recorded.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from tcpexp.batch.job import Telling, run_told, stop_with_parent
from tcpexp.batch.rows import Job
from tcpexp.catalogue.reading import load_plan
from tcpexp.errors import TcpexpError
from tcpexp.lab.view import make_view
from tcpexp.paths import find_spec
from tcpexp.plan.types import RunPlan
from tcpexp.runs.errorrows import crash_words
from tcpexp.runs.options import RunOptions
from tcpexp.runs.preload import import_all
from tcpexp.runs.signals import StopSignals
from tcpexp.runs.watcher import SilentRunWatcher
from tcpexp.runs.where import open_place
from tcpexp.store.rundir import sync_tree, without_sync

#: The step of :func:`tcpexp.runs.pipeline.process_run` before which everything is known that the
#: page shows: the report's page is written while the browser draws.
LAST_STEP = "writing the report"


#: A spec whose words most others use.
EXAMPLE = "bbr_vs_cubic"


class Showing(Telling):
    """Tells how a run goes, and writes what the page shows of it as soon as it is known."""

    def __init__(self, signals: StopSignals, stream: Any, into: Path, pinned: Path | None) -> None:
        super().__init__(signals, stream)
        self.into = into
        self.pinned = pinned
        self.run: Path | None = None
        self.shown = False

    def starts(self, plan: RunPlan, place: str, run_dir: Path) -> None:
        """Tell what runs where."""
        self.run = run_dir
        super().starts(plan, place, run_dir)

    def progress(self, phase: str, seconds: float | None) -> None:
        """Tell each new phase; before the last show the run."""
        super().progress(phase, seconds)
        if phase == LAST_STEP and self.run is not None:
            self.show(self.run)

    def show(self, run: Path) -> None:
        """Write what the page shows of a run, and tell that it is there."""
        try:
            write_view(run, self.pinned, self.into)
        except TcpexpError as error:
            self.tell(say=f"the run cannot be shown: {error}")
            return
        self.shown = True
        self.tell(view=str(run))


def write_view(run: Path, pinned: Path | None, into: Path) -> None:
    """Write what the page shows of a run; raises ``DataError``."""
    text = json.dumps(make_view(run, pinned), ensure_ascii=False, separators=(",", ":"))
    part = into.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.rename(into)


def do_task(task: dict[str, Any], signals: StopSignals, stream: Any) -> None:
    """Do a task and tell its end: ``row`` of a run that was made, ``shown`` or ``error``."""
    pinned = Path(task["pinned"]) if task.get("pinned") else None
    showing = Showing(signals, stream, Path(task["into"]), pinned)
    if task.get("run"):
        try:
            showing.show(Path(task["run"]))
        except Exception as error:
            showing.tell(say=crash_words(error)[0])
        showing.tell(ended=showing.shown)
        return
    with without_sync():  # the curve first; the whole run is synced when it is on the page
        row = run_told(Job.from_line(json.dumps(task["job"])), showing)
    if row["run"] is not None and not showing.shown:
        showing.show(Path(row["run"]))
    showing.tell(row=row, ended=showing.shown)
    if row["run"] is not None:
        with suppress(TcpexpError):  # a full disk has been told
            sync_tree(Path(row["run"]))


def warm_up() -> None:
    """Do what only the first run of a process has to do: models are built when they are first
    used, and the engine's files are read. Nothing is built that set-up has not built.
    """
    import_all()
    with suppress(TcpexpError):
        plan = load_plan(find_spec(EXAMPLE))
        kind, place = open_place(RunOptions(), SilentRunWatcher())
        if not kind.unmade():
            place.check(plan)


def main() -> None:
    """Import everything, say so, and do the one task that comes."""
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    warm_up()
    # whoever has no more work for it closes its input, which asks it to stop while it ends
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with StopSignals().listening() as signals:
        events.write('{"ready": true}\n')
        events.flush()
        line = sys.stdin.readline()
        if not line:
            return
        threading.Thread(target=stop_with_parent, daemon=True).start()
        do_task(json.loads(line), signals, events)


if __name__ == "__main__":
    main()
