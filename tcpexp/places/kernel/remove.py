"""Remove kernels that nobody uses, and what was kept for them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tcpexp.errors import HostError
from tcpexp.places.image.image import locked
from tcpexp.places.image.unpacked import trees_dir
from tcpexp.places.kernel.kernel import (
    Kernel,
    find_kernel,
    forget_kernel,
    kernels_dir,
    list_kernels,
)
from tcpexp.store.rundir import disk_errors
from tcpexp.telling import Say


def kernels_to_remove(names: Sequence[str], *, stale: bool = False) -> list[Kernel]:
    """Return the kernels that are called so; ``stale``: also those of recipes of another version.

    Raises:
        SpecError: nothing is called so.
        HostError: it is not here, or the one that runs use.
    """
    wanted = {}
    for name in names:
        kernel = find_kernel(name)
        if kernel is None:
            raise HostError(f"the kernel '{name}' is not here", hint="tcpexp kernel list")
        wanted[kernel.path] = kernel
    used = find_kernel()
    if used is not None and used.path in wanted:
        raise HostError(
            f"runs use {used.name} {used.sha256[:12]}", hint="tcpexp kernel use another one first"
        )
    if stale:
        found = [kernel for kernel in list_kernels() if is_stale(kernel)]
        wanted |= {kernel.path: kernel for kernel in found if used is None or kernel != used}
    return list(wanted.values())


def is_stale(kernel: Kernel) -> bool:
    """Return whether another kernel has its name: it is found by its hash only."""
    meant = find_kernel(kernel.name)
    return meant is None or meant.path != kernel.path


def remove_kernel(kernel: Kernel, say: Say) -> int:
    """Remove a kernel from the cache and return how many bytes that freed.

    Raises ``HostError`` when a run under way uses it.
    """
    with disk_errors(kernels_dir()), locked(kernels_dir() / "cache.lock", say):
        running = processes_of(kernel)
        if running:
            raise HostError(
                f"a run uses {kernel.name} {kernel.sha256[:12]} (process {running[0]})",
                hint="wait for its end",
            )
        freed = size_of(kernel.path)
        forget_kernel(kernel)
        doomed = kernels_dir() / f"importing-removed-{kernel.path.name}"
        kernel.path.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)
        for left in trees_dir().glob(f"inventory-{kernel.sha256[:16]}-*.json"):
            left.unlink(missing_ok=True)
    return freed


def processes_of(kernel: Kernel) -> list[int]:
    """Return the processes of this machine that are this kernel, as far as this user sees them."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # gone, or somebody else's
            if os.readlink(process / "exe") == str(kernel.binary.resolve()):
                found.append(int(process.name))
    return sorted(found)


def size_of(folder: Path) -> int:
    """Return the bytes that a folder's files take on disk."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*") if not path.is_dir())
