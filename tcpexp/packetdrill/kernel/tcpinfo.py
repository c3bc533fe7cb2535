"""What assertions in a script speak of: members of ``struct tcp_info`` and their symbols.

Source: include/uapi/linux/tcp.h of Linux 7.3, inet_diag.h and sock_diag.h; the names are those of
github.com/google/packetdrill (code.c). An older kernel fills less of the structure: what it leaves
out has no name.
"""

from __future__ import annotations

import struct
from typing import Any

_FIRST = ["state", "ca_state", "retransmits", "probes", "backoff", "options"]
_WORDS = (
    "rto ato snd_mss rcv_mss unacked sacked lost retrans fackets last_data_sent last_ack_sent"
    " last_data_recv last_ack_recv pmtu rcv_ssthresh rtt rttvar snd_ssthresh snd_cwnd advmss"
    " reordering rcv_rtt rcv_space total_retrans"
)
#: The rest, with the code of the struct module where it is not a 32-bit number.
_REST = (
    "pacing_rate:Q max_pacing_rate:Q bytes_acked:Q bytes_received:Q segs_out segs_in"
    " notsent_bytes min_rtt data_segs_in data_segs_out delivery_rate:Q busy_time:Q rwnd_limited:Q"
    " sndbuf_limited:Q delivered delivered_ce bytes_sent:Q bytes_retrans:Q dsack_dups reord_seen"
    " rcv_ooopack snd_wnd rcv_wnd rehash total_rto:H total_rto_recoveries:H total_rto_time"
    " received_ce delivered_e1_bytes delivered_e0_bytes delivered_ce_bytes received_e1_bytes"
    " received_e0_bytes received_ce_bytes accecn"
)
SYMBOLS = {
    **{
        f"TCP_{name}": number
        for number, name in enumerate(
            [
                "ESTABLISHED",
                "SYN_SENT",
                "SYN_RECV",
                "FIN_WAIT1",
                "FIN_WAIT2",
                "TIME_WAIT",
                "CLOSE",
                "CLOSE_WAIT",
                "LAST_ACK",
                "LISTEN",
                "CLOSING",
            ],
            1,
        )
    },
    **{
        f"TCP_CA_{name}": number
        for number, name in enumerate(["Open", "Disorder", "CWR", "Recovery", "Loss"])
    },
    **{
        f"TCPI_OPT_{name}": 1 << number
        for number, name in enumerate(
            ["TIMESTAMPS", "SACK", "WSCALE", "ECN", "ECN_SEEN", "SYN_DATA", "USEC_TS", "TFO_CHILD"]
        )
    },
}
_MEMINFO = [
    "RMEM_ALLOC",
    "RCVBUF",
    "WMEM_ALLOC",
    "SNDBUF",
    "FWD_ALLOC",
    "WMEM_QUEUED",
    "OPTMEM",
    "BACKLOG",
    "DROPS",
]
#: Of a congestion control: names and the struct module's format. One buffer serves all of them.
_CONTROLS = (
    ("=5I", ("bbr_bw_lo", "bbr_bw_hi", "bbr_min_rtt", "bbr_pacing_gain", "bbr_cwnd_gain")),
    (
        "=HHIII",
        ("dctcp_enabled", "dctcp_ce_state", "dctcp_alpha", "dctcp_ab_ecn", "dctcp_ab_tot"),
    ),
    ("=4I", ("tcpv_enabled", "tcpv_rttcnt", "tcp_rtt", "tcp_minrtt")),
)


def read_tcp_info(data: bytes) -> dict[str, int]:
    """Return the members of a ``struct tcp_info``, as far as the kernel filled it."""
    found = {f"tcpi_{name}": data[place] for place, name in enumerate(_FIRST)}
    found["tcpi_snd_wscale"], found["tcpi_rcv_wscale"] = data[6] & 15, data[6] >> 4
    found["tcpi_delivery_rate_app_limited"] = data[7] & 1
    place = 8
    for word in [*_WORDS.split(), *_REST.split()]:
        name, _, code = word.partition(":")
        size = struct.calcsize(code or "I")
        place += -place % size
        if place + size > len(data):
            break
        found[f"tcpi_{name}"] = struct.unpack_from(f"={code or 'I'}", data, place)[0]
        place += size
    mixed = found.pop("tcpi_accecn", None)
    if mixed is not None:
        found["tcpi_ecn_mode"] = mixed & 3
        found["tcpi_accecn_opt_seen"] = mixed >> 2 & 3
        found["tcpi_accecn_fail_mode"] = mixed >> 4 & 15
        found["tcpi_options2"] = mixed >> 8
    return found


def variables(entry: dict[str, Any]) -> dict[str, int]:
    """Return all names of an assertion, from what the guest wrote down."""
    found = dict(SYMBOLS)
    if entry.get("tcp_info"):
        found |= read_tcp_info(bytes.fromhex(entry["tcp_info"]))
    control = bytes.fromhex(entry.get("cc_info") or "")
    for layout, names in _CONTROLS:
        if len(control) >= struct.calcsize(layout):
            found |= dict(zip(names, struct.unpack_from(layout, control), strict=True))
    if "bbr_bw_lo" in found:
        found["bbr_bw"] = found["bbr_bw_hi"] << 32 | found["bbr_bw_lo"]
    memory = bytes.fromhex(entry.get("meminfo") or "")
    for number, name in enumerate(_MEMINFO):
        if len(memory) >= 4 * number + 4:
            found[f"SK_MEMINFO_{name}"] = struct.unpack_from("=I", memory, 4 * number)[0]
    return found
