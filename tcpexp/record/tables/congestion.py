"""Tables of congestion control: the state of senders, its phases, loss events, and fairness."""

from __future__ import annotations

from tcpexp.record.columns import CONNECTION, FLOW, T_NS, Column, TableSchema

FLOW_STATES = TableSchema(
    "flow_states",
    "one segment (mostly an ACK) received by a flow's sender: the"
    " sender's state just before it was processed (tcp_probe), and what"
    " the last ss snapshot and change of congestion state before it"
    " said; while a retransmission timer backs off, also a timeout or a"
    " snapshot",
    (
        FLOW,
        Column("node", "String", "the sender"),
        CONNECTION,
        Column("port", "Int64", "the sender's; all connections of a server share it"),
        T_NS,
        Column("cwnd", "Int64", "congestion window", unit="segments"),
        Column("ssthresh", "Int64", "slow start threshold; null while infinite", unit="segments"),
        Column("mss", "Int64", "payload in a full segment", unit="bytes"),
        Column(
            "in_flight_bytes",
            "Int64",
            "sent and not yet cumulatively acknowledged: snd_nxt - snd_una",
            unit="bytes",
        ),
        Column(
            "acked_bytes",
            "Int64",
            (
                "what the segments before this one have acknowledged, from"
                " the connection's first row on"
            ),
            unit="bytes",
        ),
        Column("receive_window_bytes", "Int64", "the peer's window, scaled", unit="bytes"),
        Column("srtt_us", "Int64", "smoothed round-trip time", unit="us"),
        Column("ca_state", "String", "Open, Disorder, CWR, Recovery, Loss"),
        Column(
            "limited",
            "String",
            ("what keeps the sender from sending more: cwnd, receiver, pacing, application"),
        ),
        Column("congestion_control", "String", "the socket's algorithm"),
        Column("rttvar_us", "Int64", "of the last ss snapshot", unit="us"),
        Column("rto_ms", "Float64", "of the last ss snapshot", unit="ms"),
        Column("pacing_rate_bps", "Float64", "of the last ss snapshot", unit="bit/s"),
        Column("delivery_rate_bps", "Float64", "of the last ss snapshot", unit="bit/s"),
        Column("bbr_bw_bps", "Float64", "of the last ss snapshot", unit="bit/s"),
        Column("bbr_min_rtt_us", "Int64", "of the last ss snapshot", unit="us"),
        Column("bbr_pacing_gain", "Float64", "of the last ss snapshot"),
        Column("bbr_cwnd_gain", "Float64", "of the last ss snapshot"),
        Column(
            "source",
            "String",
            (
                "tcp_probe: a received segment; timeout: what a timeout (1"
                " ns before) left behind; ss: a snapshot before the next"
                " segment"
            ),
        ),
    ),
    order=(
        "flow",
        "connection",
        "t_ns",
    ),
)

PHASES = TableSchema(
    "phases",
    "one phase of a flow's congestion control, without gaps from a"
    " connection's first row of flow_states to its last"
    " (docs/concepts/phases.md)",
    (
        FLOW,
        Column("node", "String", "the sender"),
        CONNECTION,
        Column("port", "Int64", "the sender's"),
        Column("from_ns", "Int64", "begin, from the experiment's zero", unit="ns"),
        Column("to_ns", "Int64", "end, from the experiment's zero", unit="ns"),
        Column(
            "phase",
            "String",
            (
                "slow_start, congestion_avoidance, fast_recovery,"
                " rto_recovery, cwr; BBR: startup, drain, probe_bw,"
                " probe_rtt"
            ),
        ),
        Column("rule", "String", "what in the record says so"),
        Column(
            "ended_by",
            "String",
            (
                "loss, timeout, ecn, hystart, hystart_train, hystart_delay,"
                " ssthresh, idle, repaired, undone, gain, switched, end;"
                " receiver_limited, application_limited: slow start that"
                " stood still until the flow's end"
            ),
        ),
        Column("congestion_control", "String", "the socket's algorithm"),
        Column(
            "cwnd_from", "Int64", "after the first segment processed in the phase", unit="segments"
        ),
        Column(
            "cwnd_to", "Int64", "after the last segment processed in the phase", unit="segments"
        ),
        Column(
            "ssthresh", "Int64", "in force at the phase's end; null while infinite", unit="segments"
        ),
        Column(
            "acks",
            "Int64",
            "received segments: rows of flow_states whose source is tcp_probe",
            unit="segments",
        ),
        Column("rtt_us", "Int64", "median srtt", unit="us"),
        Column(
            "growth_per_rtt",
            "Float64",
            (
                "per round trip limited by cwnd; slow_start: factor of"
                " cwnd, congestion_avoidance: segments, else null"
            ),
        ),
        Column("cwnd_limited", "Float64", "share of the rows, 0 to 1"),
        Column("receiver_limited", "Float64", "share of the rows, 0 to 1"),
        Column("application_limited", "Float64", "share of the rows, 0 to 1"),
        Column(
            "resolution_ns",
            "Int64",
            ("how far from_ns may be off: 0 per ACK, else the distance of ss snapshots"),
            unit="ns",
        ),
    ),
    order=(
        "flow",
        "connection",
        "from_ns",
    ),
)

LOSS_EVENTS = TableSchema(
    "loss_events",
    "one loss event of a flow: from the sender's first notice of a loss"
    " (Recovery, Loss or CWR) to its return to Open",
    (
        FLOW,
        Column("node", "String", "the sender"),
        CONNECTION,
        Column("port", "Int64", "the sender's"),
        Column(
            "noticed_ns",
            "Int64",
            ("when the sender entered Recovery or Loss, or sent its first retransmission"),
            unit="ns",
        ),
        Column(
            "repaired_ns",
            "Int64",
            (
                "when all that was outstanding at notice had been"
                " acknowledged (back in Open); null when never"
            ),
            unit="ns",
        ),
        Column(
            "lost_ns",
            "Int64",
            ("when the first packet that was lost had been sent; null when none was lost"),
            unit="ns",
        ),
        Column("notice_delay_ns", "Int64", "noticed_ns - lost_ns", unit="ns"),
        Column("repair_delay_ns", "Int64", "repaired_ns - noticed_ns", unit="ns"),
        Column(
            "noticed_by",
            "String",
            (
                "duplicate_acks, sack, rack, tlp, rto, path_mtu, ecn; null"
                " where the capture cut the SACK option off"
            ),
        ),
        Column("lost_packets", "Int64", "that did not arrive", unit="packets"),
        Column("lost_bytes", "Int64", "payload that did not arrive", unit="bytes"),
        Column("lost_ranges", "List(Int64)", "relative left and right edges, alternating"),
        Column(
            "retransmissions", "Int64", "data segments sent again during the event", unit="segments"
        ),
        Column("timeouts", "Int64", "how often the RTO ran out"),
        Column("cwnd_before", "Int64", "at notice", unit="segments"),
        Column("cwnd_after", "Int64", "when it was over", unit="segments"),
        Column("ssthresh_before", "Int64", "at notice; null while infinite", unit="segments"),
        Column("ssthresh_after", "Int64", "when it was over; null while infinite", unit="segments"),
        Column(
            "backoff",
            "Float64",
            (
                "ssthresh_after / cwnd_before: CUBIC 0.7 (RFC 9438 section"
                " 4.6), Reno 0.5 (RFC 5681 section 3.1)"
            ),
        ),
        Column(
            "spurious",
            "Boolean",
            (
                "nothing was lost on the way, and no mark (ECN) told of it;"
                " with one capture only: DSACKs for all retransmissions"
            ),
        ),
        Column(
            "dsacks",
            "Int64",
            (
                "ACKs during the event that report a duplicate (RFC 2883);"
                " null where the capture cut the option off"
            ),
            unit="segments",
        ),
    ),
    order=(
        "flow",
        "connection",
        "noticed_ns",
    ),
)

FAIRNESS = TableSchema(
    "fairness",
    "one interval of 1 s, every 100 ms, in which at least two flows"
    " that share a direction of a link were running",
    (
        Column("t_ns", "Int64", "when the interval begins, from the experiment's zero", unit="ns"),
        Column("interval_ns", "Int64", "length of the interval", unit="ns"),
        Column(
            "towards",
            "String",
            ("the receiving host; of several receivers the end of the link that all share"),
        ),
        Column("flows", "Int64", "how many were running"),
        Column("jain_index", "Float64", "of the goodput: 1 all equal, 1/n one has everything"),
        Column("goodput_bps", "Float64", "of all of them", unit="bit/s"),
        Column(
            "utilization",
            "Float64",
            (
                "frames that arrived / what the slowest link that all share"
                " offered them; null without a rate"
            ),
        ),
    ),
    order=(
        "towards",
        "t_ns",
    ),
)
