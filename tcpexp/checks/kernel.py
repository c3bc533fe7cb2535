"""Checks of counters, the firewall and metrics: ``counter``, ``firewall_empty``, ``metric``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from tcpexp.analysis.samples import sampled_span
from tcpexp.checks.base import Check, Evidence, HostName, NotSupported, Undecided, Verdict
from tcpexp.checks.compare import Compared, Count, Number
from tcpexp.checks.recorded import (
    BETWEEN,
    Between,
    counter_times,
    require_span,
    sample_interval,
    table_exists,
)
from tcpexp.checks.words import many, number_words, span_words, time_words
from tcpexp.late import polars as pl
from tcpexp.plan.types import Firewall
from tcpexp.registry import suggest
from tcpexp.units import Duration

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


class FirewallEmpty(Check):
    """Whether every rule that the experiment put into a host's firewall was taken out again.

    tcpexp reads the chain back after each insertion and each deletion; a chain that is not as it
    was before fails the run.
    """

    name: ClassVar[str] = "firewall_empty"
    example: ClassVar[str] = "{host: h1, at: 150s}"

    host: HostName = Field(description="the host")
    at: Duration | None = Field(
        default=None, description="by this time; by the end of the run when left out"
    )

    def title(self) -> str:
        """Name the host and the time."""
        return (
            f"firewall of {self.host} empty"
            f" {'after the run' if self.at is None else f'at {time_words(self.at)}'}"
        )

    def asked(self) -> str:
        """Return what is asked."""
        return "no rule left" + ("" if self.at is None else f" at {time_words(self.at)}")

    def evaluate(self, run: RunData) -> Verdict:
        """Compare the insertions with the deletions that were read back."""
        steps = [
            step.id
            for step in (*run.plan.setup, *run.plan.steps)
            if isinstance(step.do, Firewall) and step.do.node == self.host
        ]
        rows = (
            run.table("events")
            .filter(pl.col("step").is_in(steps))
            .sort("t_ns", maintain_order=True)
        )
        inserted = rows.filter(pl.col("event") == "start")
        if inserted.is_empty():
            raise Undecided(f"no firewall rule was put in at {self.host}, so none was read back")
        if self.at is not None:
            require_span(run, (max(self.at - 1, 0), self.at))
            inserted = inserted.filter(pl.col("t_ns") <= self.at)
        ended = rows.filter(pl.col("event") == "end")
        deleted = dict(
            zip(ended.get_column("step").to_list(), ended.get_column("t_ns").to_list(), strict=True)
        )
        left, evidence = [], []
        for row in inserted.iter_rows(named=True):
            end = deleted.get(row["step"])
            gone = end is not None and (self.at is None or end <= self.at)
            left += [] if gone else [row["text"] or row["step"]]
            words = f"out at {time_words(end)}" if end is not None else "not taken out"
            evidence.append(
                Evidence(
                    f"rule {row['text'] or row['step']}: in at {time_words(row['t_ns'])}, {words}",
                    None,
                    (),
                    row["t_ns"],
                    end,
                )
            )
        if left and run.status != "complete":
            raise Undecided(f"the run was {run.status} before it read the firewall back")
        measured = f"{many(len(left), 'rule')} left"
        reason = (
            f"left: {'; '.join(left)}"
            if left
            else (
                f"{many(inserted.height, 'rule was', 'rules were')} taken out, and the chains read"
                " back as before"
            )
        )
        return self.verdict(not left, measured, reason, evidence)


class Metric(Compared[Number]):
    """Any number of `metrics.json`, named by its path: keys and list positions joined by points."""

    name: ClassVar[str] = "metric"
    example: ClassVar[str] = "{name: connections.established, at_least: 1}"

    metric: str = Field(
        alias="name",
        min_length=1,
        description="the path, such as `flows.bbr.goodput_bps` or `queues.0.drops`",
    )

    def title(self) -> str:
        """Name the metric."""
        return f"metric {self.metric}"

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the number."""
        require_span(run, None)
        value = find_metric(run.metrics, self.metric)
        words = number_words(value)
        return self.verdict(
            self.holds(value), words, f"{self.metric} is {words}; asked: {self.comparison()}"
        )


def find_metric(metrics: dict[str, Any], path: str) -> float:
    """Return the number at ``path``; raises ``Undecided`` when there is none.

    Keys that hold points are found too.
    """
    if not metrics:
        raise Undecided("the run has no metrics (metrics.json)")
    found, hint = _descend(metrics, path.split("."))
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        raise Undecided(f"metrics.json has no number at '{path}'{f'; {hint}' if hint else ''}")
    return float(found)


def _descend(value: Any, parts: list[str]) -> tuple[Any, str | None]:
    """Return what stands at the path ``parts`` below ``value``, or None and a hint."""
    if not parts:
        return value, None
    if isinstance(value, list):
        if parts[0].isdigit() and int(parts[0]) < len(value):
            return _descend(value[int(parts[0])], parts[1:])
        return None, f"the list has {many(len(value), 'entry', 'entries')}, counted from 0"
    if not isinstance(value, dict):
        return None, None
    for length in range(1, len(parts) + 1):
        key = ".".join(parts[:length])
        if key in value:
            return _descend(value[key], parts[length:])
    return None, suggest(parts[0], [str(each) for each in value])
