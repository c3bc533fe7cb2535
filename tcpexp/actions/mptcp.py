"""``mptcp``: what a host's path manager may do with MPTCP connections."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tcpexp.actions.common import BuiltinAction
from tcpexp.plan.context import PlanContext
from tcpexp.plan.types import PathManager

Role = Literal["subflow", "signal", "backup", "fullmesh"]
#: Linux allows so many of each (net/mptcp/protocol.h: MPTCP_PM_ADDR_MAX).
MOST = 8


class Mptcp(BuiltinAction):
    """Tell a host's kernel which paths its MPTCP connections may use (`ip mptcp`).

    A connection is MPTCP (RFC 8684) when both programs opened such sockets: `mptcp: true` in the
    actions that start them. Its first subflow is the one that the program asked for. Further ones
    are the path manager's: with `subflow` it opens one *from* that address of its own to the peer's
    address; with `signal` it tells the peer of that address (ADD_ADDR), and the peer opens one *to*
    it where it may accept so many. `backup` asks the peer to use a subflow only when no other is
    left, `fullmesh` makes a subflow from the address to each of the peer's.
    """

    takes_until: ClassVar[bool] = False

    example: ClassVar[str] = """\
- {do: mptcp, host: h1, subflows: 1, accept: 1}
- {do: mptcp, host: h2, subflows: 1, endpoints: {r2-h2: signal}}
- {at: 5s, do: mptcp, host: h1, endpoints: {h1-r2: [subflow, backup]}}"""

    do: Literal["mptcp"] = "mptcp"
    host: str = Field(description="whose path manager")
    subflows: int = Field(
        default=2,
        ge=0,
        le=MOST,
        description="how many subflows a connection may have beside the first",
    )
    accept: int = Field(
        default=0,
        ge=0,
        le=MOST,
        description="to how many addresses that the peer announces it opens a subflow",
    )
    endpoints: dict[str, Role | Annotated[tuple[Role, ...], Field(min_length=1)]] = Field(
        default={},
        description=(
            "its addresses, by the link on which they are, with what they are for: `subflow`,"
            " `signal`, `backup`, `fullmesh`, one or a list"
        ),
    )

    def compile(self, context: PlanContext) -> None:
        """Append the setting: before zero, unless it has a time."""
        host = context.host(self.host, key="host")
        node = context.node(host)
        endpoints: list[tuple[str, str, str]] = []
        for name, roles in self.endpoints.items():
            link = context.link(name, key=("endpoints", name))
            end = next((end for end in (link.a, link.b) if end.node == host), None)
            if end is None:
                own = [
                    each.name
                    for each in context.network.links
                    if host in (each.a.node, each.b.node)
                ]
                raise context.error(
                    f"{host} has no address on link {name}",
                    hint=f"its links: {', '.join(own)}",
                    key=("endpoints", name),
                )
            given = (roles,) if isinstance(roles, str) else roles
            if "signal" in given and "fullmesh" in given:
                raise context.error(
                    "an address is either announced (signal) or used for a full mesh",
                    hint="keep one of them",
                    key=("endpoints", name),
                )
            address = next(
                interface.address
                for interface in node.interfaces
                if interface.name == end.interface
            )
            endpoints.append((address, end.interface, " ".join(dict.fromkeys(given))))
        do = PathManager(host, self.subflows, self.accept, tuple(endpoints))
        label = f"{host}: up to {self.subflows} further subflows"
        if self.at is None:
            context.setup(do, label)
        else:
            context.step(do, label, at_ns=self.at_ns)
        context.need(tools=("ip",), features=("mptcp",))
