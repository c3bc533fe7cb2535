"""Tables of a capture that was explained: what packets alone say."""

from __future__ import annotations

from tcpexp.record.columns import CONNECTION, SEGMENT_ENDS, Column, TableSchema

#: Wireshark's labels of the table ``packets`` that the summary counts.
COUNTED_LABELS = (
    "retransmission",
    "fast_retransmission",
    "spurious_retransmission",
    "out_of_order",
    "duplicate_ack",
    "lost_segment",
    "ack_lost_segment",
    "zero_window",
    "zero_window_probe",
    "window_full",
    "window_update",
    "keep_alive",
    "reused_ports",
)


def _tcptrace(name: str) -> str:
    return f"tcptrace's '{name}'"


SUMMARY = TableSchema(
    "summary",
    "one direction of one connection of an explained capture: what its sender sent, and what the"
    " other end's ACKs say of that",
    (
        CONNECTION,
        Column("sender", "String", "client or server"),
        Column("capture", "String", "where it was seen, as in the table packets"),
        *SEGMENT_ENDS,
        Column("first_ns", "Int64", "its first packet", unit="ns"),
        Column("last_ns", "Int64", "its last packet", unit="ns"),
        Column("packets", "Int64", _tcptrace("total packets"), unit="packets"),
        Column("wire_bytes", "Int64", "of its frames", unit="bytes"),
        Column("syns", "Int64", "packets with SYN, repeated ones included", unit="packets"),
        Column("fins", "Int64", "packets with FIN, repeated ones included", unit="packets"),
        Column("resets", "Int64", _tcptrace("resets sent"), unit="packets"),
        Column("ack_packets", "Int64", _tcptrace("ack pkts sent") + ": with ACK", unit="packets"),
        Column(
            "pure_acks",
            "Int64",
            _tcptrace("pure acks sent") + ": ACK without data, SYN, FIN or RST",
            unit="packets",
        ),
        Column("sack_packets", "Int64", _tcptrace("sack pkts sent"), unit="packets"),
        Column(
            "dsack_packets",
            "Int64",
            _tcptrace("dsack pkts sent")
            + ": the first block lies below the ACK, or in the second block (RFC 2883)",
            unit="packets",
        ),
        Column("most_sack_blocks", "Int64", _tcptrace("max sack blks/ack")),
        Column("data_packets", "Int64", _tcptrace("actual data pkts"), unit="packets"),
        Column("data_bytes", "Int64", _tcptrace("actual data bytes"), unit="bytes"),
        Column(
            "unique_bytes",
            "Int64",
            "payload without what is repeated; tcptrace's 'unique bytes sent' is 1 less for each"
            " FIN that is repeated with data, and leaves out what was sent into a zero window",
            unit="bytes",
        ),
        Column(
            "repeated_packets",
            "Int64",
            _tcptrace("rexmt data pkts")
            + ": with at least one sequence number that was seen before, copies included",
            unit="packets",
        ),
        Column(
            "repeated_bytes",
            "Int64",
            _tcptrace("rexmt data bytes") + ": sequence numbers, SYN and FIN included",
            unit="bytes",
        ),
        Column(
            "late_packets",
            "Int64",
            _tcptrace("outoforder pkts")
            + ": begins before, and ends before the end of, one that was seen earlier",
            unit="packets",
        ),
        Column(
            "probe_packets",
            "Int64",
            _tcptrace("zwnd probe pkts") + ": takes sequence numbers although the window is 0",
            unit="packets",
        ),
        Column("probe_bytes", "Int64", _tcptrace("zwnd probe bytes"), unit="bytes"),
        Column("pushed_packets", "Int64", _tcptrace("pushed data pkts"), unit="packets"),
        Column("urgent_packets", "Int64", _tcptrace("urgent data pkts"), unit="packets"),
        Column(
            "copies",
            "Int64",
            "packets that the capture has twice: same IP id, numbers and flags; tcptrace's"
            " 'hardware dups' counts them too, by IP id and sequence number of the last few",
            unit="packets",
        ),
        Column("retransmissions", "Int64", "sent again by the sender: neither copies nor probes"),
        Column("mss", "Int64", "offered in the SYN", unit="bytes"),
        Column("wscale", "Int64", "offered in the SYN: shift count"),
        Column("sack_permitted", "Boolean", "offered in the SYN; null without one"),
        Column("timestamps", "Boolean", _tcptrace("req 1323 ts") + ": any packet has them"),
        Column("largest_segment", "Int64", _tcptrace("max segm size"), unit="bytes"),
        Column("smallest_segment", "Int64", _tcptrace("min segm size"), unit="bytes"),
        Column(
            "largest_window",
            "Int64",
            _tcptrace("max win adv") + "; null where its scale is not known",
            unit="bytes",
        ),
        Column(
            "smallest_window",
            "Int64",
            _tcptrace("min win adv") + ": of those above 0",
            unit="bytes",
        ),
        Column(
            "zero_windows",
            "Int64",
            _tcptrace("zero win adv") + ": packets with ACK and without RST whose window is 0",
            unit="packets",
        ),
        Column(
            "first_flight_packets",
            "Int64",
            _tcptrace("initial window") + ": data packets before any data was acknowledged",
            unit="packets",
        ),
        Column("first_flight_bytes", "Int64", _tcptrace("initial window"), unit="bytes"),
        Column(
            "stream_bytes",
            "Int64",
            _tcptrace("ttl stream length") + ": from SYN to FIN; null without either",
            unit="bytes",
        ),
        Column("missed_bytes", "Int64", "stream_bytes less unique_bytes", unit="bytes"),
        Column(
            "transmit_ns",
            "Int64",
            _tcptrace("data xmit time") + ": from the first to the last packet with data",
            unit="ns",
        ),
        Column(
            "longest_idle_ns", "Int64", "the longest time between two of its packets", unit="ns"
        ),
        Column(
            "rtt_samples",
            "Int64",
            _tcptrace("RTT samples")
            + ": segments sent once whose end is an ACK, and none before them was sent later",
        ),
        Column("rtt_min_ns", "Int64", _tcptrace("RTT min"), unit="ns"),
        Column("rtt_mean_ns", "Int64", _tcptrace("RTT avg"), unit="ns"),
        Column("rtt_max_ns", "Int64", _tcptrace("RTT max"), unit="ns"),
        Column(
            "ambiguous_acks",
            "Int64",
            _tcptrace("ambiguous acks") + ": for a segment that was sent more than once",
        ),
        Column(
            "post_loss_acks",
            "Int64",
            _tcptrace("post-loss acks") + ": for a segment that waited for a repair",
        ),
        Column("stamp_rtt_samples", "Int64", "round-trip times by time stamps (RFC 7323 4.1)"),
        Column("stamp_rtt_min_ns", "Int64", "the shortest of them", unit="ns"),
        Column("stamp_rtt_median_ns", "Int64", "their median", unit="ns"),
        Column(
            "duplicate_acks",
            "Int64",
            _tcptrace("duplicate acks") + ", which the other end sent about this direction",
        ),
        Column("triple_duplicate_acks", "Int64", _tcptrace("triple dupacks")),
        *(
            Column(
                f"label_{label}",
                "Int64",
                f"packets that Wireshark labels {label}; null where labels were not asked for",
                unit="packets",
            )
            for label in COUNTED_LABELS
        ),
    ),
    order=("connection", "sender"),
)
