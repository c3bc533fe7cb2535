"""Tables of the network: queues, settings, rates and faults of links."""

from __future__ import annotations

from tcpexp.record.columns import (
    CONNECTION,
    FLOW,
    LINK,
    SEGMENT_ENDS,
    T_NS,
    TOWARDS,
    Column,
    TableSchema,
)

QUEUES = TableSchema(
    "queues",
    "one sample of one direction's qdiscs on a wire",
    (
        T_NS,
        LINK,
        TOWARDS,
        Column(
            "qdisc",
            "String",
            "queue (the leaf), shaper (tbf), netem, policer, host (in front of a host's interface)",
        ),
        Column("backlog_bytes", "Int64", "waiting now", unit="bytes"),
        Column("backlog_packets", "Int64", "waiting now", unit="packets"),
        Column("drops", "Int64", "dropped so far", unit="packets"),
        Column("sent_bytes", "Int64", "sent so far; null of a policer", unit="bytes"),
        Column("sent_packets", "Int64", "sent so far", unit="packets"),
        Column("overlimits", "Int64", "how often a packet had to wait or was refused, so far"),
        Column("ecn_mark", "Int64", "marked with CE so far", unit="packets"),
    ),
    order=(
        "t_ns",
        "link",
        "towards",
    ),
)

QUEUE_STATISTICS = TableSchema(
    "queue_statistics",
    "one number that a discipline counts of itself, at one sample",
    (
        T_NS,
        LINK,
        TOWARDS,
        Column("qdisc", "String", "queue, or host (in front of a host's interface)"),
        Column("kind", "String", "the discipline: pie, dualpi2..."),
        Column("name", "String", "which number: probability, classic_delay, coupled_marks..."),
        Column(
            "value",
            "Float64",
            "probabilities 0 to 1, delays in ns, counts since the queue was made",
        ),
    ),
    order=(
        "t_ns",
        "link",
        "towards",
    ),
)

CLASSES = TableSchema(
    "classes",
    "one sample of one class of htb",
    (
        T_NS,
        LINK,
        TOWARDS,
        Column("class", "String", "its name"),
        Column("backlog_bytes", "Int64", "waiting now", unit="bytes"),
        Column("backlog_packets", "Int64", "waiting now", unit="packets"),
        Column("drops", "Int64", "dropped so far", unit="packets"),
        Column("sent_bytes", "Int64", "sent so far", unit="bytes"),
        Column("sent_packets", "Int64", "sent so far", unit="packets"),
        Column("overlimits", "Int64", "how often it had to wait for its ceiling, so far"),
        Column("lends", "Int64", "sent within its own rate so far", unit="packets"),
        Column("borrows", "Int64", "sent beyond it, at another's expense, so far", unit="packets"),
    ),
    order=(
        "t_ns",
        "link",
        "towards",
    ),
)

SETTINGS = TableSchema(
    "settings",
    "what the kernel said that a qdisc of a link or an interface of a"
    " node does, at one time; of samples only what differs from the one"
    " before",
    (
        T_NS,
        Column(
            "source",
            "String",
            (
                "start (when the network was made), change (after one),"
                " sample, end, during (a change of an interface that was"
                " noticed)"
            ),
        ),
        Column("link", "String", "null for an interface"),
        Column("towards", "String", "null for an interface"),
        Column(
            "qdisc",
            "String",
            "shaper, queue, netem, policer, class NAME, host; null for an interface",
        ),
        Column("node", "String", "null for a qdisc of a link"),
        Column("interface", "String", "null for a qdisc of a link"),
        Column(
            "kind", "String", "the qdisc's, of an interface that at its root; null when it is gone"
        ),
        Column(
            "options",
            "String",
            (
                "JSON: a qdisc's settings as tc -j qdisc show prints them (those of"
                " tcpexp/record/disciplines.py in its names and units); an interface's mtu and up,"
                " and the settings of its qdisc"
            ),
        ),
    ),
    order=("t_ns",),
)

LINK_RATES = TableSchema(
    "link_rates",
    "one change of a rate that follows a list (link_trace), and one row more when the list ends",
    (
        T_NS,
        Column("planned_ns", "Int64", "when it was due", unit="ns"),
        Column("step", "String", "the action's id"),
        LINK,
        TOWARDS,
        Column("asked_bps", "Int64", "from now on; null at the list's end", unit="bit/s"),
        Column(
            "set_bps",
            "Int64",
            (
                "of the token bucket, read back: a little off, to make up"
                " for what its changes let pass"
            ),
            unit="bit/s",
        ),
        Column("sent_bytes", "Int64", "of the bottleneck until now", unit="bytes"),
        Column("backlog_packets", "Int64", "waiting now", unit="packets"),
    ),
    order=(
        "t_ns",
        "link",
        "towards",
    ),
)

FAULTS = TableSchema(
    "faults",
    "one segment on which a fault acted (docs/guides/faults.md)",
    (
        Column("t_ns", "Int64", "when it came out of the link's bottleneck", unit="ns"),
        Column("step", "String", "the action's id"),
        LINK,
        TOWARDS,
        Column("effect", "String", "drop, duplicate, corrupt, delay"),
        Column(
            "segment",
            "String",
            (
                "the kind by which it was chosen: syn, syn-ack, data, fin,"
                " rst, pure-ack, window-update, any"
            ),
        ),
        FLOW,
        CONNECTION,
        *SEGMENT_ENDS,
        Column("seq", "Int64", "raw, 32 bit"),
        Column("payload_bytes", "Int64", "of the segment", unit="bytes"),
        Column(
            "offset",
            "Int64",
            "of its first byte in the stream, 0 the first; null without payload",
            unit="bytes",
        ),
        Column("number", "Int64", "among the segments of its kind in the flow, from 1 on"),
        Column("transmission", "Int64", "1 the original, 2 its first retransmission"),
        Column("delay_ns", "Int64", "with the effect delay: how much longer it took", unit="ns"),
    ),
    order=("t_ns",),
)
