"""``incast``: a client that reads a block from each of many servers at once, again and again."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

from pydantic import Field

from tcpexp.actions.common import SECOND_NS, CongestionControl, ProcessAction, start_server
from tcpexp.plan.context import PlanContext, bracketed
from tcpexp.plan.endings import EXPECTED
from tcpexp.plan.types import FlowPlan, NodePlan, Spawn, Sysctl
from tcpexp.units import Duration, Size, format_duration

#: What switches off RACK and tail loss probes.
WITHOUT_RACK = ("net.ipv4.tcp_recovery", "net.ipv4.tcp_early_retrans")


class Incast(ProcessAction):
    """Read a block from each of many servers at once, and again when the last one has sent all of
    its own: barrier-synchronised reads.

    `from: s` means all hosts s1, s2, s3, ... of the topology (`star`). The connections stay open.
    What server sN sends is the flow `flow` and N: s1, s2, ... No round begins after `until`.
    `rto_min` lowers the servers' smallest retransmission timeout (200 ms in Linux) on their routes
    to the client. The program `incast.py` prints a line per round.
    """

    example: ClassVar[str] = "- {at: 100ms, do: incast, to: c1, from: s, block: 32kB, until: 5s}"

    do: Literal["incast"] = "incast"
    to: str = Field(description="the client's host")
    from_: str = Field(
        alias="from",
        pattern=r"^[A-Za-z][A-Za-z0-9_]*$",
        description="name without number of the servers' hosts, such as `s`",
    )
    block: Size = Field(ge=1, le=100_000_000, description="what each server sends per round")
    rounds: int | None = Field(
        default=None, ge=1, description="at most so many; as many as fit when silent"
    )
    flow: str = Field(
        default="s",
        pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,30}$",
        description="name without number of the flows",
    )
    congestion_control: CongestionControl | None = Field(
        default=None, description="congestion control of the servers; the hosts' own when silent"
    )
    rto_min: Duration | None = Field(
        default=None,
        ge=1_000_000,
        description="smallest retransmission timeout of the servers; 200ms when silent",
    )

    recovery: Literal[0, 1] = Field(
        default=1,
        description=(
            "0: the servers find losses as Linux did before RACK and tail loss probes (tcp_recovery"
            " = 0, tcp_early_retrans = 0)"
        ),
    )

    def compile(self, context: PlanContext) -> None:
        """Append the servers (setup), their routes where ``rto_min`` is given, the client and a
        flow per server.
        """
        client = context.host(self.to, key="to")
        hosts = context.hosts()
        numbers = sorted(
            int(match[1])
            for host in hosts
            if (match := re.fullmatch(rf"{re.escape(self.from_)}([0-9]+)", host))
        )
        if not numbers:
            hint = f"name some of {', '.join(hosts[:12])} without the number"
            raise context.error(
                f"this network has no hosts {self.from_}1, {self.from_}2, ...",
                hint=hint,
                key="from",
            )
        port = context.port()
        servers = {number: f"{self.from_}{number}" for number in numbers}
        app = ("python3", "-u", "-B", context.app("incast"))
        allowed = tuple(dict.fromkeys((*EXPECTED, *self.allowed_status)))
        control = context.congestion_control(self.congestion_control)
        choice = ("--congestion-control", control) if control else ()
        for number, server in servers.items():
            argv = (*app, "serve", "--port", str(port), *choice)
            start_server(
                context,
                Spawn(server, argv, allowed_status=allowed),
                f"incast server {server}",
                port,
                suffix=f"server{number}",
            )
            if self.rto_min is not None:
                spawn = Spawn(
                    server, self._route(context, server, client), expect_status=0, background=False
                )
                context.setup(
                    spawn,
                    f"smallest RTO on {server}: {format_duration(self.rto_min)}",
                    suffix=f"route{number}",
                )
            for key in () if self.recovery else WITHOUT_RACK:
                context.setup(
                    Sysctl(server, key, "0"), f"{key} = 0 on {server}", suffix=f"sysctl{number}"
                )
        until = self.until if self.until is not None else context.duration_ns
        sources = [
            word
            for server in servers.values()
            for word in ("--from", f"{bracketed(context.address(server))}:{port}")
        ]
        bounds = (
            "--block",
            str(self.block),
            "--seconds",
            f"{(until - self.at_ns) / SECOND_NS:g}",
            *(("--rounds", str(self.rounds)) if self.rounds else ()),
        )
        spawn = Spawn(client, (*app, "read", *sources, *bounds), allowed_status=self.allowed_status)
        step = context.step(spawn, f"{client} reads from {len(servers)} servers", at_ns=self.at_ns)
        for number, server in servers.items():
            name = f"{self.flow}{number}"
            context.flow(
                FlowPlan(
                    name,
                    client,
                    server,
                    port,
                    server,
                    "incast",
                    step,
                    "all",
                    control,
                    self.at_ns,
                    until,
                )
            )
        context.need(
            tools=("python3", "ip"),
            congestion_controls=(control,) if control else (),
        )

    def _route(self, context: PlanContext, server: str, client: str) -> tuple[str, ...]:
        """Return the argv that gives the server's route to the client a smallest RTO, and fails
        unless it reads back.
        """
        target = context.node(client).interfaces[0].address
        via = _gateway(context.node(server), target)
        if via is None:
            raise context.error(
                f"{server} has no route to {client} through a router",
                hint="use a topology such as star",
                key="rto_min",
            )
        family = "-6" if ":" in target else "-4"
        milliseconds = f"{(self.rto_min or 0) // 1_000_000}ms"
        change = f"ip {family} route replace {target} via {via} rto_min {milliseconds}"
        return (
            "sh",
            "-c",
            f"{change} && ip {family} route show {target} | grep -q 'rto_min lock {milliseconds}'",
        )


def _gateway(node: NodePlan, target: str) -> str | None:
    """Return the gateway of a node's route to an address."""
    import ipaddress

    for route in node.routes:
        if ipaddress.ip_address(target) in ipaddress.ip_network(route.destination):
            return route.via
    return None
