"""Load the congestion controls that a plan needs, and let network namespaces use them as their
default.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tcpexp.errors import RunError

SYSCTLS = Path("/proc/sys/net/ipv4")
AVAILABLE, ALLOWED = "tcp_available_congestion_control", "tcp_allowed_congestion_control"


def load_congestion_controls(names: Iterable[str], sysctls: Path = SYSCTLS) -> None:
    """Load what is not loaded yet, and allow all to unprivileged use, without which a namespace
    cannot make them its default.

    For a kernel that is ours alone: both settings are the machine's, not a namespace's.

    Raises:
        RunError: the kernel lacks one, with the list of those that it has.
    """
    wanted = list(dict.fromkeys(names))
    known, allowed = ((sysctls / name).read_text().split() for name in (AVAILABLE, ALLOWED))
    if set(wanted) <= set(known) & set(allowed):
        return
    for name in wanted:
        if name not in known and shutil.which("modprobe"):
            subprocess.run(
                ["modprobe", "-q", f"tcp_{name}"], capture_output=True, check=False, timeout=60
            )
    known = (sysctls / AVAILABLE).read_text().split()
    lacking = [name for name in wanted if name not in known]
    if lacking:
        raise RunError(
            f"the kernel has no congestion control {', '.join(lacking)}",
            hint=f"loaded are {', '.join(known)}",
        )
    (sysctls / ALLOWED).write_text(
        " ".join([*allowed, *(name for name in wanted if name not in allowed)]) + "\n"
    )
