"""What several actions share: field types, a base class that refuses idle words, and servers that
are awaited.
"""

from __future__ import annotations

import base64
import platform
import signal
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema, model_validator

from tcpexp.actions.base import Action
from tcpexp.plan.context import PlanContext
from tcpexp.plan.endings import ANY, ANY_SIGNAL, EXPECTED, signal_name
from tcpexp.plan.types import Spawn, WaitFor
from tcpexp.spec.owncontrol import CONTROL_SCHEMA, OwnControl, parse_control
from tcpexp.units import QuantityError

SECOND_NS = 1_000_000_000
APPS = Path(__file__).parent.parent / "apps"
#: How long a server may take to open its port, in ns; setup time does not count as experiment time.
READY_TIMEOUT_NS = 30 * SECOND_NS

#: A congestion control's name, or one of one's own: ``context.congestion_control`` gives its name.
CongestionControl = Annotated[
    str | OwnControl, PlainValidator(parse_control), WithJsonSchema(CONTROL_SCHEMA)
]

Port = Annotated[int, Field(ge=1, le=65535)]

#: A flow's or an action's name, as ``id:``.
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,39}$")]


_STATUS_HINT = "write a number such as 28, a list such as [0, 28], a signal such as SIGKILL, or any"


def _parse_expected(value: Any) -> tuple[str, ...]:
    """Return expected ends as :func:`tcpexp.plan.endings.is_expected` reads them.

    Raises ``QuantityError``.
    """
    several = list(value) if isinstance(value, (list, tuple)) else [value]
    if not several:
        raise QuantityError("an empty list expects no end at all", _STATUS_HINT)
    return tuple(dict.fromkeys(_parse_status(status) for status in several))


def _parse_status(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        if 0 <= value <= 255:
            return str(value)
        if -64 <= value < 0:
            return signal_name(-value)
        raise QuantityError(f"{value} is no exit status", "exit statuses go from 0 to 255")
    if isinstance(value, str):
        if value in (ANY, ANY_SIGNAL):
            return value
        name = f"SIG{value.upper().removeprefix('SIG')}"
        if name in signal.Signals.__members__:
            return name
    raise QuantityError(f"'{str(value)[:40]}' is no exit status and no signal", _STATUS_HINT)


ExpectedStatus = Annotated[
    tuple[str, ...],
    BeforeValidator(_parse_expected),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer"},
                {"type": "string"},
                {"type": "array", "items": {"type": ["integer", "string"]}},
            ]
        }
    ),
]


class BuiltinAction(Action):
    """An action that says which of ``every`` and ``until`` mean something to it.

    The other is refused.
    """

    #: Entries of ``actions:`` as a spec writes them, for the documentation.
    example: ClassVar[str] = ""
    takes_every: ClassVar[bool] = False
    takes_until: ClassVar[bool] = True
    #: Words of every action that mean something else to this one, and are documented with it.
    redefines: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="after")
    def _refuse_idle_words(self) -> Self:
        if self.every is not None and not self.takes_every and "every" not in self.redefines:
            raise QuantityError(
                f"'every' means nothing to {self.do}",
                "leave it out, or write the action several times",
            )
        if self.until is not None and not self.takes_until and self.every is None:
            raise QuantityError(f"'until' means nothing to {self.do}", "leave it out")
        return self


class ProcessAction(BuiltinAction):
    """An action that runs a program, and says how the program may end."""

    expect_status: ExpectedStatus | None = Field(
        default=None,
        description=(
            "how it may end: an exit status or a list of them, a signal such as `SIGKILL`, `signal`"
            " for any of them, or `any`; 0 when silent. Another end is a failure"
            " (docs/reference/spec.md); an end that the run itself brings about (`until`, `kill`,"
            " the end of the experiment) is none"
        ),
    )

    @property
    def allowed_status(self) -> tuple[str, ...]:
        """How the program may end, for the plan."""
        return EXPECTED if self.expect_status is None else self.expect_status


class SocketAction(ProcessAction):
    """An action that runs a program whose TCP connections may be MPTCP's."""

    mptcp: bool = Field(
        default=False,
        description=(
            "its TCP sockets are MPTCP sockets (RFC 8684): both ends of a connection must say so,"
            " else it is plain TCP. The action `mptcp` says which further paths it may use"
        ),
    )

    def launched(self, context: PlanContext, argv: tuple[str, ...]) -> tuple[str, ...]:
        """Return the argv with which the program starts: with MPTCP sockets where they are asked
        for.

        Ships the library that asks the kernel for them (``tcpexp/apps/mptcp_sockets.c``).
        """
        if not self.mptcp:
            return argv
        library = APPS / f"mptcp_sockets.{platform.machine()}.so"
        if not library.is_file():
            raise context.error(
                f"MPTCP sockets for programs are not built for {platform.machine()}",
                hint="leave mptcp out, or use a program that asks for IPPROTO_MPTCP itself",
                key="mptcp",
            )
        content = base64.b64encode(library.read_bytes()).decode()
        path = context.file("mptcp_sockets.so", content, binary=True)
        context.need(features=("mptcp",))
        return ("env", f"LD_PRELOAD={path}", *argv)


def start_server(
    context: PlanContext,
    spawn: Spawn,
    label: str,
    port: int,
    *,
    until_ns: int | None = None,
    suffix: str | None = None,
) -> str:
    """Start a server before the experiment's zero and wait until it listens on ``port``.

    Return the process's step id.
    """
    step_id = context.setup(spawn, label, until_ns=until_ns, suffix=suffix)
    context.listens(spawn.node, port, step_id)
    ready = "ready" if suffix is None else f"{suffix}-ready"
    wait = WaitFor(spawn.node, "port", str(port), READY_TIMEOUT_NS, step=step_id)
    context.setup(wait, f"port {port} open on {spawn.node}", suffix=ready)
    return step_id


def server_process(context: PlanContext, node: str, port: int) -> str | None:
    """Return the step id of the process that an earlier action started to listen on
    ``node``:``port``, if any.
    """
    for step in context.draft.setup:
        wait = step.do
        if isinstance(wait, WaitFor) and (wait.node, wait.condition, wait.value) == (
            node,
            "port",
            str(port),
        ):
            return wait.step
    return None
