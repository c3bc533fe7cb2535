"""The ways in which a script is played: over IPv4, over IPv6, and over IPv4 with an IPv6 socket.

Source: the kernel's tools/testing/selftests/net/packetdrill/ksft_runner.sh, whose addresses the
scripts of the kernel are written for. Those of google/packetdrill (run_all.py) are the
same.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass, replace

from tcpexp.packetdrill.guest.device import Addresses
from tcpexp.packetdrill.outcome import Unplayable
from tcpexp.packetdrill.script import Script
from tcpexp.packetdrill.variants import IpVersion, system_of, versions_of

#: packetdrill's own, where neither a script nor a way says one.
BIND_PORT = CONNECT_PORT = 8080


@dataclass(frozen=True)
class Way:
    """One way: ``family`` is that of the sockets."""

    name: IpVersion
    family: int
    addresses: Addresses

    @property
    def wire(self) -> int:
        """Return the version of IP on the wire."""
        return 6 if self.addresses.family == socket.AF_INET6 else 4


_V4 = Addresses("192.168.0.1", 16, "192.168.0.1", "192.0.2.1")
_V6 = Addresses("fd3d:a0b:17d6::1", 48, "fd3d:a0b:17d6:8888::1", "fd3d:fa7b:d17d::1", mtu=1520)
WAYS: dict[IpVersion, Way] = {
    "ipv4": Way("ipv4", int(socket.AF_INET), _V4),
    "ipv6": Way("ipv6", int(socket.AF_INET6), _V6),
    "ipv4-mapped-ipv6": Way("ipv4-mapped-ipv6", int(socket.AF_INET6), _V4),
}


def ways_of(script: Script) -> tuple[Way, ...]:
    """Return the ways in which a script wants to be played: one that it names, or all.

    An address of IPv4 for this end is for no other version: packetdrill's config.c refuses it.
    A name that ends in ``v4`` or ``v6`` says so as well (run_all.py of google/packetdrill).
    """
    if script.option("ip_version") or system_of(script.text) == "FreeBSD":
        return tuple(WAYS[version] for version in versions_of(script.text))
    stem = script.name.removesuffix(".pkt")
    if ":" not in (script.option("local_ip") or ":"):
        return tuple(way for way in WAYS.values() if way.wire == 4)
    if stem.endswith("v6"):
        return (WAYS["ipv6"],)
    return tuple(way for way in WAYS.values() if way.wire == 4 or not stem.endswith("v4"))


def with_options(way: Way, script: Script) -> Way:
    """Return a way with the addresses that a script's own options name.

    Raises:
        Unplayable: one is no address.
    """
    addresses = way.addresses
    addresses = replace(
        addresses,
        local=_address(script, "local_ip", way.wire) or addresses.local,
        gateway=_address(script, "gateway_ip", way.wire) or addresses.gateway,
        remote=_address(script, "remote_ip", way.wire) or addresses.remote,
    )
    mask = script.option("netmask_ip")
    if mask and way.wire == 4:
        addresses = replace(addresses, prefix=ipaddress.ip_network(f"0.0.0.0/{mask}").prefixlen)
    if script.option("mtu"):
        addresses = replace(addresses, mtu=int(script.option("mtu") or 0))
    network = ipaddress.ip_network(f"{addresses.local}/{addresses.prefix}", strict=False)
    if ipaddress.ip_address(addresses.gateway) not in network:
        raise Unplayable(f"{addresses.local}, from which {addresses.gateway} cannot be reached")
    return replace(way, addresses=addresses)


def _address(script: Script, option: str, version: int) -> str | None:
    """Return the address of an option, None without one of this version of IP."""
    value = script.option(option)
    if not value:
        return None
    try:
        found = ipaddress.ip_address(value.partition("/")[0])
    except ValueError:
        raise Unplayable(f"--{option}={value}, which is no address") from None
    return str(found) if found.version == version else None
