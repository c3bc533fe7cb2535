"""One number that two sources know, and whether they agree."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Verdict = Literal["ok", "differs", "not comparable"]


@dataclass(frozen=True)
class CrossCheck:
    """One number by two sources. ``least`` to ``most`` is what ``measured - reported`` may be, for
    the reasons that ``why`` names.

    ``obstacle`` says why the two cannot be compared; empty when they can.
    """

    check: str
    subject: str
    measured: int
    measured_from: str
    reported: int
    reported_from: str
    least: int = 0
    most: int = 0
    why: str = ""
    obstacle: str = ""

    @property
    def difference(self) -> int:
        """What the one has more than the other."""
        return self.measured - self.reported

    @property
    def verdict(self) -> Verdict:
        """Whether they agree, as far as what is known explains the difference."""
        if self.obstacle:
            return "not comparable"
        return "ok" if self.least <= self.difference <= self.most else "differs"

    def row(self) -> dict[str, object]:
        """Return its row in the table."""
        why = self.obstacle or (self.why if self.difference else "")
        return {**asdict(self), "difference": self.difference, "verdict": self.verdict, "why": why}
