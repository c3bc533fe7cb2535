"""ICMP messages of a script in the words of ``tcpexp.tcp``."""

from __future__ import annotations

from tcpexp.packetdrill.outcome import Unplayable
from tcpexp.packetdrill.script import Icmp

#: Type and code by packetdrill's names: what RFC 9293 section 3.9.2.2 calls the error.
_UNREACHABLE = {
    "net_unreachable": "network unreachable",
    "host_unreachable": "host unreachable",
    "protocol_unreachable": "protocol unreachable",
    "port_unreachable": "port unreachable",
    "source_route_failed": "source route failed",
    "no_route": "network unreachable",
    "address_unreachable": "host unreachable",
    "net_prohibited": "administratively prohibited",
    "host_prohibited": "administratively prohibited",
    "packet_filtered": "administratively prohibited",
    "admin_prohibited": "administratively prohibited",
    "net_unknown": "network unreachable",
    "host_unknown": "host unreachable",
    "source_host_isolated": "host unreachable",
    "net_unreachable_for_tos": "network unreachable",
    "host_unreachable_for_tos": "host unreachable",
    "precedence_violation": "host unreachable",
    "precedence_cutoff": "host unreachable",
    "not_neighbour": "host unreachable",
}


def meaning(message: Icmp, address: str) -> str | None:
    """Return the error that a message reports, None for one that TCP does not hear of.

    Raises: Unplayable for one that this TCP has no rule for.
    """
    if message.type == "unreachable" and message.code is None:
        return "network unreachable"  # code 0: packetdrill's icmp_packet.c
    if message.type == "unreachable" and message.code in _UNREACHABLE:
        return _UNREACHABLE[message.code]
    if message.code == "frag_needed" or message.type == "packet_too_big":
        return "fragmentation needed"
    if message.type == "time_exceeded":
        return "time exceeded"
    if message.code == "unknown_next_header":  # ICMPv6's word for it: RFC 4443 section 3.4
        return "protocol unreachable"
    if message.type == "parameter_problem":
        return "parameter problem"
    if message.type == "source_quench":
        return "source quench"
    if message.type in ("redirect", "echo_request", "echo_reply"):
        return None
    raise Unplayable(f"the ICMP error {message.type} {message.code or ''}".rstrip())
