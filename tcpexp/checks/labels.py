"""The check ``labels``: how many packets carry one of Wireshark's labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from tcpexp.analysis.labels import count_contained, labelled, once
from tcpexp.checks.base import Evidence, FlowName, HostName, Verdict
from tcpexp.checks.compare import Compared, Count
from tcpexp.checks.recorded import BETWEEN, Between, captures_of, require_span
from tcpexp.late import polars as pl
from tcpexp.plan.flows import addresses_of
from tcpexp.views.spans import within
from tcpexp.words.measured import span_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

LISTED = 50


Label = Literal[
    "retransmission",
    "fast_retransmission",
    "spurious_retransmission",
    "out_of_order",
    "duplicate_ack",
    "lost_segment",
    "ack_lost_segment",
    "zero_window",
    "zero_window_probe",
    "zero_window_probe_ack",
    "window_full",
    "window_update",
    "keep_alive",
    "keep_alive_ack",
    "rto",
    "reused_ports",
]


class Labels(Compared[Count]):
    """How many packets Wireshark labels as retransmission, duplicate ACK, zero window and so on.

    A packet that two captures hold counts once, also when only one of them gives it the label; with
    `seen_at` the captures of that host alone are looked at. `retransmission` includes the packets
    of `fast_retransmission`, `spurious_retransmission` and `rto`. Without a comparator at least one
    is asked.
    """

    name: ClassVar[str] = "labels"
    example: ClassVar[str] = "{label: zero_window, from: h2, at_least: 1}"

    label: Label = Field(description="the label")
    from_: HostName | None = Field(
        default=None, alias="from", description="on packets that this host sent"
    )
    flow: FlowName | None = Field(default=None, description="of this flow only")
    seen_at: HostName | None = Field(default=None, description="in the captures of this host")
    between: Between | None = BETWEEN

    def needs_comparator(self) -> bool:
        """Return False: at least one is asked."""
        return False

    def title(self) -> str:
        """Name the label and the span."""
        sender = f" from {self.from_}" if self.from_ else ""
        return f"packets labelled {self.label}{sender} {span_words(self.between)}"

    def asked(self) -> str:
        """Return what is asked in words."""
        return self.comparison() if self.has_comparator() else "at least 1"

    def evaluate(self, run: RunData) -> Verdict:
        """Count the packets, each once."""
        span = require_span(run, self.between)
        hosts = [node.name for node in run.plan.network.nodes if node.kind == "host"]
        captures = [
            capture
            for host in ([self.seen_at] if self.seen_at else hosts)
            for capture in captures_of(run, host)
        ]
        rows = self._rows(run, captures).filter(within(span))
        count = once(rows).height
        found = sorted(
            (rows.filter(capture=name) for name in captures), key=lambda part: -part.height
        )
        evidence = [_in_capture(part) for part in found if part.height]
        same = labelled(run).join(once(rows), on="packet", how="semi")
        inner = ", ".join(
            f"{part} of them {name}" for name, part in count_contained(same, self.label).items()
        )
        reason = (
            f"{many(count, 'packet is', 'packets are')} labelled"
            f" {self.label}{f' ({inner})' if inner else ''}; asked: {self.asked()}"
        )
        passed = self.holds(count) if self.has_comparator() else count >= 1
        return self.verdict(passed, many(count, "packet"), reason, evidence)

    def _rows(self, run: RunData, captures: list[str]) -> pl.DataFrame:
        wanted = pl.col("capture").is_in(captures) & (pl.col("label") == self.label)
        if self.from_ is not None:
            wanted &= pl.col("src").is_in(addresses_of(run.plan, self.from_))
        if self.flow is not None:
            wanted &= pl.col("flow") == self.flow
        return labelled(run).filter(wanted.fill_null(False))


def _in_capture(rows: pl.DataFrame) -> Evidence:
    capture = rows.get_column("capture")[0]
    text = f"{many(rows.height, 'packet')} in {capture}" + (
        f", the first {LISTED} listed" if rows.height > LISTED else ""
    )
    return Evidence(
        text,
        capture,
        tuple(rows.get_column("number").to_list()[:LISTED]),
        rows.get_column("t_ns")[0],
        rows.get_column("t_ns")[-1],
    )
