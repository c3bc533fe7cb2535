"""The numbers of ``metrics.json`` as data: where each stands, its unit, and what it means.

A name in angle brackets stands for any name: ``flows.<flow>.goodput_bps``; ``[]`` stands for the
entries of a list. What could not be measured is null, never 0; null may also stand for a group.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Metric:
    """One number: its path in ``metrics.json``, what it means, and its unit (empty without one)."""

    path: str
    meaning: str
    unit: str = ""


METRICS: tuple[Metric, ...] = (
    Metric("metrics_schema", "version of this list"),
    Metric("status", "complete, interrupted or failed"),
    Metric("end_ns", "when the experiment ended, from its zero: as planned, or earlier", unit="ns"),
    Metric("flows.<flow>.application", "what carries it: iperf3, http, ..."),
    Metric("flows.<flow>.client", "the host that opened its connections"),
    Metric("flows.<flow>.server", "the host that they were opened to"),
    Metric("flows.<flow>.sender", "the host whose payload is meant"),
    Metric("flows.<flow>.port", "the server's port"),
    Metric("flows.<flow>.congestion_control", "of its sender"),
    Metric("flows.<flow>.connections", "how many carry it"),
    Metric("flows.<flow>.start_ns", "its first data segment sent", unit="ns"),
    Metric("flows.<flow>.end_ns", "its last data that arrived", unit="ns"),
    Metric("flows.<flow>.duration_s", "from the one to the other", unit="s"),
    Metric(
        "flows.<flow>.completion_s",
        "its completion time: from the first SYN of its connections to end_ns",
        unit="s",
    ),
    Metric(
        "flows.<flow>.goodput_bps",
        "over the whole run: first arrivals of payload bytes only",
        unit="bit/s",
    ),
    Metric("flows.<flow>.goodput_active_bps", "from start_ns to end_ns", unit="bit/s"),
    Metric("flows.<flow>.goodput_bytes", "first arrivals of payload bytes only", unit="bytes"),
    Metric("flows.<flow>.wire_bytes", "its frames", unit="bytes"),
    Metric(
        "flows.<flow>.share",
        "of the goodput of the flows that share a direction of a link with it, 0 to 1",
    ),
    Metric("flows.<flow>.packets_sent", "by its sender", unit="packets"),
    Metric(
        "flows.<flow>.lost_packets",
        "data segments that left one end and never came to the other",
        unit="packets",
    ),
    Metric(
        "flows.<flow>.retransmissions",
        (
            "sent again, as the sender's capture shows and `Tcp.RetransSegs` counts them: data,"
            " SYN, SYN-ACK, FIN"
        ),
        unit="segments",
    ),
    Metric("flows.<flow>.retransmissions_source", "what they are counted in: capture"),
    Metric("flows.<flow>.retransmission_share", "of the data segments, 0 to 1"),
    Metric("flows.<flow>.retransmitted_bytes", "payload sent again", unit="bytes"),
    Metric(
        "flows.<flow>.utilization",
        (
            "the frames of its data over what the slowest link on its way offered from start_ns"
            " to end_ns, its rate summed over all changes: at most 1"
        ),
    ),
    Metric("flows.<flow>.rtt.samples", "how many round-trip times were measured"),
    Metric("flows.<flow>.rtt.min_ms", "the least", unit="ms"),
    Metric("flows.<flow>.rtt.p50_ms", "the median", unit="ms"),
    Metric("flows.<flow>.rtt.p95_ms", "95 % are at most that", unit="ms"),
    Metric("flows.<flow>.rtt.p99_ms", "99 % are at most that", unit="ms"),
    Metric("flows.<flow>.rtt.max_ms", "the largest", unit="ms"),
    Metric("flows.<flow>.cwnd.source", "where the window is from: tcp_probe (per ACK) or ss"),
    Metric("flows.<flow>.cwnd.samples", "how many there are"),
    Metric(
        "flows.<flow>.cwnd.min",
        "the least, also while a retransmission timer backed off",
        unit="segments",
    ),
    Metric("flows.<flow>.cwnd.mean", "the mean", unit="segments"),
    Metric("flows.<flow>.cwnd.p50", "the median", unit="segments"),
    Metric(
        "flows.<flow>.cwnd.max",
        "the largest, also while a retransmission timer backed off",
        unit="segments",
    ),
    Metric(
        "flows.<flow>.cwnd.last",
        "the last, also while a retransmission timer backed off",
        unit="segments",
    ),
    Metric(
        "flows.<flow>.cwnd.ssthresh_last",
        "the last slow start threshold; null while infinite",
        unit="segments",
    ),
    Metric(
        "flows.<flow>.phases.<phase>.count",
        "how many phases of that kind ([phases](../concepts/phases.md))",
    ),
    Metric("flows.<flow>.phases.<phase>.seconds", "how long they lasted together", unit="s"),
    Metric("flows.<flow>.phases.<phase>.growth_per_rtt", "median growth per round trip"),
    Metric("flows.<flow>.phases.first_slow_start_ended_by", "what ended the first slow start"),
    Metric("flows.<flow>.loss_events.count", "how many loss events"),
    Metric("flows.<flow>.loss_events.spurious", "of them without a loss"),
    Metric("flows.<flow>.loss_events.noticed_by.<signal>", "how many that signal told of"),
    Metric("flows.<flow>.loss_events.lost_packets", "lost in them", unit="packets"),
    Metric("flows.<flow>.loss_events.backoff", "median of ssthresh afterwards over cwnd before"),
    Metric("flows.<flow>.loss_events.notice_ms", "median, loss to notice", unit="ms"),
    Metric("flows.<flow>.loss_events.repair_ms", "median, notice to Open again", unit="ms"),
    Metric(
        "flows.<flow>.timeouts.count",
        "how often the sender's retransmission timer ran out (table timeouts)",
    ),
    Metric(
        "flows.<flow>.timeouts.first_ms",
        "RTO of the first, estimated from the gap to the segment's last transmission",
        unit="ms",
    ),
    Metric("flows.<flow>.timeouts.max_ms", "the largest RTO", unit="ms"),
    Metric("flows.<flow>.timeouts.backoff", "median of a gap over the one before"),
    Metric(
        "flows.<flow>.delay.packets",
        "data segments of which the one-way delay is known",
        unit="packets",
    ),
    Metric("flows.<flow>.delay.delay_p50_ms", "one way, median", unit="ms"),
    Metric("flows.<flow>.delay.delay_p95_ms", "one way, 95 % are at most that", unit="ms"),
    Metric("flows.<flow>.delay.delay_max_ms", "one way, the largest", unit="ms"),
    Metric("flows.<flow>.delay.queueing_p50_ms", "less the links' delays, median", unit="ms"),
    Metric(
        "flows.<flow>.delay.queueing_p95_ms",
        "less the links' delays, 95 % are at most that",
        unit="ms",
    ),
    Metric("flows.<flow>.delay.queueing_max_ms", "less the links' delays, the largest", unit="ms"),
    Metric("flows.<flow>.delay.reordered", "that arrived behind one sent later", unit="packets"),
    Metric(
        "flows.<flow>.delay.reordered_by_max",
        "the largest number of places by which one was late",
        unit="packets",
    ),
    Metric("shares.whole.share.<flow>", "of its direction's goodput over the run, 0 to 1"),
    Metric(
        "shares.whole.jain_index", "of the only direction that several flows share, over the run"
    ),
    Metric(
        "shares.together.from_ns",
        "while all flows of the only direction were active: from",
        unit="ns",
    ),
    Metric(
        "shares.together.to_ns", "while all flows of the only direction were active: to", unit="ns"
    ),
    Metric("shares.together.share.<flow>", "of the direction's goodput in that time"),
    Metric("shares.together.goodput_bps.<flow>", "in that time", unit="bit/s"),
    Metric("shares.together.jain_index", "in that time"),
    Metric(
        "shares.directions[].towards", "the receiving end of a direction that several flows share"
    ),
    Metric("shares.directions[].flows", "those flows"),
    Metric(
        "shares.directions[].whole.share.<flow>", "over the run; the shares of a direction sum to 1"
    ),
    Metric("shares.directions[].whole.jain_index", "over the run"),
    Metric(
        "shares.directions[].together.from_ns", "while all its flows were active: from", unit="ns"
    ),
    Metric("shares.directions[].together.to_ns", "while all its flows were active: to", unit="ns"),
    Metric("shares.directions[].together.share.<flow>", "in that time"),
    Metric("shares.directions[].together.goodput_bps.<flow>", "in that time", unit="bit/s"),
    Metric("shares.directions[].together.jain_index", "in that time"),
    Metric(
        "jain_index",
        (
            "of the only direction that several flows share: together where there is one, else"
            " whole; null where there are several directions"
        ),
    ),
    Metric(
        "fairness.<host>.jain_mean",
        "of the flows that share a direction towards this host, while at least two ran: mean",
    ),
    Metric("fairness.<host>.jain_min", "the least of a second"),
    Metric("fairness.<host>.utilization", "mean"),
    Metric(
        "fairness.<host>.converged_ns",
        "from when on Jain's index of a second is at least 0.9 and stays there for 2 s",
        unit="ns",
    ),
    Metric("fairness.<host>.convergence_s", "how long that took", unit="s"),
    Metric("queues[].link", "the link"),
    Metric("queues[].towards", "the direction, by the node at its end"),
    Metric("queues[].samples", "how many samples of its queue"),
    Metric("queues[].max_packets", "its largest length", unit="packets"),
    Metric("queues[].mean_packets", "its mean length", unit="packets"),
    Metric("queues[].max_bytes", "its largest length", unit="bytes"),
    Metric(
        "queues[].drops",
        "by how much drops of the queue grew from the first sample to the last",
        unit="packets",
    ),
    Metric("queues[].netem_drops", "by how much drops of netem grew", unit="packets"),
    Metric("queues[].ecn_marks", "by how much marks grew", unit="packets"),
    Metric("queues[].sent_packets", "by how much packets sent grew", unit="packets"),
    Metric("connections.seen", "how many connections were tried"),
    Metric("connections.without_flow", "how many carry no flow"),
    Metric("connections.established", "how many were established"),
    Metric("connections.closed", "how many were closed by FIN"),
    Metric("connections.reset", "how many were reset"),
    Metric("connections.open_at_end", "how many were left open"),
    Metric("connections.never_established", "how many were never established"),
    Metric("connections.syn_repeats", "how often a SYN was repeated"),
    Metric("connections.synack_repeats", "how often a SYN-ACK was repeated"),
    Metric(
        "counters.<node>.<counter>",
        "by how much the SNMP or TcpExt counter grew; unchanged ones are left out",
    ),
    Metric(
        "labels.<label>.count",
        "how many got the label from Wireshark, each once though two captures hold it",
        unit="packets",
    ),
    Metric("labels.<label>.captures.<capture>", "how many in that capture", unit="packets"),
    Metric(
        "labels.<label>.includes.<label>",
        (
            "how many of them carry a label that this one contains (a fast retransmission is a"
            " retransmission too)"
        ),
        unit="packets",
    ),
    Metric("labels.<label>.examples[].capture", "of an example packet, at most five: its capture"),
    Metric("labels.<label>.examples[].number", "its number there"),
    Metric("labels.<label>.examples[].t_ns", "its time", unit="ns"),
    Metric("labels.<label>.examples[].flow", "its flow"),
    Metric("links[].link", "the link of a fault that was asked for"),
    Metric("links[].towards", "its direction"),
    Metric("links[].fault", "loss, duplicate, corrupt, reorder"),
    Metric("links[].from_ns", "from when on it was in force", unit="ns"),
    Metric("links[].to_ns", "until when", unit="ns"),
    Metric("links[].asked", "the rate that was asked for, 0 to 1"),
    Metric("links[].correlated", "netem's correlated models do not keep the rate they are given"),
    Metric("links[].trials", "how many it could have hit", unit="packets"),
    Metric("links[].events", "how many it hit", unit="packets"),
    Metric("links[].measured", "their share, 0 to 1"),
    Metric("links[].low", "the least share that chance explains"),
    Metric("links[].high", "the largest share that chance explains"),
    Metric("links[].inside", "whether it lies between; null where nothing can be said"),
    Metric("links[].why", "why nothing can be said"),
    Metric("followed[].step", "the action (`link_trace`) whose list of rates was followed"),
    Metric("followed[].link", "its link"),
    Metric("followed[].towards", "its direction"),
    Metric("followed[].changes", "how many changes of rate"),
    Metric("followed[].late_ns", "the latest change", unit="ns"),
    Metric("followed[].frame_bytes", "a full frame", unit="bytes"),
    Metric("followed[].busy_spans", "how often packets waited from one change to the next"),
    Metric("followed[].asked_bytes", "what the list offered meanwhile", unit="bytes"),
    Metric("followed[].sent_bytes", "what was sent meanwhile", unit="bytes"),
    Metric("followed[].largest_gap_bytes", "the largest difference by any time", unit="bytes"),
    Metric("followed[].mean_error_bytes", "the mean difference between two changes", unit="bytes"),
    Metric("packets.<capture>", "in that capture", unit="packets"),
)

#: The parts of ``metrics.json``: the first words of the paths.
PARTS = tuple(
    sorted(
        {re.split(r"[.\[]", metric.path)[0] for metric in METRICS} - {"metrics_schema", "status"}
    )
)


def find_metric(path: str) -> Metric | None:
    """Return what is known of the number at ``path`` (``[]`` for entries of lists), else None."""
    known = [metric for metric in METRICS if _pattern(metric.path).fullmatch(path)]
    return max(known, key=lambda metric: len(metric.path), default=None)


def paths_of(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of each number and text in what ``metrics.json`` holds."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from paths_of(below, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for below in value:
            yield from paths_of(below, f"{path}[]") if isinstance(below, dict) else (path,)
    elif value is not None:
        yield path


def _pattern(path: str) -> re.Pattern[str]:
    """Return what matches the paths that ``path`` stands for; a name may have dots in it."""
    parts = (
        ".+?" if part.startswith("<") else re.escape(part) for part in re.split(r"(<\w+>)", path)
    )
    return re.compile("".join(parts))
