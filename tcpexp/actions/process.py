"""``python``, ``command`` and ``kill``: programs of the user's own on a host."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, StrictFloat, StrictInt, StrictStr, model_validator

from tcpexp.actions.common import APPS, BuiltinAction, Name, Port, SocketAction, start_server
from tcpexp.actions.ownfiles import built, files_beside, inside, lay_files
from tcpexp.plan.context import PlanContext
from tcpexp.plan.types import FlowPlan, Kill, Spawn
from tcpexp.registry import suggest
from tcpexp.units import QuantityError

Argument = StrictStr | StrictInt | StrictFloat


class _Process(SocketAction):
    """What ``python`` and ``command`` share."""

    takes_every: ClassVar[bool] = True

    host: str = Field(description="where it runs")
    listens: Port | None = Field(
        default=None,
        description=(
            "TCP port that it opens. Without `at` it is then started and awaited before the"
            " experiment starts"
        ),
    )
    flow: Name | None = Field(
        default=None, description="name of the TCP flow that it opens; needs `to` and `port`"
    )
    to: str | None = Field(default=None, description="host to which its flow goes")
    port: Port | None = Field(default=None, description="TCP port to which its flow goes")
    sender: Literal["client", "server"] = Field(
        default="client",
        description="whose data the flow means: this program's (client) or its peer's (server)",
    )
    files: tuple[str, ...] = Field(
        default=(),
        description=(
            "files and folders beside the spec that lie in its working folder: programs, headers,"
            " data"
        ),
    )
    build: tuple[StrictStr, ...] | None = Field(
        default=None,
        min_length=1,
        description=(
            "a command that compiles it on this machine before the run, such as [gcc, -o, server,"
            " server.c]"
        ),
    )
    stdin: str | None = Field(default=None, description="text for its standard input")
    label: str | None = Field(
        default=None,
        min_length=1,
        max_length=80,
        description="a few words for the timeline and the figures, instead of the command itself",
    )

    @model_validator(mode="after")
    def _flow_is_whole(self) -> Self:
        named = [name for name in ("flow", "to", "port") if getattr(self, name) is not None]
        if self.flow is None and named:
            raise QuantityError(
                f"'{named[0]}' belongs to a flow without a name", "add flow: <name>"
            )
        if self.flow is not None and len(named) < 3:
            raise QuantityError("a flow needs 'to' and 'port'", "add to: <host> and port: <number>")
        if self.listens is not None and self.every is not None:
            raise QuantityError(
                "a server cannot be started again and again", "leave 'every' or 'listens' out"
            )
        return self

    def _own_files(self, context: PlanContext) -> dict[str, bytes]:
        """Return what lies in the program's working folder."""
        found = files_beside(context, self.files)
        return found if self.build is None else built(context, self.build, found)

    def _start(
        self, context: PlanContext, argv: tuple[str, ...], label: str, files: dict[str, bytes]
    ) -> None:
        """Append the process, awaited before zero when it is a server without ``at``, its files,
        and its flow.
        """
        host = context.host(self.host, key="host")
        argv = self.launched(context, argv)
        spawn = Spawn(host, argv, stdin=self.stdin, allowed_status=self.allowed_status)
        if self.listens is not None and self.at is None:
            step = start_server(
                context, spawn, self.label or label, self.listens, until_ns=self.until
            )
        else:
            step = context.step(
                spawn,
                self.label or label,
                at_ns=self.at_ns,
                until_ns=self.until,
                every_ns=self.every,
            )
            if self.listens is not None:
                context.listens(host, self.listens, step)
        lay_files(context, step, files)
        if self.flow is not None and self.to is not None and self.port is not None:
            server = context.host(self.to, key="to")
            sender = host if self.sender == "client" else server
            context.flow(
                FlowPlan(
                    self.flow,
                    host,
                    server,
                    self.port,
                    sender,
                    self.do,
                    step,
                    "all",
                    None,
                    self.at_ns,
                    self.until,
                )
            )


def _texts(context: PlanContext, arguments: tuple[Argument, ...]) -> tuple[str, ...]:
    """Return the arguments as text, each ``{host}`` replaced by that host's address."""
    return tuple(context.substitute(str(argument)) for argument in arguments)


class Python(_Process):
    """Run a Python program on a host.

    `script` is a file beside the spec, else one of the programs that come with tcpexp:
    `http_server.py`, `slow_reader.py`, `burst_sender.py`, `paced_sender.py`, `closing.py`,
    `linked_list.py`, `echo.py`, `datagrams.py`, `relay.py`, `never_accepts.py`, `never_reads.py`,
    `syn_flood.py`. In `args` the text `{h2}` stands for that host's address and `{out}` for a
    folder whose content is kept in the run directory. Everything else reaches the program as
    written, a duration such as `10ms` too. In the guest a Python program needs about half a second
    to start; a server should therefore say that it `listens`. `files` beside the spec lie in its
    working folder, where it can open and import them
    ([your own programs](../guides/own-programs.md)).
    """

    example: ClassVar[str] = (
        "- {do: python, id: reader, host: h2, script: slow_reader.py, args: [--port, "
        "5000, --read, 16, --every, 10ms], listens: 5000}\n"
        '- {at: 1s, do: python, host: h1, script: burst_sender.py, args: [--to, "{h2}", '
        "--port, 5000], flow: upload, to: h2, port: 5000}"
    )

    do: Literal["python"] = "python"
    script: str = Field(description="the program's file name")
    args: tuple[Argument, ...] = Field(default=(), description="its arguments")

    def compile(self, context: PlanContext) -> None:
        """Ship the script and append the process."""
        files = self._own_files(context)
        if files and (context.draft.folder / self.script).is_file():
            files |= {self.script: inside(context, self.script, ("script",)).read_bytes()}
            path = "{out}/" + self.script  # beside its files, so that it can import them
        else:
            path = self._ship(context)
        argv = ("python3", "-u", "-B", path, *_texts(context, self.args))
        self._start(context, argv, f"{self.script} on {self.host}", files)
        context.need(tools=("python3",))

    def _ship(self, context: PlanContext) -> str:
        """Return the path at which the script will be found: the spec's own folder wins over the
        shipped programs.
        """
        if (context.draft.folder / self.script).is_file():
            return context.file(
                f"scripts/{self.script}", context.read_beside(self.script, key="script")
            )
        shipped = sorted(path.name for path in APPS.glob("*.py") if path.stem != "__init__")
        if self.script in shipped:
            return context.app(self.script.removesuffix(".py"))
        raise context.error(
            f"there is no script '{self.script}' beside the spec and none of that name comes with"
            " tcpexp",
            hint=suggest(self.script, shipped),
            key="script",
        )


class Command(_Process):
    """Run a program on a host: `argv` as a list, or `shell` as one line for `sh`.

    `{h2}` stands for that host's address and `{out}` for a folder whose content is kept in the run
    directory; it is the program's working folder. `files` lie there, and what `build` makes of
    them, so that `argv: [./server]` starts it ([your own programs](../guides/own-programs.md)).
    """

    example: ClassVar[str] = """\
- {at: 1s, do: command, id: ping, host: h1, argv: [ping, -c, 10, "{h2}"]}
- {at: 5s, do: command, host: h2, shell: "ss -tn > {out}/sockets.txt", every: 5s, until: 25s}"""

    do: Literal["command"] = "command"
    argv: tuple[Argument, ...] | None = Field(
        default=None, min_length=1, description="the program and its arguments"
    )
    shell: str | None = Field(
        default=None, min_length=1, description="a line for `sh -c`, instead of `argv`"
    )
    needs: tuple[str, ...] = Field(
        default=(), description="programs that must be installed, beside the one in `argv`"
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.argv is None) == (self.shell is None):
            raise QuantityError(
                "a command needs either 'argv' or 'shell'", "write argv: [ping, -c, 3, '{h2}']"
            )
        return self

    def compile(self, context: PlanContext) -> None:
        """Append the process."""
        files = self._own_files(context)
        if self.argv is not None:
            argv = _texts(context, self.argv)
            own = self._is_own(context, argv[0], files)
            # a path is looked at when the program starts
            named = () if own or "/" in argv[0] or "{" in argv[0] else (argv[0],)
            context.need(tools=(*named, *self.needs))
        else:
            argv = ("sh", "-c", context.substitute(self.shell or ""))
            context.need(tools=self.needs)
        self._start(context, argv, f"{self.shell or ' '.join(argv)} on {self.host}", files)

    def _is_own(self, context: PlanContext, program: str, files: dict[str, bytes]) -> bool:
        """Return whether a program is one of the action's own files.

        Refuses one that would not be found.
        """
        if program in files:
            raise context.error(
                f"'{program}' is looked for on the PATH only", hint=f"write ./{program}", key="argv"
            )
        if not program.startswith("./"):
            return False
        if program.removeprefix("./") not in files:
            known = ", ".join(sorted(files)) or "nothing"
            raise context.error(
                f"there is no '{program}' in its working folder",
                hint=f"add it to files:, or build: it; there is {known}",
                key="argv",
            )
        return True


class KillAction(BuiltinAction):
    """Send a signal to the program that another action started."""

    takes_until: ClassVar[bool] = False

    example: ClassVar[str] = """\
- {do: http_server, id: web, host: h2}
- {at: 10s, do: kill, action: web, signal: STOP}"""

    do: Literal["kill"] = "kill"
    action: str = Field(description="`id` of the action that started it, or the name of its flow")
    signal: Literal["TERM", "KILL", "INT", "HUP", "STOP", "CONT", "USR1", "USR2"] = Field(
        default="TERM", description="the signal; STOP halts it and CONT lets it go on"
    )

    def compile(self, context: PlanContext) -> None:
        """Append the signal."""
        step = context.process(self.action, key="action")
        context.step(
            Kill(step.id, self.signal), f"{self.signal} to {self.action}", at_ns=self.at_ns
        )
