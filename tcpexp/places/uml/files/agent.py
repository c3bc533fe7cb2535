"""Run one plan inside User-Mode Linux: read it from this machine's folder, run the engine, say how
it went.

Recorded files go straight into the run directory on this machine, through hostfs, which writes
without delay and takes no virtual time. Standard library and mininet only.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

ENGINE = Path("/opt/tcpexp/engine")
sys.path.insert(0, str(ENGINE))

from tcpexp.engine import main as engine  # noqa: E402
from tcpexp.plan.types import RunPlan, from_json, prepare_types  # noqa: E402

#: This machine's folder of the run: the plan, what the agent says, and the word to stop.
RUN = Path("/opt/tcpexp/run")
WORK = Path("/tmp/run")
RNDRESEEDCRNG = 0x5207
STATE_BYTES = 4096
#: How often pages of recorded files, which are on the disk by then, are given back.
FORGET_INTERVAL_S = 2.0
GROWING = ("raw/*.pcap", "raw/trace/trace_raw.*", "raw/ss/*.nl")


def mix_seed(seed: int) -> None:
    """Make the kernel's random numbers follow from the run's seed.

    ISNs, ports, hash seeds, netem.
    """
    with open("/dev/urandom", "wb", buffering=0) as pool:
        pool.write(b"tcpexp seed %d" % seed)
        fcntl.ioctl(pool, RNDRESEEDCRNG)


class LastWord:
    """The agent's last word, in the file ``state`` of the run's folder."""

    def __init__(self) -> None:
        self.file = os.open(RUN / "state", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self.forgotten_s = 0.0

    def __call__(self, phase: str, t_seconds: float) -> None:
        """Say which phase the run is in, and the experiment's time in seconds."""
        self.put({"phase": phase, "t": t_seconds})
        if t_seconds - self.forgotten_s >= FORGET_INTERVAL_S:
            self.forgotten_s = t_seconds
            forget_pages()

    def put(self, state: dict[str, Any]) -> None:
        """Write ``state`` in one piece."""
        os.pwrite(self.file, json.dumps(state).encode().ljust(STATE_BYTES, b"\0"), 0)


def forget_pages() -> None:
    """Let the kernel forget pages of files that only grow.

    So a long run takes no more memory.
    """
    for pattern in GROWING:
        for path in (WORK / "out").glob(pattern):
            with contextlib.suppress(OSError), path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def take_plan() -> RunPlan:
    """Read the plan and mount the run directory where the engine records."""
    (WORK / "out").mkdir(parents=True)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"none", bytes(WORK / "out"), b"hostfs", 0, b"/proc/self/cwd/out") != 0:
        raise OSError(ctypes.get_errno(), "mount hostfs", "out")
    return from_json((RUN / "plan.json").read_text(), RunPlan)


def main() -> None:
    """Run the plan and leave its status."""
    progress = LastWord()
    state: dict[str, Any] = {"phase": "done", "t": 0.0, "status": 70}
    try:
        prepare_types()
        plan = take_plan()
        mix_seed(plan.seed)
        raw, files = WORK / "out" / "raw", WORK / "files"
        stop = RUN / "STOP"
        state["status"] = engine.run_plan(
            plan, raw, files, progress=progress, stop=stop.exists, own_kernel=True
        )
        state["t"] = plan.duration_ns / 1e9
    except BaseException:
        state["error"] = traceback.format_exc()[-1500:]
        traceback.print_exc()
    progress.put(state)


if __name__ == "__main__":
    main()
