"""Tables that follow from captures: packets, connections, and what is counted in them."""

from __future__ import annotations

from tcpexp.record.columns import CONNECTION, FLOW, NODE, T_NS, Column, TableSchema

PACKETS = TableSchema(
    "packets",
    "one captured packet (TCP, UDP, ICMP, ARP or their like) at one interface",
    (
        Column("capture", "String", "the capture's file stem, such as h1-eth0"),
        NODE,
        Column("number", "Int64", "frame number in that capture, as Wireshark shows it"),
        T_NS,
        Column(
            "protocol",
            "String",
            (
                "tcp, udp, icmp (also ICMPv6), arp, nd (IPv6 neighbour"
                " discovery), mld (IPv6 multicast groups), other"
            ),
        ),
        Column("src", "String", "the sender's address"),
        Column("dst", "String", "the receiver's address"),
        Column("src_port", "Int64", "the sender's port; null of what has none"),
        Column("dst_port", "Int64", "the receiver's port; null of what has none"),
        Column("flow", "String", "FlowPlan.name, null when none"),
        Column(
            "connection", "Int64", "its number in the table connections; null of what is not TCP"
        ),
        Column("stream", "Int64", "tshark's tcp.stream in that capture"),
        Column("frame_bytes", "Int64", "length of the whole frame on the wire", unit="bytes"),
        Column("ip_id", "Int64", "the IP header's identification; null over IPv6, which has none"),
        Column("checksum", "Int64", "of TCP, UDP or ICMPv6, as the packet has it"),
        Column("ttl", "Int64", "over IPv6 the hop limit"),
        Column("ecn", "Int64", "0 not-ECT, 1 ECT(1), 2 ECT(0), 3 CE"),
        Column(
            "flags",
            "String",
            (
                "as in tcpdump's letters joined: S, SA, A, PA, FA, R, RA,"
                ' ... (order: S F R P A U E C e -> "SA", "FA", "PA"; e is AE)'
            ),
        ),
        Column(
            "ace",
            "Int64",
            "accurate ECN (RFC 9768): AE, CWR and ECE as a number, which counts packets that"
            " arrived with CE, modulo 8; null in SYNs and without accurate ECN",
        ),
        Column("seq", "Int64", "raw, 32 bit"),
        Column("ack", "Int64", "raw, 32 bit"),
        Column("seq_rel", "Int64", "relative to the initial sequence number"),
        Column("ack_rel", "Int64", "relative to the other end's initial sequence number"),
        Column("payload_bytes", "Int64", "payload of TCP or UDP", unit="bytes"),
        Column("window", "Int64", "unscaled field"),
        Column("window_bytes", "Int64", "scaled", unit="bytes"),
        Column("mss", "Int64", "option, null when absent", unit="bytes"),
        Column("wscale", "Int64", "option: shift count"),
        Column("sack_permitted", "Boolean", "option of a SYN"),
        Column(
            "sack_blocks",
            "List(Int64)",
            ("left, right edges, alternating, relative numbers when tshark gives them"),
        ),
        Column("ts_val", "Int64", "option timestamps: the sender's clock"),
        Column("ts_ecr", "Int64", "option timestamps: the clock value that is echoed"),
        Column(
            "fast_open",
            "Int64",
            (
                "option of a SYN (RFC 7413): length of its cookie; 0 asks for one. Data in a SYN is"
                " its payload"
            ),
            unit="bytes",
        ),
        Column(
            "mptcp",
            "String",
            (
                "options of MPTCP (RFC 8684), in the order of their subtypes: MP_CAPABLE,"
                " MP_JOIN, DSS, ADD_ADDR, REMOVE_ADDR, MP_PRIO, MP_FAIL, MP_FASTCLOSE, MP_TCPRST"
            ),
        ),
        Column(
            "mptcp_token",
            "Int64",
            (
                "with MP_CAPABLE: the token of the sender's key; of a SYN with MP_JOIN: the token"
                " that names the connection at the receiver"
            ),
        ),
        Column(
            "dsn",
            "Int64",
            (
                "data sequence number of the payload's first byte, lower 32 bits: where it stands"
                " in the MPTCP connection"
            ),
        ),
        Column("data_ack", "Int64", "MPTCP's own acknowledgment number, lower 32 bits"),
        Column(
            "options_cut",
            "Boolean",
            (
                "snaplen cut TCP options off: one that is null may have"
                " been there; without a scale window_bytes is null"
            ),
        ),
        Column("in_flight_bytes", "Int64", "tcp.analysis.bytes_in_flight", unit="bytes"),
        Column("rtt_ns", "Int64", "tcp.analysis.ack_rtt", unit="ns"),
        Column("checksum_bad", "Boolean", "a checksum does not fit what was captured"),
        Column(
            "labels",
            "List(String)",
            (
                "Wireshark's analysis labels: retransmission,"
                " fast_retransmission, spurious_retransmission,"
                " out_of_order, duplicate_ack, lost_segment (Previous"
                " segment not captured), ack_lost_segment, zero_window,"
                " zero_window_probe, zero_window_probe_ack, window_full,"
                " window_update, keep_alive, keep_alive_ack, rto,"
                " reused_ports"
            ),
        ),
    ),
    order=(
        "capture",
        "number",
    ),
)

COMPLAINTS = TableSchema(
    "complaints",
    "one remark of Wireshark's experts, a warning or an error, on one"
    " packet; only of runs with a check `complaints`",
    (
        Column("capture", "String", "of the packet, as in the table packets"),
        Column("number", "Int64", "of the packet, as in the table packets"),
        Column("level", "String", "warning, error"),
        Column(
            "text",
            "String",
            (
                "Wireshark's words: Bad checksum [should be 0x1234], This"
                " frame is a (suspected) out-of-order segment"
            ),
        ),
    ),
    order=(
        "capture",
        "number",
    ),
)

CONNECTIONS = TableSchema(
    "connections",
    "one TCP connection (four-tuple and initial sequence number), seen"
    " at the client's capture or else the server's",
    (
        Column(
            "connection",
            "Int64",
            ("from 1 on, in the order of the SYNs: what every other table calls it by"),
        ),
        Column("client", "String", "the node that sent the first SYN, null for a stranger"),
        Column("server", "String", "the node that the first SYN was sent to, null for a stranger"),
        Column("client_address", "String", "the client's IP address"),
        Column("server_address", "String", "the server's IP address"),
        Column("client_port", "Int64", "the client's port"),
        Column("server_port", "Int64", "the server's port"),
        Column("flow", "String", "FlowPlan.name, null when it carries none"),
        Column(
            "step",
            "String",
            (
                "the action whose process opened it; null when none of the"
                " run's did, or nobody knows"
            ),
        ),
        Column(
            "flow_source",
            "String",
            (
                "how step and flow are known: process (kernel trace: forks"
                " and connect()), program (the user-space TCP's log), time"
                " (guessed from the SYN's time); null: not known, and no"
                " flow"
            ),
        ),
        Column("capture", "String", "where it was seen"),
        Column("stream", "Int64", "its number in that capture"),
        Column("syn_ns", "Int64", "first SYN; null when recording began later", unit="ns"),
        Column(
            "established_ns",
            "Int64",
            "the client's first ACK after the SYN-ACK, null when there was none",
            unit="ns",
        ),
        Column(
            "first_fin_ns", "Int64", "first FIN of either end, null when there was none", unit="ns"
        ),
        Column("first_closer", "String", "the node that sent the first FIN"),
        Column(
            "end_ns",
            "Int64",
            ("last packet, once both ends sent FIN or one sent RST; null while open"),
            unit="ns",
        ),
        Column("reset_by", "String", "the node that sent the first RST"),
        Column("syn_count", "Int64", "SYNs, repeated ones included", unit="packets"),
        Column("synack_count", "Int64", "SYN-ACKs, repeated ones included", unit="packets"),
        Column("bytes_to_server", "Int64", "distinct payload bytes", unit="bytes"),
        Column("bytes_to_client", "Int64", "distinct payload bytes", unit="bytes"),
    ),
    order=("syn_ns",),
)

SUBFLOWS = TableSchema(
    "subflows",
    "one subflow of an MPTCP connection: a TCP connection over which a part of its data goes",
    (
        Column("connection", "Int64", "the subflow's number in the table connections"),
        Column("flow", "String", "FlowPlan.name, null when it carries none"),
        Column("mptcp", "Int64", "the first subflow's number in the table connections"),
        Column("number", "Int64", "from 1 on, in the order of the SYNs; 1 is the first subflow"),
        Column("subflow", "String", "its name in figures: <flow>.<number>"),
        Column("opened_by", "String", "MP_CAPABLE (the first one) or MP_JOIN"),
        Column("token", "Int64", "by which it joined: the receiver's; null of the first one"),
        Column("client_address", "String", "where its SYN came from"),
        Column("server_address", "String", "where its SYN went to"),
        Column("path", "String", "the links that its SYN crossed, such as h1-r1, r1-h2"),
        Column("syn_ns", "Int64", "first SYN", unit="ns"),
        Column("established_ns", "Int64", "the client's first ACK after the SYN-ACK", unit="ns"),
        Column(
            "tcp_bytes",
            "Int64",
            "payload that arrived at the flow's receiver, each byte of the subflow once",
            unit="bytes",
        ),
        Column(
            "data_bytes",
            "Int64",
            "of these the bytes of the MPTCP connection that had not arrived over any subflow",
            unit="bytes",
        ),
        Column(
            "again_bytes",
            "Int64",
            "of these the bytes of data that had come before: tcp_bytes - data_bytes",
            unit="bytes",
        ),
    ),
    order=(
        "mptcp",
        "number",
    ),
)

THROUGHPUT = TableSchema(
    "throughput",
    "one interval of one flow at its receiver's capture; interval 100"
    " ms, shorter where the run ends within it",
    (
        Column("flow", "String", "FlowPlan.name"),
        Column("t_ns", "Int64", "when the interval begins, from the experiment's zero", unit="ns"),
        Column("interval_ns", "Int64", "length of the interval", unit="ns"),
        Column("packets", "Int64", "of the flow's payload direction", unit="packets"),
        Column("wire_bytes", "Int64", "frames", unit="bytes"),
        Column("payload_bytes", "Int64", "payload, retransmissions included", unit="bytes"),
        Column("goodput_bytes", "Int64", "first arrivals of payload bytes only", unit="bytes"),
    ),
    order=(
        "flow",
        "t_ns",
    ),
)

RTT = TableSchema(
    "rtt",
    "one RTT sample of a flow at its sender's capture: per ACK, the"
    " newest data segment that it is the first to cover (also by SACK);"
    " retransmitted ones left out",
    (
        FLOW,
        CONNECTION,
        Column("t_ns", "Int64", "when the ACK arrived, from the experiment's zero", unit="ns"),
        Column("rtt_ns", "Int64", "from the segment's departure to the ACK's arrival", unit="ns"),
    ),
    order=(
        "flow",
        "t_ns",
    ),
)

JOURNEYS = TableSchema(
    "journeys",
    "one packet sent from one host to another, joined across both ends'"
    " captures; copies is 0 when lost",
    (
        FLOW,
        CONNECTION,
        Column("from_node", "String", "the host that sent it"),
        Column("to_node", "String", "the host that it was sent to"),
        Column("sent_ns", "Int64", "departure, from the experiment's zero", unit="ns"),
        Column("received_ns", "Int64", "first arrival, null when lost", unit="ns"),
        Column("sent_capture", "String", "the sender's capture"),
        Column("received_capture", "String", "the receiver's capture"),
        Column("sent_number", "Int64", "frame number in the sender's capture"),
        Column("received_number", "Int64", "frame number in the receiver's capture"),
        Column("src_port", "Int64", "the sender's port"),
        Column("dst_port", "Int64", "the receiver's port"),
        Column("seq_rel", "Int64", "of TCP; relative to the initial sequence number"),
        Column(
            "payload_bytes",
            "Int64",
            "of TCP; the range that a lost packet leaves open",
            unit="bytes",
        ),
        Column("frame_bytes", "Int64", "length of the whole frame", unit="bytes"),
        Column(
            "copies",
            "Int64",
            "arrivals; 0 lost, 2 duplicated; null where offload cut or joined it on the way",
            unit="packets",
        ),
        Column("late", "Boolean", "a packet sent later arrived earlier"),
        Column(
            "reordered_by",
            "Int64",
            (
                "by how many places it arrived late (RFC 4737 section"
                " 4.2.2, reordering extent); 0 in order, null when lost"
            ),
            unit="packets",
        ),
        Column("changed", "Boolean", "arrived with a wrong checksum"),
        Column(
            "delay_ns", "Int64", "one way: first arrival minus departure, null when lost", unit="ns"
        ),
        Column(
            "queueing_ns",
            "Int64",
            (
                "delay_ns minus the links' delays in force when it left:"
                " waiting for the bottleneck (and jitter); null when lost"
            ),
            unit="ns",
        ),
    ),
    order=("sent_ns",),
)
