"""The check ``window``: the window that a receiver advertises."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tcpexp.checks.base import Evidence, FlowName, HostName, Undecided, Verdict
from tcpexp.checks.compare import Bytes, Compared
from tcpexp.checks.recorded import BETWEEN, Between, captures_of, require_span
from tcpexp.late import polars as pl
from tcpexp.plan.flows import addresses_of
from tcpexp.views.spans import within
from tcpexp.words.measured import size_words, span_words, time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


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
        passed = passed and all(self.holds(size) for size in sizes.to_list())
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
