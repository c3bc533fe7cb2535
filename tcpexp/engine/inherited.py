"""Settings that a new network namespace takes from the machine's own one, put back to what the
kernel itself would have chosen.

Most settings of a new namespace are the kernel's defaults, whatever the machine has. These are not:

- ``tcp_rmem``, ``tcp_wmem`` and the default congestion control (net/ipv4/tcp_ipv4.c: tcp_sk_init),
- ``net.ipv4.conf.all`` and ``.default``, and after them all interfaces (net/ipv4/devinet.c:
  devinet_init_net, unless ``net.core.devconf_inherit_init_net`` is 2),
- the timers and numbers of ARP and neighbour discovery (net/core/neighbour.c: neigh_parms_alloc).

A machine's administrator, or a Mininet that runs beside, may have changed them. Some settings are
one for the whole machine: they cannot be put back for a node and are recorded (:data:`SHARED`).
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from tcpexp.engine.namespaces import EARLY_SYSCTLS, read_file, write_file

#: What a setting was, what it shall be, and how it reads back.
Change = tuple[str, str, str]

#: net/ipv4/devinet.c, ipv4_devconf and ipv4_devconf_dflt: what is not 0. What the engine chooses
#: itself is left alone (engine/namespaces.py, EARLY_SYSCTLS).
IPV4_NOT_ZERO = {
    "accept_redirects": "1",
    "send_redirects": "1",
    "secure_redirects": "1",
    "shared_media": "1",
    "igmpv2_unsolicited_report_interval": "10000",
    "igmpv3_unsolicited_report_interval": "1000",
    "arp_evict_nocarrier": "1",
}
#: Set by the kernel for each interface, or with a meaning of their own when written.
IPV4_LEFT_ALONE = ("forwarding", "mc_forwarding", "medium_id")
#: net/ipv4/arp.c, arp_tbl; net/ipv6/ndisc.c, nd_tbl.
NEIGHBOUR = {
    "mcast_solicit": "3",
    "ucast_solicit": "3",
    "app_solicit": "0",
    "mcast_resolicit": "0",
    "retrans_time_ms": "1000",
    "base_reachable_time_ms": "30000",
    "delay_first_probe_time": "5",
    "gc_stale_time": "60",
}
#: Since this version a receive buffer may grow to 32 MiB instead of 6 (net/ipv4/tcp.c, tcp_init).
LARGE_RMEM_KERNEL = (6, 16)
#: How far a buffer's largest size may be from what the machine's memory gives: the kernel counts
#: free pages at boot.
MEMORY_TOLERANCE = 0.15
#: One for the whole machine: recorded with a run.
SHARED = (
    *(
        "net.core.rmem_max",
        "net.core.wmem_max",
        "net.core.rmem_default",
        "net.core.wmem_default",
        "net.core.default_qdisc",
    ),
    *(
        "net.core.netdev_max_backlog",
        "net.core.devconf_inherit_init_net",
        "net.ipv4.tcp_mem",
        "net.ipv4.udp_mem",
        "net.ipv4.tcp_max_orphans",
    ),
    *(
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_wmem",
        "net.ipv4.tcp_congestion_control",
        "net.ipv4.tcp_allowed_congestion_control",
    ),
)


def put_back() -> dict[str, Change]:
    """Set what this network namespace has inherited to the kernel's defaults.

    Return what was not, by sysctl.
    """
    wanted = (
        {f"net/ipv4/{name}": value for name, value in tcp_defaults().items()}
        | congestion_default()
        | ipv4_defaults()
    )
    return _set(wanted)


def put_back_neighbours() -> dict[str, Change]:
    """Set timers and numbers of ARP and neighbour discovery of every interface here to the kernel's
    defaults; return what was not, by sysctl.
    """
    folders = [
        folder
        for version in ("ipv4", "ipv6")
        for folder in sorted(Path(f"/proc/sys/net/{version}/neigh").glob("*"))
    ]
    return _set(
        {
            f"{folder}/{name}".removeprefix("/proc/sys/"): value
            for folder in folders
            for name, value in NEIGHBOUR.items()
        }
    )


def tcp_defaults() -> dict[str, str]:
    """Return ``tcp_rmem`` and ``tcp_wmem`` as the kernel computes them at boot (net/ipv4/tcp.c,
    tcp_init); left out where they are as it would have.
    """
    numbers = [int(number) for number in os.uname().release.split("-")[0].split(".")[:2]]
    share = memory_bytes() // 128
    largest = {
        "tcp_rmem": (
            131072,
            max(131072, min((32 if tuple(numbers) >= LARGE_RMEM_KERNEL else 6) << 20, share)),
        ),
        "tcp_wmem": (16384, max(65536, min(4 << 20, share))),
    }
    wanted = {}
    for name, (default, most) in largest.items():
        smallest = os.sysconf("SC_PAGE_SIZE")
        has = [int(word) for word in read_file(f"/proc/sys/net/ipv4/{name}").split()]
        if has[:2] != [smallest, default] or abs(has[2] - most) > MEMORY_TOLERANCE * most:
            wanted[name] = f"{smallest} {default} {most}"
    return wanted


def memory_bytes() -> int:
    """Return the machine's memory."""
    line = next(
        line for line in read_file("/proc/meminfo").splitlines() if line.startswith("MemTotal")
    )
    return int(line.split()[1]) << 10


def congestion_default() -> dict[str, str]:
    """Return CUBIC as the default congestion control, the one that Linux is configured with
    (CONFIG_DEFAULT_TCP_CONG), where the kernel has it.
    """
    has = read_file("/proc/sys/net/ipv4/tcp_available_congestion_control").split()
    return {"net/ipv4/tcp_congestion_control": "cubic"} if "cubic" in has else {}


def ipv4_defaults() -> dict[str, str]:
    """Return the settings of ``net.ipv4.conf.all`` and ``.default``.

    Interfaces, also those that are there, follow the latter (devinet_copy_dflt_conf).
    """
    wanted = {}
    for where in ("all", "default"):
        folder = Path("/proc/sys/net/ipv4/conf") / where
        for path in folder.glob("*"):
            if path.name not in IPV4_LEFT_ALONE or (where, path.name) == ("default", "forwarding"):
                wanted[f"net/ipv4/conf/{where}/{path.name}"] = IPV4_NOT_ZERO.get(path.name, "0")
        if where != "all":
            wanted[f"net/ipv4/conf/{where}/accept_source_route"] = "1"
    return {key: value for key, value in wanted.items() if key not in EARLY_SYSCTLS}


def _set(wanted: dict[str, str]) -> dict[str, Change]:
    changed = {}
    for key, value in wanted.items():
        path = f"/proc/sys/{key}"
        try:
            before = _words(path)
        except OSError:
            continue  # this kernel has no such setting
        if before != value:
            # not every setting may be changed from within a namespace: it reads back
            with contextlib.suppress(OSError):
                write_file(path, value)
            changed[key.replace("/", ".")] = (before, value, _words(path))
    return changed


def _words(path: str) -> str:
    return " ".join(read_file(path).split())


def shared_settings() -> dict[str, str]:
    """Return the settings of :data:`SHARED` that can be read here, in the machine's own network
    namespace.
    """
    found = {}
    for key in SHARED:
        try:
            found[key] = _words(f"/proc/sys/{key.replace('.', '/')}")
        except OSError:
            continue
    return found
