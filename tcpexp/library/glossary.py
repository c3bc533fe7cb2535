"""What the field calls its things, and how to find which of them a text speaks of."""

from __future__ import annotations

import functools
import re

#: What the field calls one thing by several words. The first is the one that is shown.
GLOSSARY: tuple[tuple[str, ...], ...] = (
    (
        "three-way handshake",
        "handshake",
        "connection establishment",
        "establish a connection",
        "opens a connection",
    ),
    (
        "connection teardown",
        "teardown",
        "closing a connection",
        "connection termination",
        "four-way",
        "closes first",
    ),
    ("SYN", "syns", "connection request"),
    ("SYN-ACK", "syn-acks", "syn+ack", "syn,ack", "synack"),
    ("FIN", "fins"),
    ("RST", "rsts", "reset", "resets", "connection refused", "econnrefused"),
    (
        "retransmission timeout (RTO)",
        "rto",
        "rtos",
        "retransmission timeout",
        "retransmission timer",
        "timeout doubles",
        "tcptimeouts",
    ),
    ("exponential back-off", "back-off", "backoff", "doubles", "doubling", "exponential"),
    (
        "retransmission",
        "retransmissions",
        "retransmit",
        "retransmitted",
        "resend",
        "resent",
        "repeats its",
    ),
    (
        "fast retransmit",
        "fast retransmission",
        "fast_retransmission",
        "three duplicate acks",
        "fast recovery",
    ),
    ("spurious retransmission", "spurious_retransmission", "dsack", "d-sack"),
    ("duplicate ACK", "duplicate acks", "duplicate_ack", "dup ack", "dupack"),
    (
        "selective acknowledgement (SACK)",
        "sack",
        "selective acknowledgement",
        "selective acknowledgment",
    ),
    ("tail loss probe (TLP)", "tail loss", "tlp", "tail_loss"),
    (
        "out-of-order segment",
        "out of order",
        "out-of-order",
        "out_of_order",
        "reordering",
        "reordered",
        "reorder",
    ),
    ("packet loss", "loss", "lost", "lost_segment"),
    ("corruption, checksum", "corrupt", "corrupted", "checksum", "bit error", "incsumerrors"),
    ("duplicated packets", "duplicated", "duplicate packets"),
    (
        "connection states",
        "state diagram",
        "tcp states",
        "state machine",
        "eleven states",
        "states of a socket",
    ),
    ("TIME-WAIT", "time wait", "time_wait", "2msl"),
    ("SYN-SENT", "syn sent", "syn_sent"),
    ("SYN-RECEIVED", "syn-recv", "syn received", "syn_recv", "half-open", "half open"),
    ("FIN-WAIT-2", "fin wait 2", "fin_wait2", "orphan"),
    ("CLOSE-WAIT", "close wait", "close_wait", "half-close", "half close", "half-closed"),
    ("simultaneous close", "close at once", "closing state", "both ends close"),
    ("SYN flood", "syn flooding", "denial of service", "dos attack", "forged sources"),
    ("SYN cookies", "syncookies", "syn cookie", "tcp_syncookies", "syncookiessent"),
    (
        "backlog, accept queue",
        "backlog",
        "accept queue",
        "listen queue",
        "listenoverflows",
        "listen overflow",
    ),
    ("port scan", "nmap", "scan", "half-open scan", "filtered port"),
    (
        "unreachable host",
        "dead host",
        "absent host",
        "host unreachable",
        "ehostunreach",
        "never answers",
        "does not exist",
        "no route",
    ),
    ("firewall", "iptables", "nftables", "filter"),
    ("keep-alive", "keepalive", "keep alive", "keep_alive"),
    ("flow control", "receive window", "advertised window", "rwnd", "receiver window"),
    ("zero window", "zero-window", "zero_window", "window full", "window_full", "reaches 0 bytes"),
    (
        "zero-window probe, persist timer",
        "window probe",
        "window probes",
        "zero-window probe",
        "zero-window probes",
        "zero window probe",
        "zero window probes",
        "persist timer",
    ),
    ("window update", "window_update"),
    ("window scaling", "window scale", "tcp_window_scaling"),
    (
        "receive buffer",
        "so_rcvbuf",
        "rcvbuf",
        "tcp_rmem",
        "receive buffer autotuning",
        "autotuning",
    ),
    ("send buffer", "so_sndbuf", "sndbuf", "tcp_wmem", "write blocks"),
    ("slow receiver", "slow reader", "reads slowly", "slow application"),
    ("silly window syndrome", "silly window", "tiny reads", "small segments"),
    ("Nagle's algorithm", "nagle", "tcp_nodelay", "tiny writes"),
    ("delayed ACK", "delayed acks", "delayed acknowledgement", "quick-ack", "quickack"),
    (
        "segmentation offload (TSO, GSO, GRO)",
        "tso",
        "gso",
        "gro",
        "offload",
        "offloads",
        "super-packet",
    ),
    ("maximum segment size (MSS)", "mss", "maximum segment size", "segment size"),
    ("MTU", "maximum transmission unit", "fragmentation"),
    ("linked list", "serialisation", "struct alignment", "padding"),
    ("echo", "echo server", "echo client"),
    ("UDP", "udp", "datagram", "datagrams"),
    ("IPv6", "ip version 6", "icmpv6"),
    ("relay, load balancer", "relay", "load balancer", "proxy"),
    ("stop-and-wait", "stop and wait", "one segment in flight"),
    (
        "congestion control",
        "congestion avoidance",
        "slow start",
        "cwnd",
        "congestion window",
        "ssthresh",
    ),
    ("CUBIC", "cubic"),
    ("BBR", "bbr"),
    ("Reno", "reno"),
    ("fairness", "share of", "jain", "competing flows", "share a bottleneck"),
    ("bufferbloat", "deep buffer", "deep queue", "queueing delay"),
    ("bandwidth-delay product (BDP)", "bdp", "bandwidth-delay"),
    ("round-trip time (RTT)", "rtt", "round trip", "round-trip"),
    ("throughput, goodput", "throughput", "goodput", "bandwidth", "transfer rate"),
    ("HTTP", "http", "curl", "wget", "web server", "download"),
    ("sequence numbers", "sequence number", "isn", "initial sequence"),
    ("TCP header", "header fields", "header field", "tcp options"),
    ("ARP", "arp", "neighbour", "same subnet"),
)


def terms_in(text: str) -> tuple[str, ...]:
    """Return the things of the glossary that ``text`` speaks of, in the glossary's order."""
    return tuple(count_terms(text))


def count_terms(text: str) -> dict[str, int]:
    """Return how many times ``text`` speaks of each thing of the glossary, without those that it
    does not speak of.
    """
    plain = " ".join(text.lower().split())
    return {
        term: count
        for term, pattern in _patterns().items()
        if (count := len(pattern.findall(plain)))
    }


@functools.cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """Return for each thing of the glossary what finds it, longer words first.

    SYN is not found in SYN-ACK and SYN-SENT.
    """
    found = {}
    for term in GLOSSARY:
        words = sorted(
            (word.lower() for word in term if " (" not in word and ", " not in word),
            key=len,
            reverse=True,
        )
        known = "|".join(map(re.escape, words))
        found[term[0]] = re.compile(
            rf"(?<![a-z0-9])(?:{known})(?![a-z0-9])(?!-(?:ack|sent|recv|received)\b)"
        )
    return found
