"""The recorders that the engine itself knows: packets, sockets, queues, counters, kernel trace."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from tcpexp.plan.types import Recorder
from tcpexp.recorders.base import RecorderModel
from tcpexp.recorders.sampled import SECOND_NS, Sampler
from tcpexp.units import Duration, QuantityError, parse_size

if TYPE_CHECKING:
    from tcpexp.plan.context import PlanContext

TraceEvent = Literal[
    "tcp:tcp_probe", "sock:inet_sock_set_state", "tcp:tcp_retransmit_skb", "tcp:tcp_cong_state_set"
]
TRACE_EVENTS: tuple[TraceEvent, ...] = (
    "tcp:tcp_probe",
    "sock:inet_sock_set_state",
    "tcp:tcp_retransmit_skb",
    "tcp:tcp_cong_state_set",
)
#: An experiment longer than this has snapshots of sockets and counters half as often: they are the
#: costliest samples of all.
LONG_NS = 20 * SECOND_NS


def _parse_snaplen(value: object) -> int:
    """Return bytes of ``128B``, 0 of ``full``."""
    if value == "full":
        return 0
    try:
        size = parse_size(value)
    except QuantityError as error:
        raise QuantityError(error.message, "write full, or a size such as 128B") from None
    if not 64 <= size <= 262144:
        raise QuantityError(
            f"a snaplen of {size} bytes is out of range", "write full, or 64B to 256KiB"
        )
    return size


def silent_interval_ns(context: PlanContext) -> int:
    """Return the distance of costly samples where the spec is silent."""
    return SECOND_NS if context.duration_ns <= LONG_NS else 2 * SECOND_NS


class Capture(RecorderModel):
    """Packets at every host's interfaces (tcpdump).

    ``snaplen`` is how much of each is kept: ``full`` or a size.
    """

    name: ClassVar[str] = "capture"
    shorthand: ClassVar[str | None] = "snaplen"
    default: ClassVar[bool] = True

    snaplen: Annotated[int, BeforeValidator(_parse_snaplen, json_schema_input_type=str)] = Field(
        default=128, description="how much of each packet is kept: full, or a size such as 128B"
    )
    routers: bool = Field(default=False, description="capture at the routers' interfaces too")
    hosts: tuple[str, ...] = Field(
        default=(),
        description=(
            "capture at these hosts only, such as `c1` or `b*`; what compares both ends of a path"
            " then has nothing to say"
        ),
    )

    def compile(self, context: PlanContext) -> tuple[Recorder, ...]:
        """Return one recorder per interface, in the topology's order."""
        context.need(tools=("tcpdump",))
        names = [node.name for node in context.network.nodes]
        chosen = {
            name
            for pattern in self.hosts
            for name in fnmatch.filter(names, pattern) or (context.host(pattern, key="hosts"),)
        }
        return tuple(
            Recorder("capture", node.name, interface.name, None, {"snaplen": self.snaplen})
            for node in context.network.nodes
            if (node.kind == "host" or self.routers) and (not chosen or node.name in chosen)
            for interface in node.interfaces
        )


class Sockets(Sampler):
    """What `ss -tinmoe` says about every TCP socket of every host, each ``every``."""

    name: ClassVar[str] = "ss"
    default: ClassVar[bool] = True

    every: Duration | None = Field(
        default=None,
        description=(
            "distance of the snapshots; when silent 1s, or 2s in an experiment longer than 20s"
        ),
    )

    def compile(self, context: PlanContext) -> tuple[Recorder, ...]:
        """Return one recorder per host."""
        context.need(tools=("ss",))
        interval_ns = self.interval_ns(
            context, silent_interval_ns(context) if self.every is None else self.every
        )
        return tuple(Recorder("ss", host, None, interval_ns) for host in context.hosts())


class Queues(Sampler):
    """Backlog, drops and marks of every shaped link's queue, each ``every``."""

    name: ClassVar[str] = "qdisc"
    default: ClassVar[bool] = True

    every: Duration = Field(default=100_000_000, description="distance of the samples")

    def compile(self, context: PlanContext) -> tuple[Recorder, ...]:
        """Return one recorder when a link of the run is shaped or delayed, else none."""
        interval_ns = self.interval_ns(context, self.every)
        if not any(link.wire for link in context.network.links):
            return ()
        return (Recorder("qdisc", None, None, interval_ns),)


class Counters(Sampler):
    """The kernel's SNMP and TcpExt counters of every host, each ``every``."""

    name: ClassVar[str] = "counters"
    default: ClassVar[bool] = True

    every: Duration | None = Field(
        default=None,
        description=(
            "distance of the samples; when silent 1s, or 2s in an experiment longer than 20s"
        ),
    )

    def compile(self, context: PlanContext) -> tuple[Recorder, ...]:
        """Return one recorder per host."""
        interval_ns = self.interval_ns(
            context, silent_interval_ns(context) if self.every is None else self.every
        )
        return tuple(Recorder("counters", host, None, interval_ns) for host in context.hosts())


class Trace(RecorderModel):
    """The kernel's own account of TCP: windows per ACK, changes of state, retransmissions,
    congestion states.
    """

    name: ClassVar[str] = "trace"
    shorthand: ClassVar[str | None] = "events"
    default: ClassVar[bool] = True

    events: tuple[TraceEvent, ...] = Field(
        default=TRACE_EVENTS, min_length=1, description="tracepoints to record"
    )

    def compile(self, context: PlanContext) -> tuple[Recorder, ...]:
        """Return one recorder for the whole machine."""
        return (Recorder("trace", None, None, None, {"events": list(self.events)}),)


class Command(RecorderModel):
    """A command on a host, run each ``every`` (or once, for the whole run) with its output kept as
    ``raw/<output>``.
    """

    name: ClassVar[str] = "command"

    host: str = Field(description="where it runs")
    argv: tuple[str, ...] = Field(
        min_length=1, description="the program and its arguments; no shell"
    )
    output: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,60}$",
        description="the file under raw/ that keeps it",
    )
    every: Duration | None = Field(
        default=None, description="distance of the runs; when silent it runs once, to the end"
    )

    def compile(self, context: PlanContext) -> tuple[Recorder, ...]:
        """Return one recorder."""
        context.host(self.host, key="host")
        options = {"argv": [context.substitute(word) for word in self.argv], "output": self.output}
        return (Recorder("command", self.host, None, self.every, options),)
