"""The namespaces in which the host place runs: the command line that makes them, what is mounted in
them, and a trial in just such ones.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

from tcpexp.engine import namespaces
from tcpexp.paths import PACKAGE

#: ``setpriv`` makes the kernel kill ``unshare`` with us, ``--kill-child`` makes it kill the engine
#: with ``unshare``.
ISOLATION = (
    *("setpriv", "--pdeathsig", "KILL"),
    *(
        "unshare",
        "--net",
        "--mount",
        "--pid",
        "--ipc",
        "--uts",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ),
)
#: What is mounted on the fresh ``/sys``, as (file system, where). A fresh sysfs hides the
#: machine's: the kernel's trace, and the file system of BPF objects, without which ``tc`` of
#: iproute2 6.1 cannot load a program (lib/bpf_libbpf.c, lib/bpf_legacy.c).
MOUNTED = (("tracefs", "/sys/kernel/tracing"), ("bpf", "/sys/fs/bpf"))


def prepare_namespaces() -> None:
    """Show this network namespace's own devices under /sys, and on it the kernel's trace and BPF
    objects where there are any.
    """
    namespaces.mount("none", "/", None, namespaces.MS_REC | namespaces.MS_PRIVATE)
    namespaces.mount("sysfs", "/sys", "sysfs")
    for kind, target in MOUNTED:
        with contextlib.suppress(OSError):
            namespaces.mount(kind, target, kind)


def with_package() -> dict[str, str]:
    """Return the environment in which a new Python finds this package."""
    package = str(PACKAGE.resolve().parent)
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path}


def try_inside(script: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Run a shell's script in throw-away namespaces that are made and prepared as a run's are."""
    argv = [*ISOLATION, sys.executable, "-m", "tcpexp.places.host.space", script]
    return subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=timeout_s, env=with_package()
    )


def main(script: str) -> None:
    """Prepare the namespaces and become a shell that runs ``script``."""
    prepare_namespaces()
    os.execvp("sh", ["sh", "-c", script])


if __name__ == "__main__":
    main(sys.argv[1])
