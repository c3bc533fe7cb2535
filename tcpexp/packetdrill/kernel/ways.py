"""The ways in which a script is played: over IPv4, over IPv6, and over IPv4 with an IPv6 socket.

Source: the kernel's tools/testing/selftests/net/packetdrill/ksft_runner.sh, whose addresses and
defines the scripts of the kernel are written for. Those of google/packetdrill (run_all.py) are the
same.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tcpexp.packetdrill.guest.device import Addresses
from tcpexp.packetdrill.kernel.packets import Unplayable
from tcpexp.packetdrill.script import Script

#: packetdrill's own, where neither a script nor a way says one.
BIND_PORT = CONNECT_PORT = 8080


@dataclass(frozen=True)
class Way:
    """One way: ``family`` is that of the sockets, ``defines`` are words that scripts use."""

    name: str
    family: int
    addresses: Addresses
    defines: Mapping[str, str]
    endings: tuple[str, ...] = ()

    @property
    def wire(self) -> int:
        """Return the version of IP on the wire."""
        return 6 if self.addresses.family == socket.AF_INET6 else 4


_V4 = Addresses("192.168.0.1", 16, "192.168.0.1", "192.0.2.1")
_V6 = Addresses("fd3d:a0b:17d6::1", 48, "fd3d:a0b:17d6:8888::1", "fd3d:fa7b:d17d::1", mtu=1520)
_V4_COOKIES = {
    "TFO_COOKIE": "3021b9d889017eeb",
    "TFO_COOKIE_ZERO": "b7c12350a90dc8f5",
    "CODE": "host_unreachable",
}
_IPV6_ERRORS = {"CMSG_LEVEL_IP": "SOL_IPV6", "CMSG_TYPE_RECVERR": "IPV6_RECVERR"}

WAYS = {
    way.name: way
    for way in (
        Way(
            "ipv4",
            int(socket.AF_INET),
            _V4,
            {**_V4_COOKIES, "CMSG_LEVEL_IP": "SOL_IP", "CMSG_TYPE_RECVERR": "IP_RECVERR"},
        ),
        Way(
            "ipv6",
            int(socket.AF_INET6),
            _V6,
            {
                "TFO_COOKIE": "c1d1e9742a47a9bc",
                "TFO_COOKIE_ZERO": "82af1a8f9a205c34",
                "CODE": "address_unreachable",
                **_IPV6_ERRORS,
            },
        ),
        Way("ipv4-mapped-ipv6", int(socket.AF_INET6), _V4, {**_V4_COOKIES, **_IPV6_ERRORS}),
    )
}


def ways_of(script: Script) -> tuple[Way, ...]:
    """Return the ways in which a script wants to be played: one that it names, or all.

    A name that ends in ``v4`` or ``v6`` says so as well (run_all.py of google/packetdrill).
    """
    named = script.option("ip_version")
    if named:
        return (WAYS[named],) if named in WAYS else ()
    stem = script.name.removesuffix(".pkt")
    if stem.endswith("v6"):
        return (WAYS["ipv6"],)
    if stem.endswith("v4"):
        return tuple(way for way in WAYS.values() if way.wire == 4)
    return tuple(WAYS.values())


def with_options(way: Way, script: Script) -> Way:
    """Return a way with the addresses that a script's own options name.

    Raises:
        Unplayable: one is no address.
    """
    addresses = way.addresses
    names = {"local_ip": "local", "gateway_ip": "gateway", "remote_ip": "remote"}
    for option, field in names.items():
        value = script.option(option)
        if not value:
            continue
        text = value.partition("/")[0]
        try:
            found = ipaddress.ip_address(text)
        except ValueError:
            raise Unplayable(f"--{option}={value}, which is no address") from None
        if found.version == way.wire:
            addresses = replace(addresses, **{field: str(found)})
    mask = script.option("netmask_ip")
    if mask and way.wire == 4:
        addresses = replace(addresses, prefix=ipaddress.ip_network(f"0.0.0.0/{mask}").prefixlen)
    if script.option("mtu"):
        addresses = replace(addresses, mtu=int(script.option("mtu") or 0))
    return replace(way, addresses=addresses)
