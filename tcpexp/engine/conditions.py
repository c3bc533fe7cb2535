"""Conditions that a timeline waits for: a listening port, a line in a log, a socket's state, a
process's end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tcpexp.engine.processes import ProcessTable
from tcpexp.errors import RunError
from tcpexp.plan.types import WaitFor

#: States as ss spells them, by their number in /proc/net/tcp (include/net/tcp_states.h).
STATES = {
    1: "estab",
    2: "syn-sent",
    3: "syn-recv",
    4: "fin-wait-1",
    5: "fin-wait-2",
    6: "time-wait",
    7: "close",
    8: "close-wait",
    9: "last-ack",
    10: "listen",
    11: "closing",
    12: "syn-recv",
}


@dataclass(frozen=True)
class SocketRow:
    """One line of /proc/net/tcp."""

    local_port: int
    peer_port: int
    state: str


def parse_proc_tcp(text: str) -> list[SocketRow]:
    """Return the sockets of /proc/net/tcp or tcp6."""
    rows = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        ports = [int(fields[column].rsplit(":", 1)[1], 16) for column in (1, 2)]
        rows.append(SocketRow(ports[0], ports[1], STATES.get(int(fields[3], 16), fields[3])))
    return rows


def read_sockets(pid: int) -> list[SocketRow]:
    """Return the TCP sockets of the network namespace that process ``pid`` is in."""
    rows: list[SocketRow] = []
    for name in ("tcp", "tcp6"):
        path = Path(f"/proc/{pid}/net/{name}")
        if path.exists():
            rows += parse_proc_tcp(path.read_text())
    return rows


def make_condition(wanted: WaitFor, holder: int, processes: ProcessTable) -> Callable[[], bool]:
    """Return the test of a ``WaitFor`` as a function.

    Raises ``RunError`` when it lacks a step or a number.
    """
    if wanted.condition == "port":
        port = int(wanted.value)
        return lambda: any(
            row.state == "listen" and row.local_port == port for row in read_sockets(holder)
        )
    if wanted.condition == "socket":
        return lambda: any(
            row.state == wanted.value and wanted.port in (None, row.local_port, row.peer_port)
            for row in read_sockets(holder)
        )
    step = wanted.step
    if step is None:
        raise RunError(f"waiting for '{wanted.condition}' needs the step that is meant")
    if wanted.condition == "exit":
        return lambda: bool(processes.running.get(step)) and not processes.alive(step)
    logs = [processes.logs / f"{step}.{ending}" for ending in ("out", "err")]
    return lambda: any(
        log.exists() and wanted.value in log.read_text(errors="replace") for log in logs
    )


def describe_condition(wanted: WaitFor) -> str:
    """Return a condition in words."""
    words = {
        "port": f"port {wanted.value} listening",
        "log": f"'{wanted.value}' in the output of {wanted.step}",
        "socket": (
            f"a socket in state {wanted.value}" + (f" on port {wanted.port}" if wanted.port else "")
        ),
        "exit": f"the end of {wanted.step}",
    }
    return f"{words[wanted.condition]} on {wanted.node}"
