"""What makes a node speak IPv6 and nothing but what the experiment says.

Without these settings every interface would give itself a link-local address, look for others that
have it, ask for routers and report its multicast groups, at times drawn at random.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

#: For each interface (Linux, ip-sysctl), before it comes up.
QUIET = {
    "addr_gen_mode": "1",  # no link-local address: every address is the plan's
    "accept_dad": "0",  # RFC 4862 section 5.4: nobody else can have the address
    "dad_transmits": "0",
    "router_solicitations": "0",
    "accept_ra": "0",
    "accept_redirects": "0",
    "autoconf": "0",
    "keep_addr_on_down": "1",  # as IPv4 does when a link goes down and comes up again
    # Reports of multicast groups (RFC 3810) leave within so many ms, before anything is recorded; a
    # multiple of the tick of every usual kernel.
    "mldv1_unsolicited_report_interval": "40",
    "mldv2_unsolicited_report_interval": "40",
}
#: For how long no report may have left before the network counts as quiet, and how long that is
#: waited for.
REPORT_SILENCE_S = 1.2
REPORT_LIMIT_S = 10.0
REPORT_STEP_S = 0.05


def ipv6_sysctls(interfaces: list[str], forward: str) -> dict[str, str]:
    """Return the settings of a node with these interfaces, in the order in which they are written.

    ``forward`` is 1 for a router.

    Nodes are born with IPv6 switched off. The last setting but one switches it on, for the loopback
    interface too. Slashes, since a name may hold dots.
    """
    settings = {
        f"net/ipv6/conf/{name}/{key}": value for name in interfaces for key, value in QUIET.items()
    }
    return {
        **settings,
        "net/ipv6/conf/all/disable_ipv6": "0",
        "net/ipv6/conf/all/forwarding": forward,
    }


def reports_sent(pid: int) -> int:
    """Return how many reports of multicast groups have left the network namespace of process
    ``pid``.
    """
    return parse_snmp6(Path(f"/proc/{pid}/net/snmp6").read_text(encoding="ascii")).get(
        "Icmp6OutMLDv2Reports", 0
    )


def parse_snmp6(text: str) -> dict[str, int]:
    """Return the counters of /proc/net/snmp6."""
    return {name: int(value) for name, value in (line.split() for line in text.splitlines())}


def await_reports(sent: Callable[[], int]) -> None:
    """Wait until the reports that follow from the interfaces' own addresses have left, so that none
    of them is captured.

    An interface reports when it comes up, and again when the kernel's link watch, which looks once
    a second, has seen that it did (addrconf_notify in net/ipv6/addrconf.c). ``sent`` is how many
    reports have left all nodes.
    """
    began = changed = time.monotonic()
    before = sent()
    while changed + REPORT_SILENCE_S > (now := time.monotonic()) and now < began + REPORT_LIMIT_S:
        time.sleep(REPORT_STEP_S)
        if (count := sent()) != before:
            before, changed = count, time.monotonic()
