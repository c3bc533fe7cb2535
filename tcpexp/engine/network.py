"""The network of a plan, built through Mininet with node, link and interface classes of our own.

Mininet's classes would start a shell per node and one or more programs per interface; these collect
what is to be done and do it in batches: one ``ip -batch`` for all links, one per node, one ``tc
-batch`` per wire. Everything is read back.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from typing import Any

from mininet.link import Intf, Link
from mininet.net import Mininet
from mininet.node import Node
from mininet.topo import Topo

from tcpexp.engine import namespaces
from tcpexp.errors import RunError
from tcpexp.plan.types import NetworkPlan


class HeldNode(Node):  # type: ignore[misc]
    """A node whose namespaces are held by a forked process instead of a shell."""

    @classmethod
    def setup(cls) -> None:
        """Skip Mininet's search for programs that this class does not use."""

    def startShell(self, mnopts: str | None = None) -> None:
        """Start the holder (Mininet names this method).

        Raises ``OSError`` when the kernel refuses a namespace.
        """
        self.pid: int | None = namespaces.fork_holder()
        self.network_file = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        with namespaces.inside(self.network_file):
            self.control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def cmd(self, *args: Any, **kwargs: Any) -> str:
        """Refuse: there is no shell; ``Executor`` runs commands."""
        raise RunError(f"node {self.name} has no shell; asked to run {args}")

    def config(self, **params: Any) -> dict[str, Any]:
        """Leave configuration to the batches."""
        return {}

    def terminate(self) -> None:
        """End the holder; the namespaces and the interfaces in them go with it."""
        if self.pid is None:
            return
        self.control.close()
        os.close(self.network_file)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        self.pid = None


class PlannedIntf(Intf):  # type: ignore[misc]
    """An interface that is configured later, in its node's batch."""

    def config(self, **params: Any) -> dict[str, Any]:
        """Leave configuration to the batches."""
        return {}

    def delete(self) -> None:
        """Leave the interface to the end of its namespace."""


class BatchedLink(Link):  # type: ignore[misc]
    """A veth pair, noted for one ``ip -batch`` instead of being made at once."""

    pending: list[str]

    def __init__(self, *args: Any, pending: list[str], mtu: int, **params: Any) -> None:
        self.pending = pending
        self.mtu = mtu
        super().__init__(*args, **params)

    def makeIntfPair(self, intfname1: str, intfname2: str, *rest: Any, **named: Any) -> None:
        """Note the command that makes the pair, each end born in its own namespace."""
        mac1, mac2, node1, node2 = rest[:4]
        self.pending.append(
            f"link add name {intfname1} {self._properties(mac1)} netns {node1.pid} type veth peer"
            f" name {intfname2} {self._properties(mac2)} netns {node2.pid}"
        )

    def _properties(self, mac: str) -> str:
        return f"address {mac} mtu {self.mtu} txqueuelen 1000 numtxqueues 1 numrxqueues 1"


class PlannedTopo(Topo):  # type: ignore[misc]
    """The plan's network as a Mininet topology.

    Every link with a wire is two links and a node between them.
    """

    def build(self, plan: NetworkPlan, pending: list[str]) -> None:
        """Add nodes and links in the plan's order."""
        macs = {
            (node.name, interface.name): interface.mac
            for node in plan.nodes
            for interface in node.interfaces
        }
        for node in plan.nodes:
            self.addHost(node.name)
        for number, link in enumerate(plan.links):
            mtu = link.largest_mtu
            ends = (
                (link.a.node, link.a.interface, macs[link.a.node, link.a.interface]),
                (link.b.node, link.b.interface, macs[link.b.node, link.b.interface]),
            )
            if not link.wire:
                self._join(ends[0], ends[1], pending, mtu)
                continue
            wire = wire_name(plan, number)
            self.addHost(wire)
            self._join(ends[0], (wire, "w0", wire_mac(number, 0)), pending, mtu)
            if link.wire_queue:
                self._join(
                    (wire, "x0", wire_mac(number, 2)),
                    (wire, "x1", wire_mac(number, 3)),
                    pending,
                    mtu,
                )
            self._join((wire, "w1", wire_mac(number, 1)), ends[1], pending, mtu)

    def _join(
        self, one: tuple[str, str, str], other: tuple[str, str, str], pending: list[str], mtu: int
    ) -> None:
        self.addLink(
            one[0],
            other[0],
            intfName1=one[1],
            intfName2=other[1],
            addr1=one[2],
            addr2=other[2],
            pending=pending,
            mtu=mtu,
        )


def make_mininet(plan: NetworkPlan) -> tuple[Mininet, list[str]]:
    """Return Mininet's network with all nodes running, and the ``ip -batch`` lines that make its
    links.
    """
    pending: list[str] = []
    Mininet.inited = True  # its init() would change limits and sysctls of the whole machine
    topo = PlannedTopo(plan=plan, pending=pending)
    net = Mininet(
        topo=topo,
        host=HeldNode,
        link=BatchedLink,
        intf=PlannedIntf,
        switch=None,
        controller=None,
        build=False,
    )
    try:
        net.build()
    except BaseException:
        stop_mininet(net)
        raise
    return net, pending


def stop_mininet(net: Mininet) -> None:
    """End every node."""
    for node in net.hosts:
        node.terminate()


def wire_name(plan: NetworkPlan, number: int) -> str:
    """Return the name of the wire node of link ``number``: ``w1``..., or longer where a node of the
    plan is called so.
    """
    name = f"w{number + 1}"
    while any(node.name == name for node in plan.nodes):
        name = f"{name}w"
    return name


def wire_mac(number: int, port: int) -> str:
    """Return the MAC of a wire's interface; no packet ever carries it."""
    return f"02:77:{number >> 8:02x}:{number & 255:02x}:00:{port:02x}"
