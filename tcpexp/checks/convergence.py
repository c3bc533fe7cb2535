"""The check ``convergence``: how long flows took to share fairly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from tcpexp.analysis.fairness import converged_at
from tcpexp.checks.base import Evidence, HostName, Undecided, Verdict
from tcpexp.checks.compare import Compared
from tcpexp.checks.recorded import HARMLESS_LOSS, captures_of, require_span
from tcpexp.late import polars as pl
from tcpexp.units import Duration, Fraction
from tcpexp.words.measured import digits, time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


class Convergence(Compared[Duration]):
    """How long flows took to share fairly: from ``begin`` until Jain's index of a second reached
    ``index`` and stayed there for ``hold``.

    Flows are those whose data one host receives. When they never converge, the check fails.
    """

    name: ClassVar[str] = "convergence"
    example: ClassVar[str] = "{towards: h2, begin: 20s, index: 0.9, hold: 3s, at_most: 15s}"

    towards: HostName = Field(description="the host that receives the flows")
    begin: Duration = Field(description="when to begin counting, such as the second flow's start")
    index: Annotated[Fraction, Field(gt=0)] = Field(
        default=0.9, description="what Jain's index must reach"
    )
    hold: Duration = Field(default=2_000_000_000, description="how long it must stay there")

    def title(self) -> str:
        """Name the host and the time."""
        return f"convergence of the flows towards {self.towards} from {time_words(self.begin)} on"

    def words(self, value: float) -> str:
        """Return a time in words."""
        return time_words(value)

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the time."""
        span = require_span(run, None)
        captures_of(run, self.towards, fraction=HARMLESS_LOSS)
        rows = run.table("fairness").filter(
            (pl.col("towards") == self.towards) & (pl.col("t_ns") >= self.begin)
        )
        if rows.is_empty():
            raise Undecided(
                f"no two flows towards {self.towards} ran together after {time_words(self.begin)}"
            )
        at = converged_at(rows, self.begin, self.index, self.hold)
        best = float(rows["jain_index"].to_numpy().max())
        evidence = Evidence(
            f"Jain's index over 1 s: at most {digits(best)}, {many(rows.height, 'interval')}",
            from_ns=self.begin,
            to_ns=at or span[1],
        )
        if at is None:
            reason = (
                f"Jain's index did not stay at {digits(self.index)} for {time_words(self.hold)};"
                f" asked: {self.comparison()}"
            )
            return self.verdict(False, "never", reason, [evidence])
        took = at - self.begin
        reason = (
            f"after {time_words(took)} Jain's index reached {digits(self.index)} and stayed there;"
            f" asked: {self.comparison()}"
        )
        return self.verdict(self.holds(took), time_words(took), reason, [evidence])
