"""The error tree. Each error says what is wrong, where, and what would be right.

``TcpexpError`` carries the exit code of the command line (docs/reference/commands.md)::

    TcpexpError
    +-- SpecError  2   the spec or the command line is wrong
    +-- HostError  3   this machine lacks something
    +-- RunError   4   a run failed
    +-- DataError  5   recorded data is damaged
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Position:
    """A position in a text file; ``line`` and ``column`` count from 1, as editors do.

    ``path`` leads to the value that stands there, ``key`` means its key: two values can begin at
    one position.
    """

    file: str
    line: int
    column: int
    path: tuple[str | int, ...] | None = field(default=None, compare=False, repr=False)
    key: bool = field(default=False, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class TcpexpError(Exception):
    """An error that a user can act on; printed without a traceback.

    ``message`` is one sentence; ``hint`` says what would be right or which command mends it.
    """

    exit_code = 4

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message} ({self.hint})"


class SpecError(TcpexpError):
    """A spec, or a command line, that cannot mean anything.

    ``where`` names the position, ``instead`` the key that is meant.
    """

    exit_code = 2

    def __init__(
        self,
        message: str,
        *,
        where: Position | str | None = None,
        hint: str | None = None,
        instead: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.where = where
        self.instead = instead

    def __str__(self) -> str:
        text = super().__str__()
        return text if self.where is None else f"{self.where}: {text}"


class SpecErrors(SpecError):
    """Several errors of one spec, in the order of the file."""

    def __init__(self, errors: list[SpecError]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = errors


@dataclass(frozen=True)
class Missing:
    """One thing that a machine lacks: what, why it is needed, how to get it, and where a spec asks
    for it.
    """

    what: str
    needed_for: str
    remedy: str
    where: Position | str | None = None


class HostError(TcpexpError):
    """This machine lacks something that the command needs."""

    exit_code = 3

    def __init__(
        self, message: str, *, missing: tuple[Missing, ...] = (), hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.missing = missing


class RunError(TcpexpError):
    """A run failed: a command did, or a setting reads back different from what was set."""

    exit_code = 4


class DataError(TcpexpError):
    """A recorded file is damaged or is not what its name says."""

    exit_code = 5
