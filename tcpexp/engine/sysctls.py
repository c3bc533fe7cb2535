"""Sysctls of a node's network namespace: written, read back, and put back."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from tcpexp.engine.commands import Executor
from tcpexp.engine.namespaces import read_file, write_file
from tcpexp.errors import RunError


class Nodes(Protocol):
    """Where settings are made: nodes that can be entered, and who notes what was done in them."""

    executor: Executor

    def inside(self, node: str) -> AbstractContextManager[None]:
        """Work in a node's namespaces inside the ``with`` block."""
        ...


def sysctl_path(key: str) -> str:
    """Return the file of a sysctl.

    Both ``net.ipv4.tcp_sack`` and ``net/ipv4/conf/h1.5/rp_filter`` are understood.
    """
    return "/proc/sys/" + (key if "/" in key else key.replace(".", "/"))


def read_sysctl(nodes: Nodes, node: str, key: str) -> str:
    """Return a sysctl's value in a node.

    Raises ``RunError`` when the node has none of that name.
    """
    with nodes.inside(node):
        return _read(node, key)


def write_sysctl(nodes: Nodes, node: str, key: str, value: str) -> str:
    """Set a sysctl in a node, read it back, and return the former value.

    Raises:
        RunError: there is no such sysctl in a network namespace, the kernel refuses the value, or
            it reads back different.
    """
    with nodes.inside(node):
        before = _read(node, key)
        if before.split() == value.split():
            return before
        try:
            write_file(sysctl_path(key), value)
        except OSError as error:
            raise RunError(
                f"{node}: sysctl {key} = {value}: {error.strerror}", hint=_refusal_hint(key, value)
            ) from None
        after = _read(node, key)
    nodes.executor.note(node, ["sysctl", "-w", f"{key}={value}"], by="engine")
    if after.split() != value.split():
        raise RunError(f"{node}: sysctl {key}: asked {value}, reads back {after}")
    return before


def _read(node: str, key: str) -> str:
    try:
        return " ".join(read_file(sysctl_path(key)).split())
    except OSError as error:
        raise RunError(
            f"{node}: sysctl {key}: {error.strerror}",
            hint="network namespaces have no such setting on this kernel",
        ) from None


def _refusal_hint(key: str, value: str) -> str | None:
    """Return what would make the kernel accept a congestion control as a namespace's default."""
    if key.replace("/", ".") != "net.ipv4.tcp_congestion_control":
        return None
    return (
        f"the machine must allow it: add '{value}' to net.ipv4.tcp_allowed_congestion_control"
        " outside of the experiment"
    )
