"""What several actions share: field types, a base class that refuses idle words, and servers that are awaited."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from tcpexp.actions.base import Action
from tcpexp.plan.context import PlanContext
from tcpexp.plan.types import Spawn, WaitFor
from tcpexp.spec.congestion import CONGESTION_CONTROLS, check_congestion_control
from tcpexp.units import QuantityError

SECOND_NS = 1_000_000_000
#: How long a server may take to open its port, in ns; setup time does not count as experiment time.
READY_TIMEOUT_NS = 30 * SECOND_NS

CongestionControl = Annotated[
    str,
    AfterValidator(check_congestion_control),
    WithJsonSchema({"type": "string", "enum": list(CONGESTION_CONTROLS)}),
]

Port = Annotated[int, Field(ge=1, le=65535)]

#: A flow's or an action's name, as ``id:``.
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,39}$")]


class BuiltinAction(Action):
    """An action that says which of ``every`` and ``until`` mean something to it; the other is refused."""

    #: Entries of ``actions:`` as a spec writes them, for the documentation.
    example: ClassVar[str] = ""
    takes_every: ClassVar[bool] = False
    takes_until: ClassVar[bool] = True
    #: Words of every action that mean something else to this one, and are documented with it.
    redefines: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="after")
    def _refuse_idle_words(self) -> Self:
        if self.every is not None and not self.takes_every and "every" not in self.redefines:
            raise QuantityError(f"'every' means nothing to {self.do}", "leave it out, or write the action several times")
        if self.until is not None and not self.takes_until and self.every is None:
            raise QuantityError(f"'until' means nothing to {self.do}", "leave it out")
        return self


def start_server(context: PlanContext, spawn: Spawn, label: str, port: int, *, until_ns: int | None = None, suffix: str | None = None) -> str:
    """Start a server before the experiment's zero and wait until it listens on ``port``; return the process's step id."""
    context.reserve_port(port)
    step_id = context.setup(spawn, label, until_ns=until_ns, suffix=suffix)
    ready = "ready" if suffix is None else f"{suffix}-ready"
    wait = WaitFor(spawn.node, "port", str(port), READY_TIMEOUT_NS, step=step_id)
    context.setup(wait, f"port {port} open on {spawn.node}", suffix=ready)
    return step_id


def server_process(context: PlanContext, node: str, port: int) -> str | None:
    """Return the step id of the process that an earlier action started to listen on ``node``:``port``, if any."""
    for step in context.draft.setup:
        wait = step.do
        if isinstance(wait, WaitFor) and (wait.node, wait.condition, wait.value) == (node, "port", str(port)):
            return wait.step
    return None
