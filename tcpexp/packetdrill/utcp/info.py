"""TCP_INFO of a connection of ``tcpexp.tcp``: the names that assertions use, Linux's and FreeBSD's.

What this TCP does not count has no name here, so that a script which asks for it is not playable
rather than wrong. Windows and losses are in segments, as Linux counts them; times are microseconds,
``tcpi_last_*`` milliseconds.
"""

from __future__ import annotations

from tcpexp.packetdrill.utcp.sockets import Heard
from tcpexp.tcp.core.connection import Connection
from tcpexp.tcp.core.states import State
from tcpexp.tcp.core.timers import Timer

_LINUX = (
    ("TCP_ESTABLISHED", State.ESTABLISHED),
    ("TCP_SYN_SENT", State.SYN_SENT),
    ("TCP_SYN_RECV", State.SYN_RECEIVED),
    ("TCP_FIN_WAIT1", State.FIN_WAIT_1),
    ("TCP_FIN_WAIT2", State.FIN_WAIT_2),
    ("TCP_TIME_WAIT", State.TIME_WAIT),
    ("TCP_CLOSE", State.CLOSED),
    ("TCP_CLOSE_WAIT", State.CLOSE_WAIT),
    ("TCP_LAST_ACK", State.LAST_ACK),
    ("TCP_LISTEN", State.LISTEN),
    ("TCP_CLOSING", State.CLOSING),
)
_FREEBSD = (
    ("TCPI_ESTABLISHED", State.ESTABLISHED),
    ("TCPI_SYN_SENT", State.SYN_SENT),
    ("TCPI_SYN_RECEIVED", State.SYN_RECEIVED),
    ("TCPI_FIN_WAIT_1", State.FIN_WAIT_1),
    ("TCPI_FIN_WAIT_2", State.FIN_WAIT_2),
    ("TCPI_TIME_WAIT", State.TIME_WAIT),
    ("TCPI_CLOSED", State.CLOSED),
    ("TCPI_CLOSE_WAIT", State.CLOSE_WAIT),
    ("TCPI_LAST_ACK", State.LAST_ACK),
    ("TCPI_LISTEN", State.LISTEN),
    ("TCPI_CLOSING", State.CLOSING),
)
#: States by number: one numbering for both systems, since scripts use the symbols.
NUMBERS = {state: number for number, (_, state) in enumerate(_LINUX, 1)}
OPTIONS = {"TIMESTAMPS": 1, "SACK": 2, "WSCALE": 4, "ECN": 8, "ECN_SEEN": 16, "SYN_DATA": 32}
MODES = ("Open", "Disorder", "CWR", "Recovery", "Loss")
SYMBOLS = {
    **{name: NUMBERS[state] for name, state in (*_LINUX, *_FREEBSD)},
    **{f"TCPI_OPT_{name}": bit for name, bit in OPTIONS.items()},
    **{f"TCP_CA_{name}": number for number, name in enumerate(MODES)},
    "TCP_INFINITE_SSTHRESH": 0x7FFFFFFF,
}


def listening() -> dict[str, int]:
    """Return the names that a listening socket has."""
    return {**SYMBOLS, "tcpi_state": NUMBERS[State.LISTEN]}


def unconnected() -> dict[str, int]:
    """Return the names that a socket without a connection has."""
    return {**SYMBOLS, "tcpi_state": NUMBERS[State.CLOSED], "tcpi_options": 0}


def tcp_info(
    connection: Connection, now: int, syn_data: bool = False, heard: Heard | None = None
) -> dict[str, int]:
    """Return the members of ``struct tcp_info`` that this TCP knows, and the symbols for them.

    ``syn_data`` says that data went with the SYN, and the other end acknowledged them, if it was
    this end that opened. ``heard`` is what arrived so far.
    """
    tcb = connection.tcb
    mss = tcb.eff_snd_mss
    heard = heard or Heard()
    advertised = tcb.config.mss - (12 if tcb.timestamps_ok else 0)
    queue = tcb.out.queue
    rtt = tcb.rtt
    ssthresh = tcb.congestion.ssthresh
    data = syn_data and (tcb.fast_opened or not tcb.passive)
    unlimited = ssthresh >= connection.config.initial_ssthresh
    found = {
        "tcpi_state": NUMBERS[tcb.state],
        "tcpi_options": _options(connection) | (OPTIONS["SYN_DATA"] if data else 0),
        "tcpi_snd_cwnd": round(tcb.congestion.cwnd / mss),
        "tcpi_snd_ssthresh": 0x7FFFFFFF if unlimited else round(ssthresh / mss),
        "tcpi_ca_state": MODES.index(_mode(connection)),
        "tcpi_rtt": (rtt.srtt_ns or 0) // 1000,
        "tcpi_rttvar": rtt.rttvar_ns // 1000,
        "tcpi_rto": rtt.rto_ns // 1000,
        "tcpi_snd_mss": mss,
        # what Linux takes for it begins small: tcp_initialize_rcv_mss(), tcp_measure_rcv_mss()
        "tcpi_rcv_mss": max(min(536, advertised, mss), min(heard.largest, advertised)),
        "tcpi_advmss": advertised,
        "tcpi_unacked": len(queue),
        "tcpi_sacked": sum(sent.sacked for sent in queue),
        "tcpi_lost": sum(sent.lost or (sent.resent and not sent.sacked) for sent in queue),
        "tcpi_retrans": sum(sent.resent and not sent.sacked for sent in queue),
        "tcpi_retransmits": tcb.timeouts,
        "tcpi_backoff": rtt.backoffs,
        "tcpi_snd_wscale": tcb.snd_scale,
        "tcpi_rcv_wscale": tcb.rcv_scale if tcb.scaling else 0,
        "tcpi_notsent_bytes": len(tcb.out.unsent),
        "tcpi_last_data_sent": (now - (tcb.last_sent_ns or now)) // 1_000_000,
        "tcpi_last_data_recv": (now - (heard.data_ns or now)) // 1_000_000,
        # a SYN with data counts once: tcp_rcv_fastopen_synack() of Linux
        "tcpi_delivered": tcb.out.delivered_segments - int(data and not tcb.passive),
        "tcpi_snd_wnd": tcb.snd_wnd,
        "tcpi_reord_seen": tcb.rack.reordering_events,
        "tcpi_reordering": _reordering(connection),
    }
    counters = tcb.ecn.counters
    if counters is not None:  # RFC 9768 section 3.2.1: 5 and 1 is where they begin
        found |= {
            "tcpi_delivered_ce": counters.s_cep - 5,
            "tcpi_received_ce": counters.r_cep - 5,
            "tcpi_delivered_ce_bytes": counters.s_ceb,
            "tcpi_delivered_e0_bytes": counters.s_e0b - 1,
            "tcpi_delivered_e1_bytes": counters.s_e1b - 1,
            "tcpi_received_ce_bytes": counters.r_ceb,
            "tcpi_received_e0_bytes": counters.r_e0b - 1,
            "tcpi_received_e1_bytes": counters.r_e1b - 1,
        }
    if tcb.timers.deadlines[Timer.PERSIST] is not None or not queue:
        found["tcpi_probes"] = tcb.probes
    return {**SYMBOLS, **found}


def _reordering(connection: Connection) -> int:
    """Return how many segments reordering reached over, at least the threshold of duplicates.

    Linux 7.3, net/ipv4/tcp_input.c: tcp_check_sack_reordering().
    """
    tcb = connection.tcb
    extent = -(-tcb.rack.reordering_octets // tcb.eff_snd_mss)
    return max(tcb.config.duplicate_threshold, min(extent, 300))


def _options(connection: Connection) -> int:
    tcb = connection.tcb
    on = {
        "TIMESTAMPS": tcb.timestamps_ok,
        "SACK": tcb.sack_ok,
        "WSCALE": tcb.scaling,
        "ECN": tcb.ecn.on,
    }
    return sum(OPTIONS[name] for name, is_on in on.items() if is_on)


def _mode(connection: Connection) -> str:
    """Return Linux's name for where loss recovery stands."""
    tcb = connection.tcb
    if tcb.in_recovery:
        return "Recovery"
    if tcb.ecn.on and tcb.snd_una < tcb.ecn.reduced_at:
        return "CWR"
    if tcb.timeouts or any(sent.resent or sent.lost for sent in tcb.out.queue):
        return "Loss"
    if tcb.duplicate_acks or any(sent.sacked for sent in tcb.out.queue):
        return "Disorder"
    return "Open"
