"""Names of kernel settings that a spec may change."""

from __future__ import annotations

import difflib
import re

from tcpexp.spec.sysctl_names import NAMES
from tcpexp.units import QuantityError

_NAME = re.compile(r"net\.[A-Za-z0-9_./-]{1,80}")
#: Settings that IPv4 and IPv6 share have IPv4's name (Linux, ip-sysctl); nothing below net.ipv6
#: begins so.
_SHARED = re.compile(r"net\.ipv6\.((?:tcp|udp|ip_local)_.*)")
#: The name of an interface in a setting that each interface has.
_INTERFACE = re.compile(r"(net\.ipv[46]\.(?:conf|neigh)\.)([^.]+)(\..+)")
#: Some that the whole machine shares, so that no host has them (/proc/sys/net of a first namespace,
#: not of another; Linux 6.18).
MACHINE_WIDE = {
    "net.core.busy_poll",
    "net.core.busy_read",
    "net.core.default_qdisc",
    "net.core.dev_weight",
    "net.core.max_skb_frags",
    "net.core.netdev_budget",
    "net.core.netdev_max_backlog",
    "net.ipv4.tcp_low_latency",
    "net.ipv4.tcp_max_orphans",
    "net.ipv4.tcp_mem",
    "net.ipv4.udp_mem",
}
#: Where every setting is known. What else is below net (netfilter's, say) comes and goes with
#: modules: the place is asked.
KNOWN_BELOW = ("net.core.", "net.ipv4.", "net.ipv6.", "net.unix.")


def check_sysctl_name(name: str) -> str:
    """Return ``name`` when it is a setting of one host's network; raises ``QuantityError``.

    Which there are is in ``sysctl_names.py``, as kernels show them in a network namespace
    (scripts/sysctl-names).
    """
    if not _NAME.fullmatch(name) or ".." in name:
        hint = "write a name such as net.ipv4.tcp_sack; only net.* belongs to one host alone"
        raise QuantityError(f"'{name[:60]}' is not a setting of a host's network", hint)
    shared = _SHARED.fullmatch(name)
    if shared:
        raise QuantityError(
            f"there is no setting '{name}'", f"write net.ipv4.{shared[1]}, which holds for IPv6 too"
        )
    dotted = name.replace("/", ".")
    interface = _INTERFACE.fullmatch(dotted)
    general = dotted if interface is None else f"{interface[1]}*{interface[3]}"
    if dotted.startswith(KNOWN_BELOW) and general not in NAMES:
        if general in MACHINE_WIDE:
            raise QuantityError(
                f"'{name}' holds for the whole machine, and no host has one of its own",
                "leave it out",
            )
        near = difflib.get_close_matches(general, NAMES, n=1, cutoff=0.7)
        meant = near[0].replace("*", interface[2] if interface else "all") if near else None
        hint = (
            f"did you mean '{meant}'?"
            if meant
            else "what a host has is in its /proc/sys/net, and in docs/reference/spec.md"
        )
        raise QuantityError(f"no host has a setting '{name}'", hint)
    return name
