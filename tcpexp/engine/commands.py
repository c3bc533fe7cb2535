"""Run commands in nodes: argv lists, time limits, and a record of every one in
``raw/commands.jsonl``.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tcpexp.engine import namespaces
from tcpexp.engine.clock import Clock
from tcpexp.engine.journal import JsonLines
from tcpexp.errors import RunError
from tcpexp.record.lines import Command as CommandLine

#: What every process of a run sees, whatever the user's own environment holds.
CLEAN_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TERM": "dumb",
}


@dataclass(frozen=True)
class Completed:
    """A command that has ended."""

    status: int
    stdout: str
    stderr: str


class Executor:
    """The one way by which the engine runs a command.

    ``node`` None is the engine's own namespace.
    """

    def __init__(self, log: JsonLines) -> None:
        self.log = log
        self._prefixes: dict[str, tuple[str, ...]] = {}
        self._networks: dict[str, int] = {}

    def add_node(self, name: str, pid: int, network_file: int) -> None:
        """Make a node known by the process that holds its namespaces and the open file of its
        network namespace.
        """
        self._prefixes[name] = ("mnexec", "-a", str(pid))
        self._networks[name] = network_file

    def inside(self, node: str | None) -> contextlib.AbstractContextManager[None]:
        """Return a context whose new processes are in ``node``'s network namespace, without
        ``mnexec`` and so without a second program.
        """
        return contextlib.nullcontext() if node is None else namespaces.inside(self._networks[node])

    def argv(self, node: str | None, argv: Sequence[str]) -> list[str]:
        """Return the full command line that runs ``argv`` in ``node``'s namespaces."""
        return [*(self._prefixes[node] if node is not None else ()), *argv]

    def run(
        self,
        node: str | None,
        argv: Sequence[str],
        *,
        stdin: str | None = None,
        timeout_s: float = 20.0,
        accept: tuple[int, ...] = (0,),
        extra: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run ``argv`` to its end in ``node``'s network namespace.

        ``extra`` is added to its environment.

        Raises:
            RunError: it could not be started, took longer than ``timeout_s``, or ended with a
                status not in ``accept``.
        """
        started = Clock.monotonic_ns()
        try:
            with self.inside(node):
                done = subprocess.run(
                    list(argv),
                    input="" if stdin is None else stdin,
                    capture_output=True,
                    text=True,
                    errors="replace",
                    timeout=timeout_s,
                    check=False,
                    env=environment(extra or {}),
                )
            result = Completed(done.returncode, done.stdout, done.stderr)
        except OSError as error:
            result = Completed(127, "", str(error))
        except subprocess.TimeoutExpired:
            result = Completed(124, "", f"no end within {timeout_s:g} s")
        words = [f"{name}={value}" for name, value in (extra or {}).items()]
        argv = [*(["env", *words] if words else []), *argv]
        self.note(
            node, argv, status=result.status, stderr=result.stderr, started_ns=started, stdin=stdin
        )
        if result.status not in accept:
            raise RunError(
                f"{describe(node, argv)}: status {result.status}:"
                f" {(result.stderr or result.stdout).strip()[-800:]}"
            )
        return result

    def note(
        self,
        node: str | None,
        argv: Sequence[str],
        *,
        status: int | None = 0,
        stderr: str = "",
        started_ns: int | None = None,
        stdin: str | None = None,
        by: str = "process",
    ) -> None:
        """Record a command.

        ``by`` is ``engine`` when the engine did itself what the command line describes.
        """
        now = Clock.monotonic_ns()
        started = now if started_ns is None else started_ns
        row: CommandLine = {
            "node": node,
            "argv": list(argv),
            "stdin": stdin,
            "status": status,
            "stderr": stderr[-4000:],
            "duration_ns": now - started,
            "by": by,
        }
        self.log.write(row, started)


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a spawned process."""
    return {**CLEAN_ENVIRONMENT, **extra}


def describe(node: str | None, argv: Sequence[str]) -> str:
    """Return a command for an error message."""
    text = " ".join(argv)
    return f"'{text}'" if node is None else f"'{text}' on {node}"
