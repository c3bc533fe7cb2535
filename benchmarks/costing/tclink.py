"""Mininet's own TCLink on this machine's kernel and its real clock, where the kernel can do it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).parent.parent / "stock_tclink.py"


def lack() -> str | None:
    """Return why TCLink cannot be measured here, None when it can."""
    if os.geteuid() != 0:
        return "it needs root"
    probe = ["unshare", "-n", "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"]
    if subprocess.run(probe, capture_output=True, check=False).returncode != 0:
        return "this machine's kernel has no netem"
    return None


def measure_flow(rate_mbit: int, delay_ms: int, queue: int, seconds: int) -> dict[str, Any]:
    """Run one flow over a TCLink; return what the script measured, and when the first packet went.

    Raises:
        subprocess.CalledProcessError: the script failed.
    """
    began = time.time()
    words = map(str, (rate_mbit, delay_ms, queue, seconds))
    argv = ["setpriv", "--pdeathsig", "KILL", sys.executable, str(SCRIPT), *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**measured, "first_packet_s": measured["first_packet_at_s"] - began}
