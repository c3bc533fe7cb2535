"""Shell commands of scripts, interpreted: sysctls, what shows or drops a system's connections, and
preparations that mean nothing here. No shell is ever started.
"""

from __future__ import annotations

import re
from typing import Protocol

from tcpexp.packetdrill.outcome import Unplayable
from tcpexp.packetdrill.utcp.systems import System
from tcpexp.tcp.core.states import State

_PROC = re.compile(r"/proc/sys/([\w/]+)=(\"[^\"]*\"|\S+)")
_SYSCTL = re.compile(r"sysctl\b(?P<flags>(?:\s+-\w+)*)\s+(?P<sets>.*)", re.DOTALL)
_SET = re.compile(r"([\w./]+)=(\"[^\"]*\"|\$\(\([^)]*\)\)|\S+)")
_COUNT = re.compile(
    r"sockstat\b[^|]*(?:\|\s*grep packetdril\s*)?\|\s*grep -c (\w+)\s*\|\s*grep (\d+)"
)
#: What sets up a suite's systems; its own commands are done in turn.
DEFAULTS = re.compile(r"[./]*(?:common/)?defaults\.sh$")
#: Preparations of the suites without a meaning for a TCP in user space: settings that are this
#: player's own defaults, caches, the device, and what is put back afterwards.
PREPARED = (
    re.compile(r"/tmp/sysctl_restore_\$\{PPID\}\.sh$"),
    re.compile(r"tc qdisc \w+ dev tun0 root"),
    re.compile(r"ethtool -K tun0 "),
    re.compile(r"nstat( -n)?( > /dev/null)?$"),
)
STATES = {
    "SYN_RCVD": State.SYN_RECEIVED,
    "SYN_SENT": State.SYN_SENT,
    "ESTABLISHED": State.ESTABLISHED,
    "CLOSE_WAIT": State.CLOSE_WAIT,
    "FIN_WAIT_1": State.FIN_WAIT_1,
    "FIN_WAIT_2": State.FIN_WAIT_2,
    "CLOSING": State.CLOSING,
    "LAST_ACK": State.LAST_ACK,
    "TIME_WAIT": State.TIME_WAIT,
}


class Host(Protocol):
    """What commands ask of the player."""

    system: System

    def count(self, state: State | None) -> int:
        """Return how many sockets are in a state; None is CLOSED with a descriptor."""

    def forget(self, state: State) -> None:
        """Drop connections in a state without a word to the peer."""

    def read(self, name: str) -> str | None:
        """Return the text of a file beside the script, None without one."""


def run(text: str, host: Host) -> str | None:
    """Do what a command would; return why it fails, None when it does not.

    Raises: Unplayable for a command that is none of those known.
    """
    for part in re.split(r"\n|;|&&", re.sub(r"\\\n", " ", text)):
        command = part.split("#")[0].strip()
        command = re.sub(r"\s*[12&]?>\s*(?:/dev/null|&1)", "", command).strip()
        if command and (failed := _one(command, host)) is not None:
            return failed
    return None


def _one(command: str, host: Host) -> str | None:
    """Do one command."""
    if counting := _COUNT.fullmatch(command):
        name, wanted = counting.groups()
        if name not in STATES and name != "CLOSED":
            raise Unplayable(f"sockstat's state {name}")
        count = host.count(STATES.get(name))
        return None if wanted in str(count) else f"{count} sockets in {name}, not {wanted}"
    if DEFAULTS.match(command):
        text = host.read(command)
        return None if text is None else run(text, host)
    if dropping := re.fullmatch(r"tcpdrop -s (\w+)", command):
        host.forget(STATES[dropping[1]])
        return None
    if "set_sysctls.py" in command:
        for name, value in _PROC.findall(command):
            host.system.sysctl(name.replace("/", "."), value)
        return None
    if setting := _SYSCTL.fullmatch(command):
        for name, value in _SET.findall(setting["sets"]):
            host.system.sysctl(name.replace("/", "."), value)
        return None
    if command == "ip tcp_metrics flush all":
        host.system.forgets_cookies = True
        return None
    if any(known.match(command) for known in PREPARED):
        return None
    raise Unplayable(f"the command {command.split(maxsplit=1)[0]}")
