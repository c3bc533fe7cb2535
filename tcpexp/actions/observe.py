"""``snapshot``, ``wait_for`` and ``mark``: look, wait, and leave a mark."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from tcpexp.actions.common import BuiltinAction, Port
from tcpexp.plan.context import PlanContext
from tcpexp.plan.types import Mark, Snapshot, WaitFor
from tcpexp.record.states import SocketState
from tcpexp.units import Duration, QuantityError


class SnapshotAction(BuiltinAction):
    """Take a snapshot of sockets, queues and counters at one moment, beside what is recorded all
    the time.

    `every` repeats it until `until`, or to the end.
    """

    takes_every: ClassVar[bool] = True
    takes_until: ClassVar[bool] = False

    example: ClassVar[str] = "- {at: 5s, do: snapshot, hosts: [h2], every: 5s, until: 25s}"

    do: Literal["snapshot"] = "snapshot"
    hosts: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="where; on all hosts when silent"
    )

    def compile(self, context: PlanContext) -> None:
        """Append the snapshot."""
        nodes = (
            context.hosts()
            if self.hosts is None
            else tuple(context.host(name, key="hosts") for name in self.hosts)
        )
        label = f"snapshot of {', '.join(nodes)}"
        context.step(
            Snapshot(nodes), label, at_ns=self.at_ns, until_ns=self.until, every_ns=self.every
        )


class WaitForAction(BuiltinAction):
    """Hold the timeline until something has happened: exactly one of `port` (alone), `log`,
    `socket` and `exit`.

    Actions that were due meanwhile run late, and the report says how late. After `timeout` the run
    fails.
    """

    takes_until: ClassVar[bool] = False

    example: ClassVar[str] = """\
- {do: http_server, id: web, host: h2}
- {at: 1s, do: wait_for, host: h2, socket: estab, port: 80, timeout: 10s}
- {at: 2s, do: wait_for, log: request, action: web}"""

    do: Literal["wait_for"] = "wait_for"
    host: str | None = Field(default=None, description="where to look for `port` or `socket`")
    port: Port | None = Field(
        default=None,
        description="a TCP port that is listened on; beside `socket`: that socket's port",
    )
    socket: SocketState | None = Field(
        default=None,
        description="a TCP socket in this state, as ss spells it: `estab`, `time-wait`...",
    )
    log: str | None = Field(
        default=None, min_length=1, description="a text in the output of `action`"
    )
    action: str | None = Field(
        default=None, description="`id` of the action whose output `log` looks at"
    )
    exit: str | None = Field(default=None, description="`id` of an action whose program ends")
    timeout: Duration = Field(
        default="30s", validate_default=True, gt=0, description="how long to wait at most"
    )

    @model_validator(mode="after")
    def _one_condition(self) -> Self:
        conditions = [self.log, self.socket, self.exit, self.port if self.socket is None else None]
        if sum(condition is not None for condition in conditions) != 1:
            raise QuantityError(
                "wait_for needs exactly one of 'port', 'log', 'socket' and 'exit'", "write port: 80"
            )
        if (self.log is None) != (self.action is None):
            raise QuantityError(
                "'log' and 'action' belong together", "write log: <text> and action: <id>"
            )
        if (self.host is None) != (self.log is not None or self.exit is not None):
            raise QuantityError(
                "'port' and 'socket' need a 'host', 'log' and 'exit' have none",
                "add or remove host",
            )
        return self

    def compile(self, context: PlanContext) -> None:
        """Append the wait."""
        process = self.action if self.log is not None else self.exit
        if process is not None:
            step = context.process(process, key="action" if self.log is not None else "exit")
            node = getattr(step.do, "node", "")
            condition: Literal["log", "exit"] = "log" if self.log is not None else "exit"
            do = WaitFor(node, condition, self.log or "", self.timeout, step=step.id)
            label = (
                f"wait for '{self.log}' in {process}"
                if self.log is not None
                else f"wait for the end of {process}"
            )
        else:
            node = context.host(self.host or "", key="host")
            if self.socket is not None:
                do = WaitFor(node, "socket", self.socket, self.timeout, port=self.port)
                label = f"wait for a socket in {self.socket} on {node}"
            else:
                do = WaitFor(
                    node,
                    "port",
                    str(self.port),
                    self.timeout,
                    step=context.draft.listeners.get((node, self.port or 0)),
                )
                label = f"wait for port {self.port} on {node}"
        context.step(do, label, at_ns=self.at_ns)


class MarkAction(BuiltinAction):
    """Leave a mark on the timeline, drawn on every plot."""

    takes_every: ClassVar[bool] = True
    takes_until: ClassVar[bool] = False

    example: ClassVar[str] = "- {at: 10s, do: mark, text: here it changes}"

    do: Literal["mark"] = "mark"
    text: str = Field(min_length=1, max_length=80, description="what the mark says")

    def compile(self, context: PlanContext) -> None:
        """Append the mark."""
        context.step(
            Mark(self.text), self.text, at_ns=self.at_ns, until_ns=self.until, every_ns=self.every
        )
