"""What a fault is to the program in the kernel: rules as bytes, and log lines back from bytes. Pure
functions.

The layouts are those of segments.bpf.c.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass, replace
from typing import Any

from tcpexp.errors import RunError
from tcpexp.plan.types import NetworkPlan, SegmentFault

MAX_RULES = 32
RULE = struct.Struct("=IIIIHHHHIIQQQQII")
TALLY = struct.Struct("=QQQQ")
SETTINGS = struct.Struct("=IIQIIII")
LINE = struct.Struct("=Q16s16sHHIQQIIIIII")
SIZES = {
    "rules": RULE.size,
    "tallies": TALLY.size,
    "settings": SETTINGS.size,
    "hosts": 4,
    "lines": LINE.size,
}
ALL = 2**64 - 1
KINDS = {
    "syn": 1,
    "syn-ack": 2,
    "data": 4,
    "fin": 8,
    "rst": 16,
    "pure-ack": 32,
    "window-update": 64,
    "any": 128,
}
EFFECTS = {"drop": 1, "duplicate": 2, "corrupt": 3, "delay": 4}


@dataclass(frozen=True)
class Rule:
    """One rule of the program: a fault, or one of its numbers where it names several that are not a
    series.
    """

    step: str
    fault: SegmentFault
    first: int
    last: int
    every: int = 1
    detour: int = 0
    active: bool = False

    def pack(self, hosts: dict[str, int]) -> bytes:
        """Return the rule as the program reads it.

        ``hosts`` numbers the hosts from 1 on, ``detour`` is an interface's index.
        """
        fault = self.fault
        target = hosts[fault.target] if fault.target is not None else 0
        ports = (fault.source_port or 0, fault.target_port or 0, fault.either_port or 0)
        return RULE.pack(
            1,
            int(self.active),
            hosts[fault.source],
            target,
            *ports,
            fault.skip_connections,
            KINDS[fault.segment],
            int(bool(fault.bytes)),
            self.first,
            self.last,
            self.every,
            transmission_mask(fault.transmissions),
            EFFECTS[fault.effect],
            self.detour,
        )


def rules_of(step: str, fault: SegmentFault) -> list[Rule]:
    """Return the rules of a fault, in the order of its numbers."""
    if fault.bytes:
        return [Rule(step, fault, fault.bytes[0], fault.bytes[1])]
    if fault.every is not None:
        return [Rule(step, fault, fault.first or fault.every, ALL, fault.every)]
    return [Rule(step, fault, number, number) for number in fault.nth] or [
        Rule(step, fault, 1, ALL)
    ]


def switched(rule: Rule, active: bool) -> Rule:
    """Return the rule switched on or off."""
    return replace(rule, active=active)


def transmission_mask(transmissions: tuple[int, ...]) -> int:
    """Return the bits of the transmissions, all of them for none named; the 64th is out of reach.

    Raises ``RunError``.
    """
    if any(not 1 <= number <= 63 for number in transmissions):
        raise RunError(f"transmissions {transmissions} of a fault are not all from 1 to 63")
    return sum(1 << (number - 1) for number in set(transmissions)) if transmissions else ALL


def host_numbers(network: NetworkPlan) -> dict[str, int]:
    """Return a number for every node, from 1 on."""
    return {node.name: number for number, node in enumerate(network.nodes, start=1)}


def host_addresses(network: NetworkPlan) -> dict[bytes, int]:
    """Return the number of the node that has each address, IPv4 and IPv6.

    IPv4 fills the first four of 16 bytes.
    """
    numbers = host_numbers(network)
    found = {}
    for node in network.nodes:
        for interface in node.interfaces:
            found[ipaddress.ip_address(interface.address).packed.ljust(16, b"\0")] = numbers[
                node.name
            ]
    return found


def address_text(packed: bytes, family: int) -> str:
    """Return an address of a log line as text."""
    return str(ipaddress.ip_address(packed[:4] if family == 4 else packed))


def unpack_line(data: bytes, zero_ns: int, rules: list[Rule]) -> dict[str, Any]:
    """Return a line of the log as a row of the table ``faults``, without link and direction.

    ``zero_ns`` is t0 on CLOCK_MONOTONIC.
    """
    (
        t_ns,
        source,
        target,
        source_port,
        target_port,
        family,
        offset,
        number,
        rule,
        _kind,
        seq,
        size,
        transmission,
        _effect,
    ) = LINE.unpack(data)
    fault = rules[rule].fault
    return {
        "t_ns": t_ns - zero_ns,
        "step": rules[rule].step,
        "effect": fault.effect,
        "segment": fault.segment,
        "src": address_text(source, family),
        "src_port": source_port,
        "dst": address_text(target, family),
        "dst_port": target_port,
        "seq": seq,
        "payload_bytes": size,
        "offset": offset if size else None,
        "number": number,
        "transmission": transmission,
        "delay_ns": fault.delay_ns if fault.effect == "delay" else None,
    }
