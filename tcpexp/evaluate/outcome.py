"""What came of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tcpexp.evaluate.criteria import Judgement
from tcpexp.evaluate.matrix import Cell
from tcpexp.evaluate.rows import Collected

if TYPE_CHECKING:
    from tcpexp.evaluate.run import EvaluationOutcome


@dataclass
class EvaluationResult:
    """Judgements of all criteria, the matrix, the rows behind them, what became of the runs, and
    the report's file.
    """

    judgements: list[Judgement]
    cells: list[Cell]
    collected: Collected
    outcome: EvaluationOutcome
    notes: list[str] = field(default_factory=list)
    report: Path | None = None

    @property
    def exit_code(self) -> int:
        """The command line's: 4 a run failed or is missing, 1 a criterion failed, 0 neither."""
        if self.outcome.failed or self.outcome.left:
            return 4
        return 1 if any(judgement.result == "FAIL" for judgement in self.judgements) else 0
