"""The check ``reordering``: how far segments overtook each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tcpexp.checks.base import Evidence, FlowName, Undecided, Verdict
from tcpexp.checks.compare import Compared, Count
from tcpexp.checks.recorded import flow_plan, require_span
from tcpexp.late import polars as pl

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

#: net.ipv4.tcp_reordering when nothing was ever late; ss prints only other values.
DEFAULT_REORDERING = 3


class Reordering(Compared[Count]):
    """By how many places segments of a flow may change before its sender takes one for lost: the
    largest `reordering` that `ss` showed there.

    It begins with `net.ipv4.tcp_reordering`, 3, which `ss` leaves out, and grows when a segment
    that counted as lost, or late, turns up.
    """

    name: ClassVar[str] = "reordering"
    example: ClassVar[str] = "{flow: upload, equals: 4}"

    flow: FlowName = Field(description="the flow")

    def title(self) -> str:
        """Name the flow."""
        return f"reordering that the sender of flow {self.flow} reckons with"

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the largest value of all snapshots."""
        require_span(run, None)
        flow = flow_plan(run, self.flow)
        own = (
            (pl.col("flow") == self.flow)
            & (pl.col("node") == flow.sender)
            & (pl.col("state") == "estab")
        )
        rows = (
            run.table("sockets")
            .filter(own)
            .select("t_ns", value=pl.col("info").str.extract(r"\breordering:(\d+)").cast(pl.Int64))
        )
        if rows.is_empty():
            raise Undecided(f"no snapshot (ss) shows the sender of flow {self.flow}")
        found = rows.drop_nulls().sort("value", "t_ns")
        value = int(found["value"][-1]) if found.height else DEFAULT_REORDERING
        evidence = (
            [
                Evidence(
                    f"reordering:{value} in ss on {flow.sender}",
                    from_ns=found.filter(pl.col("value") == value)["t_ns"][0],
                )
            ]
            if found.height
            else []
        )
        return self.verdict(
            self.holds(value),
            str(value),
            f"the largest reordering was {value}; asked: {self.comparison()}",
            evidence,
        )
