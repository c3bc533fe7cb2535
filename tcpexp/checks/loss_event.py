"""The check ``loss_event``: how many losses a sender noticed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tcpexp.checks.base import FlowName, Undecided, Verdict
from tcpexp.checks.compare import Compared, Count
from tcpexp.checks.recorded import BETWEEN, Between, require_span
from tcpexp.checks.traced import event_evidence, events_of
from tcpexp.late import polars as pl
from tcpexp.words.measured import span_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


class LossEvents(Compared[Count]):
    """How many loss events a flow's sender went through: each from its first notice of a loss to
    its return to normal operation.

    At least one when nothing else is asked. docs/concepts/phases.md says how they are found.
    """

    name: ClassVar[str] = "loss_event"
    example: ClassVar[str] = (
        "{flow: cubic, noticed_by: sack, spurious: false, between: [1s, 20s], at_least: 2}"
    )

    flow: FlowName = Field(description="the flow")
    noticed_by: (
        Literal["duplicate_acks", "sack", "rack", "tlp", "rto", "path_mtu", "ecn"] | None
    ) = Field(default=None, description="only events that were noticed so")
    spurious: bool | None = Field(
        default=None, description="only events without (true) or with (false) a real loss"
    )
    between: Between | None = BETWEEN

    def needs_comparator(self) -> bool:
        """Without one, at least one event is asked."""
        return False

    def title(self) -> str:
        """Name the kind of events, the flow and the span."""
        kind = "" if self.spurious is None else ("spurious " if self.spurious else "real ")
        by = f" noticed by {self.noticed_by}" if self.noticed_by else ""
        return f"{kind}loss events of flow {self.flow}{by} {span_words(self.between)}"

    def asked(self) -> str:
        """Return what is asked in words."""
        return self.comparison() or "at least 1"

    def evaluate(self, run: RunData) -> Verdict:
        """Count the events."""
        rows = events_of(run, self.flow, require_span(run, self.between))
        if self.noticed_by is not None and rows["noticed_by"].null_count():
            raise Undecided(
                "the captures hold too few bytes of each packet (snaplen): whether ACKs carried"
                " SACK blocks cannot be known"
            )
        kept = (
            rows
            if self.noticed_by is None
            else rows.filter(pl.col("noticed_by") == self.noticed_by)
        )
        if self.spurious is not None:
            if kept["spurious"].null_count():
                raise Undecided(
                    "without captures of both ends it cannot be told whether a loss was one"
                )
            kept = kept.filter(pl.col("spurious") == self.spurious)
        passed = self.holds(kept.height) if self.has_comparator() else kept.height > 0
        reason = (
            f"flow {self.flow} had {many(kept.height, 'such event')} of {rows.height}; asked:"
            f" {self.asked()}"
        )
        return self.verdict(
            passed,
            many(kept.height, "event"),
            reason,
            [event_evidence(kept if kept.height else rows)],
        )
