"""``utcp``: a program of the user-space TCP on a host, over a TUN device, with the host's own
address.
"""

from __future__ import annotations

import re
from typing import ClassVar, Literal, Self

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from tcpexp.actions.common import READY_TIMEOUT_NS, Name, ProcessAction
from tcpexp.plan.context import PlanContext
from tcpexp.plan.types import FlowPlan, Spawn, WaitFor
from tcpexp.units import QuantityError

#: Commands that listen, and those that connect.
LISTENING, CONNECTING = ("serve", "sink"), ("get", "calc", "dns", "source")
#: Commands that ask, request by request.
ASKING = ("get", "calc", "dns")
DEFAULT_PORT = {"serve": 7000, "sink": 7000, "get": 7000, "source": 7000, "calc": 7001, "dns": 7053}
#: Names of TUN devices are at most 15 characters long.
LONGEST_DEVICE = 15


class Utcp(ProcessAction):
    """Run a program of the user-space TCP (docs/concepts/tcp.md) on a host.

    Its segments travel as real IP packets with the host's own address: a TUN device takes over the
    ports that it uses, and the host's kernel forwards. Everything else of the host stays with the
    kernel's TCP. `run` is the command: `serve` and `sink` listen, and are ready before the
    experiment starts unless they have an `at`; `get`, `calc`, `dns` and `source` connect to the
    host `to`. Its events fill the same tables as the kernel's TCP (states, retransmissions, cwnd)
    and the table `tcp_events`. `config` holds settings of its connections, by the names of
    docs/concepts/tcp.md; durations are such as `200ms`.
    """

    example: ClassVar[str] = (
        '- {do: utcp, id: server, host: h2, run: serve, args: [--generate, "big=1MB:1"], '
        "config: {congestion_control: reno, mss: 1024}}\n"
        "- {at: 1s, do: utcp, id: client, host: h1, run: get, to: h2, args: [big], flow: "
        "download, sender: server}"
    )

    do: Literal["utcp"] = "utcp"
    host: str = Field(description="where it runs")
    run: Literal["serve", "get", "calc", "dns", "source", "sink"] = Field(description="the command")
    to: str | None = Field(default=None, description="the host to connect to")
    port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="TCP port of the server; the command's own when silent",
    )
    args: tuple[StrictStr | StrictInt | StrictFloat, ...] = Field(
        default=(), description="further arguments and options of the command"
    )
    each: StrictBool = Field(
        default=False,
        description=(
            "`get`, `calc`, `dns`: a connection for each request. With `fast_open: true` in"
            " `config` here and at the server, the first asks for a cookie, and the others have"
            " their request in the SYN (RFC 7413)"
        ),
    )
    config: dict[str, StrictBool | StrictInt | StrictFloat | StrictStr] = Field(
        default={}, description="settings of its connections"
    )
    control: str | None = Field(
        default=None,
        description=(
            "a Python file beside the spec with a congestion control of one's own: a class derived"
            " from `tcpexp.tcp.core.congestion.base.CongestionControl`, whose `name` then is a"
            " `congestion_control` of `config`"
        ),
    )
    local_ports: str = Field(
        default="50000-50999",
        pattern=r"^\d{1,5}-\d{1,5}$",
        description="ports from which it connects; two programs on one host need two ranges",
    )
    flow: Name | None = Field(default=None, description="name of the TCP flow that it opens")
    sender: Literal["client", "server"] = Field(
        default="client",
        description="whose data the flow means: this program's (client) or its peer's (server)",
    )
    zone: str | None = Field(default=None, description="a zone file, as text, for `serve`")

    @model_validator(mode="after")
    def _fits_the_command(self) -> Self:
        if self.run in CONNECTING and self.to is None:
            raise QuantityError(f"'{self.run}' connects, but to no host", "add to: <host>")
        if self.each and self.run not in ASKING:
            raise QuantityError(f"'{self.run}' has no requests", f"each is for {', '.join(ASKING)}")
        if self.run in LISTENING and (self.to is not None or self.flow is not None):
            raise QuantityError(
                f"'{self.run}' listens, and opens no flow",
                "name the flow where the connection is opened",
            )
        return self

    def compile(self, context: PlanContext) -> None:
        """Append the process; one that listens is awaited before zero when it has no time of its
        own.
        """
        host = context.host(self.host, key="host")
        port = self.port or DEFAULT_PORT[self.run]
        argv = (
            "env",
            "PYTHONPATH={tcpexp}",
            "python3",
            "-u",
            "-B",
            "-m",
            "tcpexp.tcp",
            self.run,
            *self._words(context, host, port),
        )
        spawn = Spawn(host, argv, allowed_status=self.allowed_status)
        label = f"user-space TCP: {self.run} on {host}"
        context.need(tools=("python3", "ip"), features=("tun",))
        if self.run in LISTENING:
            context.reserve_port(port)
        if self.run in LISTENING and self.at is None:
            step = context.setup(spawn, label, until_ns=self.until)
            context.setup(
                WaitFor(host, "log", '"listening"', READY_TIMEOUT_NS, step=step),
                f"{label} is ready",
                suffix="ready",
            )
            return
        step = context.step(spawn, label, at_ns=self.at_ns, until_ns=self.until)
        if self.flow is not None and self.to is not None:
            server = context.host(self.to, key="to")
            sender = host if self.sender == "client" else server
            context.flow(
                FlowPlan(
                    self.flow,
                    host,
                    server,
                    port,
                    sender,
                    "utcp",
                    step,
                    "all",
                    None,
                    self.at_ns,
                    self.until,
                )
            )

    def _words(self, context: PlanContext, host: str, port: int) -> tuple[str, ...]:
        """Return the command's arguments and options."""
        words = [context.address(self.to, key="to")] if self.to is not None else []
        words += [context.substitute(str(word)) for word in self.args]
        words += [
            "--port",
            str(port),
            "--tun",
            f"u-{context.step_id}"[:LONGEST_DEVICE],
            "--address",
            context.address(host),
            "--json",
        ]
        words += ["--events", "{out}/tcp.jsonl", *(["--each"] if self.each else [])]
        if self.run in CONNECTING:
            words += ["--local-ports", self.local_ports]
        if self.control is not None:
            text = context.read_beside(self.control, key="control")
            words += ["--control", context.file(f"{context.step_id}/control.py", text)]
        for name, value in self._settings(context).items():
            words += ["--set", f"{name}={value}"]
        if self.zone is not None:
            words += ["--zone", context.file(f"{context.step_id}/zone", self.zone)]
        return tuple(words)

    def _settings(self, context: PlanContext) -> dict[str, str]:
        """Return the settings as words; raises ``SpecError`` where one is wrong."""
        from tcpexp.tcp.services.words import make_config

        found = {}
        for name, value in self.config.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            try:
                if name != "congestion_control" or not self._is_own(context, text):
                    make_config([f"{name}={text}"])
            except ValueError as error:
                raise context.error(str(error), key=("config", name)) from None
            found[name] = text
        return found

    def _is_own(self, context: PlanContext, name: str) -> bool:
        """Return whether the file ``control`` has a class of this name, as far as its text says.

        It is run where the program runs, not here.
        """
        if self.control is None:
            return False
        text = context.read_beside(self.control, key="control")
        return (
            re.search(rf"^\s+name\s*(:.*)?=\s*[\"']{re.escape(name)}[\"']", text, re.M) is not None
        )
