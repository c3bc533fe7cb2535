"""``syn_flood``: SYNs with forged sources, bounded, inside the experiment's own network only."""

from __future__ import annotations

import ipaddress
import math
import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from tcpexp.actions.common import SECOND_NS, Port, ProcessAction
from tcpexp.plan.context import PlanContext
from tcpexp.plan.types import NodePlan, Spawn
from tcpexp.units import QuantityError, format_duration

LARGEST_COUNT = 100_000
LARGEST_RATE = 20_000
AnyNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
#: Larger networks are no example of forged sources: prefix length by version of IP.
SHORTEST_PREFIX = {4: 8, 6: 32}
_NETWORK_HINT = "write 198.18.0.0/16, or 2001:db8:0:ffff::/64 over IPv6"


def _parse_per_second(text: Any) -> float:
    match = (
        re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)\s?/s", text.strip())
        if isinstance(text, str)
        else None
    )
    if match is None:
        raise QuantityError(f"'{str(text)[:40]}' is not a number per second", "write 100/s")
    value = float(match[1])
    if not 0 < value <= LARGEST_RATE:
        raise QuantityError(f"'{text}' is not between 0 and {LARGEST_RATE}/s", "write 100/s")
    return value


def _parse_network(text: Any) -> str:
    try:
        network: AnyNetwork = ipaddress.ip_network(text if isinstance(text, str) else "")
    except ValueError:
        raise QuantityError(f"'{str(text)[:40]}' is not a network", _NETWORK_HINT) from None
    if network.prefixlen < SHORTEST_PREFIX[network.version]:
        raise QuantityError(f"'{network}' is too large", _NETWORK_HINT)
    return str(network)


PerSecond = Annotated[
    float,
    BeforeValidator(_parse_per_second),
    WithJsonSchema({"type": "string", "examples": ["100/s"]}),
]
Network = Annotated[
    str,
    BeforeValidator(_parse_network),
    WithJsonSchema({"type": "string", "examples": ["198.18.0.0/16", "2001:db8:0:ffff::/64"]}),
]


class SynFlood(ProcessAction):
    """Send TCP SYNs with forged sources to a port of a host, as a SYN flood does.

    The target must be a host of the experiment by its name: an address is refused, and the
    experiment's network has no route out. The number is bounded (100,000 at most) and so is the
    time. The forged sources are routed back to the attacker, which drops the SYN-ACKs in silence,
    so that nobody resets the half-open connections. Sources, ports and sequence numbers follow the
    run's seed.
    """

    example: ClassVar[str] = """\
- {do: http_server, host: h2, backlog: 5}
- {at: 1s, do: syn_flood, from: h1, to: h2, port: 80, rate: 100/s, until: 21s}"""

    do: Literal["syn_flood"] = "syn_flood"
    from_: str = Field(alias="from", description="host that floods")
    to: str = Field(description="host that is flooded: a name of this experiment, never an address")
    port: Port = Field(default=80, description="TCP port that is flooded")
    rate: PerSecond = Field(
        default="100/s", validate_default=True, description="SYNs per second, such as `100/s`"
    )
    count: int | None = Field(
        default=None,
        ge=1,
        le=LARGEST_COUNT,
        description="SYNs in all; when silent, as many as `rate` sends until `until`",
    )
    sources: Network | None = Field(
        default=None,
        description=(
            "network from which the forged sources are drawn; 198.18.0.0/16 (RFC 2544) when silent,"
            " over IPv6 a subnet of the experiment's own prefix"
        ),
    )

    def compile(self, context: PlanContext) -> None:
        """Append the routes back (setup) and the bounded flood."""
        attacker = self._host(context, self.from_, "from")
        target = self._host(context, self.to, "to")
        if attacker.name == target.name:
            raise context.error("a host cannot flood itself", hint="name another host", key="to")
        sources = self._sources(context)
        for node, via in routes_back(context, target, attacker):
            argv = ("ip", "route", "replace", sources, "via", via)
            spawn = Spawn(node, argv, expect_status=0, background=False)
            context.setup(
                spawn, f"forged sources are routed from {node} to {attacker.name}", suffix="route"
            )
        # without a route Linux answers a stranger's packet with ICMPv6 even on a host; over IPv4
        # only a router does
        if context.network.ip == 6:
            spawn = Spawn(
                attacker.name,
                ("ip", "route", "replace", "blackhole", sources),
                expect_status=0,
                background=False,
            )
            context.setup(
                spawn, f"{attacker.name} drops what comes for the forged sources", suffix="route"
            )
        context.step(
            Spawn(
                attacker.name,
                self._argv(context, target.name, sources),
                allowed_status=self.allowed_status,
            ),
            f"SYN flood of {target.name}:{self.port}",
            at_ns=self.at_ns,
            until_ns=self.until,
        )
        context.need(tools=("python3", "ip"))

    def _host(self, context: PlanContext, name: str, key: str) -> NodePlan:
        """Return an end host of the experiment.

        Anything else, an address in particular, is refused.
        """
        if name not in context.hosts():
            raise context.error(
                f"'{name}' is not a host of this experiment, and nothing else is ever flooded",
                hint=f"hosts: {', '.join(context.hosts())}",
                key=key,
            )
        return context.node(name, key=key)

    def _sources(self, context: PlanContext) -> str:
        """Return the network of the forged sources.

        One of another version of IP, or one that holds hosts, is refused.
        """
        default = forged_sources(context.network.subnets)
        sources = ipaddress.ip_network(self.sources or default)
        if sources.version != context.network.ip:
            cause = (
                f"the network speaks IPv{context.network.ip}, the forged sources {sources} are"
                f" IPv{sources.version}"
            )
            raise context.error(cause, hint=f"write {default}", key="sources")
        for subnet in context.subnets():
            if same_version_overlap(sources, ipaddress.ip_network(subnet)):
                raise context.error(
                    f"the forged sources {sources} overlap the experiment's own network {subnet}",
                    hint=f"hosts that exist would answer with RST; write {default}",
                    key="sources",
                )
        return str(sources)

    def _argv(self, context: PlanContext, target: str, sources: str) -> tuple[str, ...]:
        """Return the flood's argv; bounded in count and time."""
        length_ns = (self.until if self.until is not None else context.duration_ns) - self.at_ns
        count = self.count or max(1, math.floor(self.rate * length_ns / SECOND_NS))
        if count > LARGEST_COUNT:
            raise context.error(
                f"{self.rate:g}/s for {format_duration(length_ns)} are {count} SYNs, more than"
                f" {LARGEST_COUNT}",
                hint="lower rate, or end it earlier with until",
                key="rate",
            )
        networks = [word for subnet in context.subnets() for word in ("--network", subnet)]
        bounds = [
            "--rate",
            f"{self.rate:g}",
            "--count",
            str(count),
            "--until",
            f"{length_ns / SECOND_NS:g}",
        ]
        to = ["--to", context.address(target), "--port", str(self.port)]
        draw = ["--sources", sources, "--seed", str(context.seed)]
        return ("python3", "-u", "-B", context.app("syn_flood"), *to, *networks, *bounds, *draw)


def forged_sources(subnets: tuple[str, ...]) -> str:
    """Return the network from which forged sources are drawn when the spec names none: no host has
    such an address.

    Over IPv4 the range set aside for benchmarks (RFC 2544), over IPv6 subnet ffff of the
    experiment's own /48, which no link has.
    """
    own = ipaddress.ip_network(subnets[0]) if subnets else None
    if not isinstance(own, ipaddress.IPv6Network):
        return "198.18.0.0/16"
    prefix = own.supernet(new_prefix=48)
    return str(ipaddress.IPv6Network((int(prefix.network_address) | 0xFFFF << 64, 64)))


def same_version_overlap(one: AnyNetwork, other: AnyNetwork) -> bool:
    """Return whether two networks of the same version of IP share addresses."""
    if isinstance(one, ipaddress.IPv4Network) and isinstance(other, ipaddress.IPv4Network):
        return one.overlaps(other)
    return (
        isinstance(one, ipaddress.IPv6Network)
        and isinstance(other, ipaddress.IPv6Network)
        and one.overlaps(other)
    )


def routes_back(context: PlanContext, start: NodePlan, end: NodePlan) -> list[tuple[str, str]]:
    """Return (node, gateway address) of every hop from ``start`` to ``end``."""
    hops: list[tuple[str, str]] = []
    node = start
    while node.name != end.name and len(hops) <= len(context.network.nodes):
        via = _next_hop(node, end)
        owner = None if via is None else _owner(context, via)
        if via is None or owner is None:
            raise context.error(f"there is no way from {start.name} to {end.name}", key="to")
        hops.append((node.name, via))
        node = owner
    return hops


def _next_hop(node: NodePlan, end: NodePlan) -> str | None:
    """Return the address to which ``node`` sends what is meant for ``end``."""
    addresses = [interface.address for interface in end.interfaces]
    for address in addresses:
        if any(_holds(interface.cidr, address) for interface in node.interfaces):
            return address
    routes = [
        (
            (
                0
                if route.destination == "default"
                else ipaddress.ip_network(route.destination).prefixlen
            ),
            route.via,
        )
        for route in node.routes
        if route.destination == "default" or _holds(route.destination, addresses[0])
    ]
    return max(routes)[1] if routes else None


def _holds(network: str, address: str) -> bool:
    return ipaddress.ip_address(address) in ipaddress.ip_interface(network).network


def _owner(context: PlanContext, address: str) -> NodePlan | None:
    for node in context.network.nodes:
        if any(interface.address == address for interface in node.interfaces):
            return node
    return None
