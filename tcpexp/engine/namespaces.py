"""Linux namespaces by system call: hold one, enter one, take a file descriptor out of a process."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterator

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
PR_SET_PDEATHSIG = 1
#: pidfd_getfd(2) has the same number on every architecture that matters here (x86-64, arm64).
SYS_PIDFD_GETFD = 438

_libc = ctypes.CDLL(None, use_errno=True)

#: Settings that must hold before an interface appears: no IPv6 chatter in captures (a network that
#: speaks IPv6 switches it on), no filter on forged sources.
EARLY_SYSCTLS = {
    "net/ipv6/conf/all/disable_ipv6": "1",
    "net/ipv6/conf/default/disable_ipv6": "1",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv4/conf/all/accept_redirects": "0",
    "net/ipv4/conf/default/accept_redirects": "0",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
}


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    """Leave the namespaces named by ``flags`` for fresh ones (unshare(2)); raises ``OSError``."""
    _check(_libc.unshare(flags), "unshare")


def set_namespace(file: int, kind: int) -> None:
    """Enter the namespace that the open file stands for (setns(2)); raises ``OSError``."""
    _check(_libc.setns(file, kind), "setns")


def mount(source: str, target: str, kind: str | None, flags: int = 0) -> None:
    """Mount (mount(2)); raises ``OSError``."""
    _check(
        _libc.mount(
            source.encode(),
            target.encode(),
            kind.encode() if kind else None,
            ctypes.c_ulong(flags),
            None,
        ),
        f"mount {kind or source} on {target}",
    )


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent ends."""
    _check(_libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")


def copy_file_descriptor(pidfd: int, number: int) -> int:
    """Return a copy of descriptor ``number`` of the process behind ``pidfd`` (pidfd_getfd(2)).

    Raises ``OSError``.
    """
    return _check(_libc.syscall(SYS_PIDFD_GETFD, pidfd, number, 0), f"pidfd_getfd {number}")


def fork_holder() -> int:
    """Fork a process that does nothing but hold a fresh network and mount namespace.

    Return its pid once it does.

    A holder is what Mininet's shell per node is for, at a fraction of its cost: no program is
    started.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _hold(writer)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        answer = pipe.read()
    if answer != "ready":
        os.waitpid(pid, 0)
        raise OSError(answer or "the holder of a network namespace died")
    return pid


def _hold(writer: int) -> None:
    """Be a holder; never returns."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        die_with_parent()
        unshare(CLONE_NEWNET | CLONE_NEWNS)
        mount("none", "/", None, MS_REC | MS_PRIVATE)
        mount("sysfs", "/sys", "sysfs")
        for key, value in EARLY_SYSCTLS.items():
            with contextlib.suppress(FileNotFoundError):
                write_file(f"/proc/sys/{key}", value)
        os.write(writer, b"ready")
        os.closerange(0, 4096)
        while True:
            signal.pause()
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.write(writer, str(error).encode()[:4000])
    finally:
        os._exit(1)


@contextlib.contextmanager
def inside(network: int) -> Iterator[None]:
    """Be in the network namespace of the open file ``network`` for a while (this thread only).

    Sockets opened meanwhile stay there; ``/proc/sys/net`` is that namespace's.
    """
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        set_namespace(network, CLONE_NEWNET)
        try:
            yield
        finally:
            set_namespace(home, CLONE_NEWNET)
    finally:
        os.close(home)


def write_file(path: str, text: str) -> None:
    """Write ``text`` to a kernel file in one write."""
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)


def read_file(path: str) -> str:
    """Return a kernel file's text."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
