"""What a run looks like in a terminal while it lasts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tcpexp.places.registry import place_words

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from tcpexp.plan.types import RunPlan
    from tcpexp.runs.signals import StopSignals

#: Without a terminal, the experiment's time is printed this often, in seconds of wall time.
LINE_EVERY_S = 10.0


class QuietRunWatcher:
    """Says nothing; ends the run on the first signal."""

    def __init__(self, signals: StopSignals) -> None:
        self.signals = signals

    def starts(self, plan: RunPlan, place: str, run_dir: Path) -> None:
        """Say nothing."""

    def progress(self, phase: str, seconds: float | None) -> None:
        """Say nothing."""

    def say(self, text: str) -> None:
        """Say nothing."""

    def stop(self) -> bool:
        """Return whether a signal has come."""
        return self.signals.asked

    def close(self) -> None:
        """Have nothing to remove."""


class TerminalRunWatcher(QuietRunWatcher):
    """A bar with the phase, the experiment's time and the wall time on standard error; plain lines
    without a terminal.

    The bar comes with the first word of the running experiment: until then nothing is imported for
    it.
    """

    def __init__(self, signals: StopSignals) -> None:
        super().__init__(signals)
        self.bar: Progress | None = None
        self.task: TaskID | None = None
        self.begun = False
        self.duration_s = 0.0
        self.phase = ""
        self.started = self.printed = time.monotonic()
        self.told_stop = False

    def starts(self, plan: RunPlan, place: str, run_dir: Path) -> None:
        """Print what runs where."""
        self.duration_s = plan.duration_ns / 1e9
        self.say(
            f"{plan.name}: {plan.title} ({self.duration_s:g} s, seed {plan.seed},"
            f" {place_words(place)})"
        )

    def progress(self, phase: str, seconds: float | None) -> None:
        """Move the bar; without a terminal print each new phase, and the time now and then."""
        if phase == "done":  # the guest's last word; what follows has no time of its own
            return
        if not self.begun:
            self.begun = True
            self._show_bar(phase)
        now = time.monotonic()
        clock = "" if seconds is None else f"{max(seconds, 0):.1f} / {self.duration_s:g} s"
        if self.bar is not None and self.task is not None:
            done = self.duration_s if seconds is None else min(max(seconds, 0.0), self.duration_s)
            self.bar.update(self.task, description=phase, completed=done, clock=clock)
        elif phase != self.phase or (seconds is not None and now - self.printed > LINE_EVERY_S):
            self.printed = now
            self.say(f"  {phase}{f' {clock}' if clock else ''} (wall {now - self.started:.1f} s)")
        self.phase = phase

    def _show_bar(self, phase: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(stderr=True, highlight=False)
        if not console.is_terminal:
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[clock]}"),
            TextColumn("wall"),
            TimeElapsedColumn(),
        )
        self.bar = Progress(*columns, console=console, transient=True)
        self.task = self.bar.add_task(phase, total=self.duration_s, clock="")
        self.bar.start()

    def say(self, text: str) -> None:
        """Print a line, above the bar where there is one."""
        if self.bar is None:
            click.echo(text, err=True)
        else:
            self.bar.console.print(text, markup=False, soft_wrap=True)

    def stop(self) -> bool:
        """Return whether a signal has come; say so once."""
        if self.signals.asked and not self.told_stop:
            self.told_stop = True
            self.say("stopping; what was recorded is kept (Ctrl-C again aborts)")
        return self.signals.asked

    def close(self) -> None:
        """Remove the bar."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = self.task = None
