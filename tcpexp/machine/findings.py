"""What looking at a machine finds: one line each, with the command that mends it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

State = Literal["ok", "missing", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing looked at: ``missing`` keeps something from working, ``note`` limits it.

    ``partly``: what is missing keeps only some experiments from running.
    """

    state: State
    what: str
    found: str
    remedy: str | None = None
    partly: bool = False


def tool_finding(tool: str, purpose: str, remedy: str, state: State = "missing") -> Finding:
    """Return where a program is, or that it is missing."""
    path = find_tool(tool)
    return (
        Finding(state, tool, f"not installed; {purpose}", remedy)
        if path is None
        else Finding("ok", tool, path)
    )


def find_tool(tool: str) -> str | None:
    """Return the path of a program, also one that only root has on the PATH."""
    return shutil.which(
        tool, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    )


def room_finding(what: str, folder: Path, wanted: int, remedy: str) -> Finding:
    """Return how much room there is in ``folder``, or where it would be made."""
    existing = next(above for above in (folder, *folder.absolute().parents) if above.is_dir())
    if not os.access(existing, os.W_OK):
        return Finding("missing", what, f"{folder} cannot be written", remedy)
    free = shutil.disk_usage(existing).free
    words = f"{folder}, {free / 2**30:.1f} GiB free"
    return (
        Finding("ok", what, words)
        if free >= wanted
        else Finding("note", what, f"{words}: little", remedy)
    )
