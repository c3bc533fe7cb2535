"""The kernel's command line, and everything about it that a capture's bytes depend on."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tcpexp.places.uml.kernel import Kernel

#: As much as the QEMU guest has, so that what Linux derives from it (``tcp_rmem``) is the same.
#: Sparse on this machine: only what the guest touches counts.
MEMORY = "1024M"
#: 2026-01-01 00:00:00 UTC, in nanoseconds.
START_NS = 1_767_225_600_000_000_000
#: What a system call takes of the virtual time: a program that polls sees its timers.
SYSCALL_NS = 300
#: What a call takes that only looks (poll, select, a clock), after some of them in a row without
#: sleep: a program that waits by polling does not hold up the run.
POLL_NS = 10_000
#: Process 1 and its environment, which the kernel takes from its command line.
ENVIRONMENT = (
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG=C.UTF-8",
    "PYTHONHASHSEED=0",
    "PYTHONUNBUFFERED=1",
    "PYTHONDONTWRITEBYTECODE=1",
)
#: Paths are spelled from the kernel process's own folder: the same text for every user and folder.
ARGUMENTS = (
    f"mem={MEMORY}",
    "root=none",
    "rootfstype=hostfs",
    "rootflags=/proc/self/cwd/root",
    "ro",
    "init=/usr/bin/python3",
    "time-travel=inf-cpu",
    f"time-travel-start={START_NS}",
    "uml_seed=1",
    f"uml_syscall_ns={SYSCALL_NS}",
    f"uml_poll_ns={POLL_NS}",
    "norandmaps",
    "quiet",
    "loglevel=2",
    "trace_options=norecord-cmd",
    "con=null",
    "con0=null,fd:1",
    *ENVIRONMENT,
)
INIT = ("--", "-B", "/opt/tcpexp/init.py")
AGENT = ("/opt/tcpexp/engine/agent.py",)
#: What the C library in the guest may not do where the kernel follows its processes by ptrace.
PTRACE_ENVIRONMENT = {"GLIBC_TUNABLES": "glibc.pthread.rseq=0"}


@dataclass(frozen=True)
class Folder:
    """The folder in which a kernel process works: links to what it sees, and its console."""

    path: Path

    def lay(self, root: Path, engine: Path, run_dir: Path | None) -> None:
        """Lay the links ``root``, ``engine`` and ``out``, and the folder ``run``."""
        (self.path / "root").symlink_to(root)
        (self.path / "engine").symlink_to(engine)
        (self.path / "run").mkdir()
        if run_dir is not None:
            (self.path / "out").symlink_to(run_dir.absolute())

    @property
    def run(self) -> Path:
        """What the guest sees as its run: the plan, its state, the word to stop."""
        return self.path / "run"

    @property
    def console(self) -> Path:
        """What the kernel and process 1 print."""
        return self.path / "console"


def kernel_argv(kernel: Kernel, program: tuple[str, ...] = AGENT) -> list[str]:
    """Return the arguments of the kernel process; ``program`` is what Python runs in the guest."""
    mode = ("seccomp=on",) if kernel.mode == "seccomp" else ()
    return [str(kernel.binary), *ARGUMENTS, *mode, *INIT, *program]


def start_kernel(
    kernel: Kernel, folder: Folder, processor: int | None, program: tuple[str, ...] = AGENT
) -> subprocess.Popen[bytes]:
    """Start a kernel process in ``folder``, on one processor, ended by this machine's kernel with us.

    In a process group of its own: its address spaces are processes of this machine too.
    """
    pinned = () if processor is None else ("taskset", "-c", str(processor))
    layout = ("setarch", "-R") if kernel.mode == "ptrace" else ()
    argv = [
        *("setpriv", "--pdeathsig", "KILL", "prlimit", "--core=0"),
        *pinned,
        *layout,
        *kernel_argv(kernel, program),
    ]
    environment = {"HOME": ".", "PATH": os.environ.get("PATH", os.defpath)}
    if kernel.mode == "ptrace":
        environment |= PTRACE_ENVIRONMENT
    with folder.console.open("wb") as console:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            cwd=folder.path,
            env=environment,
            start_new_session=True,
        )


def machine_hash(kernel: Kernel) -> str:
    """Return the hash of the command line without this machine's paths."""
    argv = kernel_argv(kernel)[1:]
    return hashlib.sha256(json.dumps(argv).encode()).hexdigest()
