"""Checks of connections' packets: ``window``, ``labels``, ``closer``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tcpexp.analysis.labels import count_contained, labelled, once
from tcpexp.checks.base import Check, Evidence, FlowName, HostName, Undecided, Verdict
from tcpexp.checks.compare import Bytes, Compared, Count
from tcpexp.checks.recorded import BETWEEN, Between, captures_of, require_span, table_exists
from tcpexp.checks.words import many, size_words, span_words, time_words
from tcpexp.late import polars as pl
from tcpexp.plan.flows import addresses_of
from tcpexp.units import QuantityError
from tcpexp.views.spans import within

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


class Window(Compared[Bytes]):
    """The receive window that a host advertises, in bytes (scaled), on its segments other than SYN
    and RST.

    `reaches` asks that it falls to this value or below at least once, `falls` that it never grows;
    comparators must hold for every advertised window.
    """

    name: ClassVar[str] = "window"
    example: ClassVar[str] = "{from: h2, port: 5000, reaches: 0}"

    from_: HostName = Field(alias="from", description="the host that advertises it")
    port: int | None = Field(default=None, ge=1, le=65535, description="the port at either end")
    flow: FlowName | None = Field(default=None, description="of this flow only")
    reaches: Bytes | None = Field(
        default=None, description="it falls to this many bytes, or below, at least once"
    )
    falls: bool = Field(default=False, description="no window is larger than the one before it")
    between: Between | None = BETWEEN

    def needs_comparator(self) -> bool:
        """Whether neither ``reaches`` nor ``falls`` is asked."""
        return self.reaches is None and not self.falls

    def title(self) -> str:
        """Name the host and the span."""
        port = f", port {self.port}" if self.port else ""
        return f"window advertised by {self.from_}{port} {span_words(self.between)}"

    def words(self, value: float) -> str:
        """Return a size in words."""
        return size_words(value)

    def asked(self) -> str:
        """Return what is asked in words."""
        parts = [f"reaches {size_words(self.reaches)}"] if self.reaches is not None else []
        parts += ["never grows"] if self.falls else []
        parts += [f"always {self.comparison()}"] if self.has_comparator() else []
        return " and ".join(parts)

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the smallest and the largest window."""
        span = require_span(run, self.between)
        rows = self._rows(run, captures_of(run, self.from_)).filter(within(span))
        if rows.is_empty():
            raise Undecided(f"{self.from_} advertised no window {span_words(span)}")
        sizes = rows.get_column("window_bytes")
        low, high = (
            rows.row(int(sizes.arg_min() or 0), named=True),
            rows.row(int(sizes.arg_max() or 0), named=True),
        )
        passed = self.reaches is None or low["window_bytes"] <= self.reaches
        passed = passed and all(self.holds(each) for each in sizes.to_list())
        larger = pl.col("window_bytes").diff().over("capture", "stream") > 0
        grown = rows.select(larger.fill_null(False)).to_series()
        passed = passed and not (self.falls and grown.any())
        measured = f"{size_words(low['window_bytes'])} to {size_words(high['window_bytes'])}"
        evidence = [
            Evidence(
                f"{word} window, {size_words(row['window_bytes'])}, at {time_words(row['t_ns'])}",
                row["capture"],
                (row["number"],),
                row["t_ns"],
                row["t_ns"],
            )
            for word, row in (("smallest", low), ("largest", high))
        ]
        if self.falls and grown.any():
            row = rows.row(int(grown.arg_max() or 0), named=True)
            evidence.append(
                Evidence(
                    f"grew to {size_words(row['window_bytes'])}",
                    row["capture"],
                    (row["number"],),
                    row["t_ns"],
                    row["t_ns"],
                )
            )
        reason = (
            f"{self.from_} advertised {measured} in {many(rows.height, 'segment')}; asked:"
            f" {self.asked()}"
        )
        return self.verdict(passed, measured, reason, evidence)

    def _rows(self, run: RunData, captures: list[str]) -> pl.DataFrame:
        wanted = (
            pl.col("capture").is_in(captures)
            & pl.col("src").is_in(addresses_of(run.plan, self.from_))
            & pl.col("window_bytes").is_not_null()
            & ~pl.col("flags").str.contains("[SR]")
        )
        if self.port is not None:
            wanted &= (pl.col("src_port") == self.port) | (pl.col("dst_port") == self.port)
        if self.flow is not None:
            wanted &= pl.col("flow") == self.flow
        return run.table("packets").filter(wanted.fill_null(False)).sort("t_ns", "number")


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
            each
            for host in ([self.seen_at] if self.seen_at else hosts)
            for each in captures_of(run, host)
        ]
        rows = self._rows(run, captures).filter(within(span))
        count = once(rows).height
        found = sorted(
            (rows.filter(capture=name) for name in captures), key=lambda each: -each.height
        )
        evidence = [_in_capture(each) for each in found if each.height]
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


class Closer(Check):
    """Which host closes first: the one that sends the first FIN, and so holds TIME-WAIT afterwards."""

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
        closers = sorted({each or "none" for each in rows.get_column("first_closer").to_list()})
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
