"""``congestion_control``, ``sysctl`` and ``initial_window``: settings of the kernel's TCP."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, StrictFloat, StrictInt, StrictStr, model_validator

from tcpexp.actions.common import BuiltinAction, CongestionControl, server_process
from tcpexp.plan.context import PlanContext
from tcpexp.plan.types import FlowCongestionControl, FlowPlan, InitialWindow, Sysctl
from tcpexp.spec.sysctls import check_sysctl_name
from tcpexp.units import QuantityError

SysctlKey = Annotated[str, AfterValidator(check_sysctl_name)]


class CongestionControlAction(BuiltinAction):
    """Switch the congestion control: of a host for connections to come, or of one flow's live
    connections.

    With `host` the sysctl `net.ipv4.tcp_congestion_control` is set; connections that are open keep
    what they have. With `flow` the open sockets of the flow's sending program are switched while
    they send (`setsockopt(TCP_CONGESTION)`), and read back. At `until` the former one returns.
    """

    example: ClassVar[str] = """\
- {do: iperf3, from: h1, to: h2, flow: upload, congestion_control: cubic}
- {at: 20s, do: congestion_control, flow: upload, algorithm: bbr}
- {at: 20s, do: congestion_control, host: h2, algorithm: reno, until: 25s}"""

    do: Literal["congestion_control"] = "congestion_control"
    host: str | None = Field(default=None, description="host whose new connections are meant")
    flow: str | None = Field(default=None, description="flow whose open connections are meant")
    algorithm: CongestionControl = Field(description="the congestion control to switch to")

    @model_validator(mode="after")
    def _host_or_flow(self) -> Self:
        if (self.host is None) == (self.flow is None):
            raise QuantityError("name either a host or a flow", "write host: h1, or flow: <name>")
        return self

    def compile(self, context: PlanContext) -> None:
        """Append the switch, and for a flow the switch back."""
        algorithm = context.congestion_control(self.algorithm, key="algorithm")
        assert algorithm is not None
        context.need(congestion_controls=(algorithm,))
        if self.host is not None:
            host = context.host(self.host, key="host")
            do = Sysctl(host, "net.ipv4.tcp_congestion_control", algorithm)
            context.step(do, f"{host} uses {algorithm}", at_ns=self.at_ns, until_ns=self.until)
            return
        flow = context.flow_named(self.flow or "")
        process = self._sender(context, flow)
        label = f"{flow.name} switches to {algorithm}"
        switch = FlowCongestionControl(flow.sender, process, flow.port, algorithm)
        if self.until is not None:
            former = self._former(context, flow, process)
            back = FlowCongestionControl(flow.sender, process, flow.port, former)
            context.step(
                back, f"{flow.name} switches back to {former}", at_ns=self.until, suffix="back"
            )
        context.step(switch, label, at_ns=self.at_ns)

    def _sender(self, context: PlanContext, flow: FlowPlan) -> str:
        """Return the step id of the program that sends the flow's data."""
        if flow.sender == flow.client:
            return flow.step
        process = server_process(context, flow.server, flow.port)
        if process is None:
            raise context.error(
                f"no action starts the server that sends '{flow.name}' before the experiment's"
                " start",
                hint="start it with an action without at:, above this one",
                key="flow",
            )
        return process

    def _former(self, context: PlanContext, flow: FlowPlan, process: str) -> str:
        """Return the congestion control that the flow uses just before this action."""
        earlier = [
            (step.at_ns or 0, step.do.algorithm)
            for step in context.draft.steps
            if isinstance(step.do, FlowCongestionControl)
            and step.do.step == process
            and (step.at_ns or 0) <= self.at_ns
        ]
        former = (
            max(earlier, key=lambda switch: switch[0])[1] if earlier else flow.congestion_control
        )
        if former is None:
            raise context.error(
                f"'until' needs to know what '{flow.name}' used before",
                hint=f"name the congestion_control where '{flow.name}' starts",
                key="until",
            )
        return former


class SysctlAction(BuiltinAction):
    """Set a network sysctl on one host; the former value returns at `until` or at the end.

    Each host has settings of its own. Settings that hold from the start read better under `hosts:`.
    """

    example: ClassVar[str] = (
        "- {at: 10s, do: sysctl, host: h1, key: net.ipv4.tcp_slow_start_after_idle, value: 0}"
    )

    do: Literal["sysctl"] = "sysctl"
    host: str = Field(description="whose setting")
    key: SysctlKey = Field(description="the setting, such as `net.ipv4.tcp_syncookies`")
    value: StrictStr | StrictInt | StrictFloat = Field(description="its new value")

    def compile(self, context: PlanContext) -> None:
        """Append the setting."""
        host, value = context.host(self.host, key="host"), str(self.value)
        context.step(
            Sysctl(host, self.key, value),
            f"{self.key} = {value} on {host}",
            at_ns=self.at_ns,
            until_ns=self.until,
        )


class InitialWindowAction(BuiltinAction):
    """Set the initial congestion window of a host's connections to come.

    It is a property of the host's routes (`ip route change ... initcwnd`), and holds for those who
    send: on a web server it is the window that a download begins with. Linux begins with 10
    segments (RFC 6928). Without `at` it holds from before the start; the former one returns at
    `until` or at the end.
    """

    example: ClassVar[str] = "- {do: initial_window, host: h2, segments: 3}"

    do: Literal["initial_window"] = "initial_window"
    host: str = Field(description="whose connections")
    segments: int = Field(
        ge=1,
        le=1000,
        description="how many segments of the MSS go out before the first acknowledgment",
    )

    def compile(self, context: PlanContext) -> None:
        """Append the setting, before the start unless a time is given."""
        host = context.host(self.host, key="host")
        what, label = (
            InitialWindow(host, self.segments),
            f"initial window of {host}: {self.segments}",
        )
        if self.at is None:
            context.setup(what, label, until_ns=self.until)
        else:
            context.step(what, label, at_ns=self.at_ns, until_ns=self.until)
