"""What came of a study."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class StudyOutcome:
    """What came of a study: runs by status, errors of those that failed, the wall time, where
    everything lies, and the verdicts.
    """

    path: Path
    total: int
    made: int = 0
    found: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    left: int = 0
    wall_s: float = 0.0
    runs_wall_s: float = 0.0
    processor_s: float = 0.0
    at_once: int = 1
    verdicts: list[Any] = field(default_factory=list)
    tables_sha256: str = ""
    report: Path | None = None

    @property
    def exit_code(self) -> int:
        """The command line's: 4 a run failed or is missing, 1 an expectation failed, 0 all well."""
        if self.failed or self.left:
            return 4
        return 1 if any(verdict.result == "FAIL" for verdict in self.verdicts) else 0
