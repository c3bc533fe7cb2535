"""Who is told how a run goes."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from tcpexp.plan.types import RunPlan


class RunWatcher(Protocol):
    """Who is told how a run goes, and who can end it."""

    def starts(self, plan: RunPlan, place: str, run_dir: Path) -> None:
        """Take note that the run starts."""

    def progress(self, phase: str, seconds: float | None) -> None:
        """Take note of the phase and of the experiment's time in seconds, None after the run."""

    def say(self, text: str) -> None:
        """Take note of something said."""

    def stop(self) -> bool:
        """Return whether the run shall end now and keep what it has."""
        ...


class SilentRunWatcher:
    """A ``RunWatcher`` that says nothing and never stops."""

    def starts(self, plan: RunPlan, place: str, run_dir: Path) -> None:
        """Say nothing."""

    def progress(self, phase: str, seconds: float | None) -> None:
        """Say nothing."""

    def say(self, text: str) -> None:
        """Say nothing."""

    def stop(self) -> bool:
        """Never stop."""
        return False
