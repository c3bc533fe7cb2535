"""The tables of a run: names, columns, types and what one row is. Parquet files under ``tables/``, read with polars.

``t_ns`` is always integer nanoseconds from the experiment's zero. A capture is named ``<node>-<interface tail>`` as its file is (``h1-eth0``).
"""

from __future__ import annotations

from dataclasses import dataclass

#: Column types used below, by the word that polars uses for them.
Columns = dict[str, str]

#: The interval of the table ``throughput``; the one in which the run ends may be shorter (its column ``interval_ns``).
THROUGHPUT_INTERVAL_NS = 100_000_000


@dataclass(frozen=True)
class TableSchema:
    """One table: what a row is, its columns (name to polars type name) and its order."""

    name: str
    row: str
    columns: Columns
    order: tuple[str, ...]


TABLES: dict[str, TableSchema] = {
    table.name: table
    for table in (
        TableSchema(
            "packets",
            "one captured packet (TCP, UDP, ICMP, ARP or their like) at one interface",
            {
                "capture": "String",  # file stem: h1-eth0
                "node": "String",
                "number": "Int64",  # frame number in that capture, as Wireshark shows it
                "t_ns": "Int64",
                "protocol": "String",  # tcp, udp, icmp (also ICMPv6), arp, nd (IPv6 neighbour discovery), mld (IPv6 multicast groups), other
                "src": "String",
                "dst": "String",
                "src_port": "Int64",
                "dst_port": "Int64",
                "flow": "String",  # FlowPlan.name, null when none
                "connection": "Int64",  # its number in the table connections; null of what is not TCP
                "stream": "Int64",  # tshark's tcp.stream in that capture
                "frame_bytes": "Int64",
                "ip_id": "Int64",  # null over IPv6, which has none
                "checksum": "Int64",  # of TCP, UDP or ICMPv6, as the packet has it
                "ttl": "Int64",  # over IPv6 the hop limit
                "ecn": "Int64",  # 0 not-ECT, 1 ECT(1), 2 ECT(0), 3 CE
                "flags": "String",  # as in tcpdump's letters joined: S, SA, A, PA, FA, R, RA, ... (order: S F R P A U E C -> "SA", "FA", "PA")
                "seq": "Int64",  # raw, 32 bit
                "ack": "Int64",  # raw, 32 bit
                "seq_rel": "Int64",
                "ack_rel": "Int64",
                "payload_bytes": "Int64",
                "window": "Int64",  # unscaled field
                "window_bytes": "Int64",  # scaled
                "mss": "Int64",  # option, null when absent
                "wscale": "Int64",  # option: shift count
                "sack_permitted": "Boolean",
                "sack_blocks": "List(Int64)",  # left, right edges, alternating, relative numbers when tshark gives them
                "ts_val": "Int64",
                "ts_ecr": "Int64",
                "options_cut": "Boolean",  # snaplen cut TCP options off: one that is null may have been there; without a scale window_bytes is null
                "in_flight_bytes": "Int64",  # tcp.analysis.bytes_in_flight
                "rtt_ns": "Int64",  # tcp.analysis.ack_rtt
                "checksum_bad": "Boolean",
                "labels": "List(String)",  # Wireshark's analysis labels: retransmission, fast_retransmission, spurious_retransmission, out_of_order,
                # duplicate_ack, lost_segment (Previous segment not captured), ack_lost_segment, zero_window, zero_window_probe,
                # zero_window_probe_ack, window_full, window_update, keep_alive, keep_alive_ack, rto, reused_ports
            },
            ("capture", "number"),
        ),
        TableSchema(
            "complaints",
            "one remark of Wireshark's experts, a warning or an error, on one packet; only of runs with a check `complaints`",
            {
                "capture": "String", "number": "Int64",  # of the packet, as in the table packets
                "level": "String",  # warning, error
                "text": "String",  # Wireshark's words: Bad checksum [should be 0x1234], This frame is a (suspected) out-of-order segment
            },
            ("capture", "number"),
        ),
        TableSchema(
            "connections",
            "one TCP connection (four-tuple and initial sequence number), seen at the client's capture or else the server's",
            {
                "connection": "Int64",  # from 1 on, in the order of the SYNs: what every other table calls it by
                "client": "String",  # the node that sent the first SYN, null for a stranger
                "server": "String",
                "client_address": "String", "server_address": "String", "client_port": "Int64", "server_port": "Int64",
                "flow": "String",  # FlowPlan.name, null when it carries none
                "step": "String",  # the action whose process opened it; null when none of the run's did, or nobody knows
                "flow_source": "String",  # how step and flow are known: process (kernel trace: forks and connect()), program (the user-space TCP's log),
                # time (guessed from the SYN's time); null: not known, and no flow
                "capture": "String",  # where it was seen
                "stream": "Int64",  # its number in that capture
                "syn_ns": "Int64",  # first SYN; null when recording began later
                "established_ns": "Int64",  # the client's first ACK after the SYN-ACK, null when there was none
                "first_fin_ns": "Int64",
                "first_closer": "String",  # the node that sent the first FIN
                "end_ns": "Int64",  # last packet, once both ends sent FIN or one sent RST; null while open
                "reset_by": "String",  # the node that sent the first RST
                "syn_count": "Int64", "synack_count": "Int64",
                "bytes_to_server": "Int64",  # distinct payload bytes
                "bytes_to_client": "Int64",  # distinct payload bytes
            },
            ("syn_ns",),
        ),
        TableSchema(
            "throughput",
            "one interval of one flow at its receiver's capture; interval 100 ms, shorter where the run ends within it",
            {
                "flow": "String", "t_ns": "Int64", "interval_ns": "Int64", "packets": "Int64",
                "wire_bytes": "Int64",  # frames
                "payload_bytes": "Int64",  # payload, retransmissions included
                "goodput_bytes": "Int64",  # first arrivals of payload bytes only
            },
            ("flow", "t_ns"),
        ),
        TableSchema(
            "rtt",
            "one RTT sample of a flow at its sender's capture: per ACK, the newest data segment that it is the first to cover (also by SACK); "
            "retransmitted ones left out",
            {"flow": "String", "connection": "Int64", "t_ns": "Int64", "rtt_ns": "Int64"},
            ("flow", "t_ns"),
        ),
        TableSchema(
            "journeys",
            "one packet sent from one host to another, joined across both ends' captures; copies is 0 when lost",
            {
                "flow": "String", "connection": "Int64", "from_node": "String", "to_node": "String", "sent_ns": "Int64",
                "received_ns": "Int64",  # first arrival, null when lost
                "sent_capture": "String", "received_capture": "String",
                "sent_number": "Int64",  # frame number in the sender's capture
                "received_number": "Int64",  # frame number in the receiver's capture
                "src_port": "Int64", "dst_port": "Int64",
                "seq_rel": "Int64", "payload_bytes": "Int64",  # of TCP; the range that a lost packet leaves open
                "frame_bytes": "Int64",
                "copies": "Int64",  # arrivals; 0 lost, 2 duplicated
                "late": "Boolean",  # a packet sent later arrived earlier
                "reordered_by": "Int64",  # by how many places it arrived late (RFC 4737 section 4.2.2, reordering extent); 0 in order, null when lost
                "changed": "Boolean",  # arrived with a wrong checksum
                "delay_ns": "Int64",  # one way: first arrival minus departure, null when lost
                "queueing_ns": "Int64",  # delay_ns minus the links' delays in force when it left: waiting for the bottleneck (and jitter); null when lost
            },
            ("sent_ns",),
        ),
        TableSchema(
            "sockets",
            "one socket in one ss snapshot",
            {
                "t_ns": "Int64", "node": "String", "state": "String",  # as ss spells it in the first column, lower case: estab, syn-sent, ...
                "connection": "Int64",  # null of a listening socket
                "recv_q": "Int64", "send_q": "Int64", "local_address": "String", "local_port": "Int64", "peer_address": "String", "peer_port": "Int64",
                "flow": "String", "congestion_control": "String", "cwnd": "Int64",  # segments
                "ssthresh": "Int64",  # segments
                "rtt_us": "Int64", "rttvar_us": "Int64", "rto_ms": "Float64", "mss": "Int64", "bytes_sent": "Int64", "bytes_acked": "Int64",
                "bytes_received": "Int64", "bytes_retrans": "Int64", "unacked": "Int64", "retrans_total": "Int64", "lost": "Int64", "sacked": "Int64",
                "rcv_space": "Int64", "pacing_rate_bps": "Float64", "delivery_rate_bps": "Float64", "bbr_bw_bps": "Float64", "bbr_min_rtt_us": "Int64",
                "timer": "String", "info": "String",  # the rest, as printed
            },
            ("t_ns", "node"),
        ),
        TableSchema(
            "tcp_probe",
            "one segment received by an established socket (tracepoint tcp:tcp_probe)",
            {
                "t_ns": "Int64", "node": "String", "flow": "String", "connection": "Int64",
                "src": "String", "src_port": "Int64", "dst": "String", "dst_port": "Int64",
                "data_len": "Int64", "snd_nxt": "Int64", "snd_una": "Int64", "cwnd": "Int64", "ssthresh": "Int64",  # segments; 2147483647 is infinite
                "snd_wnd": "Int64", "srtt_us": "Int64", "rcv_wnd": "Int64", "sock_cookie": "Int64",
            },
            ("t_ns",),
        ),
        TableSchema(
            "states",
            "one change of a TCP socket's state (tracepoint sock:inet_sock_set_state)",
            {
                "t_ns": "Int64", "node": "String", "local_address": "String", "local_port": "Int64", "peer_address": "String", "peer_port": "Int64",
                "old_state": "String", "new_state": "String",  # RFC 9293's names: SYN-SENT, ESTABLISHED, FIN-WAIT-1, ...
                "flow": "String", "connection": "Int64",
                "softirq": "Boolean",  # done by a segment that arrived or by a timer, not by a call of the program; null of the user-space TCP
            },
            ("t_ns",),
        ),
        TableSchema(
            "retransmits",
            "one buffer (skb) that the kernel sent again (tracepoint tcp:tcp_retransmit_skb); it holds one or several segments, which the table resent counts",
            {
                "t_ns": "Int64", "node": "String", "flow": "String", "connection": "Int64",
                "src": "String", "src_port": "Int64", "dst": "String", "dst_port": "Int64",
                "state": "String",  # RFC 9293's names, as in states
            },
            ("t_ns",),
        ),
        TableSchema(
            "ca_states",
            "one change of a socket's congestion state (tracepoint tcp:tcp_cong_state_set): Open, Disorder, CWR, Recovery, Loss",
            {
                "t_ns": "Int64", "node": "String", "flow": "String", "connection": "Int64",
                "src": "String", "src_port": "Int64", "dst": "String", "dst_port": "Int64",
                "ca_state": "String",
            },
            ("t_ns",),
        ),
        TableSchema(
            "tcp_events",
            "one event of a connection of the user-space TCP (docs/concepts/tcp.md); columns that an event does not have are null",
            {
                "t_ns": "Int64", "node": "String", "flow": "String", "connection": "Int64",
                "step": "String",  # the program's action
                "number": "Int64",  # of the connection, in its program
                "congestion_control": "String",
                "local_address": "String", "local_port": "Int64", "peer_address": "String", "peer_port": "Int64",
                "event": "String",  # connection, probe, segment_sent, segment_received, segment_dropped, retransmitted, congestion_changed, ...
                "iss": "Int64",  # of connection: the initial sequence number, raw
                "flags": "String", "seq": "Int64", "ack": "Int64",  # relative to the ISNs; a SYN is 0
                "end": "Int64",  # of retransmitted: the octet behind the last one
                "payload_bytes": "Int64", "window": "Int64", "flight_bytes": "Int64",
                "snd_nxt": "Int64", "snd_una": "Int64",  # raw, 32 bit, in probe
                "cwnd": "Int64", "ssthresh": "Int64", "mss": "Int64",  # bytes
                "mode": "String",  # slow start, congestion avoidance, fast recovery
                "cause": "String",  # of congestion_changed and state_changed
                "reason": "String",  # of retransmitted, segment_dropped and closed
                "times": "Int64",  # which retransmission of these octets
                "old_state": "String", "new_state": "String",
                "timer": "String", "what": "String",  # of timer_changed: retransmit, persist...; set, stopped, expired
                "expires_in_ns": "Int64",
                "rtt_ns": "Int64", "srtt_ns": "Int64", "rttvar_ns": "Int64", "rto_ns": "Int64",
            },
            ("t_ns",),
        ),
        TableSchema(
            "resent",
            "one packet that its sender sent again, at the sender's own capture: a SYN, SYN-ACK or FIN, or data of which the last byte had been sent before",
            {
                "t_ns": "Int64", "node": "String", "flow": "String", "connection": "Int64",
                "src": "String", "src_port": "Int64", "dst": "String", "dst_port": "Int64",
                "capture": "String", "number": "Int64",  # of the packet
                "kind": "String",  # syn, syn-ack, data, fin
                "seq_rel": "Int64", "payload_bytes": "Int64",
                "segments": "Int64",  # on the wire: more than 1 where the capture sees packets before they are cut (offloads)
                "times": "Int64",  # 1 the first time that bytes with this end were sent again
                "gap_ns": "Int64",  # since the last packet that had its first byte
                "by": "String",  # timeout, after_timeout, fast_retransmit, lost_retransmission, tail_loss_probe, answer (to a repeated SYN),
                # zero_window, path_mtu; null where the congestion state was not recorded
                "ca_state": "String",  # of the sender, when it was sent
            },
            ("t_ns", "capture", "number"),
        ),
        TableSchema(
            "timeouts",
            "one time that a retransmission timer ran out (RFC 6298 section 5), as the kernel counts them in TcpExt.TCPTimeouts",
            {
                "t_ns": "Int64", "node": "String", "flow": "String", "connection": "Int64",
                "src": "String", "src_port": "Int64", "dst": "String", "dst_port": "Int64",
                "kind": "String",  # of what it sent or would have sent: syn, syn-ack, data, fin
                "seq_rel": "Int64", "capture": "String", "number": "Int64",  # of what it sent; null when it sent nothing
                "times": "Int64",  # in a row, for the same bytes: 1 the first
                "gap_ns": "Int64",  # since these bytes were last sent, which estimates the RTO
                "factor": "Float64",  # the gap over the one before: 2 with the back-off of RFC 6298 section 5.5
                "gave_up": "Boolean",  # the connection ended instead
                "source": "String",  # what says so: tcp_cong_state_set, capture, inet_sock_set_state, ss
            },
            ("t_ns", "node"),
        ),
        TableSchema(
            "cross_checks",
            "one number of the run that two sources know, and whether they agree (docs/concepts/cross-checks.md)",
            {
                "check": "String",  # what was counted: segments sent again, timeouts, ...
                "subject": "String",  # of what: a node, a flow, or a link towards a node
                "measured": "Int64", "measured_from": "String",  # what metrics, figures and checks use
                "reported": "Int64", "reported_from": "String",  # what somebody else counted
                "difference": "Int64",  # measured - reported
                "least": "Int64", "most": "Int64",  # what the difference may be for the reasons that why names
                "verdict": "String",  # ok, differs, not comparable
                "why": "String",
            },
            ("check", "subject"),
        ),
        TableSchema(
            "flow_states",
            "one segment (mostly an ACK) received by a flow's sender: the sender's state just before it was processed (tcp_probe), "
            "and what the last ss snapshot and change of congestion state before it said; while a retransmission timer backs off, also a timeout or a snapshot",
            {
                "flow": "String", "node": "String", "connection": "Int64",
                "port": "Int64",  # the sender's; all connections of a server share it
                "t_ns": "Int64",
                "cwnd": "Int64",  # segments
                "ssthresh": "Int64",  # segments; null while infinite
                "mss": "Int64",  # bytes of payload in a full segment
                "in_flight_bytes": "Int64",  # sent and not yet cumulatively acknowledged: snd_nxt - snd_una
                "acked_bytes": "Int64",  # what the segments before this one have acknowledged, from the connection's first row on
                "receive_window_bytes": "Int64",  # the peer's window, scaled
                "srtt_us": "Int64", "ca_state": "String",  # Open, Disorder, CWR, Recovery, Loss
                "limited": "String",  # what keeps the sender from sending more: cwnd, receiver, pacing, application
                "congestion_control": "String",
                "rttvar_us": "Int64", "rto_ms": "Float64", "pacing_rate_bps": "Float64", "delivery_rate_bps": "Float64",  # of the last ss snapshot
                "bbr_bw_bps": "Float64", "bbr_min_rtt_us": "Int64", "bbr_pacing_gain": "Float64", "bbr_cwnd_gain": "Float64",  # of the last ss snapshot
                "source": "String",  # tcp_probe: a received segment; timeout: what a timeout (1 ns before) left behind; ss: a snapshot before the next segment
            },
            ("flow", "connection", "t_ns"),
        ),
        TableSchema(
            "phases",
            "one phase of a flow's congestion control, without gaps from a connection's first row of flow_states to its last (docs/concepts/phases.md)",
            {
                "flow": "String", "node": "String", "connection": "Int64", "port": "Int64", "from_ns": "Int64", "to_ns": "Int64",
                "phase": "String",  # slow_start, congestion_avoidance, fast_recovery, rto_recovery, cwr; BBR: startup, drain, probe_bw, probe_rtt
                "rule": "String",  # what in the record says so
                "ended_by": "String",  # loss, timeout, ecn, hystart, hystart_train, hystart_delay, ssthresh, idle, repaired, undone, gain, switched, end;
                # receiver_limited, application_limited: slow start that stood still until the flow's end
                "congestion_control": "String",
                "cwnd_from": "Int64", "cwnd_to": "Int64",  # segments, after the first and after the last segment processed in the phase
                "ssthresh": "Int64",  # segments, in force at the phase's end; null while infinite
                "acks": "Int64",  # received segments: rows of flow_states whose source is tcp_probe
                "rtt_us": "Int64",  # median srtt
                "growth_per_rtt": "Float64",  # per round trip limited by cwnd; slow_start: factor of cwnd, congestion_avoidance: segments, else null
                "cwnd_limited": "Float64", "receiver_limited": "Float64", "application_limited": "Float64",  # shares of the rows, 0 to 1
                "resolution_ns": "Int64",  # how far from_ns may be off: 0 per ACK, else the distance of ss snapshots
            },
            ("flow", "connection", "from_ns"),
        ),
        TableSchema(
            "loss_events",
            "one loss event of a flow: from the sender's first notice of a loss (Recovery, Loss or CWR) to its return to Open",
            {
                "flow": "String", "node": "String", "connection": "Int64", "port": "Int64",
                "noticed_ns": "Int64",  # when the sender entered Recovery or Loss, or sent its first retransmission
                "repaired_ns": "Int64",  # when all that was outstanding at notice had been acknowledged (back in Open); null when never
                "lost_ns": "Int64",  # when the first packet that was lost had been sent; null when none was lost
                "notice_delay_ns": "Int64",  # noticed_ns - lost_ns
                "repair_delay_ns": "Int64",  # repaired_ns - noticed_ns
                "noticed_by": "String",  # duplicate_acks, sack, rack, tlp, rto, path_mtu, ecn; null where the capture cut the SACK option off
                "lost_packets": "Int64", "lost_bytes": "Int64",
                "lost_ranges": "List(Int64)",  # relative left and right edges, alternating
                "retransmissions": "Int64",  # data segments sent again during the event
                "timeouts": "Int64",  # how often the RTO ran out
                "cwnd_before": "Int64", "cwnd_after": "Int64",  # segments; at notice and when it was over
                "ssthresh_before": "Int64", "ssthresh_after": "Int64",  # segments; null while infinite
                "backoff": "Float64",  # ssthresh_after / cwnd_before: CUBIC 0.7 (RFC 9438 section 4.6), Reno 0.5 (RFC 5681 section 3.1)
                "spurious": "Boolean",  # nothing was lost on the way, and no mark (ECN) told of it; with one capture only: DSACKs for all retransmissions
                "dsacks": "Int64",  # ACKs during the event that report a duplicate (RFC 2883); null where the capture cut the option off
            },
            ("flow", "connection", "noticed_ns"),
        ),
        TableSchema(
            "fairness",
            "one interval of 1 s, every 100 ms, in which at least two flows that share a direction of a link were running",
            {
                "t_ns": "Int64", "interval_ns": "Int64", "towards": "String",  # the receiving host; of several receivers the end of the link that all share
                "flows": "Int64", "jain_index": "Float64",  # of the goodput: 1 all equal, 1/n one has everything
                "goodput_bps": "Float64",  # of all of them
                "utilization": "Float64",  # frames that arrived / what the slowest link that all share offered them; null without a rate
            },
            ("towards", "t_ns"),
        ),
        TableSchema(
            "queues",
            "one sample of one direction's qdiscs on a wire",
            {
                "t_ns": "Int64", "link": "String", "towards": "String", "qdisc": "String",  # queue (the leaf), shaper (tbf), netem
                "backlog_bytes": "Int64", "backlog_packets": "Int64", "drops": "Int64", "sent_bytes": "Int64", "sent_packets": "Int64",
                "overlimits": "Int64", "ecn_mark": "Int64",
            },
            ("t_ns", "link", "towards"),
        ),
        TableSchema(
            "settings",
            "what the kernel said that a qdisc of a link or an interface of a node does, at one time; of samples only what differs from the one before",
            {
                "t_ns": "Int64",
                "source": "String",  # start (when the network was made), change (after one), sample, end, during (a change of an interface that was noticed)
                "link": "String", "towards": "String", "qdisc": "String",  # shaper, queue or netem; null for an interface
                "node": "String", "interface": "String",  # null for a qdisc of a link
                "kind": "String",  # the qdisc's, of an interface that at its root; null when it is gone
                "options": "String",  # JSON: a qdisc's settings as tc -j qdisc show prints them; an interface's mtu and up
            },
            ("t_ns",),
        ),
        TableSchema(
            "link_rates",
            "one change of a rate that follows a list (link_trace), and one row more when the list ends",
            {
                "t_ns": "Int64", "planned_ns": "Int64", "step": "String", "link": "String", "towards": "String",
                "asked_bps": "Int64",  # from now on; null at the list's end
                "set_bps": "Int64",  # of the token bucket, read back: a little off, to make up for what its changes let pass
                "sent_bytes": "Int64", "backlog_packets": "Int64",  # of the bottleneck until now, and waiting now
            },
            ("t_ns", "link", "towards"),
        ),
        TableSchema(
            "counters",
            "one SNMP or TcpExt counter of one node at one time, kept only where it changed since the sample before (the first sample is whole)",
            {"t_ns": "Int64", "node": "String", "counter": "String", "value": "Int64"},  # TcpExt.ListenDrops, Tcp.RetransSegs, ...
            ("t_ns", "node", "counter"),
        ),
        TableSchema(
            "events",
            "one event of the run: an action's start or end, a mark",
            {
                "t_ns": "Int64", "planned_ns": "Int64",
                "lateness_ns": "Int64",  # t_ns - planned_ns, at least 0
                "behind_ns": "Int64",  # the part of it in which the engine was at work on what was due before; null in older runs
                "event": "String",  # start, end, mark, error
                "step": "String", "action": "Int64", "kind": "String", "node": "String", "label": "String", "status": "Int64",
                "stopped_by": "String",  # of a program's end: the signal by which the run had asked it to end, such as TERM
                "text": "String",
            },
            ("t_ns",),
        ),
        TableSchema(
            "faults",
            "one segment on which a fault acted (docs/guides/faults.md)",
            {
                "t_ns": "Int64",  # when it came out of the link's bottleneck
                "step": "String",  # the action's id
                "link": "String", "towards": "String", "effect": "String",  # drop, duplicate, corrupt, delay
                "segment": "String",  # the kind by which it was chosen: syn, syn-ack, data, fin, rst, pure-ack, window-update, any
                "flow": "String", "connection": "Int64", "src": "String", "src_port": "Int64", "dst": "String", "dst_port": "Int64",
                "seq": "Int64",  # raw, 32 bit
                "payload_bytes": "Int64",
                "offset": "Int64",  # of its first byte in the stream, 0 the first; null without payload
                "number": "Int64",  # among the segments of its kind in the flow, from 1 on
                "transmission": "Int64",  # 1 the original, 2 its first retransmission
                "delay_ns": "Int64",  # with the effect delay: how much longer it took
            },
            ("t_ns",),
        ),
        TableSchema(
            "cpu",
            "one sample of the place's processor: busy fraction since the sample before",
            {"t_ns": "Int64", "busy": "Float64"},
            ("t_ns",),
        ),
        TableSchema(
            "iperf3",
            "one interval of one iperf3 flow as iperf3 itself reports it",
            {
                "flow": "String", "connection": "Int64", "t_ns": "Int64", "interval_ns": "Int64", "side": "String",
                "stream": "Int64",  # the number that iperf3 calls the socket
                "bytes": "Int64", "retransmits": "Int64",
                "cwnd_bytes": "Int64", "rtt_us": "Int64",
            },
            ("flow", "t_ns"),
        ),
    )
}
