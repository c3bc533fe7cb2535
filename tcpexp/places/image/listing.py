"""List the programs of a root file system, and the congestion controls and queue disciplines of its
kernel.
"""

from __future__ import annotations

from pathlib import Path

#: Where a program is found by its name.
PATH = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin")
#: What every kernel with IPv4 has.
BUILT_IN = ("cubic", "reno")
#: Disciplines that every kernel with traffic control has (net/sched/sch_fifo.c), and the one that
#: Debian's has built in.
BUILT_IN_QDISCS = ("pfifo", "bfifo", "fq_codel")
#: Modules named like congestion controls that are none.
OTHERS = ("diag",)


def list_contents(tree: Path, version: str) -> dict[str, list[str]]:
    """Return ``programs``, ``congestion_controls`` and ``qdiscs`` of an unpacked root file system
    whose kernel is ``version``; links count as what they lead to.
    """
    programs = {
        path.name
        for folder in PATH
        for path in (tree / folder).glob("*")
        if path.is_symlink() or path.stat().st_mode & 0o111
    }
    modules = (tree / "usr/lib/modules" / version / "kernel/net/ipv4").glob("tcp_*.ko*")
    controls = {path.name.partition(".")[0].removeprefix("tcp_") for path in modules} - set(OTHERS)
    disciplines = (tree / "usr/lib/modules" / version / "kernel/net/sched").glob("sch_*.ko*")
    qdiscs = {path.name.partition(".")[0].removeprefix("sch_") for path in disciplines}
    return {
        "programs": sorted(programs),
        "congestion_controls": sorted({*controls, *BUILT_IN}),
        "qdiscs": sorted({*qdiscs, *BUILT_IN_QDISCS}),
    }
