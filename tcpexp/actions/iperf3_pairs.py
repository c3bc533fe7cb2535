"""``iperf3_pairs``: bulk TCP flows between many pairs of hosts, in one line."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

from pydantic import Field

from tcpexp.actions.common import CongestionControl, ProcessAction
from tcpexp.actions.iperf3 import Iperf3
from tcpexp.plan.context import PlanContext
from tcpexp.spec.owncontrol import OWN_NAMES
from tcpexp.units import Duration, Size, format_duration


class Iperf3Pairs(ProcessAction):
    """Send bulk data over TCP from each of many hosts with iperf3: as many actions `iperf3` as the
    network has such hosts.

    `from: a` means all hosts a1, a2, a3, ... of the topology; `to: b` the host with the same
    number, b1, b2, b3, ..., and `to: c1` that one host for all. The flows are called `flow` and the
    number: f1, f2, ... So the number of flows is the topology's (`dumbbell` with `pairs: 16`), and
    a sweep can vary it.
    """

    example: ClassVar[str] = (
        "- {at: 0s, do: iperf3_pairs, from: a, to: b, congestion_control: reno, distance: 100ms,"
        " until: 60s}"
    )

    do: Literal["iperf3_pairs"] = "iperf3_pairs"
    from_: str = Field(
        alias="from",
        pattern=r"^[A-Za-z][A-Za-z0-9_]*$",
        description="name without number of the sending hosts, such as `a`",
    )
    to: str = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_]*$",
        description="name without number of the receiving hosts, such as `b`; or one host's name",
    )
    flow: str = Field(
        default="f",
        pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,30}$",
        description="name without number of the flows",
    )
    distance: Duration = Field(
        default=0,
        description="time from the start of one flow to that of the next; all at once when silent",
    )
    congestion_control: CongestionControl | None = Field(
        default=None, description="congestion control of all of them; the host's own when silent"
    )
    bytes_: Size | None = Field(
        default=None,
        alias="bytes",
        ge=1,
        description="how much each sends; to `until`, or to the end, when silent",
    )

    def compile(self, context: PlanContext) -> None:
        """Append one ``iperf3`` per sending host, in the order of their numbers."""
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
        control = context.congestion_control(self.congestion_control)
        for place, number in enumerate(numbers):
            at = self.at_ns + place * self.distance
            if at >= (self.until or context.duration_ns):
                hint = "make distance: shorter"
                raise context.error(
                    f"{self.flow}{number} would start at {format_duration(at)}, when all is over",
                    hint=hint,
                    key="distance",
                )
            until = None if self.until is None else format_duration(self.until)
            given: dict[str, Any] = {
                "at": format_duration(at),
                "until": until,
                "bytes": self.bytes_ and f"{self.bytes_}B",
            }
            given |= {
                "congestion_control": control,
                "expect_status": self.expect_status,
            }
            own = {name: value for name, value in given.items() if value is not None}
            to = self.to if self.to in hosts else context.host(f"{self.to}{number}", key="to")
            Iperf3.model_validate(
                {"from": f"{self.from_}{number}", "to": to, "flow": f"{self.flow}{number}", **own},
                context={OWN_NAMES: (control,)},
            ).compile(context)
