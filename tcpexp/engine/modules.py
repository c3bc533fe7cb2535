"""Load the congestion controls of a plan's own into the kernel, verify them, and keep what they
print.

A module is loaded by finit_module(2), so that the guest's image needs no insmod.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from tcpexp.engine.congestion import AVAILABLE, SYSCTLS
from tcpexp.engine.kernellog import KernelLog
from tcpexp.engine.trace import TRACEFS
from tcpexp.errors import RunError
from tcpexp.plan.types import BPF_LOADER, ControlModule

#: finit_module and delete_module by machine (include/uapi/asm-generic/unistd.h;
#: arch/x86/entry/syscalls/syscall_64.tbl).
SYSTEM_CALLS = {"x86_64": (313, 176), "aarch64": (273, 106)}
#: Settings of a kernel that is ours alone. It prints on its console what is below this level:
#: where it crashed is KERN_INFO (show_regs in arch/x86). And it ends with the crash.
OF_OWN_KERNEL = {
    Path("/proc/sys/kernel/printk"): "7",
    Path("/proc/sys/kernel/panic_on_oops"): "1",
}
#: How long a module may stay in use after the last socket, in seconds.
UNLOAD_S = 10.0
PARAMETERS = Path("/sys/module")
_LETTERS = re.compile(r"[^A-Za-z0-9_]")


class LoadedModules:
    """The modules of a run: loaded in order, unloaded in reverse."""

    def __init__(self, modules: Iterable[ControlModule], files_dir: Path, log: KernelLog) -> None:
        self.modules = tuple(modules)
        self.files_dir = files_dir
        self.log = log
        self.loaded: list[str] = []
        self.loaders: list[subprocess.Popen[bytes]] = []
        #: The tracepoints that the modules brought, as ``system:name``.
        self.events: list[str] = []

    def load(self, *, own_kernel: bool) -> None:
        """Load all of them; raises ``RunError`` with the kernel's words.

        A kernel that is ours alone shall say on its console where it crashed, should it come to
        that.
        """
        if own_kernel:
            for path, value in OF_OWN_KERNEL.items():
                with contextlib.suppress(OSError):
                    path.write_text(value)
        for module in self.modules:
            if module.language == "bpf":
                self._load_bpf(module)
            else:
                before = _events()
                self._load(module)
                self.loaded.append(module.name)
                self.events += sorted(_events() - before)
            _verify(module, self.log)

    def unload(self) -> None:
        """Unload what was loaded; raises ``RunError`` when one is still in use.

        A namespace that is gone lets go of its default a moment later (cleanup_net in
        net/core/net_namespace.c).
        """
        for process in self.loaders:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(UNLOAD_S)
        self.loaders.clear()
        while self.loaded:
            name = _object_name(self.loaded.pop())
            deadline = time.monotonic() + UNLOAD_S
            while (status := _call(1, name.encode(), os.O_NONBLOCK)) in (
                errno.EAGAIN,
                errno.EBUSY,
            ) and time.monotonic() < deadline:
                time.sleep(0.05)
            if status:
                raise RunError(f"the module {name} cannot be unloaded: {os.strerror(status)}")

    def _load_bpf(self, module: ControlModule) -> None:
        """Start the program that registers it, and keeps it registered until it ends."""
        parameters = [f"{key}={value}" for key, value in module.parameters.items()]
        argv = [self.files_dir / BPF_LOADER, self.files_dir / module.built, *parameters]
        with (self.files_dir / f"{module.name}.verifier").open("w+b") as said:
            process = subprocess.Popen(
                list(map(str, argv)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said
            )
            self.loaders.append(process)
            assert process.stdout is not None
            if process.stdout.readline() == b"loaded\n":
                return
            process.wait()
            said.seek(0)
            words = said.read().decode(errors="replace").strip()
        raise RunError(
            f"the kernel refuses the congestion control {module.source}: it was not loaded",
            hint=f"libbpf's and the verifier's words: {words[-1500:]}",
        )

    def _load(self, module: ControlModule) -> None:
        path = self.files_dir / module.built
        words = " ".join(f"{key}={value}" for key, value in module.parameters.items())
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            status = _call(0, file, words.encode(), 0)
        finally:
            os.close(file)
        if status:
            said = self.log.last_words()
            raise RunError(
                f"the kernel refuses the congestion control {module.source}:"
                f" {explain(status, said, module)}",
                hint=f"the kernel's words: {'; '.join(said)}" if said else None,
            )


def explain(status: int, said: Iterable[str], module: ControlModule) -> str:
    """Return why a module could not be loaded, from the call's status and the kernel's words."""
    text = "\n".join(said)
    symbol = re.search(r"Unknown symbol (\S+)", text)
    invalid = re.search(r"`(.*?)' invalid for parameter `(\w+)'", text)
    if symbol is not None:
        return f"it uses '{symbol[1]}', which this kernel has not"
    if "version magic" in text or status == errno.ENOEXEC:
        return "it was compiled for another kernel"
    if "does not implement required ops" in text:
        return (
            "it lacks a callback that every congestion control must have: ssthresh, undo_cwnd, and"
            " cong_avoid or cong_control"
        )
    if invalid is not None:
        return f"'{invalid[1]}' is no value for its parameter {invalid[2]}"
    if "already registered" in text or status == errno.EEXIST:
        return f"there is one called '{module.name}' already"
    if status == errno.EPERM:
        return "modules may not be loaded here"
    return os.strerror(status)


def _verify(module: ControlModule, log: KernelLog) -> None:
    """Check the module's name and parameters in the kernel; let namespaces use it as default."""
    known = (SYSCTLS / AVAILABLE).read_text().split()
    if module.name not in known:
        raise RunError(
            f"{module.source} was loaded, and there is still no congestion control '{module.name}'",
            hint=f"does it call tcp_register_congestion_control? There are {', '.join(known)}",
        )
    folder = PARAMETERS / _object_name(module.name) / "parameters"
    for name, wanted in module.parameters.items():
        with contextlib.suppress(OSError):  # one that may not be read (mode 0)
            has = (folder / name).read_text().strip()
            if not _equal(has, wanted):
                raise RunError(
                    f"the parameter {name} of {module.name} was set to {wanted}, and is {has}"
                )


def _equal(has: str, wanted: str) -> bool:
    """Whether a parameter reads back as it was given: numbers in any base, truth as Y or N."""
    if has == wanted or (has in "YN" and (has == "Y") == (wanted in ("1", "y", "Y"))):
        return True
    with contextlib.suppress(ValueError):
        return [int(part, 0) for part in has.split(",")] == [
            int(part, 0) for part in wanted.split(",")
        ]
    return False


def _events() -> set[str]:
    """Return the kernel's tracepoints, ``system:name``."""
    root = TRACEFS / "events"
    found = set()
    with contextlib.suppress(OSError):
        for system in os.scandir(root):
            if system.is_dir():
                found |= {
                    f"{system.name}:{event.name}"
                    for event in os.scandir(system.path)
                    if event.is_dir()
                }
    return found


def _object_name(name: str) -> str:
    return _LETTERS.sub("_", name)


def _call(which: int, *arguments: int | bytes) -> int:
    """Make one of the system calls; return 0 or its errno."""
    numbers = SYSTEM_CALLS.get(os.uname().machine)
    if numbers is None:
        raise RunError(f"modules cannot be loaded on {os.uname().machine}")
    libc = ctypes.CDLL(None, use_errno=True)
    given = [
        ctypes.c_long(value) if isinstance(value, int) else ctypes.c_char_p(value)
        for value in arguments
    ]
    if libc.syscall(ctypes.c_long(numbers[which]), *given) == 0:
        return 0
    return ctypes.get_errno()
