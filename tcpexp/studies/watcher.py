"""Who is told how a study goes."""

from __future__ import annotations

from typing import Protocol

from tcpexp.batch.cell import CellResult, CellTask
from tcpexp.batch.estimate import Estimate


class StudyWatcher(Protocol):
    """Who is told how a study goes, and who can end it."""

    def begins(self, total: int, done: int, rest: Estimate) -> None:
        """Take note of how many runs there are, how many are done, and what the rest will cost."""

    def hands_out(self, task: CellTask) -> None:
        """Take note that a run is given to the workers."""

    def ends(self, task: CellTask, result: CellResult, forecast_s: float) -> None:
        """Take note of what came of a run; the rule had expected it to last ``forecast_s``."""

    def say(self, text: str) -> None:
        """Take note of something said."""

    def stop(self) -> bool:
        """Return whether no more runs shall be begun."""
        ...


class SilentStudyWatcher:
    """A ``StudyWatcher`` that says nothing and never stops."""

    def begins(self, total: int, done: int, rest: Estimate) -> None:
        """Say nothing."""

    def hands_out(self, task: CellTask) -> None:
        """Say nothing."""

    def ends(self, task: CellTask, result: CellResult, forecast_s: float) -> None:
        """Say nothing."""

    def say(self, text: str) -> None:
        """Say nothing."""

    def stop(self) -> bool:
        """Never stop."""
        return False
