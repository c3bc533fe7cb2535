"""Tables of the run as a whole: events, counters, cross-checks, and what iperf3 reports."""

from __future__ import annotations

from tcpexp.record.columns import CONNECTION, FLOW, NODE, T_NS, Column, TableSchema

CROSS_CHECKS = TableSchema(
    "cross_checks",
    "one number of the run that two sources know, and whether they"
    " agree (docs/concepts/cross-checks.md)",
    (
        Column("check", "String", "what was counted: segments sent again, timeouts, ..."),
        Column("subject", "String", "of what: a node, a flow, or a link towards a node"),
        Column("measured", "Int64", "what metrics, figures and checks use"),
        Column("measured_from", "String", "where measured comes from"),
        Column("reported", "Int64", "what somebody else counted"),
        Column("reported_from", "String", "where reported comes from"),
        Column("difference", "Int64", "measured - reported"),
        Column(
            "least", "Int64", "the least that the difference may be for the reasons that why names"
        ),
        Column(
            "most", "Int64", "the most that the difference may be for the reasons that why names"
        ),
        Column("verdict", "String", "ok, differs, not comparable"),
        Column("why", "String", "what explains a difference"),
    ),
    order=(
        "check",
        "subject",
    ),
)

COUNTERS = TableSchema(
    "counters",
    "one SNMP or TcpExt counter of one node at one time, kept only"
    " where it changed since the sample before (the first sample is"
    " whole)",
    (
        T_NS,
        NODE,
        Column("counter", "String", "TcpExt.ListenDrops, Tcp.RetransSegs, ..."),
        Column("value", "Int64", "as the kernel counts it, from the namespace's beginning"),
    ),
    order=(
        "t_ns",
        "node",
        "counter",
    ),
)

EVENTS = TableSchema(
    "events",
    "one event of the run: an action's start or end, a mark",
    (
        T_NS,
        Column("planned_ns", "Int64", "when it was due", unit="ns"),
        Column("lateness_ns", "Int64", "t_ns - planned_ns, at least 0", unit="ns"),
        Column(
            "behind_ns",
            "Int64",
            (
                "the part of it in which the engine was at work on what was"
                " due before; null in older runs"
            ),
            unit="ns",
        ),
        Column("event", "String", "start, end, mark, error"),
        Column("step", "String", "the step's id"),
        Column("action", "Int64", "the action's place in the spec, from 0 on"),
        Column("kind", "String", "of the step: spawn, link_change, ..."),
        NODE,
        Column("label", "String", "the step in words"),
        Column("status", "Int64", "exit status of a program or command"),
        Column(
            "stopped_by",
            "String",
            ("of a program's end: the signal by which the run had asked it to end, such as TERM"),
        ),
        Column("text", "String", "what was said"),
    ),
    order=("t_ns",),
)

IPERF3 = TableSchema(
    "iperf3",
    "one interval of one iperf3 flow as iperf3 itself reports it",
    (
        FLOW,
        CONNECTION,
        Column("t_ns", "Int64", "when the interval begins, from the experiment's zero", unit="ns"),
        Column("interval_ns", "Int64", "length of the interval", unit="ns"),
        Column("side", "String", "which end reports it: client or server"),
        Column("stream", "Int64", "the number that iperf3 calls the socket"),
        Column("bytes", "Int64", "sent or received in the interval", unit="bytes"),
        Column("retransmits", "Int64", "sent again in the interval", unit="segments"),
        Column("cwnd_bytes", "Int64", "congestion window at its end", unit="bytes"),
        Column("rtt_us", "Int64", "smoothed round-trip time at its end", unit="us"),
    ),
    order=(
        "flow",
        "t_ns",
    ),
)
