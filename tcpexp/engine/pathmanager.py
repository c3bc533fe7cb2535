"""A node's MPTCP path manager (``ip mptcp``, Linux's net/mptcp/pm_netlink.c): set and read back."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from tcpexp.errors import RunError
from tcpexp.plan.types import PathManager

if TYPE_CHECKING:
    from tcpexp.engine.commands import Executor

Endpoint = tuple[str, str, frozenset[str]]
_LIMIT = re.compile(r"\b(add_addr_accepted|subflows) (\d+)")


def parse_limits(text: str) -> tuple[int, int]:
    """Return (subflows, accepted addresses) of ``ip mptcp limits show``."""
    found = {name: int(number) for name, number in _LIMIT.findall(text)}
    return found.get("subflows", 0), found.get("add_addr_accepted", 0)


def parse_endpoints(text: str) -> list[Endpoint]:
    """Return (address, interface, flags) of each line of ``ip mptcp endpoint show``."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if not words:
            continue
        values = dict(pairwise(words[1:]))
        flags = frozenset(words) & {"subflow", "signal", "backup", "fullmesh"}
        found.append((words[0], values.get("dev", ""), flags))
    return found


def manage_paths(executor: Executor, what: PathManager) -> str:
    """Set a node's limits and endpoints, and read them back.

    Raises:
        RunError: ip refuses, or the kernel has something else afterwards.
    """
    executor.run(what.node, ["ip", "mptcp", "endpoint", "flush"])
    limits = ["subflow", str(what.subflows), "add_addr_accepted", str(what.accept)]
    executor.run(what.node, ["ip", "mptcp", "limits", "set", *limits])
    for address, interface, flags in what.endpoints:
        argv = ["ip", "mptcp", "endpoint", "add", address, "dev", interface, *flags.split()]
        executor.run(what.node, argv)
    given = parse_limits(executor.run(what.node, ["ip", "mptcp", "limits", "show"]).stdout)
    if given != (what.subflows, what.accept):
        raise RunError(
            f"{what.node}: MPTCP limits (subflows, accepted addresses): asked"
            f" {(what.subflows, what.accept)}, read back {given}"
        )
    wanted = [(address, name, frozenset(flags.split())) for address, name, flags in what.endpoints]
    there = parse_endpoints(executor.run(what.node, ["ip", "mptcp", "endpoint", "show"]).stdout)
    if sorted(there, key=str) != sorted(wanted, key=str):
        raise RunError(f"{what.node}: MPTCP endpoints: asked {wanted}, read back {there}")
    ends = ", ".join(f"{address} ({flags})" for address, _, flags in what.endpoints) or "none"
    return f"{what.subflows} further subflows, {what.accept} announced addresses, endpoints: {ends}"
