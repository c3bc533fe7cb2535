"""Compile the small library that closes QEMU's clock race (files/shim.c), once, into the cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from tcpexp.paths import cache_dir

SOURCE = Path(__file__).parent / "files" / "shim.c"


def shim_sha256() -> str:
    """Return the hash of the library's source."""
    return hashlib.sha256(SOURCE.read_bytes()).hexdigest()


def find_shim() -> Path | None:
    """Return the compiled library, compiling it when it is not in the cache.

    None where there is no C compiler.
    """
    target = cache_dir() / "shim" / f"{shim_sha256()[:16]}.so"
    if target.exists():
        return target
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(f".{os.getpid()}")
    argv = [
        compiler,
        "-O2",
        "-fPIC",
        "-shared",
        "-o",
        str(temporary),
        str(SOURCE),
        "-ldl",
        "-pthread",
    ]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        temporary.unlink(missing_ok=True)
        return None
    temporary.rename(target)
    return target
