"""Which links a run's packets crossed: those of their flow's way, or, of a subflow of MPTCP, those
to the address that it was opened with.
"""

from __future__ import annotations

from tcpexp.late import polars as pl
from tcpexp.plan.paths import Hop, Paths, pair_directions
from tcpexp.store.rundata import RunData


class PacketPaths:
    """The paths of one run's packets between its hosts."""

    def __init__(self, run: RunData) -> None:
        self._plan = run.plan
        self._paths = Paths(run.plan.network)
        self._flows = {flow.name: flow for flow in run.plan.flows}
        owners = {
            face.address: node.name for node in run.plan.network.nodes for face in node.interfaces
        }
        #: of each subflow the address of either end, by its node
        self._ends: dict[int, dict[str | None, str]] = {}
        for connection, client, server in (
            run.table("subflows")
            .select("connection", "client_address", "server_address")
            .iter_rows()
        ):
            self._ends[connection] = {owners.get(end): end for end in (client, server)}

    def subflow(self) -> pl.Expr:
        """Return the connection of journeys that are a subflow's, null of all others: what tells
        paths apart, beside flow and ends.
        """
        own = pl.col("connection").is_in(list(self._ends))
        return pl.when(own).then(pl.col("connection")).alias("subflow")

    def hops(
        self, flow: str | None, subflow: int | None, source: str, target: str
    ) -> tuple[Hop, ...]:
        """Return the hops of packets from ``source`` to ``target``; none without a path."""
        if subflow is not None and target in self._ends[subflow]:
            return self._paths.to_address(source, self._ends[subflow][target]) or ()
        return self._paths.of_packets(self._flows.get(flow or ""), source, target)

    def directions(self, source: str, target: str) -> tuple[tuple[str, str], ...]:
        """Return the directions (link, towards) that packets from ``source`` to ``target`` may have
        crossed.
        """
        found = dict.fromkeys(pair_directions(self._paths, self._plan.flows, source, target))
        for subflow, ends in self._ends.items():
            if {source, target} <= set(ends):
                found |= dict.fromkeys(hop.key for hop in self.hops(None, subflow, source, target))
        return tuple(found)
