"""The check ``initial_window``: how much a sender sends before the first acknowledgment."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tcpexp.analysis.segments import data_segments
from tcpexp.checks.base import Evidence, FlowName, Undecided, Verdict
from tcpexp.checks.compare import Compared, Count
from tcpexp.checks.recorded import captures_of, flow_plan, require_span
from tcpexp.late import polars as pl
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


class InitialWindow(Compared[Count]):
    """How many data segments a flow's sender sent before the first acknowledgement of its data
    came: its initial window (RFC 6928: 10).

    Data that the application sent and had acknowledged by itself before, such as a request, are
    left out: what counts is the first burst of full segments.
    """

    name: ClassVar[str] = "initial_window"
    example: ClassVar[str] = "{flow: cubic, equals: 10}"

    flow: FlowName = Field(description="the flow")

    def title(self) -> str:
        """Name the flow."""
        return f"initial window of flow {self.flow}"

    def evaluate(self, run: RunData) -> Verdict:
        """Count the full segments up to the first ACK that covers one of them."""
        require_span(run, (0, 1))
        flow = flow_plan(run, self.flow)
        captures_of(run, flow.sender)
        sent = data_segments(run, flow, flow.sender)
        full = sent.filter(pl.col("payload_bytes") == sent["payload_bytes"].max())
        if full.is_empty():
            raise Undecided(f"flow {self.flow} sent no data")
        first = full.row(0, named=True)
        mine = (pl.col("capture") == first["capture"]) & (pl.col("stream") == first["stream"])
        acks = run.table("packets").filter(
            mine & (pl.col("dst_port") == first["src_port"]) & (pl.col("t_ns") > first["t_ns"])
        )
        covering = acks.filter(pl.col("ack_rel") > first["seq_rel"])["t_ns"].min()
        burst = full.filter(mine if covering is None else mine & (pl.col("t_ns") < covering))
        evidence = Evidence(
            "the first burst",
            first["capture"],
            tuple(burst["number"].to_list()[:20]),
            first["t_ns"],
            burst["t_ns"].to_list()[-1],
        )
        reason = (
            f"flow {self.flow} sent {many(burst.height, 'full segment')} before the first was"
            f" acknowledged; asked: {self.comparison()}"
        )
        return self.verdict(
            self.holds(burst.height), many(burst.height, "segment"), reason, [evidence]
        )
