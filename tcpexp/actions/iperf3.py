"""``iperf3``: one bulk TCP flow with its own server."""

from __future__ import annotations

import math
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from tcpexp.actions.common import SECOND_NS, CongestionControl, Name, SocketAction, start_server
from tcpexp.plan.context import PlanContext
from tcpexp.plan.endings import EXPECTED
from tcpexp.plan.types import FlowPlan, Spawn
from tcpexp.units import Duration, QuantityError, Rate, Size

#: iperf3 reports at least this often apart, in ns.
SHORTEST_INTERVAL_NS = 100_000_000
#: iperf3 writes blocks of so many bytes unless ``-l`` says otherwise, and sends only whole ones.
USUAL_BLOCK = 131_072
#: A smaller block would make the program's calls, not the network, what an experiment is about.
SMALLEST_BLOCK = 1_000


class Iperf3(SocketAction):
    """Send bulk data over TCP from one host to another with iperf3.

    Every flow has an iperf3 server of its own on `to`, on a port of its own (5201 and up), ready
    before the experiment starts. iperf3 opens a control connection first; only the connections
    after it are the flow. That exchange takes a few round-trip times, so data starts about five
    RTTs after `at`.

    The flow ends at `until` (stopped there, which iperf3 reports as an interruption), after `time`
    counted from its first data, or when `bytes` are sent. Without any of them it runs to the end of
    the experiment.

    iperf3 sends whole blocks. With `bytes` and no `length` the block is the largest of 1,000 bytes
    to 128 KiB of which a whole number is exactly `bytes`, so that not a byte more is sent. Where
    there is none (a prime number, say), with a `length` that does not divide `bytes`, or with
    several connections, which share the number among them, the last blocks go beyond it. Each
    connection begins with a cookie of 37 bytes, which goodput counts as well. iperf3 is done when
    the last byte is in the sender's socket buffer: what still waits there when its two ends agree
    on that may never arrive, and the connection is reset. Where every byte has to arrive, use
    `http_get`.
    """

    example: ClassVar[str] = """\
- {at: 0s, do: iperf3, from: h1, to: h2, flow: upload, congestion_control: bbr, until: 30s}
- {at: 5s, do: iperf3, from: h1, to: h2, flow: download, direction: reverse, bytes: 20MB}"""

    do: Literal["iperf3"] = "iperf3"
    from_: str = Field(alias="from", description="host of the iperf3 client")
    to: str = Field(description="host of the iperf3 server")
    flow: Name | None = Field(
        default=None,
        description="the flow's name in plots and checks; the action's `id` when silent",
    )
    congestion_control: CongestionControl | None = Field(
        default=None,
        description="congestion control of the sending side; the host's own when silent",
    )
    direction: Literal["forward", "reverse", "both"] = Field(
        default="forward",
        description=(
            "who sends: `from` (forward), `to` (reverse), or both; then the second flow is named"
            " `<flow>-reverse`"
        ),
    )
    parallel: int = Field(
        default=1, ge=1, le=128, description="connections that send at the same time"
    )
    time: Duration | None = Field(default=None, description="how long data is sent, whole seconds")
    bytes_: Size | None = Field(
        default=None,
        alias="bytes",
        ge=1,
        description="how much is sent, instead of a time; in whole blocks",
    )
    rate: Rate | None = Field(
        default=None,
        description="rate at which the application writes, per connection; unlimited when silent",
    )
    interval: Duration = Field(
        default="1s",
        validate_default=True,
        ge=SHORTEST_INTERVAL_NS,
        description="distance of iperf3's own reports, at least 100ms",
    )
    window: Size | None = Field(
        default=None,
        ge=1,
        description=(
            "socket buffer size of both sides (iperf3's -w); the kernel tunes it when silent"
        ),
    )
    length: Size | None = Field(
        default=None,
        ge=1,
        le=1_048_576,
        description=(
            "size of one write (iperf3's -l); 128KiB when silent, with `bytes` one that sends them"
            " exactly"
        ),
    )
    mss: int | None = Field(
        default=None, ge=88, le=32767, description="maximum segment size in bytes (iperf3's -M)"
    )

    @model_validator(mode="after")
    def _one_end_only(self) -> Self:
        ends = [
            name
            for name, value in (("until", self.until), ("time", self.time), ("bytes", self.bytes_))
            if value is not None
        ]
        if "time" in ends and "bytes" in ends:
            raise QuantityError(
                "'time' and 'bytes' both say when the flow ends", "name one of them"
            )
        if self.time is not None and (self.time % SECOND_NS or self.time == 0):
            raise QuantityError(
                "iperf3 counts 'time' in whole seconds", "write whole seconds, or use until:"
            )
        return self

    def compile(self, context: PlanContext) -> None:
        """Append the server (setup), the client and the flow or the two flows."""
        client, server = context.host(self.from_, key="from"), context.host(self.to, key="to")
        if client == server:
            raise context.error(
                "a flow needs two different hosts", hint="name another host", key="to"
            )
        port, name = context.port(), self.flow or context.step_id
        control = context.congestion_control(self.congestion_control)
        argv = ("iperf3", "-s", "-1", "-p", str(port), "--json")
        allowed = self.allowed_status
        spawn = Spawn(
            server,
            self.launched(context, argv),
            stop_signal="INT",
            allowed_status=tuple(dict.fromkeys((*EXPECTED, *allowed))),
        )
        start_server(context, spawn, f"iperf3 server for {name}", port, suffix="server")
        spawn = Spawn(
            client,
            self.launched(
                context, self._client(context.address(server), port, context.duration_ns, control)
            ),
            stop_signal="INT",
            allowed_status=allowed,
        )
        until_ns = self.until if self.until is not None else context.duration_ns
        step = context.step(spawn, f"{name} starts", at_ns=self.at_ns, until_ns=until_ns)
        for flow, sender in self._flows(name, client, server):
            plan = FlowPlan(
                flow,
                client,
                server,
                port,
                sender,
                "iperf3",
                step,
                "not_first",
                control,
                self.at_ns,
                until_ns,
            )
            context.flow(plan)
        context.need(
            tools=("iperf3",),
            congestion_controls=(control,) if control else (),
        )

    def _flows(self, name: str, client: str, server: str) -> tuple[tuple[str, str], ...]:
        """Return (flow name, sender) of each flow."""
        if self.direction == "both":
            return ((name, client), (f"{name}-reverse", server))
        return ((name, client if self.direction == "forward" else server),)

    def _client(
        self, address: str, port: int, duration_ns: int, control: str | None
    ) -> tuple[str, ...]:
        """Return the client's argv."""
        argv = [
            "iperf3",
            "-c",
            address,
            "-p",
            str(port),
            "--json",
            "-i",
            f"{self.interval / SECOND_NS:g}",
        ]
        if self.bytes_ is not None:
            argv += ["-n", str(self.bytes_)]
        elif self.time is not None:
            argv += ["-t", str(self.time // SECOND_NS)]
        else:
            # Longer than needed: the step's end stops it on time, which iperf3's own whole seconds
            # cannot.
            last_ns = self.until if self.until is not None else duration_ns
            argv += ["-t", str(math.ceil((last_ns - self.at_ns) / SECOND_NS) + 1)]
        if control is not None:
            argv += ["-C", control]
        argv += {"forward": [], "reverse": ["-R"], "both": ["--bidir"]}[self.direction]
        if self.parallel > 1:
            argv += ["-P", str(self.parallel)]
        for option, value in (
            ("-b", self.rate),
            ("-w", self.window),
            ("-l", self._block()),
            ("-M", self.mss),
        ):
            if value is not None:
                argv += [option, str(value)]
        return tuple(argv)

    def _block(self) -> int | None:
        """Return the size of iperf3's blocks, None for its own."""
        if self.length is not None or self.bytes_ is None:
            return self.length
        return exact_block(self.bytes_)


def exact_block(size: int) -> int | None:
    """Return the largest block in which ``size`` bytes can be sent exactly.

    None for iperf3's own, which fits or where no other does.
    """
    fewest = -(-size // USUAL_BLOCK)
    if size % USUAL_BLOCK == 0:
        return None
    found = next(
        (size // count for count in range(fewest, size // SMALLEST_BLOCK + 1) if size % count == 0),
        None,
    )
    return size if found is None and size < SMALLEST_BLOCK else found
