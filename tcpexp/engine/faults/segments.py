"""Load the program for faults into wires, switch faults on and off, and keep the record of what it
did.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.engine import readback, wire
from tcpexp.engine.commands import Executor
from tcpexp.engine.faults import rules as layout
from tcpexp.engine.faults.bpf import Map, maps_of_program
from tcpexp.engine.faults.rules import Rule, rules_of
from tcpexp.engine.offloads import set_offloads
from tcpexp.errors import RunError
from tcpexp.plan.types import DirectionPlan, SegmentFault, Step
from tcpexp.record.measured import FaultPoint, FaultRule

if TYPE_CHECKING:
    from tcpexp.engine.assembly import Network, Wire

OBJECT = Path(__file__).parent / "segments.bpf.o"
SECTION = "tc"
FAULT_PREF = 1


@dataclass
class Point:
    """The program at one direction of a link: its rules in their order, and its maps."""

    link: str
    towards: str
    maps: dict[str, Map]
    out: int
    rules: list[Rule] = field(default_factory=list)
    detours: dict[int, int] = field(default_factory=dict)

    def read(self, name: str, index: int, shape: struct.Struct) -> tuple[Any, ...]:
        """Return an entry of one of the program's arrays."""
        return shape.unpack(self.maps[name].read(struct.pack("=I", index)))

    def put(self, name: str, key: bytes, value: bytes) -> None:
        """Write an entry and read it back; raises ``RunError`` when it differs."""
        self.maps[name].write(key, value)
        found = self.maps[name].read(key)
        if found != value:
            raise RunError(
                f"faults of {self.link} towards {self.towards}: map {name} asked {value.hex()},"
                f" reads back {found.hex()}"
            )


class SegmentFaults:
    """All faults of a run. Nothing is loaded for a plan without any."""

    def __init__(self, network: Network, executor: Executor) -> None:
        self.network = network
        self.executor = executor
        self.points: dict[tuple[str, str], Point] = {}
        self.hosts = layout.host_numbers(network.plan)
        self.written = False

    def install(self, steps: Sequence[Step]) -> None:
        """Load the program wherever a step of the plan needs it, with every fault known and none
        active.

        Raises:
            RunError: the kernel or tc refuses, a link has no wire, or something reads back
                different.
        """
        wanted: dict[tuple[str, str], list[Rule]] = {}
        for step in steps:
            if isinstance(step.do, SegmentFault):
                wanted.setdefault((step.do.link, step.do.towards), []).extend(
                    rules_of(step.id, step.do)
                )
        try:
            for (link, towards), rules in wanted.items():
                self._install(link, towards, rules)
        except OSError as error:
            raise RunError(f"faults on segments need bpf(2): {error}") from None

    def switch(self, step_id: str, active: bool) -> None:
        """Switch a fault on or off; counting goes on either way."""
        for point in self.points.values():
            for index, rule in enumerate(point.rules):
                if rule.step == step_id:
                    point.rules[index] = layout.switched(rule, active)
                    point.put(
                        "rules", struct.pack("=I", index), point.rules[index].pack(self.hosts)
                    )

    def applied(self, step_id: str) -> int:
        """Return on how many segments a fault has acted."""
        return sum(
            point.read("tallies", index, layout.TALLY)[3]
            for point in self.points.values()
            for index, rule in enumerate(point.rules)
            if rule.step == step_id
        )

    def write(self, path: Path, zero_ns: int | None) -> None:
        """Write what all faults did to ``path``, once; a run without faults leaves no file."""
        if not self.points or self.written:
            return
        self.written = True
        points = [self._record(point, zero_ns or 0) for point in self.points.values()]
        path.write_text(json.dumps({"points": points}, indent=1) + "\n")
        for point in self.points.values():
            for opened in point.maps.values():
                with contextlib.suppress(OSError):
                    os.close(opened.file)

    # --------------------------------------------------------------------------------------------
    # loading

    def _install(self, link: str, towards: str, rules: list[Rule]) -> None:
        made = self.network.wires.get(link)
        if made is None:
            raise RunError(f"link {link} has no wire, so no fault can act on it")
        if len(rules) > layout.MAX_RULES:
            raise RunError(
                f"{len(rules)} numbers of segments for {link} towards {towards}; at most"
                f" {layout.MAX_RULES} can be named"
            )
        forward = towards == made.link.b.node
        device, out = wire.fault_point(made.link, forward)
        maps = self._load(made, device)
        with self.network.inside(made.name):
            point = Point(link, towards, maps, socket.if_nametoindex(out))
            delays = {rule.fault.delay_ns for rule in rules if rule.fault.effect == "delay"}
            for number, delay_ns in enumerate(sorted(delays)):
                name = f"{'ab'[forward]}{number}"
                point.detours[delay_ns] = self._make_detour(made, out, delay_ns, name)
        self._fill(point, rules)
        self.points[link, towards] = point

    def _load(self, made: Wire, device: str) -> dict[str, Map]:
        """Load the program at a device of a wire and return its maps, which must be ours."""
        words = f"bpf direct-action object-file {OBJECT} section {SECTION}"
        where = ("dev", device, "ingress", "pref", str(FAULT_PREF), "protocol", "all")
        self.executor.run(made.name, ["tc", "filter", "add", *where, *words.split()])
        maps = maps_of_program(self._program_id(made, device))
        for name, size in layout.SIZES.items():
            if name not in maps or maps[name].value_bytes != size:
                raise RunError(
                    f"{OBJECT.name} and rules.py differ in the map {name}: build it again from its"
                    " source"
                )
        return maps

    def _fill(self, point: Point, rules: list[Rule]) -> None:
        """Write hosts, rules and settings into a program's maps."""
        for address, host in layout.host_addresses(self.network.plan).items():
            point.put("hosts", address, struct.pack("=I", host))
        for index, rule in enumerate(rules):
            placed = Rule(
                rule.step,
                rule.fault,
                rule.first,
                rule.last,
                rule.every,
                point.detours.get(rule.fault.delay_ns, 0),
            )
            point.rules.append(placed)
            point.put("rules", struct.pack("=I", index), placed.pack(self.hosts))
        settings = layout.SETTINGS.pack(len(rules), point.out, 0, 0, 0, 0, 0)
        point.put("settings", struct.pack("=I", 0), settings)

    def _program_id(self, made: Wire, device: str) -> int:
        shown = self.executor.run(
            made.name,
            ["tc", "-j", "filter", "show", "dev", device, "ingress", "pref", str(FAULT_PREF)],
        ).stdout
        for entry in readback.parse_documents(shown)[0]:
            program = entry.get("options", {}).get("prog")
            if program:
                return int(program["id"])
        raise RunError(
            f"{made.name}: the fault program on {device} does not read back: {shown.strip()[:400]}"
        )

    def _make_detour(self, made: Wire, out: str, delay_ns: int, suffix: str) -> int:
        """Make a veth pair with a delay whose far end leads on to ``out``.

        Return the index of its near end.
        """
        near, far = f"d{suffix}", f"e{suffix}"
        pair = (
            f"link add name {near} mtu {made.mtu} numtxqueues 1 numrxqueues 1 type veth peer name"
            f" {far} mtu {made.mtu} numtxqueues 1 numrxqueues 1"
        )
        lines = [pair, f"link set dev {near} up", f"link set dev {far} up"]
        self.executor.run(
            made.name, ["ip", "-batch", "-"], stdin="".join(f"{line}\n" for line in lines)
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            for device in (near, far):
                set_offloads(control, device, {"tso": False, "gso": False, "gro": False})
        delay = wire.Qdisc(
            near,
            "root",
            wire.NETEM_HANDLE,
            "netem",
            wire.netem_words(DirectionPlan(delay_ns=delay_ns), None),
        )
        lines = [
            delay.command("add"),
            f"qdisc add dev {far} clsact",
            wire.crossing_command(far, out, self.network.classifier),
        ]
        self.executor.run(
            made.name, ["tc", "-batch", "-"], stdin="".join(f"{line}\n" for line in lines)
        )
        shown = self.executor.run(
            made.name,
            ["tc", "-j", "-batch", "-"],
            stdin=f"qdisc show\nfilter show dev {far} ingress\n",
        ).stdout
        qdiscs, filters = readback.parse_documents(shown)
        readback.check_qdisc(delay, qdiscs)
        readback.check_filters(far, out, filters)
        return socket.if_nametoindex(near)

    # --------------------------------------------------------------------------------------------
    # recording

    def _record(self, point: Point, zero_ns: int) -> FaultPoint:
        _rules, _out, lines, flows, untracked_flows, untracked_segments, failed = point.read(
            "settings", 0, layout.SETTINGS
        )
        kept = min(lines, point.maps["lines"].entries)
        rows = [
            layout.unpack_line(
                point.maps["lines"].read(struct.pack("=I", index)), zero_ns, point.rules
            )
            for index in range(kept)
        ]
        tallies: list[FaultRule] = []
        for index, rule in enumerate(point.rules):
            connections, highest, selected, applied = point.read("tallies", index, layout.TALLY)
            tallies.append(
                {
                    "step": rule.step,
                    "first": rule.first,
                    "connections": connections,
                    "highest": highest,
                    "selected": selected,
                    "applied": applied,
                }
            )
        return {
            "link": point.link,
            "towards": point.towards,
            "lines_lost": lines - kept,
            "flows": flows,
            "untracked_flows": untracked_flows,
            "untracked_segments": untracked_segments,
            "failed": failed,
            "rules": tallies,
            "lines": rows,
        }
