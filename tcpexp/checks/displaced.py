"""The check ``displaced``: by how many places segments arrived late."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tcpexp.analysis.repairs import find_repairs
from tcpexp.checks.base import ActionName, Evidence, Undecided, Verdict
from tcpexp.checks.compare import Compared, Count
from tcpexp.checks.recorded import require_span
from tcpexp.late import polars as pl

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


class Displaced(Compared[Count]):
    """By how many places the data segments on which a `fault` acted arrived late: how many that
    were sent later arrived before.

    0 is in order. It is the reordering extent of RFC 4737 section 4.2.2, taken from the captures of
    both ends.
    """

    name: ClassVar[str] = "displaced"
    example: ClassVar[str] = "{action: lose_20, equals: 3}"

    action: ActionName = Field(description="the `id` of the fault")

    def title(self) -> str:
        """Name the fault."""
        return f"places by which what fault {self.action} touched was late"

    def evaluate(self, run: RunData) -> Verdict:
        """Judge every touched segment's place among the arrivals."""
        require_span(run, None)
        found = find_repairs(run, self.action)
        if not found:
            raise Undecided(f"the fault '{self.action}' touched no data segment")
        journeys = run.table("journeys")
        places, numbers = [], []
        for segment in found:
            own = journeys.filter(
                (pl.col("sent_capture") == segment.capture)
                & (pl.col("sent_number") == segment.sent_number)
            )
            if own.is_empty() or own["reordered_by"][0] is None:
                raise Undecided(
                    f"packet {segment.sent_number} of {segment.capture} was not seen to arrive"
                )
            places.append(int(own["reordered_by"][0]))
            numbers.append(segment.sent_number)
        words = ", ".join(str(place) for place in places)
        evidence = Evidence(
            "the touched segments at the sender",
            found[0].capture,
            tuple(numbers),
            found[0].sent_ns,
            found[-1].arrived_ns,
        )
        reason = f"late by {words} places; asked: {self.comparison()}"
        return self.verdict(all(self.holds(place) for place in places), words, reason, [evidence])
