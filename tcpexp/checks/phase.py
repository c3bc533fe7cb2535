"""The check ``phase``: which phases of congestion control a flow went through."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tcpexp.checks.base import FlowName, Verdict
from tcpexp.checks.compare import Compared, Count
from tcpexp.checks.recorded import BETWEEN, Between, require_span
from tcpexp.checks.traced import PhaseName, phase_evidence, phases_of
from tcpexp.late import polars as pl
from tcpexp.words.measured import span_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


class PhaseSeen(Compared[Count]):
    """How many phases of a kind a flow's congestion control went through; at least one when nothing
    else is asked.

    Found from the kernel's own record, after the rules of docs/concepts/phases.md. A phase counts
    when it begins in the time span.
    """

    name: ClassVar[str] = "phase"
    example: ClassVar[str] = "{flow: cubic, phase: slow_start, ended_by: hystart_delay, equals: 1}"

    flow: FlowName = Field(description="the flow")
    phase: PhaseName = Field(description="the phase")
    ended_by: str | None = Field(
        default=None,
        description=(
            "only phases that ended so, such as `loss`, `timeout`, `hystart`, `hystart_train`,"
            " `ssthresh`"
        ),
    )
    between: Between | None = BETWEEN

    def needs_comparator(self) -> bool:
        """Without one, at least one such phase is asked."""
        return False

    def title(self) -> str:
        """Name the phase, the flow and the span."""
        ended = f" that ended by {self.ended_by}" if self.ended_by else ""
        return f"phases {self.phase}{ended} of flow {self.flow} {span_words(self.between)}"

    def asked(self) -> str:
        """Return what is asked in words."""
        return self.comparison() or "at least 1"

    def evaluate(self, run: RunData) -> Verdict:
        """Count the phases."""
        rows = phases_of(run, self.flow, require_span(run, self.between)).filter(
            pl.col("phase") == self.phase
        )
        kept = rows if self.ended_by is None else rows.filter(_ended(self.ended_by))
        count = kept.height
        passed = self.holds(count) if self.has_comparator() else count > 0
        others = (
            f"; the others ended by {', '.join(sorted(set(rows['ended_by'].to_list())))}"
            if kept.height < rows.height
            else ""
        )
        reason = f"flow {self.flow} had {many(count, 'such phase')}{others}; asked: {self.asked()}"
        return self.verdict(
            passed, many(count, "phase"), reason, [phase_evidence(kept if count else rows)]
        )


def _ended(word: str) -> pl.Expr:
    """Return the filter; ``hystart`` means either of its rules."""
    return (
        pl.col("ended_by").str.starts_with("hystart")
        if word == "hystart"
        else pl.col("ended_by") == word
    )
