"""The check ``cwnd_rule``: whether the rules of RFC 5681 set cwnd as they should."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tcpexp.checks.base import FlowName, HostName, Verdict
from tcpexp.checks.compare import Compared, Count
from tcpexp.checks.recorded import BETWEEN, Between, require_span
from tcpexp.checks.tcp_event import own_events, rows_evidence
from tcpexp.checks.windowrules import RULES, Rule, judge
from tcpexp.words.measured import span_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


class CwndRule(Compared[Count]):
    """How often a rule of RFC 5681 set cwnd, and whether it was obeyed each time, to the byte; from
    the events of the user-space TCP.

    `slow_start`: +1 MSS per new ACK (section 3.1, equation 2). `congestion_avoidance`: +1 MSS with
    the ACK that completes cwnd bytes, and never without; ACKs that found the window not full do not
    count.
    `third_duplicate`: ssthresh = max(flight/2, 2 MSS), cwnd = ssthresh + 3 MSS (section 3.2).
    `further_duplicate`: +1 MSS. `new_ack`: back to ssthresh. `restart`: Tahoe's answer, cwnd = 1
    MSS. `timeout`: cwnd = 1 MSS. Flight is what was outstanding when the segment arrived; it is
    that of the RFC with `limited_transmit: off`.
    """

    name: ClassVar[str] = "cwnd_rule"
    example: ClassVar[str] = "{host: h2, flow: download, rule: third_duplicate, equals: 1}"

    host: HostName = Field(description="the sending host")
    flow: FlowName = Field(description="the flow")
    rule: Rule = Field(description="the rule")
    between: Between | None = BETWEEN

    def needs_comparator(self) -> bool:
        """Without one, the rule must have been applied at least once."""
        return False

    def asked(self) -> str:
        """Return what is asked in words."""
        return f"applied {self.comparison() or 'at least once'}, obeyed each time"

    def title(self) -> str:
        """Say the rule."""
        return f"{RULES[self.rule]} (flow {self.flow}, {span_words(self.between)})"

    def evaluate(self, run: RunData) -> Verdict:
        """Compare each change with the rule."""
        events = own_events(run, self.host, self.flow, None)
        span = require_span(run, self.between)
        applied, broken = 0, []
        for _, rows in events.group_by("step", "number", maintain_order=True):
            for row, obeyed in judge(rows, self.rule, span):
                applied += 1
                broken += [] if obeyed else [row]
        passed = not broken and (self.holds(applied) if self.has_comparator() else applied > 0)
        measured = f"{many(applied, 'time')}, {len(broken)} of them otherwise"
        reason = (
            f"applied {many(applied, 'time')}; {len(broken) or 'none'} of them otherwise than the"
            f" rule says; asked: {self.asked()}"
        )
        return self.verdict(
            passed,
            measured,
            reason,
            [rows_evidence("changes otherwise than the rule says", broken)] if broken else [],
        )
