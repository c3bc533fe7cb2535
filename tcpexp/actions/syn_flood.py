"""``syn_flood``: SYNs with forged sources, bounded, inside the experiment's own network only."""

from __future__ import annotations

import ipaddress
import math
import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from tcpexp.actions.common import SECOND_NS, BuiltinAction, Port
from tcpexp.plan.context import PlanContext
from tcpexp.plan.types import NodePlan, Spawn
from tcpexp.units import QuantityError, format_duration

LARGEST_COUNT = 100_000
LARGEST_RATE = 20_000
#: The range set aside for benchmarks (RFC 2544): no real host has such an address.
BENCHMARK_NETWORK = "198.18.0.0/16"


def _parse_per_second(text: Any) -> float:
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)\s?/s", text.strip()) if isinstance(text, str) else None
    if match is None:
        raise QuantityError(f"'{str(text)[:40]}' is not a number per second", "write 100/s")
    value = float(match[1])
    if not 0 < value <= LARGEST_RATE:
        raise QuantityError(f"'{text}' is not between 0 and {LARGEST_RATE}/s", "write 100/s")
    return value


def _parse_network(text: Any) -> str:
    try:
        network = ipaddress.IPv4Network(text)
    except (ValueError, TypeError):
        raise QuantityError(f"'{str(text)[:40]}' is not an IPv4 network", f"write {BENCHMARK_NETWORK}") from None
    if network.prefixlen < 8:
        raise QuantityError(f"'{network}' is too large", f"write {BENCHMARK_NETWORK}")
    return str(network)


PerSecond = Annotated[float, BeforeValidator(_parse_per_second), WithJsonSchema({"type": "string", "examples": ["100/s"]})]
Network = Annotated[str, BeforeValidator(_parse_network), WithJsonSchema({"type": "string", "examples": ["198.18.0.0/16"]})]


class SynFlood(BuiltinAction):
    """Send TCP SYNs with forged sources to a port of a host, as a SYN flood does.

    The target must be a host of the experiment by its name: an address is refused, and the experiment's network has no route out.
    The number is bounded (100,000 at most) and so is the time. The forged sources are routed back to the attacker, which
    drops the SYN-ACKs in silence, so that nobody resets the half-open connections. Sources, ports and sequence numbers follow the
    run's seed.
    """

    example: ClassVar[str] = """\
- {do: http_server, host: h2, backlog: 5}
- {at: 1s, do: syn_flood, from: h1, to: h2, port: 80, rate: 100/s, until: 21s}"""

    do: Literal["syn_flood"] = "syn_flood"
    from_: str = Field(alias="from", description="host that floods")
    to: str = Field(description="host that is flooded: a name of this experiment, never an address")
    port: Port = Field(default=80, description="TCP port that is flooded")
    rate: PerSecond = Field(default="100/s", validate_default=True, description="SYNs per second, such as `100/s`")
    count: int | None = Field(default=None, ge=1, le=LARGEST_COUNT, description="SYNs in all; when silent, as many as `rate` sends until `until`")
    sources: Network = Field(default=BENCHMARK_NETWORK, description="network from which the forged sources are drawn")

    def compile(self, context: PlanContext) -> None:
        """Append the routes back (setup) and the bounded flood."""
        attacker = self._host(context, self.from_, "from")
        target = self._host(context, self.to, "to")
        if attacker.name == target.name:
            raise context.error("a host cannot flood itself", hint="name another host", key="to")
        self._check_sources(context)
        for node, via in routes_back(context, target, attacker):
            argv = ("ip", "route", "replace", self.sources, "via", via)
            spawn = Spawn(node, argv, expect_status=0, background=False)
            context.setup(spawn, f"forged sources are routed from {node} to {attacker.name}", suffix="route")
        context.step(
            Spawn(attacker.name, self._argv(context, target.name)),
            f"SYN flood of {target.name}:{self.port}",
            at_ns=self.at_ns,
            until_ns=self.until,
        )
        context.need(tools=("python3", "ip"))

    def _host(self, context: PlanContext, name: str, key: str) -> NodePlan:
        """Return an end host of the experiment; anything else, an address in particular, is refused."""
        if name not in context.hosts():
            raise context.error(
                f"'{name}' is not a host of this experiment, and nothing else is ever flooded",
                hint=f"hosts: {', '.join(context.hosts())}",
                key=key,
            )
        return context.node(name, key=key)

    def _check_sources(self, context: PlanContext) -> None:
        for subnet in context.subnets():
            if ipaddress.IPv4Network(subnet).overlaps(ipaddress.IPv4Network(self.sources)):
                raise context.error(
                    f"the forged sources {self.sources} overlap the experiment's own network {subnet}",
                    hint=f"hosts that exist would answer with RST; write {BENCHMARK_NETWORK}",
                    key="sources",
                )

    def _argv(self, context: PlanContext, target: str) -> tuple[str, ...]:
        """Return the flood's argv; bounded in count and time."""
        length_ns = (self.until if self.until is not None else context.duration_ns) - self.at_ns
        count = self.count or max(1, math.floor(self.rate * length_ns / SECOND_NS))
        if count > LARGEST_COUNT:
            raise context.error(
                f"{self.rate:g}/s for {format_duration(length_ns)} are {count} SYNs, more than {LARGEST_COUNT}",
                hint="lower rate, or end it earlier with until",
                key="rate",
            )
        networks = [word for subnet in context.subnets() for word in ("--network", subnet)]
        bounds = ["--rate", f"{self.rate:g}", "--count", str(count), "--until", f"{length_ns / SECOND_NS:g}"]
        to = ["--to", context.address(target), "--port", str(self.port)]
        draw = ["--sources", self.sources, "--seed", str(context.seed)]
        return ("python3", "-u", "-B", context.app("syn_flood"), *to, *networks, *bounds, *draw)


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
    addresses = [interface.ipv4.split("/")[0] for interface in end.interfaces]
    for address in addresses:
        if any(_holds(interface.ipv4, address) for interface in node.interfaces):
            return address
    routes = [
        (0 if route.destination == "default" else ipaddress.IPv4Network(route.destination).prefixlen, route.via)
        for route in node.routes
        if route.destination == "default" or _holds(route.destination, addresses[0])
    ]
    return max(routes)[1] if routes else None


def _holds(network: str, address: str) -> bool:
    return ipaddress.IPv4Address(address) in ipaddress.IPv4Interface(network).network


def _owner(context: PlanContext, address: str) -> NodePlan | None:
    for node in context.network.nodes:
        if any(interface.ipv4.split("/")[0] == address for interface in node.interfaces):
            return node
    return None
