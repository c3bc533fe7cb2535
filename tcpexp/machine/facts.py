"""What this machine is, as a run's manifest records it."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any


def host_facts() -> dict[str, Any]:
    """Return what this machine is: system, kernel, architecture, processor count and model, memory
    in bytes, Python.
    """
    facts: dict[str, Any] = {
        "system": platform.system(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    }
    try:
        release = platform.freedesktop_os_release()
        facts["distribution"] = release.get("PRETTY_NAME", release.get("NAME", "unknown"))
    except OSError:
        pass
    model = processor_model()
    if model is not None:
        facts["cpu_model"] = model
    return facts


def processor_model() -> str | None:
    """Return the processor's name, None where Linux does not say it."""
    return value_of("/proc/cpuinfo", "model name")


def value_of(path: str, key: str) -> str | None:
    """Return what the first line ``key: value`` of a file of /proc says, None without one."""
    try:
        lines = Path(path).read_text(errors="replace").splitlines()
    except OSError:
        return None
    values = (line.split(":", 1)[1].strip() for line in lines if line.startswith(key))
    return next(values, None)
