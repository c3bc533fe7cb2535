"""A script as a job for the guest: small steps, numbers instead of words."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Any

from tcpexp.packetdrill.kernel.packets import encode, flag_bits, protocol_of
from tcpexp.packetdrill.kernel.shell import ReadFile, parse_commands
from tcpexp.packetdrill.kernel.syscalls import lower_call
from tcpexp.packetdrill.kernel.ways import BIND_PORT, CONNECT_PORT, Way, with_options
from tcpexp.packetdrill.outcome import Unplayable
from tcpexp.packetdrill.script import Call, Command, Event, Packet, Script, Tcp

SYN, ACK = 2, 16
#: Options of a script that ask for what no guest has.
NOT_HERE = ("is_anyip", "speed", "wire_client", "wire_server", "so_filename", "psp_udp_port")


def lower_script(script: Script, way: Way, read: ReadFile) -> dict[str, Any]:
    """Return the job of a script in one way; ``read`` reads files beside the script.

    Raises:
        Unplayable: the script has what this player does not do; the text begins with its line.
    """
    for name in NOT_HERE:
        if script.option(name) is not None:
            raise Unplayable(f"the option --{name}")
    way = with_options(way, script)
    steps = [_placed(event, script, way, read) for event in script.events]
    return {
        "seed": hashlib.sha256(f"{script.name} {way.name}".encode()).hexdigest(),
        "addresses": asdict(way.addresses),
        "family": way.family,
        "bind_port": int(script.option("bind_port") or BIND_PORT),
        "connect_port": int(script.option("connect_port") or CONNECT_PORT),
        "segment": int(script.option("mss") or 0),
        "strict": script.option("strict_segments") is not None,
        "scaled_echo": script.option("tcp_ts_ecr_scaled") is not None,
        "initial": _commands(script.initial, read),
        "final": _commands(script.final, read),
        "steps": steps,
    }


def _commands(command: Command | None, read: ReadFile) -> list[dict[str, Any]]:
    return parse_commands(command.text, read) if command is not None else []


def _placed(event: Event, script: Script, way: Way, read: ReadFile) -> dict[str, Any]:
    try:
        step = _lower(event, way, read)
    except Unplayable as error:
        raise Unplayable(f"line {event.line}: {error}") from None
    when = event.when
    return {**step, "time": when.kind, "at": when.at_ns, "until": when.until_ns}


def _lower(event: Event, way: Way, read: ReadFile) -> dict[str, Any]:
    action = event.action
    if isinstance(action, Call):
        return lower_call(action, way.family)
    if isinstance(action, Command):
        return {"do": "command", "commands": _commands(action, read)}
    if isinstance(action, Packet):
        return _packet(action, way)
    return {"do": "code"}


def _packet(packet: Packet, way: Way) -> dict[str, Any]:
    if packet.outer or packet.udp_ports is not None:
        raise Unplayable("a packet in a tunnel")
    step: dict[str, Any] = {
        "do": packet.direction,
        "protocol": protocol_of(packet, way.wire),
        "syn": False,
        "ack": False,
        "seq": 0,
        "length": 0,
        "ts": None,
    }
    content = packet.content
    if isinstance(content, Tcp):
        if content.absolute:
            raise Unplayable("a sequence number of the wire's own")
        flags = flag_bits(content)
        step.update(syn=bool(flags & SYN), ack=bool(flags & ACK))
        step.update(seq=content.seq or 0, length=content.length)
        stamps = [option for option in content.options or () if option.kind == "TS"]
        step["ts"] = stamps[-1].value if stamps else None
    if packet.direction == "in":
        step["bytes"] = encode(packet, way.wire).hex()
    return step
