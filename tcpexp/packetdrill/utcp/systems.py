"""What a script supposes of the system that it was written for: constants of FreeBSD or Linux that
no RFC fixes, as settings of ``tcpexp.tcp``, and the sysctls that change them.

A script whose commands set a sysctl changes the settings of connections that begin later, as on
that system. A sysctl that means nothing here is known by name; one that is not known cannot be
played.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tcpexp.packetdrill.outcome import Unplayable
from tcpexp.packetdrill.utcp.offload import Offload
from tcpexp.tcp.core.config import MS, SECOND, Config

#: Sysctls without a meaning for this TCP: caches, offloads, memory, logging.
WITHOUT_EFFECT = frozenset(
    {
        "net.inet.tcp.hostcache.purgenow",
        "net.inet.tcp.syncookies",
        "net.inet.tcp.tolerate_missing_ts",
        "net.ipv4.tcp_no_metrics_save",
        "net.ipv4.tcp_tso_win_divisor",
        "net.ipv4.tcp_fack",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_invalid_ratelimit",
        "net.ipv4.tcp_notsent_lowat",
        "net.ipv4.tcp_fastopen_key",
        "net.ipv4.tcp_fastopen_blackhole_timeout_sec",
    }
)


@dataclass
class System:
    """Constants of one system: ``config`` is what connections that begin now get.

    ``drop_synfin`` is FreeBSD's filter in front of TCP, as the sysctl is called. With
    ``time_wait_needs_ack`` TIME-WAIT takes no segment without ACK (tcp_twcheck()). With
    ``doubles_buffers`` socket options tell of twice the buffer: Linux counts its own overhead.
    ``fast_open`` are Linux's bits: 1 for clients, 2 for servers, 0x400 for all servers.
    ``forgets_cookies`` is set when a command has emptied the cache of Fast Open's cookies.
    ``offload`` cuts large packets, None for a system whose PSH does not depend on them.
    """

    name: str
    config: Config
    drop_synfin: bool = False
    time_wait_needs_ack: bool = False
    fast_open: int = 0
    forgets_cookies: bool = False
    doubles_buffers: bool = False
    offload: Offload | None = None

    def change(self, **settings: object) -> None:
        """Change settings of the connections to come."""
        self.config = replace(self.config, **settings)  # type: ignore[arg-type]

    def sysctl(self, name: str, value: str) -> None:
        """Set one sysctl. Raises: Unplayable for one that is not known, or a value that is not."""
        setter = SYSCTLS.get(name)
        if setter is not None:
            try:
                setter(self, value.strip().strip('"'))
            except ValueError:
                raise Unplayable(f"the sysctl {name} with the value {value}") from None
        elif name not in WITHOUT_EFFECT:
            raise Unplayable(f"the sysctl {name}")


#: FreeBSD's constants: its defaults, and what its test suite sets in every script.
#: Source: tcp_var.h, tcp_timer.h, tcp_subr.c and in_proto.c of FreeBSD 14.
FREEBSD: Mapping[str, object] = {
    "receive_buffer": 65536,
    "send_buffer": 32768,
    "window_shift": 6,  # the least for kern.ipc.maxsockbuf, 2 MiB
    "rto_initial_ns": SECOND,
    "rto_min_ns": 230 * MS,  # rexmit_min and rexmit_slop
    "rto_max_ns": 64 * SECOND,
    "delayed_ack_ns": 40 * MS,
    "initial_window_segments": 10,
    "congestion_control": "newreno",
    "msl_ns": 30 * SECOND,
    "syn_cookies": "never",
    "ecn": "accept",
    "ecn_syn_retries": 1,
    "nagle_small_only": True,
    "offer_all_space": True,
    "whole_segment_buffers": True,
    "accept_beyond_offer": True,
    "reset_acknowledges": True,
    "reset_window": False,
    "rst_ends_time_wait": False,
    "reuse_time_wait": False,
    "repeat_fin": True,
    "take_old_acks": True,  # tcp_do_segment(): todrop
    "take_early": "text",  # tcp_do_segment(): TCPS_SYN_SENT, and step6's TH_FIN
    "round_window_up": True,  # tcp_output(): roundup2()
    "updates_by_gain": True,  # tcp_output(): adv
    "r2_syn_sharp": True,  # tcp_timer_keep()
    "icmp_soft_ends_attempts": ("time exceeded",),  # tcp_ctlinput(): tcp_drop_syn_sent()
    "ack_small_segments": True,
    "dsack": True,
    "r2_syn_ns": 75 * SECOND,
    "rto_after_syn_timeout_ns": SECOND,
    "fast_open_asks_again": False,
    "time_wait_needs_ack": True,
}
#: Linux's constants, with what its tests' ``defaults.sh`` sets.
#: Source: include/net/tcp.h of Linux 7.3; tools/testing/selftests/net/packetdrill/defaults.sh.
LINUX: Mapping[str, object] = {
    "receive_buffer": 270_000,  # half of tcp_rmem's 540000: tcp_adv_win_scale
    "send_buffer": 256 * 1024,
    "window_shift": 8,  # tcp_rmem's maximum, 15 MiB
    "rto_initial_ns": SECOND,
    "rto_min_ns": 200 * MS,
    "rto_max_ns": 120 * SECOND,
    "delayed_ack_ns": 40 * MS,
    "initial_window_segments": 10,
    "congestion_control": "cubic",
    "slow_start_segments": 1 << 16,
    "growth_by_delivery": True,
    "reduce_from_cwnd": True,
    "reset_by_segment": True,
    "keep_received_at_reset": True,
    "rto_spread_min_ns": 200 * MS,
    "empty_probes": True,
    "restart_after_idle": False,
    "quick_acks": 16,
    "delay_fin_ack": True,  # tcp_fin(), tcp_event_data_recv()
    "accecn_order": 1,
    "accecn_in_time_wait": False,  # tcp_timewait_state_process()
    "accecn_everywhere": True,
    "accecn_thinned": 4,
    "syn_linear_timeouts": 4,
    "repeat_syn_ack": True,
    "ecn_on_all": True,
    "nagle_small_only": True,
    "offer_all_space": True,
    "reset_acknowledges": True,
    "dsack": True,
    "dsack_controls": True,  # tcp_send_dupack()
    "fin_ends_dsack": True,  # tcp_fin()
    "take_early": "nothing",  # tcp_rcv_synsent_state_process()
    "icmp_soft_ends_attempts": (
        "network unreachable",
        "host unreachable",
        "time exceeded",
        "parameter problem",
    ),  # tcp_req_err(), and tcp_v4_err() for a SYN that was sent
    "syn_ack_echo": True,  # tcp_rcv_synsent_state_process()
    "rack": True,
    "rack_in_sequence": True,  # tcp_clean_rtx_queue(), tcp_rack_advance()
    "fast_open_option_space": 40,
    "fast_open_tries_old": True,  # tcp_rcv_fastopen_synack(): try_exp
    "tail_loss_probe": True,
    "prr": True,
    "frto": True,
    "tlp_max_ack_delay_ns": 200 * MS,
    "msl_ns": 30 * SECOND,
    "r2_syn_ns": 127 * SECOND,
    "rto_after_syn_timeout_ns": SECOND,
    "offload": True,
}
CONSTANTS = {"FreeBSD": FREEBSD, "Linux": LINUX}


def system_for(
    name: str, mtu: int, ip_header: int, without: frozenset[str] = frozenset()
) -> System:
    """Return a system with its constants but those of ``without``, which are ``Config``'s own.

    ``name`` is FreeBSD or Linux; sizes in octets.
    """
    settings = {key: value for key, value in CONSTANTS[name].items() if key not in without}
    if "rack" not in settings:
        settings.pop("tail_loss_probe", None)
    needs_ack, offload = (settings.pop(key, False) for key in ("time_wait_needs_ack", "offload"))
    config = Config(
        mss=mtu - ip_header - 20,
        default_send_mss=536 if ip_header == 20 else 1220,
        trace=True,
        **settings,  # type: ignore[arg-type]
    )
    if name == "FreeBSD":
        return System(name, config, time_wait_needs_ack=bool(needs_ack))
    cut = Offload() if offload else None
    return System(name, config, doubles_buffers=True, fast_open=3, offload=cut)


# What a sysctl sets: one function for each.

Setter = Callable[[System, str], None]


def _switch(*names: str) -> Setter:
    """Switch settings of the connection on or off."""
    return lambda system, value: system.change(**{name: int(value, 0) != 0 for name in names})


def _inverse(name: str) -> Setter:
    """Switch a setting off with 1."""
    return lambda system, value: system.change(**{name: int(value, 0) == 0})


def _number(name: str, factor: int = 1) -> Setter:
    """Set a number."""
    return lambda system, value: system.change(**{name: int(value, 0) * factor})


def _only(*allowed: str) -> Setter:
    """Take a value that changes nothing here, and no other."""

    def check(_: System, value: str) -> None:
        if value not in allowed:
            raise ValueError(value)

    return check


def _max_socket_buffer(system: System, value: str) -> None:
    """FreeBSD's shift is the least with which a window can offer the largest buffer."""
    shift = 0
    while shift < 14 and (65535 << shift) < int(value):
        shift += 1
    system.change(window_shift=shift)


def _receive_memory(system: System, value: str) -> None:
    """Linux: minimum, default and maximum; half of the buffer is offered, and the shift is the
    least for all of the maximum.
    """
    _, usual, most = _three(value)
    shift = max(0, most.bit_length() - 16)
    system.change(receive_buffer=usual // 2, window_shift=min(shift, 14))


def _send_memory(system: System, value: str) -> None:
    """Linux: minimum, default and maximum."""
    system.change(send_buffer=_three(value)[1])


def _three(value: str) -> tuple[int, int, int]:
    """Return three numbers, of which a shell may have to multiply some."""
    words = shlex.split(value.replace("$((", "").replace("))", ""))
    low, usual, most = (_product(word) for word in words)
    return low, usual, most


def _product(word: str) -> int:
    result = 1
    for factor in word.split("*"):
        result *= int(factor)
    return result


def _syn_retries(system: System, value: str) -> None:
    """Give up when the timer expires once more: 1 s, 2 s, 4 s and so on added up."""
    system.change(r2_syn_ns=((2 << int(value)) - 1) * SECOND)


def _syn_fin(system: System, value: str) -> None:
    system.drop_synfin = int(value) != 0


def _rfc1323(system: System, value: str) -> None:
    """1 is both, 2 window scaling, 3 timestamps."""
    number = int(value)
    system.change(window_scaling=number in (1, 2), timestamps=number in (1, 3))


def _client_fast_open(system: System, value: str) -> None:
    """FreeBSD: 0 also forgets all cookies."""
    system.fast_open = int(value)
    system.forgets_cookies = system.forgets_cookies or value == "0"


def _forget_cookies(system: System, value: str) -> None:
    """Empty the cache: what Google's kernels have in place of ``ip tcp_metrics flush``."""
    system.forgets_cookies = True


def _fast_open(system: System, value: str) -> None:
    """Linux's bits: 1 clients, 2 servers, 0x200 servers without cookies, 0x400 servers that did not
    ask. Raises: ValueError for clients without cookies.
    """
    bits = int(value, 0)
    if bits & ~0x7_0603:
        raise ValueError(value)
    system.fast_open = bits & 0x403
    system.change(fast_open_without_cookie=bits & 0x202 == 0x202)


def _offload(name: str) -> Setter:
    """How large packets are."""

    def set_(system: System, value: str) -> None:
        if system.offload is not None:
            setattr(system.offload, name, int(value))

    return set_


def _ecn(words: dict[str, str]) -> Setter:
    """``ecn``, and what a client asks for after ``/`` where that is something else."""

    def choose(system: System, value: str) -> None:
        if value not in words:
            raise ValueError(value)
        both, _, as_client = words[value].partition("/")
        system.change(ecn=both, ecn_as_client=as_client or None)

    return choose


SYSCTLS: dict[str, Setter] = {
    "net.inet.tcp.sack.enable": _switch("sack"),
    "net.inet.tcp.rfc1323": _rfc1323,
    "net.inet.tcp.recvspace": _number("receive_buffer"),
    "net.inet.tcp.sendspace": _number("send_buffer"),
    "kern.ipc.maxsockbuf": _max_socket_buffer,
    "net.inet.tcp.blackhole": _only("0"),
    "net.inet.tcp.insecure_rst": _inverse("challenge_rst"),
    "net.inet.tcp.insecure_syn": _inverse("challenge_syn"),
    "net.inet.tcp.delacktime": _number("delayed_ack_ns", MS),
    "net.inet.tcp.rexmit_initial": _number("rto_initial_ns", MS),
    "net.inet.tcp.rexmit_slop": _only("200"),
    "net.inet.tcp.rexmit_drop_options": _only("0"),
    "net.inet.tcp.icmp_may_rst": _switch("icmp_ends_attempts"),
    "net.inet.tcp.drop_synfin": _syn_fin,
    "net.inet.tcp.syncookies_only": lambda system, value: system.change(
        syn_cookies="always" if value == "1" else "never"
    ),
    "net.inet.tcp.fastopen.client_enable": _client_fast_open,
    "net.inet.tcp.ecn.enable": _ecn({"0": "off", "1": "request", "2": "accept"}),
    "net.inet.tcp.ecn.maxretries": _number("ecn_syn_retries"),
    "net.inet.tcp.keepinit": _number("r2_syn_ns", MS),
    "net.inet.tcp.keepidle": _number("keepalive_idle_ns", MS),
    "net.inet.tcp.keepintvl": _number("keepalive_interval_ns", MS),
    "net.inet.tcp.keepcnt": _number("keepalive_probes"),
    "net.ipv4.tcp_min_tso_segs": _offload("least_segments"),
    "net.ipv4.tcp_pacing_ss_ratio": _offload("slow_start_percent"),
    "net.ipv4.tcp_pacing_ca_ratio": _offload("avoidance_percent"),
    "net.ipv4.tcp_sack": _switch("sack"),
    "net.ipv4.tcp_timestamps": _switch("timestamps"),
    "net.ipv4.tcp_window_scaling": _switch("window_scaling"),
    "net.ipv4.tcp_ecn": _ecn(
        {
            "0": "off",
            "1": "request",
            "2": "accept",
            "3": "accurate",
            "4": "accurate/request",
            "5": "accurate/off",
        }
    ),
    "net.ipv4.tcp_ecn_option": _switch("accecn_option"),
    "net.ipv4.tcp_rmem": _receive_memory,
    "net.ipv4.tcp_wmem": _send_memory,
    "net.ipv4.tcp_syn_retries": _syn_retries,
    "net.ipv4.tcp_synack_retries": _only("5"),
    "net.ipv4.tcp_reordering": _number("duplicate_threshold"),
    "net.ipv4.tcp_congestion_control": lambda system, value: system.change(
        congestion_control={"reno": "newreno"}.get(value, value)
    ),
    "net.ipv4.tcp_slow_start_after_idle": _switch("restart_after_idle"),
    "net.ipv4.tcp_fastopen": _fast_open,
    "net.ipv4.tcp_fastopen_cookies": _forget_cookies,
    "net.ipv4.tcp_recovery": _switch("rack"),
    "net.ipv4.tcp_early_retrans": lambda system, value: system.change(
        tail_loss_probe=int(value) >= 3
    ),
    "net.ipv4.tcp_frto": _switch("frto"),
    "net.ipv4.tcp_dsack": _switch("dsack"),
    "net.ipv4.tcp_rto_max_ms": _number("rto_max_ns", MS),
}
