"""List the programs of a root file system and the congestion controls of its kernel."""

from __future__ import annotations

from pathlib import Path

#: Where a program is found by its name.
PATH = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin")
#: What every kernel with IPv4 has.
BUILT_IN = ("cubic", "reno")
#: Modules named like congestion controls that are none.
OTHERS = ("diag",)


def list_contents(tree: Path, version: str) -> dict[str, list[str]]:
    """Return ``programs`` and ``congestion_controls`` of an unpacked root file system whose kernel
    is ``version``; links count as what they lead to.
    """
    programs = {
        path.name
        for folder in PATH
        for path in (tree / folder).glob("*")
        if path.is_symlink() or path.stat().st_mode & 0o111
    }
    modules = (tree / "usr/lib/modules" / version / "kernel/net/ipv4").glob("tcp_*.ko*")
    controls = {path.name.partition(".")[0].removeprefix("tcp_") for path in modules} - set(OTHERS)
    return {"programs": sorted(programs), "congestion_controls": sorted({*controls, *BUILT_IN})}
