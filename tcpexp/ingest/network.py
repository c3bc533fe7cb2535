"""Who is who in a run: which node has which address, and which capture was taken where."""

from __future__ import annotations

from dataclasses import dataclass

from tcpexp.late import polars as pl
from tcpexp.plan.types import RunPlan


@dataclass(frozen=True)
class Nodes:
    """The names behind addresses and captures of one network."""

    by_address: dict[str, str]
    by_capture: dict[str, str]
    hosts: frozenset[str]

    @classmethod
    def of(cls, plan: RunPlan) -> Nodes:
        """Read them from the plan."""
        addresses = {
            interface.address: node.name
            for node in plan.network.nodes
            for interface in node.interfaces
        }
        captures = {
            interface.name: node.name
            for node in plan.network.nodes
            for interface in node.interfaces
        }
        hosts = frozenset(node.name for node in plan.network.nodes if node.kind == "host")
        return cls(addresses, captures, hosts)

    def of_address(self, column: str) -> pl.Expr:
        """Return the node that owns the address in ``column``, null for a stranger's."""
        return pl.col(column).replace_strict(self.by_address, default=None, return_dtype=pl.String)

    def of_capture(self, column: str = "capture") -> pl.Expr:
        """Return the node at which a capture was taken.

        A name that the plan does not have goes by its part before ``-eth``.
        """
        known = pl.col(column).replace_strict(self.by_capture, default=None, return_dtype=pl.String)
        return pl.coalesce(known, pl.col(column).str.replace(r"-[^-]*$", ""))
