"""The check ``fault``: on how many segments a fault acted."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tcpexp.analysis.faults import judge_applied
from tcpexp.checks.base import ActionName, Evidence, Undecided, Verdict
from tcpexp.checks.compare import Compared, Count
from tcpexp.checks.recorded import require_span
from tcpexp.late import polars as pl
from tcpexp.words.measured import time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.analysis.faults import Applied
    from tcpexp.store.rundata import RunData

#: How many segments a verdict lists.
LISTED = 30


class FaultCheck(Compared[Count]):
    """On how many segments a `fault` acted; without a number: on exactly those that it names, in
    every connection.

    A fault that never acted fails the check: the flow ended before that segment, or it never was
    sent that often. Where only the traffic decides how many there are (`every`, `bytes`,
    `transmission: all`) at least one must have been touched.
    """

    name: ClassVar[str] = "fault"
    example: ClassVar[str] = "{action: lose_20}"

    action: ActionName = Field(description="the `id` of the fault")

    def needs_comparator(self) -> bool:
        """Whether a number must be given: no."""
        return False

    def title(self) -> str:
        """Name the fault."""
        return f"what fault {self.action} did"

    def asked(self) -> str:
        """Return the number."""
        return self.comparison() if self.has_comparator() else "what it names"

    def evaluate(self, run: RunData) -> Verdict:
        """Compare what was touched with what was chosen."""
        require_span(run, None)
        found = next(
            (applied for applied in judge_applied(run) if applied.step == self.action), None
        )
        if found is None:
            raise Undecided(f"the action '{self.action}' is no fault")
        if found.doubt:
            raise Undecided(found.doubt)
        passed = self.holds(found.applied) if self.has_comparator() else found.as_asked
        measured = f"{found.label}: {found.measured}"
        asked = self.comparison() if self.has_comparator() else found.asked
        why = f" ({found.why})" if found.why and not passed else ""
        reason = f"it acted on {many(found.applied, 'segment')}{why}; asked: {asked}"
        return self.verdict(passed, measured, reason, self._evidence(run, found))

    def _evidence(self, run: RunData, found: Applied) -> list[Evidence]:
        """Return the segments as a table."""
        rows = run.table("faults").filter(pl.col("step") == self.action).sort("t_ns")
        if rows.is_empty():
            return []
        table: list[tuple[str, ...]] = [
            ("time", "flow", "number", "transmission", "first byte", "bytes", "effect")
        ]
        for row in rows.head(LISTED).iter_rows(named=True):
            offset = "" if row["offset"] is None else str(row["offset"])
            flow = row["flow"] or f"{row['src']} to {row['dst']}"
            words = (
                str(row["number"]),
                str(row["transmission"]),
                offset,
                str(row["payload_bytes"]),
                row["effect"],
            )
            table.append((time_words(row["t_ns"]), flow, *words))
        more = f", the first {LISTED} listed" if rows.height > LISTED else ""
        text = (
            f"{many(rows.height, 'segment')} on {found.fault.link} towards"
            f" {found.fault.towards}{more}"
        )
        return [Evidence(text, None, (), rows["t_ns"][0], rows["t_ns"][-1], tuple(table))]
