"""The check ``closer``: which host closes first."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from tcpexp.checks.base import Check, Evidence, FlowName, HostName, Undecided, Verdict
from tcpexp.checks.recorded import captures_of, require_span, table_exists
from tcpexp.late import polars as pl
from tcpexp.units import QuantityError
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


class Closer(Check):
    """Which host closes first: the one that sends the first FIN, and so holds TIME-WAIT
    afterwards.
    """

    name: ClassVar[str] = "closer"
    example: ClassVar[str] = "{host: h1, port: 80}"

    host: HostName = Field(description="the host that closes first")
    port: int | None = Field(
        default=None, ge=1, le=65535, description="of connections to this port of the server"
    )
    flow: FlowName | None = Field(default=None, description="of this flow's connections")

    @model_validator(mode="after")
    def _names_connections(self) -> Self:
        if self.port is None and self.flow is None:
            raise QuantityError(
                "neither port: nor flow: says which connections are meant", "add port: 80"
            )
        return self

    def title(self) -> str:
        """Name the connections."""
        return (
            "first FIN of the connections"
            f" {f'of flow {self.flow}' if self.flow else f'to port {self.port}'}"
        )

    def asked(self) -> str:
        """Return the host."""
        return self.host

    def evaluate(self, run: RunData) -> Verdict:
        """Judge every connection that was established."""
        if not table_exists(run, "connections"):
            raise Undecided("the captures have not been turned into tables")
        wanted = pl.col("established_ns").is_not_null()
        if self.port is not None:
            wanted &= pl.col("server_port") == self.port
        if self.flow is not None:
            wanted &= pl.col("flow") == self.flow
        # not who was closed by the clean-up
        during = pl.when(pl.col("first_fin_ns") <= run.end_ns).then(pl.col("first_closer"))
        rows = (
            run.table("connections")
            .filter(wanted.fill_null(False))
            .with_columns(first_closer=during)
        )
        if rows.is_empty():
            raise Undecided("no such connection was established")
        seen_in = set(rows.get_column("capture").to_list())
        for node in run.plan.network.nodes:
            if seen_in & {interface.name for interface in node.interfaces}:
                captures_of(run, node.name)
        if rows.get_column("first_closer").null_count():
            require_span(run, None)
        closers = sorted({closer or "none" for closer in rows.get_column("first_closer").to_list()})
        evidence = [_first_fin(run, row) for row in rows.head(10).iter_rows(named=True)]
        reason = (
            f"first FIN from {', '.join(closers)} in {many(rows.height, 'connection')}; asked:"
            f" {self.host}"
        )
        return self.verdict(closers == [self.host], ", ".join(closers), reason, evidence)


def _first_fin(run: RunData, row: dict[str, object]) -> Evidence:
    """Return the packet that carries a connection's first FIN."""
    fins = run.table("packets").filter(
        (pl.col("capture") == row["capture"])
        & (pl.col("stream") == row["stream"])
        & pl.col("flags").str.contains("F")
    )
    name = f"{row['client']}:{row['client_port']} - {row['server']}:{row['server_port']}"
    if fins.is_empty():
        return Evidence(f"{name}: no FIN", str(row["capture"]))
    first = fins.sort("t_ns", "number").row(0, named=True)
    return Evidence(
        f"{name}: first FIN from {row['first_closer']}",
        str(row["capture"]),
        (first["number"],),
        first["t_ns"],
        first["t_ns"],
    )
