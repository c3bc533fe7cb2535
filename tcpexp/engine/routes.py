"""A node's routes as ``ip`` prints them: the initial congestion window that they give to new
connections, set, read back and put back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tcpexp.errors import RunError

if TYPE_CHECKING:
    from tcpexp.engine.commands import Executor

_WINDOW = re.compile(r"\s*\binitcwnd (\d+)")


def parse_windows(text: str) -> list[int | None]:
    """Return the initial window of each route in ``ip route show``, in its order.

    None where the kernel's own holds.
    """
    found = [_WINDOW.search(line) for line in text.splitlines() if line.strip()]
    return [int(match[1]) if match is not None else None for match in found]


def change_lines(text: str, windows: Sequence[int | None]) -> list[str]:
    """Return the lines for ``ip -batch`` that give the routes of ``ip route show`` these windows,
    in its order; nothing else of a route changes.
    """
    routes = [_WINDOW.sub("", line).strip() for line in text.splitlines() if line.strip()]
    return [
        f"route change {route}{'' if window is None else f' initcwnd {window}'}"
        for route, window in zip(routes, windows, strict=True)
    ]


def set_initial_windows(
    executor: Executor, node: str, ip: int, windows: int | Sequence[int | None]
) -> list[int | None]:
    """Give every route of a node's main table an initial window in segments (one for all, or one
    for each), read it back, return the former ones.

    Raises:
        RunError: the node has no route, ip refuses a change, or it reads back different.
    """
    family = [] if ip == 4 else ["-6"]
    shown = executor.run(node, ["ip", *family, "route", "show"]).stdout
    before = parse_windows(shown)
    if not before:
        raise RunError(f"{node}: there is no route that could have an initial window")
    wanted = [windows] * len(before) if isinstance(windows, int) else list(windows)
    if len(wanted) != len(before):
        raise RunError(f"{node}: there were {len(wanted)} routes, now there are {len(before)}")
    executor.run(
        node,
        ["ip", *family, "-batch", "-"],
        stdin="".join(f"{line}\n" for line in change_lines(shown, wanted)),
    )
    after = parse_windows(executor.run(node, ["ip", *family, "route", "show"]).stdout)
    if after != wanted:
        raise RunError(f"{node}: initial windows of the routes: asked {wanted}, read back {after}")
    return before
