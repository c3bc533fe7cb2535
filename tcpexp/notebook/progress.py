"""What ``progress=`` shows of a run: nothing, a bar, or what a function makes of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.runs.signals import StopSignals
from tcpexp.runs.watcher import RunWatcher, SilentRunWatcher

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from tcpexp.plan.types import RunPlan

#: Called with the phase and the experiment's time in seconds (None after the run).
Tell = Callable[[str, float | None], None]
#: What ``progress=`` takes.
Progress = bool | Tell | RunWatcher
#: Called with how many runs of a study are done, how many there are, and the last one's values.
TellStudy = Callable[[int, int, str], None]
#: A cell is drawn again at most this often, in seconds.
DRAW_EVERY_S = 0.1


class CalledRunWatcher(SilentRunWatcher):
    """Calls a function."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    def progress(self, phase: str, seconds: float | None) -> None:
        """Call it."""
        self._tell(phase, seconds)


class BarRunWatcher(SilentRunWatcher):
    """A line with the phase and the experiment's time: in a notebook's cell, or as a bar on
    standard error; lines, where that is no terminal.
    """

    def __init__(self) -> None:
        self._name, self._duration_s = "", 0.0
        self._phase = ""
        self._drawn = 0.0
        self._cell: Any = None
        self._bars: Bars | None = None
        self._task: Any = None

    def starts(self, plan: RunPlan, place: str, run_dir: Path) -> None:
        """Take the run's name and length."""
        self._name, self._duration_s = plan.name, plan.duration_ns / 1e9
        if in_notebook():
            self._cell = show_in_cell(self._html("start", None))
        else:
            self._show_bar()

    def progress(self, phase: str, seconds: float | None) -> None:
        """Move the bar."""
        now = time.monotonic()
        new = phase != self._phase
        self._phase = phase
        if self._cell is not None:
            if new or now - self._drawn > DRAW_EVERY_S:
                self._drawn = now
                self._cell.update(_Html(self._html(phase, seconds)))
        elif self._bars is not None:
            self._bars.update(
                self._task,
                description=f"{self._name}: {phase}",
                completed=self._done(seconds),
                clock=self._clock(seconds),
            )
        elif new:
            print(f"{self._name}: {phase}", file=sys.stderr)

    def say(self, text: str) -> None:
        """Print a line."""
        if self._bars is not None:
            self._bars.console.print(text, markup=False, soft_wrap=True)
        else:
            print(text, file=sys.stderr)

    def close(self) -> None:
        """Remove the bar."""
        if self._cell is not None:
            self._cell.update(_Html(""))
        if self._bars is not None:
            self._bars.stop()

    def _done(self, seconds: float | None) -> float:
        return self._duration_s if seconds is None else min(max(seconds, 0.0), self._duration_s)

    def _clock(self, seconds: float | None) -> str:
        return "" if seconds is None else f"{max(seconds, 0):.1f} / {self._duration_s:g} s"

    def _show_bar(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        console = Console(stderr=True, highlight=False)
        if not console.is_terminal:
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[clock]}"),
        )
        self._bars = Progress(*columns, console=console, transient=True)
        self._task = self._bars.add_task(self._name, total=self._duration_s, clock="")
        self._bars.start()

    def _html(self, phase: str, seconds: float | None) -> str:
        words = f"{self._name}: {phase} {self._clock(seconds)}"
        return (
            f'<progress max="{self._duration_s}" value="{self._done(seconds if seconds else 0.0)}">'
            f"</progress> {escape(words)}"
        )


class StoppableRunWatcher:
    """A watcher that also ends the run when a signal has come."""

    def __init__(self, inner: RunWatcher, signals: StopSignals) -> None:
        self._inner, self._signals = inner, signals

    def starts(self, plan: RunPlan, place: str, run_dir: Path) -> None:
        """Pass it on."""
        self._inner.starts(plan, place, run_dir)

    def progress(self, phase: str, seconds: float | None) -> None:
        """Pass it on."""
        self._inner.progress(phase, seconds)

    def say(self, text: str) -> None:
        """Pass it on."""
        self._inner.say(text)

    def stop(self) -> bool:
        """Return whether the run shall end now."""
        return self._signals.asked or self._inner.stop()


@contextmanager
def watching(progress: Progress) -> Iterator[RunWatcher]:
    """Return who is told how a run goes.

    An interrupt (Ctrl-C, the notebook's stop button) ends the run, which keeps what it has, and is
    raised as ``KeyboardInterrupt`` afterwards. In another thread than the main one nobody is
    listened to.
    """
    bar = BarRunWatcher() if progress is True else None
    inner: Any = bar or SilentRunWatcher()
    if not isinstance(progress, bool):
        inner = progress if hasattr(progress, "starts") else CalledRunWatcher(progress)
    with StopSignals().listening() as signals:
        try:
            yield StoppableRunWatcher(inner, signals)
        finally:
            if bar is not None:
                bar.close()
    if signals.asked:
        raise KeyboardInterrupt


@contextmanager
def telling(name: str, progress: bool | TellStudy) -> Iterator[TellStudy]:
    """Return who is told how a study goes."""
    if not isinstance(progress, bool):
        yield progress
    elif not progress:
        yield lambda done, total, label: None
    elif in_notebook():
        cell = show_in_cell(escape(f"{name}: start"))
        yield lambda done, total, label: cell.update(_Html(_study_html(name, done, total, label)))
        cell.update(_Html(""))
    else:
        with _study_bar(name) as tell:
            yield tell


@contextmanager
def _study_bar(name: str) -> Iterator[TellStudy]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True, highlight=False)
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task(name, total=None)

        def tell(done: int, total: int, label: str) -> None:
            bars.update(task, total=total, completed=done, description=f"{name}: {done} / {total}")

        yield tell


def _study_html(name: str, done: int, total: int, label: str) -> str:
    words = escape(f"{name}: {done} / {total} {label}")
    return f'<progress max="{total}" value="{done}"></progress> {words}'


class _Html:
    """HTML that a cell shows."""

    def __init__(self, html: str) -> None:
        self._html = html

    def _repr_html_(self) -> str:
        return self._html

    def __repr__(self) -> str:
        return ""


def in_notebook() -> bool:
    """Return whether this is the kernel of a notebook; imports nothing for that."""
    shell = sys.modules.get("IPython")
    if shell is None:
        return False
    running = shell.get_ipython()
    return running is not None and hasattr(running, "kernel")


def show_in_cell(html: str) -> Any:
    """Show HTML in the running cell, and return what updates it."""
    from IPython.display import display

    return display(_Html(html), display_id=True)
