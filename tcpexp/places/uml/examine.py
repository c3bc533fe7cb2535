"""What User-Mode Linux needs of this machine, found by looking; nothing is built."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tcpexp import paths
from tcpexp.errors import Missing, TcpexpError
from tcpexp.machine.findings import Finding, room_finding
from tcpexp.places.image.image import Image, find_image
from tcpexp.places.image.image import missing_for_build as missing_for_image
from tcpexp.places.kernel.build import missing_for_build as missing_for_kernel
from tcpexp.places.kernel.kernel import Kernel, find_kernel, kernel_in_use
from tcpexp.places.kernel.recipe import shipped_recipes
from tcpexp.places.uml.place import program_ran
from tcpexp.places.uml.tree import engine_folder, missing_for_tree, root_folder

#: Free space that building a kernel or an image needs.
BUILD_BYTES = 3 << 30
#: What starts the kernel process; all of util-linux.
STARTERS = ("setpriv", "prlimit", "taskset", "setarch")


def missing_here() -> tuple[Missing, ...]:
    """Return what is missing to run, or to build what runs; empty where a run can be tried."""
    if platform.machine() != "x86_64":
        return (
            Missing("an x86-64 processor", "User-Mode Linux", "use --on qemu, which emulates one"),
        )
    lacks = tuple(
        Missing(tool, "starting the kernel", "apt install util-linux")
        for tool in STARTERS
        if shutil.which(tool) is None
    )
    try:
        kernel, image = find_kernel(), find_image()
    except PermissionError as error:
        folder = Missing("the cache", f"{error.filename} cannot be read", "set XDG_CACHE_HOME")
        return (*lacks, folder)
    if kernel is None:
        lacks += missing_for_kernel()
    if image is None:
        lacks += missing_for_image()
    if image is None or not root_folder(image).is_dir():
        lacks += missing_for_tree()
    return tuple(dict.fromkeys(lacks))


def unmade_kernels(kernels: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of kernels that are not in the cache, of ``kernels`` or the one in use.

    ``all`` means every kernel that comes with tcpexp. A damaged one counts, so that making it says
    why.
    """
    if platform.machine() != "x86_64":
        return ()
    wanted = tuple(shipped_recipes()) if "all" in kernels else kernels or (kernel_in_use(),)
    return tuple(name for name in wanted if not _is_made(name))


def _is_made(kernel: str) -> bool:
    try:
        return find_kernel(kernel) is not None
    except TcpexpError:
        return False


def examine_uml() -> list[Finding]:
    """Return what is there and what is missing: kernel, image, tools, room.

    Where all is there, whether a guest starts.
    """
    try:
        lacks = missing_here()
        kernel, image = find_kernel(), find_image()
    except TcpexpError as error:
        return [Finding("missing", "kernel or image", error.message, error.hint)]
    except OSError as error:
        return [unreadable(error)]
    findings = [
        Finding("missing", lack.what, f"needed for {lack.needed_for}", lack.remedy)
        for lack in lacks
    ]
    if kernel is not None:
        words = f"{kernel.name}, Linux {kernel.version}, {kernel.sha256[:12]} in {kernel.path}"
        findings.append(Finding("ok", "kernel", words))
    elif not lacks:
        findings.append(
            Finding(
                "note",
                "kernel",
                "not built yet; the first run builds it (10 min)",
                "tcpexp kernel build",
            )
        )
    if image is not None:
        findings.append(Finding("ok", "image", f"{image.sha256[:12]} in {image.path}"))
    elif not lacks:
        findings.append(
            Finding("note", "image", "not built yet; the first run builds it", "tcpexp guest build")
        )
    if kernel is None or image is None:
        findings.append(
            room_finding(
                "room to build",
                paths.cache_dir(),
                BUILD_BYTES,
                "free some space, or set XDG_CACHE_HOME",
            )
        )
    if kernel is not None:
        findings.append(tracing_finding(kernel))
        findings.append(start_finding(kernel, image))
    return findings


def unreadable(error: OSError) -> Finding:
    """Return that this user may not use the cache."""
    remedy = "chown it to this user, or set XDG_CACHE_HOME to a folder of this user's"
    return Finding(
        "missing",
        "cache",
        f"{error.filename} cannot be used by this user ({error.strerror})",
        remedy,
    )


def tracing_finding(kernel: Kernel) -> Finding:
    """Return whether a program may be traced here: a kernel in the mode ``ptrace`` follows its
    programs so, one in ``seccomp`` does not.
    """
    refused = try_ptrace()
    if refused is None:
        return Finding("ok", "ptrace", "works")
    scope = Path("/proc/sys/kernel/yama/ptrace_scope")
    strict = scope.is_file() and scope.read_text().strip() == "3"
    remedy = (
        "restart this machine with kernel.yama.ptrace_scope below 3"
        if strict
        else "allow ptrace in this container (--cap-add SYS_PTRACE)"
    )
    needed = kernel.mode == "ptrace"
    words = f"refused ({refused})" + (
        "" if needed else f"; {kernel.name} does without, kernels in the mode ptrace do not start"
    )
    return Finding("missing" if needed else "note", "ptrace", words, remedy)


def try_ptrace() -> str | None:
    """Let a new process ask to be traced; return the system's reason where it may not."""
    code = (
        "import ctypes, os, sys; libc = ctypes.CDLL(None, use_errno=True); sys.exit(libc.ptrace(0,"
        " 0, 0, 0) and ctypes.get_errno())"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, check=False)
    return None if done.returncode == 0 else os.strerror(max(done.returncode, 1))


def start_finding(kernel: Kernel, image: Image | None) -> Finding:
    """Start what is there: a guest that runs nothing, or the kernel's program alone where the image
    is not unpacked yet.
    """
    root = root_folder(image) if image is not None else None
    remedy = f"tcpexp kernel build {kernel.name} --force; if it still does not start, use --on qemu"
    try:
        engine = engine_folder()
        if root is not None and root.is_dir() and engine.is_dir():
            with program_ran(kernel, root, engine, ("-c", "pass")):
                return Finding("ok", "start", "a guest starts")
        done = subprocess.run(
            [str(kernel.binary), "--version"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (TcpexpError, OSError, subprocess.TimeoutExpired) as error:
        return Finding("missing", "start", f"a guest does not start: {first_line(error)}", remedy)
    if done.returncode != 0:
        return Finding(
            "missing", "start", f"{kernel.binary} does not start (status {done.returncode})", remedy
        )
    return Finding("ok", "start", "the kernel's program starts; the first run unpacks the image")


def first_line(error: Exception) -> str:
    """Return the first line of an error's words, with its hint: what the guest said last."""
    words = [str(getattr(error, "message", error)), str(getattr(error, "hint", "") or "")]
    return ": ".join(line.splitlines()[0] for line in words if line.strip())
