"""The kernel's command line, and everything about it that a capture's bytes depend on."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tcpexp.places.kernel.kernel import Kernel

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
#: Folders of this machine that a guest sees: the root tree and the engine (which stay read-only),
#: the run's folder and the run directory. Nothing in the guest can mount another.
HOST_MOUNTS = 4
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
    f"hostfs_mounts={HOST_MOUNTS}",
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
SHELL = ("/opt/tcpexp/engine/shell.py",)
#: What a prompt does without: the clock that jumps, the console that only writes.
NOT_FOR_A_SHELL = ("time-travel", "con0=", "uml_")
#: What the C library in the guest may not do where the kernel follows its processes by ptrace.
PTRACE_ENVIRONMENT = {"GLIBC_TUNABLES": "glibc.pthread.rseq=0"}


@dataclass(frozen=True)
class Folder:
    """The folder in which a kernel process works: links to what it sees, and its console."""

    path: Path

    def lay(
        self, root: Path, engine: Path, *, out: Path | None = None, run: Path | None = None
    ) -> None:
        """Lay the links ``root`` and ``engine``, ``out`` where something is recorded, and ``run``.

        ``run`` is a new folder unless it is given.
        """
        (self.path / "root").symlink_to(root)
        (self.path / "engine").symlink_to(engine)
        if run is None:
            self.run.mkdir()
        else:
            self.run.symlink_to(run)
        if out is not None:
            (self.path / "out").symlink_to(out.absolute())

    @property
    def run(self) -> Path:
        """What the guest sees as its run: the plan, its state, the word to stop."""
        return self.path / "run"

    @property
    def console(self) -> Path:
        """What the kernel and process 1 print."""
        return self.path / "console"


def kernel_argv(
    kernel: Kernel, program: tuple[str, ...] = AGENT, *, trusted: bool = True
) -> list[str]:
    """Return the arguments of the kernel process; ``program`` is what Python runs in the guest.

    ``trusted``: the guest's programs may be followed by seccomp, which is faster, and from which a
    program that means harm can escape; else by ptrace.
    """
    mode = ("seccomp=on",) if kernel.mode == "seccomp" and trusted else ()
    return [str(kernel.binary), *ARGUMENTS, *mode, *INIT, *program]


def start_kernel(
    kernel: Kernel,
    folder: Folder,
    processor: int | None,
    program: tuple[str, ...] = AGENT,
    *,
    trusted: bool = True,
) -> subprocess.Popen[bytes]:
    """Start a kernel process in ``folder``, on one processor, ended by this machine's kernel with
    us.

    In a process group of its own: its address spaces are processes of this machine too.
    """
    pinned = () if processor is None else ("taskset", "-c", str(processor))
    argv = [
        *("setpriv", "--pdeathsig", "KILL", "prlimit", "--core=0"),
        *pinned,
        *layout_argv(kernel),
        *kernel_argv(kernel, program, trusted=trusted),
    ]
    with folder.console.open("wb") as console:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            cwd=folder.path,
            env=kernel_environment(kernel),
            start_new_session=True,
        )


def layout_argv(kernel: Kernel) -> tuple[str, ...]:
    """Return what starts a kernel that cannot switch address randomisation off by itself."""
    return ("setarch", "-R") if kernel.mode == "ptrace" else ()


def kernel_environment(kernel: Kernel) -> dict[str, str]:
    """Return the environment of a kernel process; nothing of ours gets in."""
    environment = {"HOME": ".", "PATH": os.environ.get("PATH", os.defpath)}
    return environment | (PTRACE_ENVIRONMENT if kernel.mode == "ptrace" else {})


def shell_argv(kernel: Kernel) -> list[str]:
    """Return the command line of a guest whose console is a terminal, on the real clock."""
    kept = [word for word in kernel_argv(kernel, SHELL) if not word.startswith(NOT_FOR_A_SHELL)]
    end = kept.index("--")
    return [*layout_argv(kernel), *kept[:end], "con0=fd:0,fd:1", *kept[end:]]


def machine_hash(kernel: Kernel) -> str:
    """Return the hash of the command line, without this machine's paths and without how programs
    are followed, which changes no capture.
    """
    argv = kernel_argv(kernel, trusted=False)[1:]
    return hashlib.sha256(json.dumps(argv).encode()).hexdigest()
