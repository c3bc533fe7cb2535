"""The check ``counter``: how much a counter of a host's kernel grew."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from tcpexp.analysis.samples import sampled_span
from tcpexp.checks.base import Evidence, HostName, NotSupported, Undecided, Verdict
from tcpexp.checks.compare import Compared, Count
from tcpexp.checks.recorded import (
    BETWEEN,
    Between,
    counter_times,
    require_span,
    sample_interval,
    table_exists,
)
from tcpexp.late import polars as pl
from tcpexp.registry import suggest
from tcpexp.words.measured import span_words, time_words

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


class Counter(Compared[Count]):
    """How much a counter of a host's kernel grew: `Tcp.RetransSegs`, `TcpExt.ListenDrops`,
    `TcpExt.SyncookiesSent`...

    In an IPv6 network the groups `Ip`, `Icmp` and `Udp` mean IPv6's own, `Ip6`, `Icmp6` and `Udp6`;
    TCP's are the same for both.
    """

    name: ClassVar[str] = "counter"
    example: ClassVar[str] = "{host: h2, name: TcpExt.ListenDrops, between: [1s, 20s], at_least: 1}"

    host: HostName = Field(description="the host")
    counter: str = Field(
        alias="name",
        pattern=r"^[A-Za-z0-9]+\.[A-Za-z0-9]+$",
        description="group and name, as in /proc/net/snmp, /proc/net/netstat and /proc/net/snmp6",
    )
    between: Between | None = BETWEEN

    def title(self) -> str:
        """Name the counter, the host and the span."""
        return f"growth of {self.counter} on {self.host} {span_words(self.between)}"

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the growth."""
        counter = self._name(run)
        span = require_span(run, self.between)
        interval = sample_interval(run, "counters", self.host)
        node = run.table("counters").filter(pl.col("node") == self.host)
        if not table_exists(run, "counters") or node.is_empty():
            raise Undecided(f"no counters were recorded on {self.host}")
        rows = node.filter(pl.col("counter") == counter).sort("t_ns")
        if rows.is_empty():
            hint = suggest(counter, node.get_column("counter").unique().sort().to_list())
            hint = hint if hint and hint.startswith("did you mean") else None
            raise NotSupported(f"the kernel has no counter {counter}{f'; {hint}' if hint else ''}")
        times = counter_times(run, self.host, interval)
        begin, end = sampled_span(times, span)
        if abs(begin - span[0]) > 2 * interval or abs(end - span[1]) > 2 * interval:
            taken = f"between {time_words(times[0])} and {time_words(times[-1])}"
            raise Undecided(
                f"the samples of the counters, taken {taken}, do not cover the time"
                f" {span_words(span)}"
            )
        before, after = (_value_at(rows, at) for at in (begin, end))
        growth = after - before
        text = (
            f"{counter} went from {before} to {after} between the samples at {time_words(begin)}"
            f" and {time_words(end)}"
        )
        evidence = Evidence(text, from_ns=begin, to_ns=end)
        moved = (
            rows.filter((pl.col("t_ns") > begin) & (pl.col("t_ns") <= end))
            .get_column("t_ns")
            .to_list()
        )
        found = [
            evidence,
            *(
                [
                    Evidence(
                        "the samples that saw it grow first and last",
                        from_ns=moved[0],
                        to_ns=moved[-1],
                    )
                ]
                if growth and moved
                else []
            ),
        ]
        reason = (
            f"{counter} on {self.host} grew by {growth}, from {before} to {after}; asked:"
            f" {self.comparison()}"
        )
        return self.verdict(self.holds(growth), f"+{growth}", reason, found)

    def _name(self, run: RunData) -> str:
        """Return the counter's name in the run's version of IP."""
        group, _, own = self.counter.partition(".")
        return (
            f"{group}6.{own}"
            if run.plan.network.ip == 6 and group in ("Ip", "Icmp", "Udp")
            else self.counter
        )


def _value_at(rows: pl.DataFrame, at_ns: int) -> int:
    """Return a counter at a sample's time.

    The table keeps the first sample and what changed afterwards.
    """
    values = list(
        zip(rows.get_column("t_ns").to_list(), rows.get_column("value").to_list(), strict=True)
    )
    return int(next((value for t_ns, value in reversed(values) if t_ns <= at_ns), values[0][1]))
