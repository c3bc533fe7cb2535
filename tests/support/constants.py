"""Numbers with a unit that an explanation may state although no parameter of its spec has them:
each with the reason why no run can change it.

``EVERYWHERE`` holds for all experiments, ``OF`` for one: what stands there follows from the
parameters by the arithmetic of the text, or from a document.
"""

from __future__ import annotations

#: Of Linux, of an RFC, of Ethernet and IP. Values by dimension, in seconds, bytes, bit/s,
#: fractions, counts.
EVERYWHERE: dict[str, dict[float, str]] = {
    "time": {
        0.004: "a tick at HZ = 250",
        0.032: "kernel/time/timer.c: second level of the timer wheel at HZ = 250",
        0.256: "its third level",
        2.0: "its fourth",
        0.25: "where the second level begins: 63 ticks",
        0.04: "net/tcp.h: TCP_DELACK_MIN",
        0.2: "net/tcp.h: TCP_RTO_MIN; 200 ms of BBR's PROBE_RTT",
        0.5: (
            "RFC 9293 section 3.8.6.3: the longest delay of an ACK; net.ipv4.tcp_invalid_ratelimit"
        ),
        1.0: "RFC 6298 section 2.1: the first RTO",
        3.0: "RFC 6298 appendix A: the first RTO until 2011; a third SYN's time",
        4.0: "RTOs that double from 1 s",
        8.0: "RTOs that double from 1 s",
        16.0: "RTOs that double from 1 s; where the wheel's fourth level begins",
        32.0: "RTOs that double from 1 s",
        64.0: "RTOs that double from 1 s",
        63.0: "1 + 2 + ... + 32 s",
        127.0: "1 + 2 + ... + 64 s",
        60.0: "net/tcp.h: TCP_TIMEWAIT_LEN",
        120.0: "net/tcp.h: TCP_RTO_MAX; RFC 9293 section 3.4.2: the MSL",
        180.0: "RFC 9293 section 3.8.3: R2 of a SYN",
        240.0: "RFC 9293 section 3.4.2: two MSL",
        7200.0: "net.ipv4.tcp_keepalive_time",
        75.0: "net.ipv4.tcp_keepalive_intvl",
        0.1: "RFC 8289 section 4.3: CoDel's interval",
        0.005: "RFC 8289 section 4.3: CoDel's target",
    },
    "size": {
        1500.0: "Ethernet's MTU",
        1514.0: "with its header",
        1448.0: "less 52 of IPv4, TCP and time stamps",
        1428.0: "less 72 of IPv6, TCP and time stamps",
        66.0: "headers of a segment over IPv4 with time stamps",
        86.0: "over IPv6",
        40.0: "IPv6's header",
        20.0: "IPv4's header",
        16.0: "an IPv6 address",
        2304.0: "net/sock.h: SOCK_MIN_RCVBUF of 64-bit Linux",
        1152.0: "half of it",
        576.0: "half of that: tcp_bound_to_half_wnd",
        65535.0: "16 bits",
        64000.0: "the largest segment that GSO makes",
        131072.0: "the middle of net.ipv4.tcp_rmem",
        6e6: "the largest of net.ipv4.tcp_rmem until Linux 6.16",
        128.0: "a window scale of 7",
        536.0: "TCP_MSS_DEFAULT",
        1072.0: "two of them",
    },
    "rate": {1e9: "a faster link, for comparison"},
    "part": {},
    "count": {},
    "bdp": {},
}

OF: dict[str, dict[str, str]] = {
    "bbr_vs_cubic": {"33 packets": "10 Mbit/s x 40 ms / 1514 bytes"},
    "bbr_vs_n": {"40 %": "Ware et al., 2019", "32 BDPs": "what was left out"},
    "buffer_depth": {
        "40 %": "the model's limit: a half less the time in ProbeRTT",
        "33 packets": "10 Mbit/s x 40 ms",
        "165 packets": "50 Mbit/s x 40 ms",
        "17 packets": "2.5 Mbit/s x 80 ms",
    },
    "cc_matrix": {"13 segments": "1.31 / sqrt(1 %)", "40 %": "13 of 33"},
    "cc_switch": {"80 ms": "two BDPs of queue"},
    "cubic_response": {
        "300 s": "eleven teeth of Reno at 0.001 %",
        "0.0001 %": "what is left out",
        "380 Mbit/s": "Reno's mean window there, an RTT of 0.1 s",
        "2,100 segments": "the largest receive window",
        "0.4 segments": "the cubic on its plateau",
        "0.53 segments": "RFC 9438 section 4.3",
        "35 segments": "the Reno-friendly window",
        "46 segments": "RFC 9438 section 5.1",
        "100,000 segments": "RFC 9438 section 5.1",
        "0.00001 %": "where its columns part",
        "0.001 %": "what is left out",
        "80 s": "the study's duration",
        "12 s": "the study's duration",
    },
    "dead_host": {"5 s": "the sum of one step of the wheel per SYN"},
    "dead_host_retries_3": {"10 %": "an example"},
    "delayed_ack": {"41 ms": "40 ms and a part of a tick", "44 ms": "40 ms and a tick"},
    "dumbbell_n": {
        "11 %": "the saw between 0.625 and 1.25 of the path",
        "28 s": "the duration less 2 s",
    },
    "impaired_download": {"10 MB": "the size of the small form"},
    "impaired_download_small": {"100 MB": "the size of the long form"},
    "incast": {
        "23 segments": "a block of 32 kB",
        "97 kB": "64 places of 1514 bytes",
        "256 kB": "the papers'",
        "1 MB": "the papers'",
        "0.1 ms": "the papers'",
        "10 ms": "an example",
    },
    "initial_window": {"14 kB": "10 x 1448 bytes", "12 ms": "100 x 1514 bytes at 100 Mbit/s"},
    "keepalive": {
        "0.26 s": "a step of the wheel's third level",
        "22 s": "10 + 4 x 3 s",
        "11 minutes": "9 x 75 s",
        "30 s": "a proposal",
    },
    "loss_response": {
        "38 segments": "RFC 9438 section 5.1 at 0.1 %",
        "85 %": "1 - 15 %",
        "64 MB": "its socket buffers",
    },
    "phase_effects": {
        "13 packets": "16 ms / 1.21 ms",
        "60 ms": "a path that does not show it",
        "800 kbit/s": "the paper's link",
        "1000 bytes": "the paper's packets",
        "20 s": "from 10 s to 30 s",
    },
    "path_mtu_black_hole": {
        "15 minutes": "net.ipv4.tcp_retries2 = 15: 924.6 s in theory",
        "1024 bytes": "net.ipv4.tcp_base_mss",
        "8 bytes": "net.ipv4.tcp_probe_threshold",
    },
    "mathis": {"4 segments": "the smallest window with which three duplicate ACKs come"},
    "nagle": {"50 bytes": "five writes of 10 bytes"},
    "relay_zero_window": {"40 s": "how long the user is stopped"},
    "rto_back_off": {"924.6 s": "tcp_model_timeout of 15: 1023 x 0.2 s + 6 x 120 s"},
    "rtt_fairness": {"58 s": "the duration less 2 s"},
    "rwnd_autotuning": {"50 bytes": "its reader", "9000 bytes": "60 s at 150 bytes a second"},
    "rwnd_fixed": {"136 bytes": "what is left of 536 (the text names the kernels)"},
    "send_chunk_size": {"8192 bytes": "its reader"},
    "send_chunk_size_ipv6": {"1.4 %": "20 of 1448 bytes", "587, %": "849820 / 1448"},
    "silly_window": {
        "2896 bytes": "two segments",
        "3200 bytes": "16 bytes every 5 ms",
        "8192 bytes": "its buffer",
    },
    "simultaneous_close": {"10 ms": "a proposal", "40 ms": "a proposal", "60 ms": "a proposal"},
    "slow_receiver": {"52 bytes": "1152 - 1100 bytes", "1600 bytes": "16 bytes every 10 ms"},
    "syn_flood": {"7 s": "SYNs at 0, 1, 3 and 7 s"},
    "syn_schedule": {"247 s": "127 + 120 s", "255 s": "127 + 128 s"},
    "utcp_congestion_avoidance": {
        "50 ms": "an example",
        "80 segments": "64 + 16",
        "64 segments": "its threshold",
    },
    "utcp_delayed_ack": {
        "292 segments": "293 - 1",
        "146 ACKs": "292 / 2",
        "43 bytes": "300,000 and a line less 293 x 1024",
    },
    "utcp_slow_start": {
        name: "doubling from one"
        for name in ("4, segments", "8, segments", "16, segments", "32, segments", "64 segments")
    },
    "utcp_two_clients": {"16 kB": "tcpexp/tcp: a connection's turn"},
    "utcp_vs_kernel": {"1012 bytes": "1024 less 12 of time stamps"},
    "utcp_window_walk": {
        f"{number} s": "the segments' and the reader's times" for number in (15, 20, 24, 25, 30, 32)
    },
    "zero_window_probe": {
        "2000 bytes": "a second of its reader",
        "2048 bytes": "half of its buffer",
    },
}
