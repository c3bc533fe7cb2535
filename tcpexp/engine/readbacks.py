"""``raw/readback.jsonl``: what the kernel says that links and interfaces do, when they were made,
after each change, and at the end of the run.

Nothing is judged here: the certificate compares it with the plan (analysis/settings.py).
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.engine import wire
from tcpexp.engine.clock import Clock
from tcpexp.engine.interfaces import Interface, Notice, list_interfaces, open_watch, read_watch
from tcpexp.engine.journal import JsonLines
from tcpexp.engine.qdiscs import QdiscSource, dump_qdiscs, open_netlink
from tcpexp.engine.shown import CLASS, POLICER, class_name, wire_roles
from tcpexp.plan.types import LinkPlan, NodePlan
from tcpexp.record.files import READBACK
from tcpexp.record.lines import (
    NoticedChange,
    NoticedNode,
    ShownInterface,
    ShownLink,
    ShownNode,
    ShownQdisc,
)
from tcpexp.record.qdiscoptions import decode_options
from tcpexp.record.rtnetlink import ROOT, WITHOUT_QUEUE, QdiscRole, place_of

if TYPE_CHECKING:
    from tcpexp.engine.assembly import Network, Wire


class ReadbackLog:
    """Writes the file.

    Between :meth:`start` and :meth:`end` a socket in each node's namespace keeps what anybody
    changes about its interfaces.
    """

    def __init__(self, network: Network, raw_dir: Path, clock: Clock) -> None:
        self.network = network
        self._log = JsonLines(raw_dir / READBACK, clock)
        self._watches: dict[str, tuple[socket.socket, dict[int, Interface]]] = {}
        self._links: dict[str, socket.socket] = {}

    def start(self) -> None:
        """Record what all links and interfaces are now, and watch the interfaces from now on."""
        for made in self.network.wires.values():
            self._write_shown("start", made)
        for node in self.network.plan.nodes:
            with self.network.inside(node.name):
                watch, self._links[node.name] = open_watch(), open_netlink()
            interfaces = self._write_interfaces("start", node)
            self._watches[node.name] = (
                watch,
                {interface.index: interface for interface in interfaces},
            )
        self.network.changed = lambda made: self._write_shown("change", made)

    def end(self) -> None:
        """Record what all links and interfaces are at the end, and what was changed about
        interfaces meanwhile; nothing where there was no start.
        """
        if not self._watches:
            return
        # what is put back behind the end is no part of the run
        self.network.changed = lambda made: None
        for source in self.network.qdisc_sources():
            if source.link not in self.network.wires or is_host(source):
                continue
            made = self.network.wires[source.link]
            if wire.reads_by_netlink(made.link):
                made.applied = self.network.read_back_wire(made)
                self._write_shown("end", made)
                continue
            qdiscs: list[ShownQdisc] = []
            for shown in dump_qdiscs(source.netlink):
                place = place_of(shown, source.roles)
                if place is not None:
                    qdiscs.append(
                        {
                            "towards": place[0],
                            "qdisc": place[1],
                            "kind": shown.kind,
                            "options": decode_options(shown.kind, shown.options),
                        }
                    )
            line: ShownLink = {"when": "end", "link": source.link, "qdiscs": qdiscs}
            self._log.write(line)
        for node in self.network.plan.nodes:
            self._write_interfaces("end", node)
            self._write_notices(node.name)

    def close(self) -> None:
        """Close the sockets and the file."""
        for watch, _ in self._watches.values():
            watch.close()
        for netlink in self._links.values():
            netlink.close()
        self._log.close()

    def _write_shown(self, when: str, made: Wire) -> None:
        """Record what ``tc -j qdisc show`` said of a wire when it was last read back."""
        roles = wire_roles(made.link)
        qdiscs: list[ShownQdisc] = []
        for shown in made.applied:
            place = _shown_place(shown, roles, made.link)
            if place is not None:
                qdiscs.append(
                    {
                        "towards": place[0],
                        "qdisc": place[1],
                        "kind": shown["kind"],
                        "options": shown.get("options", {}),
                    }
                )
        line: ShownLink = {"when": when, "link": made.link.name, "qdiscs": qdiscs}
        self._log.write(line)

    def _write_interfaces(self, when: str, node: NodePlan) -> list[Interface]:
        planned = {interface.name for interface in node.interfaces}
        found = [
            device for device in list_interfaces(self._links[node.name]) if device.name in planned
        ]
        own = {
            sample.ifindex: decode_options(sample.kind, sample.options)
            for sample in dump_qdiscs(self._links[node.name])
            if sample.parent == ROOT
        }
        rows: list[ShownInterface] = [
            {
                "name": device.name,
                "mtu": device.mtu,
                "up": device.up,
                "qdisc": device.qdisc,
                "options": own.get(device.index, {}),
            }
            for device in found
        ]
        line: ShownNode = {"when": when, "node": node.name, "interfaces": rows}
        self._log.write(line)
        return found

    def _write_notices(self, node: str) -> None:
        watch, interfaces = self._watches[node]
        notices, whole = read_watch(watch)
        rows = [row for notice in notices if (row := _notice_row(notice, interfaces)) is not None]
        if rows or not whole:
            line: NoticedNode = {
                "when": "during",
                "node": node,
                "changes": rows,
                "whole": whole,
            }
            self._log.write(line)


def is_host(source: QdiscSource) -> bool:
    """Whether a source is what stands in front of a host's interface."""
    return any(role.role == "host" for role in source.roles.values())


def _shown_place(
    shown: dict[str, Any], roles: dict[str, QdiscRole], link: LinkPlan
) -> tuple[str, str] | None:
    """Return the direction that a shown qdisc, class or policer serves, and as what; None for one
    that is nobody's business.
    """
    role, kind = roles.get(shown.get("dev", "")), shown["kind"]
    if role is None or kind in WITHOUT_QUEUE:
        return None
    if kind == POLICER:
        return (role.policed, "policer") if role.policed else None
    if kind == CLASS:
        side = link.forward if role.towards == link.b.node else link.backward
        name = class_name(shown, side.queue)
        return None if name is None else (role.towards, f"class {name}")
    if not role.role:
        return None
    if role.role == "shaper" and not shown.get("root"):
        # the queue of a class hangs below htb, not below the shaper
        parent = str(shown.get("parent", wire.SHAPER_HANDLE))
        if parent.partition(":")[0] == wire.SHAPER_HANDLE.rstrip(":"):
            return role.towards, "queue"
        side = link.forward if role.towards == link.b.node else link.backward
        name = class_name({"handle": parent}, side.queue)
        return None if name is None else (role.towards, f"queue of class {name}")
    return role.towards, role.role


def _notice_row(notice: Notice, interfaces: dict[int, Interface]) -> NoticedChange | None:
    """Return a change of a planned interface that the engine never makes: of its MTU, its qdisc or
    a filter. It goes up and down by plan.
    """
    interface = interfaces.get(notice.index)
    if interface is None:
        return None
    if notice.words:
        return {"name": interface.name, "change": notice.words}
    if notice.mtu is not None and notice.mtu != interface.mtu:
        return {"name": interface.name, "change": f"MTU {notice.mtu}"}
    return None
