"""Names of kernel settings that a spec may change."""

from __future__ import annotations

import re

from tcpexp.units import QuantityError

_NAME = re.compile(r"net\.[A-Za-z0-9_./-]{1,80}")
#: Settings that IPv4 and IPv6 share have IPv4's name (Linux, ip-sysctl); nothing below net.ipv6 begins so.
_SHARED = re.compile(r"net\.ipv6\.((?:tcp|udp|ip_local)_.*)")


def check_sysctl_name(name: str) -> str:
    """Return ``name`` when it can be a setting of one host's network; raises ``QuantityError``."""
    if not _NAME.fullmatch(name) or ".." in name:
        hint = "write a name such as net.ipv4.tcp_sack; only net.* belongs to one host alone"
        raise QuantityError(f"'{name[:60]}' is not a setting of a host's network", hint)
    shared = _SHARED.fullmatch(name)
    if shared:
        raise QuantityError(f"there is no setting '{name}'", f"write net.ipv4.{shared[1]}, which holds for IPv6 too")
    return name
