"""Play jobs, one after another, each in a process and a network namespace of its own.

    python3 main.py

Reads ``jobs.json`` from the run's folder, and appends a line of JSON to ``results.jsonl`` for each
job as soon as it has ended. Runs in the guest.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

RUN = Path("/opt/tcpexp/run")
if __name__ == "__main__":
    sys.path.insert(0, str(RUN))

from tcpexp.packetdrill.guest import commands, play  # noqa: E402

RNDRESEEDCRNG = 0x5207
#: A script takes so much longer than it says at most, in seconds: the waits for packets that do not
#: come, and the wait for the begin.
LIMIT_S = 3000.0


def mix_seed(seed: str) -> None:
    """Make the kernel's random numbers follow from ``seed``, whatever ran before."""
    with open("/dev/urandom", "wb", buffering=0) as pool:
        pool.write(seed.encode())
        fcntl.ioctl(pool, RNDRESEEDCRNG)


def run_job(job: dict[str, Any]) -> dict[str, Any]:
    """Play one job in a child; return its log, or ``{"broken": why}``."""
    reader, writer = os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    child = os.fork()
    if child == 0:
        os.close(reader)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        _in_child(job, writer)
    os.close(writer)
    log = _read_until(reader, time.monotonic() + LIMIT_S)
    if log is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    os.close(reader)
    _, status = os.waitpid(child, 0)
    if not log:
        return {"broken": f"the player ended with status {os.waitstatus_to_exitcode(status)}"}
    found: dict[str, Any] = json.loads(log)
    return found


def _read_until(reader: int, end: float) -> bytes | None:
    """Return all that comes until the other end is closed; None when that takes too long."""
    parts: list[bytes] = []
    while True:
        ready = select.select([reader], [], [], max(0.0, end - time.monotonic()))[0]
        if not ready:
            return None
        part = os.read(reader, 1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)


def _in_child(job: dict[str, Any], writer: int) -> None:
    """Play the job, write its log, and end this process whatever still runs in it."""
    folder = Path(f"/tmp/packetdrill-{os.getpid()}")
    try:
        folder.mkdir()
        mix_seed(job["seed"])
        log = play.play_job({**job, "folder": str(folder)})
    except BaseException:
        log = {"broken": traceback.format_exc()[-1500:]}
    with contextlib.suppress(OSError):
        commands.undo()
    data = json.dumps(log).encode()
    while data:
        data = data[os.write(writer, data) :]
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def main() -> None:
    """Play all jobs."""
    jobs = json.loads((RUN / "jobs.json").read_text())
    with open(RUN / "results.jsonl", "a") as results:
        for job in jobs:
            results.write(json.dumps({"id": job["id"], **run_job(job)}) + "\n")
            results.flush()


if __name__ == "__main__":
    main()
