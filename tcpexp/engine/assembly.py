"""Put a plan's network together, change it while it runs, and read everything back."""

from __future__ import annotations

import dataclasses
import functools
import os
import re
import socket
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mininet.net import Mininet

from tcpexp.engine import dualpi2, inherited, namespaces, readback, wire
from tcpexp.engine.commands import CLEAN_ENVIRONMENT, Executor
from tcpexp.engine.ipv6 import await_reports, ipv6_sysctls, reports_sent
from tcpexp.engine.network import make_mininet, stop_mininet, wire_name
from tcpexp.engine.offloads import set_offloads
from tcpexp.engine.qdiscs import (
    QdiscSource,
    dump_classes,
    dump_policers,
    dump_qdiscs,
    open_netlink,
)
from tcpexp.engine.shown import (
    settings_words,
    shown_class,
    shown_policer,
    shown_qdisc,
    wire_roles,
)
from tcpexp.engine.sysctls import write_sysctl
from tcpexp.errors import RunError
from tcpexp.plan.types import DirectionPlan, InterfacePlan, LinkPlan, NetworkPlan, NodePlan, RunPlan
from tcpexp.record.rtnetlink import QdiscRole

#: What tc says on a kernel without the matchall classifier.
NO_CLASSIFIER = "classifier not found"
#: The first versions that can seed netem's random numbers.
SEED_KERNEL, SEED_IPROUTE2 = (6, 7), (6, 10)


@dataclass
class Wire:
    """A wire node: its name in commands, its link, and what it does now."""

    name: str
    link: LinkPlan
    number: int
    mtu: int
    forward: DirectionPlan
    backward: DirectionPlan
    applied: list[dict[str, Any]] = field(default_factory=list)
    #: directions whose rate follows a list now (engine/rates.py): their shaper is left alone
    following: set[bool] = field(default_factory=set)
    #: directions whose netem holds a table of jitter, which it keeps until it is given another
    tables: set[bool] = field(default_factory=set)


class Network:
    """The running network. ``nodes`` are Mininet's, wires included."""

    def __init__(self, plan: RunPlan, executor: Executor) -> None:
        self.plan: NetworkPlan = plan.network
        self.seed = plan.seed
        self.executor = executor
        self.versions: dict[str, str] = {}
        self.classifier = "matchall"
        self.wires: dict[str, Wire] = {}
        #: called with a wire that was changed and read back (engine/readbacks.py)
        self.changed: Callable[[Wire], None] = lambda made: None
        #: settings that nodes had inherited from the machine and that were put back, by sysctl
        self.put_back: dict[str, inherited.Change] = {}
        #: MTU of each host's and router's interface in bytes, as it was last read back
        self.mtus: dict[str, int] = {}
        self._net: Mininet | None = None
        self._sources: list[QdiscSource] = []
        self._opened: list[QdiscSource] = []
        self._tables: tempfile.TemporaryDirectory[str] | None = None

    # --------------------------------------------------------------------------------------------
    # building

    def build(self, *, own_kernel: bool = True) -> None:
        """Make nodes, links, addresses, routes, wires.

        Raises ``RunError`` when anything fails or reads back different.

        Where the kernel is not ours alone, nodes get the kernel's defaults instead of what they
        inherit from the machine.
        """
        self.versions["iproute2"] = installed_iproute2()
        try:
            self._net, pending = make_mininet(self.plan)
        except OSError as error:
            raise RunError(f"a network namespace could not be made: {error}") from None
        for node in self._net.hosts:
            self.executor.add_node(node.name, node.pid, node.network_file)
        if not own_kernel:
            self._put_back(inherited.put_back)
        self.executor.run(None, ["ip", "-batch", "-"], stdin=_lines(pending))
        if not own_kernel:
            self._put_back(inherited.put_back_neighbours)
        for number, link in enumerate(self.plan.links):
            if link.wire:
                name = wire_name(self.plan, number)
                self.wires[link.name] = Wire(
                    name, link, number, link.largest_mtu, link.forward, link.backward
                )
        for made in self.wires.values():
            self._build_wire(made)
        for node in self.plan.nodes:
            self._build_node(node)
        if self.plan.ip == 6:
            await_reports(
                lambda: sum(reports_sent(self.pid(node.name)) for node in self.plan.nodes)
            )

    def _put_back(self, call: Callable[[], dict[str, inherited.Change]]) -> None:
        assert self._net is not None
        for node in self._net.hosts:
            with namespaces.inside(node.network_file):
                self.put_back |= call()

    def qdisc_sources(self) -> list[QdiscSource]:
        """Return where the qdiscs of every link with a wire are read; opened at the first call."""
        if not self._sources:
            self._sources = self.open_qdisc_sources()
        return self._sources

    def open_qdisc_sources(self) -> list[QdiscSource]:
        """Return such sources afresh, for a process of its own: two that share a socket would take
        each other's answers.
        """
        sources = [self._open_source(made) for made in self.wires.values()]
        sources += self._open_host_sources()
        self._opened += sources
        return sources

    def _open_source(self, made: Wire) -> QdiscSource:
        roles = {}
        with self.inside(made.name):
            netlink = open_netlink()
            for device, role in wire_roles(made.link).items():
                roles[socket.if_nametoindex(device)] = role
        return QdiscSource(made.link.name, netlink, roles)

    def _open_host_sources(self) -> list[QdiscSource]:
        """Return where the disciplines in front of hosts' interfaces are read."""
        found = []
        for link in self.plan.links:
            for near, far in ((link.a, link.b), (link.b, link.a)):
                if self._interface(near.node, near.interface).queue is not None:
                    with self.inside(near.node):
                        role = QdiscRole(far.node, "host")
                        index = socket.if_nametoindex(near.interface)
                        found.append(QdiscSource(link.name, open_netlink(), {index: role}))
        return found

    def stop(self) -> None:
        """End all nodes; interfaces, qdiscs and rules go with their namespaces."""
        for source in self._opened:
            source.netlink.close()
        self._sources, self._opened = [], []
        if self._tables is not None:
            self._tables.cleanup()
            self._tables = None
        if self._net is not None:
            stop_mininet(self._net)
            self._net = None

    def pid(self, node: str) -> int:
        """Return the process that holds a node's namespaces."""
        return int(self._node(node).pid)

    def network_file(self, node: str) -> int:
        """Return the open file of a node's network namespace."""
        return int(self._node(node).network_file)

    def holders(self) -> dict[str, int]:
        """Return every node's holder, wires included."""
        return {} if self._net is None else {node.name: node.pid for node in self._net.hosts}

    def _node(self, name: str) -> Any:
        if self._net is None:
            raise RunError("the network is not running")
        return self._net[name]

    def _build_wire(self, made: Wire) -> None:
        link = made.link
        devices = ("w0", "w1", "x0", "x1") if link.wire_queue else ("w0", "w1")
        for device in devices:
            self._offloads(made.name, device, {"tso": False, "gso": False, "gro": False})
        self.executor.run(
            made.name, ["ip", "-batch", "-"], stdin=_lines(wire.interface_commands(link))
        )
        qdiscs = self._qdiscs(made, made.forward, True) + self._qdiscs(made, made.backward, False)
        lines = self._tc_lines(qdiscs, made.mtu, "add") + wire.clsact_commands(link)
        self._batch_with_filters(made, lines)
        self._by_netlink(made.name, qdiscs, new=True)
        shown = self.read_back_wire(made)
        for qdisc in qdiscs:
            readback.check_qdisc(qdisc, shown)
        made.applied = shown

    def _tc_lines(self, qdiscs: list[wire.Qdisc], mtu: int, verb: str) -> list[str]:
        """Return the tc lines that make or change qdiscs, with their classes and filters."""
        lines = []
        for qdisc in qdiscs:
            queue = qdisc.queue
            has_classes = queue is not None and bool(queue.classes)
            # htb itself has nothing that could change (net/sched/sch_htb.c has no .change)
            if not qdisc.by_netlink and not (has_classes and verb == "change"):
                lines.append(qdisc.command(verb))
            if queue is not None and has_classes:
                lines += wire.class_commands(qdisc.device, queue, mtu, verb)
                lines += wire.class_filter_commands(qdisc.device, queue) if verb == "add" else []
        return lines

    def _by_netlink(self, node: str, qdiscs: list[wire.Qdisc], *, new: bool) -> None:
        """Make or change the qdiscs that tc does not know."""
        for qdisc in qdiscs:
            if not qdisc.by_netlink or qdisc.queue is None:
                continue
            with self.inside(node), open_netlink() as netlink:
                handle, parent = (
                    int(word.rstrip(":"), 16) << 16
                    for word in (qdisc.handle, qdisc.place.removeprefix("parent "))
                )
                index = socket.if_nametoindex(qdisc.device)
                request = dualpi2.set_request(index, parent, handle, qdisc.queue, new=new)
                dualpi2.apply(netlink, request, f"{qdisc.kind} on {qdisc.device}")
            verb = "add" if new else "change"
            argv = ["tc", *qdisc.command(verb).split(), *settings_words(qdisc.queue)]
            self.executor.note(node, argv, by="engine")

    def _batch_with_filters(self, made: Wire, lines: list[str]) -> None:
        """Apply the wire's tc lines and its filters, falling back to u32 on a kernel without
        matchall.
        """
        if self.classifier == "matchall":
            batch = lines + wire.filter_commands(made.link, "matchall")
            done = self.executor.run(
                made.name, ["tc", "-batch", "-"], stdin=_lines(batch), accept=(0, 1)
            )
            if done.status == 0:
                return
            if NO_CLASSIFIER not in done.stderr:
                raise RunError(f"tc on {made.name}: {done.stderr.strip()[-800:]}")
            self.classifier, lines = "u32", []
        batch = lines + wire.filter_commands(made.link, self.classifier)
        self.executor.run(made.name, ["tc", "-batch", "-"], stdin=_lines(batch))

    def read_back_wire(self, made: Wire) -> list[dict[str, Any]]:
        """Return what a wire carries, as ``tc -j qdisc show`` says it.

        Raises ``RunError`` when its filters or policers are not those asked for.
        """
        if wire.reads_by_netlink(made.link):
            return self._read_by_netlink(made)
        crossings = wire.crossings(made.link)
        lines = [
            "qdisc show",
            *(f"filter show dev {source} ingress" for source, _target in crossings),
        ]
        documents = readback.parse_documents(
            self.executor.run(made.name, ["tc", "-j", "-batch", "-"], stdin=_lines(lines)).stdout
        )
        for (source, target), filters in zip(crossings, documents[1:], strict=True):
            readback.check_filters(source, target, filters)
        return list(documents[0])

    def _read_by_netlink(self, made: Wire) -> list[dict[str, Any]]:
        """Return the wire's qdiscs, classes and policers as the kernel tells of them.

        The form is that of ``tc -j qdisc show``.
        """
        crossings = wire.crossings(made.link)
        lines = [f"filter show dev {source} ingress" for source, _target in crossings]
        shown = self.executor.run(made.name, ["tc", "-batch", "-"], stdin=_lines(lines)).stdout
        for _source, target in crossings:
            if f"Egress Mirror to device {target})" not in shown:
                raise RunError(
                    f"filter on {made.name}: asked mirror to {target}, reads back\n{shown}"
                )
        with self.inside(made.name), open_netlink() as netlink:
            names = dict(socket.if_nameindex())
            found = [shown_qdisc(sample, names) for sample in dump_qdiscs(netlink)]
            for index, name in names.items():
                found += [shown_class(each, name) for each in dump_classes(netlink, index)]
            for source, _target in crossings:
                index = socket.if_nametoindex(source)
                found += [shown_policer(each, source) for each in dump_policers(netlink, index)]
        for source, _target in crossings:
            readback.check_policer(made.link, source, found)
        return found

    def _build_node(self, node: NodePlan) -> None:
        forward = "1" if node.kind == "router" else "0"
        own = (
            {"net.ipv4.ip_forward": forward}
            if self.plan.ip == 4
            else ipv6_sysctls([interface.name for interface in node.interfaces], forward)
        )
        for key, value in {**own, **node.sysctls}.items():
            write_sysctl(self, node.name, key, value)
        for interface in node.interfaces:
            wanted = (
                {}
                if interface.offloads
                else {"tso": False, "gso": False, "gro": False, "tx": False}
            )
            self._offloads(node.name, interface.name, wanted)
        lines = ["link set dev lo up"]
        for interface in node.interfaces:
            lines += _interface_lines(interface)
        self._configure_node(node, lines)
        self._host_qdiscs(node)

    def _host_qdiscs(self, node: NodePlan) -> None:
        """Put disciplines in front of a host's interfaces, and read them back."""
        qdiscs = [
            wire.host_qdisc(interface.name, interface.queue)
            for interface in node.interfaces
            if interface.queue is not None
        ]
        if not qdiscs:
            return
        lines = [qdisc.command("add") for qdisc in qdiscs]
        self.executor.run(node.name, ["tc", "-batch", "-"], stdin=_lines(lines))
        with self.inside(node.name), open_netlink() as netlink:
            names = dict(socket.if_nameindex())
            shown = [shown_qdisc(sample, names) for sample in dump_qdiscs(netlink)]
        for qdisc in qdiscs:
            readback.check_qdisc(qdisc, shown)

    def _configure_node(self, node: NodePlan, lines: list[str]) -> None:
        """Run ``lines``, then the node's neighbours and routes, and read all of it back."""
        neighbours = self._neighbours(node) if self.plan.static_arp else []
        lines = list(lines)
        lines += [
            f"neighbour replace {address} lladdr {mac} dev {device} nud permanent"
            for address, mac, device in neighbours
        ]
        lines += [f"route replace {route.destination} via {route.via}" for route in node.routes]
        lines += ["address show", "neighbour show", *(["route show"] if self.plan.ip == 4 else [])]
        shown = self.executor.run(
            node.name, ["ip", "-j", "-batch", "-"], stdin=_lines(lines)
        ).stdout
        if self.plan.ip == 6:  # in a batch, ip shows the routes of one version only
            shown += self.executor.run(node.name, ["ip", "-6", "-j", "route", "show"]).stdout
        addresses, found, routes = [*readback.parse_documents(shown), [], [], []][:3]
        wanted = [
            (
                interface.name,
                interface.mac,
                interface.cidr,
                self.mtus.get(interface.name, interface.mtu),
            )
            for interface in node.interfaces
        ]
        readback.check_node(node.name, addresses, wanted)
        self.mtus |= {name: mtu for name, _mac, _address, mtu in wanted}
        readback.check_routes(
            node.name, routes, [(route.destination, route.via) for route in node.routes]
        )
        readback.check_neighbours(
            node.name, found, [(address, mac) for address, mac, _device in neighbours]
        )

    def _neighbours(self, node: NodePlan) -> list[tuple[str, str, str]]:
        """Return (address, MAC, own interface) of those at the other ends of the node's links."""
        found = []
        for link in self.plan.links:
            for near, other in ((link.a, link.b), (link.b, link.a)):
                if near.node == node.name:
                    far = self._interface(other.node, other.interface)
                    found.append((far.address, far.mac, near.interface))
        return found

    def _interface(self, node: str, name: str) -> InterfacePlan:
        return next(
            interface for interface in self.plan.node(node).interfaces if interface.name == name
        )

    def _offloads(self, node: str, device: str, wanted: dict[str, bool]) -> None:
        set_offloads(self._node(node).control, device, wanted)
        words = [
            word for name, value in wanted.items() for word in (name, "on" if value else "off")
        ]
        if words:
            self.executor.note(node, ["ethtool", "-K", device, *words], by="engine")

    def _qdiscs(self, made: Wire, direction: DirectionPlan, forward: bool) -> list[wire.Qdisc]:
        # the queue of the start stays in its place: without a rate nothing waits there
        if direction.queue is None:
            direction = dataclasses.replace(
                direction, queue=(made.link.forward if forward else made.link.backward).queue
            )
        had_table = forward in made.tables
        if wire.has_table(direction):
            made.tables.add(forward)
        return wire.direction_qdiscs(
            made.link,
            forward,
            direction,
            made.mtu,
            self._netem_seed(made, forward),
            had_table=had_table,
        )

    def _netem_seed(self, made: Wire, forward: bool) -> int | None:
        """Return netem's seed for a direction, or None where kernel or iproute2 cannot take one."""
        kernel = version_tuple(os.uname().release)
        if kernel < SEED_KERNEL or version_tuple(self.versions["iproute2"]) < SEED_IPROUTE2:
            return None
        return (self.seed * 1_000_003 + made.number * 2 + int(forward) + 1) % 2**63

    # --------------------------------------------------------------------------------------------
    # changing

    def direction(self, link: str, towards: str) -> DirectionPlan:
        """Return what a direction of a wire does now."""
        made, forward = self.wire_of(link, towards)
        return made.forward if forward else made.backward

    def change_direction(self, link: str, towards: str, direction: DirectionPlan) -> None:
        """Change parameters of a direction in place; no qdisc is replaced and no queue emptied.

        Raises:
            RunError: the link carries no qdisc for what is asked, tc refuses, or it reads back
                different.
        """
        made, forward = self.wire_of(link, towards)
        if (direction.rate_bps or direction.queue) and not made.link.wire_queue:
            raise RunError(
                f"link {link} carries no shaper from the start, so it cannot get a rate or a"
                " queue now"
            )
        if direction.has_faults_or_delay and not made.link.wire_netem:
            raise RunError(
                f"link {link} carries no netem from the start, so it cannot get delay or faults now"
            )
        leaf = (made.link.forward if forward else made.link.backward).queue or wire.UNSHAPED_QUEUE
        if direction.queue is not None and direction.queue.discipline != leaf.discipline:
            raise RunError(
                f"link {link}: the queue discipline cannot change from {leaf.discipline} to"
                f" {direction.queue.discipline} in a run"
            )
        shaper = (
            wire.direction_devices(made.link, forward).shaper if forward in made.following else None
        )
        qdiscs = [
            qdisc for qdisc in self._qdiscs(made, direction, forward) if qdisc.device != shaper
        ]
        lines = self._tc_lines(qdiscs, made.mtu, "change")
        self._by_netlink(made.name, qdiscs, new=False)
        if lines:
            own = (
                {"TC_LIB_DIR": self._uniform_folder()}
                if any(f"distribution {wire.UNIFORM}" in line for line in lines)
                else {}
            )
            self.executor.run(made.name, ["tc", "-batch", "-"], stdin=_lines(lines), extra=own)
        made.applied = self.read_back_wire(made)
        self.changed(made)
        for qdisc in qdiscs:
            readback.check_qdisc(qdisc, made.applied)
        if forward:
            made.forward = direction
        else:
            made.backward = direction

    def _uniform_folder(self) -> str:
        """Return the folder with the table that tc lacks; made at the first call."""
        if self._tables is None:
            self._tables = tempfile.TemporaryDirectory(prefix="tcpexp-tc-")
            (Path(self._tables.name) / f"{wire.UNIFORM}.dist").write_text(wire.uniform_table())
        return self._tables.name

    def wire_of(self, link: str, towards: str) -> tuple[Wire, bool]:
        """Return a link's wire, and whether its direction to ``towards`` is the forward one.

        Raises ``RunError``.
        """
        made = self.wires.get(link)
        if made is None:
            raise RunError(f"link {link} has no wire, so it cannot change")
        if towards not in (made.link.a.node, made.link.b.node):
            raise RunError(f"link {link} does not end at {towards}")
        return made, towards == made.link.b.node

    def follow(self, link: str, towards: str, on: bool) -> None:
        """Say whether the rate of a direction follows a list from now on, so that other changes
        leave its shaper alone.
        """
        made, forward = self.wire_of(link, towards)
        (made.following.add if on else made.following.discard)(forward)

    def raise_mtu(self, made: Wire, device: str, mtu: int) -> None:
        """Let an interface of a wire send frames up to ``mtu`` + 14 bytes, and read that back.

        What crosses the wire stays below its ends' MTU.
        """
        commands = [f"link set dev {device} mtu {mtu}", f"link show dev {device}"]
        shown = self.executor.run(
            made.name, ["ip", "-j", "-batch", "-"], stdin=_lines(commands)
        ).stdout
        found = readback.parse_documents(shown)[0][0]["mtu"]
        if found != mtu:
            raise RunError(f"{made.name}: MTU of {device} asked {mtu}, reads back {found}")

    def set_link(self, name: str, up: bool) -> None:
        """Take both ends of a link down or up.

        Addresses, routes and neighbours come back with it.
        """
        link = self.plan.link(name)
        for end in (link.a, link.b):
            word = "up" if up else "down"
            lines = [f"link set dev {end.interface} {word}"]
            if up:
                self._configure_node(self.plan.node(end.node), lines)
            else:
                self.executor.run(end.node, ["ip", "-batch", "-"], stdin=_lines(lines))
                self._check_down(end.node, end.interface)

    def set_mtu(self, name: str, mtus: tuple[int, int]) -> tuple[int, int]:
        """Set the MTUs of a link's ends a and b; return those of before.

        Raises ``RunError`` when one reads back different.
        """
        link = self.plan.link(name)
        before = (self.mtus[link.a.interface], self.mtus[link.b.interface])
        for end, mtu in zip((link.a, link.b), mtus, strict=True):
            commands = [f"link set dev {end.interface} mtu {mtu}", f"link show dev {end.interface}"]
            shown = self.executor.run(
                end.node, ["ip", "-j", "-batch", "-"], stdin=_lines(commands)
            ).stdout
            found = readback.parse_documents(shown)[0][0]["mtu"]
            if found != mtu:
                raise RunError(
                    f"{end.node}: MTU of {end.interface} asked {mtu}, reads back {found}"
                )
            self.mtus[end.interface] = found
        return before

    def _check_down(self, node: str, interface: str) -> None:
        shown = self.executor.run(node, ["ip", "-j", "link", "show", "dev", interface]).stdout
        if "UP" in readback.parse_documents(shown)[0][0]["flags"]:
            raise RunError(f"{node}: {interface} asked down, reads back up")

    def inside(self, node: str) -> Any:
        """Return a context in which the engine is in the node's network namespace."""
        return namespaces.inside(self.network_file(node))


def _interface_lines(interface: InterfacePlan) -> list[str]:
    address = f"{interface.ipv4} brd +" if interface.ipv4 else f"{interface.ipv6} nodad"
    return [
        f"link set dev {interface.name} mtu {interface.mtu} up",
        f"address add {address} dev {interface.name}",
    ]


def _lines(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


@functools.cache
def installed_iproute2() -> str:
    """Return the version of the ``tc`` that is installed; asked once per process."""
    return iproute2_version(
        subprocess.run(
            ["tc", "-V"], capture_output=True, text=True, check=True, env=CLEAN_ENVIRONMENT
        ).stdout
    )


def iproute2_version(text: str) -> str:
    """Return the version out of ``tc -V``: ``tc utility, iproute2-6.1.0, libbpf 1.1.2``."""
    match = re.search(r"iproute2-(?:ss)?([\w.]+)", text)
    return match[1] if match else "0"


def version_tuple(text: str) -> tuple[int, int]:
    """Return the first two numbers of a version."""
    numbers = [int(number) for number in re.findall(r"\d+", text)[:2]]
    return (numbers[0], numbers[1]) if len(numbers) == 2 else (0, 0)
