"""Tables of what senders say: the kernel in snapshots and traces, the user-space TCP in its log."""

from __future__ import annotations

from tcpexp.record.columns import (
    CONNECTION,
    FLOW,
    NODE,
    SEGMENT_ENDS,
    SOCKET_ENDS,
    T_NS,
    Column,
    TableSchema,
)

#: The kernel's TCP_INFINITE_SSTHRESH (include/net/tcp.h): no loss has set a threshold yet.
INFINITE_SSTHRESH = 0x7FFFFFFF

SOCKETS = TableSchema(
    "sockets",
    "one socket in one ss snapshot",
    (
        T_NS,
        NODE,
        Column(
            "state",
            "String",
            ("as ss spells it in the first column, lower case: estab, syn-sent, ..."),
        ),
        Column("connection", "Int64", "null of a listening socket"),
        Column(
            "recv_q",
            "Int64",
            (
                "received and not yet read; of a listening socket how many"
                " connections wait to be accepted"
            ),
            unit="bytes",
        ),
        Column(
            "send_q",
            "Int64",
            (
                "written and not yet acknowledged; of a listening socket"
                " how many connections may wait"
            ),
            unit="bytes",
        ),
        *SOCKET_ENDS,
        FLOW,
        Column("congestion_control", "String", "the socket's algorithm"),
        Column("cwnd", "Int64", "congestion window", unit="segments"),
        Column("ssthresh", "Int64", "slow start threshold", unit="segments"),
        Column("rtt_us", "Int64", "smoothed round-trip time", unit="us"),
        Column("rttvar_us", "Int64", "its mean deviation", unit="us"),
        Column("rto_ms", "Float64", "retransmission timeout, back-off included", unit="ms"),
        Column("mss", "Int64", "maximum segment size in use", unit="bytes"),
        Column("bytes_sent", "Int64", "sent, retransmissions included", unit="bytes"),
        Column("bytes_acked", "Int64", "sent and acknowledged", unit="bytes"),
        Column("bytes_received", "Int64", "received in order", unit="bytes"),
        Column("bytes_retrans", "Int64", "sent again", unit="bytes"),
        Column("unacked", "Int64", "sent and not yet acknowledged", unit="segments"),
        Column("retrans_total", "Int64", "sent again so far", unit="segments"),
        Column("lost", "Int64", "taken for lost", unit="segments"),
        Column("sacked", "Int64", "acknowledged by SACK only", unit="segments"),
        Column("rcv_space", "Int64", "what the receive buffer's tuning aims at", unit="bytes"),
        Column("pacing_rate_bps", "Float64", "rate at which the socket paces", unit="bit/s"),
        Column(
            "delivery_rate_bps",
            "Float64",
            "newest rate of delivery that was measured",
            unit="bit/s",
        ),
        Column("bbr_bw_bps", "Float64", "BBR's estimate of the bottleneck's rate", unit="bit/s"),
        Column("bbr_min_rtt_us", "Int64", "BBR's estimate of the least round-trip time", unit="us"),
        Column("timer", "String", "the timer that runs, as printed"),
        Column("info", "String", "the rest, as printed"),
    ),
    order=(
        "t_ns",
        "node",
    ),
)

TCP_PROBE = TableSchema(
    "tcp_probe",
    "one segment received by an established socket (tracepoint tcp:tcp_probe)",
    (
        T_NS,
        NODE,
        FLOW,
        CONNECTION,
        *SEGMENT_ENDS,
        Column("data_len", "Int64", "payload of the received segment", unit="bytes"),
        Column("snd_nxt", "Int64", "next sequence number to send, raw, 32 bit"),
        Column("snd_una", "Int64", "oldest sequence number not acknowledged, raw, 32 bit"),
        Column("cwnd", "Int64", "congestion window", unit="segments"),
        Column(
            "ssthresh", "Int64", "slow start threshold; 2147483647 is infinite", unit="segments"
        ),
        Column("snd_wnd", "Int64", "the peer's window, scaled", unit="bytes"),
        Column("srtt_us", "Int64", "smoothed round-trip time", unit="us"),
        Column("rcv_wnd", "Int64", "the window that the socket itself offers", unit="bytes"),
        Column("sock_cookie", "Int64", "the kernel's number of the socket"),
    ),
    order=("t_ns",),
)

STATES = TableSchema(
    "states",
    "one change of a TCP socket's state (tracepoint sock:inet_sock_set_state)",
    (
        T_NS,
        NODE,
        *SOCKET_ENDS,
        Column("old_state", "String", "RFC 9293's names: SYN-SENT, ESTABLISHED, FIN-WAIT-1, ..."),
        Column("new_state", "String", "RFC 9293's names: SYN-SENT, ESTABLISHED, FIN-WAIT-1, ..."),
        FLOW,
        CONNECTION,
        Column(
            "softirq",
            "Boolean",
            (
                "done by a segment that arrived or by a timer, not by a"
                " call of the program; null of the user-space TCP"
            ),
        ),
    ),
    order=("t_ns",),
)

RETRANSMITS = TableSchema(
    "retransmits",
    "one buffer (skb) that the kernel sent again (tracepoint"
    " tcp:tcp_retransmit_skb); it holds one or several segments, which"
    " the table resent counts",
    (
        T_NS,
        NODE,
        FLOW,
        CONNECTION,
        *SEGMENT_ENDS,
        Column("state", "String", "RFC 9293's names, as in states"),
    ),
    order=("t_ns",),
)

CA_STATES = TableSchema(
    "ca_states",
    "one change of a socket's congestion state (tracepoint"
    " tcp:tcp_cong_state_set): Open, Disorder, CWR, Recovery, Loss",
    (
        T_NS,
        NODE,
        FLOW,
        CONNECTION,
        *SEGMENT_ENDS,
        Column("ca_state", "String", "the new state: Open, Disorder, CWR, Recovery, Loss"),
    ),
    order=("t_ns",),
)

TCP_EVENTS = TableSchema(
    "tcp_events",
    "one event of a connection of the user-space TCP"
    " (docs/concepts/tcp.md); columns that an event does not have are"
    " null",
    (
        T_NS,
        NODE,
        FLOW,
        CONNECTION,
        Column("step", "String", "the program's action"),
        Column("number", "Int64", "of the connection, in its program"),
        Column("congestion_control", "String", "the connection's algorithm"),
        *SOCKET_ENDS,
        Column(
            "event",
            "String",
            (
                "connection, probe, segment_sent, segment_received,"
                " segment_dropped, retransmitted, congestion_changed, ..."
            ),
        ),
        Column("iss", "Int64", "of connection: the initial sequence number, raw"),
        Column("flags", "String", "of the segment"),
        Column("seq", "Int64", "relative to the ISNs; a SYN is 0"),
        Column("ack", "Int64", "relative to the ISNs; a SYN is 0"),
        Column("end", "Int64", "of retransmitted: the octet behind the last one"),
        Column("payload_bytes", "Int64", "of the segment", unit="bytes"),
        Column("window", "Int64", "of the segment, scaled", unit="bytes"),
        Column("flight_bytes", "Int64", "sent and not yet acknowledged", unit="bytes"),
        Column("snd_nxt", "Int64", "raw, 32 bit, in probe"),
        Column("snd_una", "Int64", "raw, 32 bit, in probe"),
        Column("cwnd", "Int64", "congestion window", unit="bytes"),
        Column("ssthresh", "Int64", "slow start threshold", unit="bytes"),
        Column("mss", "Int64", "maximum segment size in use", unit="bytes"),
        Column("mode", "String", "slow start, congestion avoidance, fast recovery"),
        Column("cause", "String", "of congestion_changed and state_changed"),
        Column("reason", "String", "of retransmitted, segment_dropped and closed"),
        Column("times", "Int64", "which retransmission of these octets"),
        Column("old_state", "String", "of state_changed: RFC 9293's names"),
        Column("new_state", "String", "of state_changed: RFC 9293's names"),
        Column("timer", "String", "of timer_changed: retransmit, persist..."),
        Column("what", "String", "of timer_changed: set, stopped, expired"),
        Column("expires_in_ns", "Int64", "of timer_changed: how long until it expires", unit="ns"),
        Column("rtt_ns", "Int64", "the sample", unit="ns"),
        Column("srtt_ns", "Int64", "smoothed round-trip time", unit="ns"),
        Column("rttvar_ns", "Int64", "its mean deviation", unit="ns"),
        Column("rto_ns", "Int64", "retransmission timeout", unit="ns"),
    ),
    order=("t_ns",),
)

RESENT = TableSchema(
    "resent",
    "one packet that its sender sent again, at the sender's own"
    " capture: a SYN, SYN-ACK or FIN, or data of which the last byte had"
    " been sent before",
    (
        T_NS,
        Column("node", "String", "the sender"),
        FLOW,
        CONNECTION,
        *SEGMENT_ENDS,
        Column("capture", "String", "of the packet"),
        Column("number", "Int64", "of the packet"),
        Column("kind", "String", "syn, syn-ack, data, fin"),
        Column("seq_rel", "Int64", "relative to the initial sequence number"),
        Column("payload_bytes", "Int64", "of the packet", unit="bytes"),
        Column(
            "segments",
            "Int64",
            (
                "on the wire: more than 1 where the capture sees packets"
                " before they are cut (offloads)"
            ),
            unit="segments",
        ),
        Column("times", "Int64", "1 the first time that bytes with this end were sent again"),
        Column("gap_ns", "Int64", "since the last packet that had its first byte", unit="ns"),
        Column(
            "by",
            "String",
            (
                "timeout, after_timeout, fast_retransmit,"
                " lost_retransmission, tail_loss_probe, answer (to a"
                " repeated SYN), zero_window, path_mtu, syn_data (that a SYN"
                " had carried in vain: Fast Open); null where the"
                " congestion state was not recorded"
            ),
        ),
        Column("ca_state", "String", "of the sender, when it was sent"),
    ),
    order=(
        "t_ns",
        "capture",
        "number",
    ),
)

TIMEOUTS = TableSchema(
    "timeouts",
    "one time that a retransmission timer ran out (RFC 6298 section 5),"
    " as the kernel counts them in TcpExt.TCPTimeouts",
    (
        T_NS,
        NODE,
        FLOW,
        CONNECTION,
        *SEGMENT_ENDS,
        Column("kind", "String", "of what it sent or would have sent: syn, syn-ack, data, fin"),
        Column("seq_rel", "Int64", "of what it sent; null when it sent nothing"),
        Column("capture", "String", "of what it sent; null when it sent nothing"),
        Column("number", "Int64", "of what it sent; null when it sent nothing"),
        Column("times", "Int64", "in a row, for the same bytes: 1 the first"),
        Column(
            "gap_ns",
            "Int64",
            "since these bytes were last sent, which estimates the RTO",
            unit="ns",
        ),
        Column(
            "factor",
            "Float64",
            ("the gap over the one before: 2 with the back-off of RFC 6298 section 5.5"),
        ),
        Column("gave_up", "Boolean", "the connection ended instead"),
        Column(
            "source", "String", "what says so: tcp_cong_state_set, capture, inet_sock_set_state, ss"
        ),
    ),
    order=(
        "t_ns",
        "node",
    ),
)

VARIABLES = TableSchema(
    "variables",
    "one variable of a congestion control of the spec's own at one"
    " time, as its tracepoint recorded it",
    (
        T_NS,
        NODE,
        FLOW,
        CONNECTION,
        Column("event", "String", "the tracepoint's name"),
        Column("variable", "String", "the field's name"),
        Column("value", "Float64", "its value, in the unit of the column unit"),
        Column("unit", "String", "as TP_printk prints it; empty where it prints none"),
    ),
    order=("t_ns",),
)

KERNEL_LOG = TableSchema(
    "kernel_log",
    "one line that the kernel printed (printk) while a congestion"
    " control of the spec's own was loaded",
    (
        Column(
            "t_ns",
            "Int64",
            "time, from the experiment's zero; the kernel's clock for it may go in ticks of 4 ms",
            unit="ns",
        ),
        Column("level", "String", "emerg, alert, crit, err, warning, notice, info, debug"),
        Column("text", "String", "what was printed"),
    ),
    order=("t_ns",),
)
