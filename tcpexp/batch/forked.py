"""A run's process made by ``fork``: it begins with what its parent has imported.

Only the calling thread lives on in a forked process, so whatever another thread held stays held.
Therefore the parent imports nothing that starts threads (:mod:`tcpexp.runs.preload`), and a process
with several threads does not fork: :func:`may_fork` says so.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def may_fork() -> bool:
    """Return whether this process has one thread only, those of libraries counted."""
    with suppress(OSError):
        return len(list(Path("/proc/self/task").iterdir())) == 1
    return False


class Forked:
    """A child that runs ``act`` and ends; methods as those of ``subprocess.Popen``.

    Its standard input, output and error are the given files; it has a session of its own and
    nothing else open.
    """

    def __init__(self, act: Callable[[], None], streams: tuple[int, int, int]) -> None:
        self.returncode: int | None = None
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _become(act, streams)

    def poll(self) -> int | None:
        """Return the exit status, or minus the signal that ended it; None while it lives."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended and return its status; raises ``TimeoutExpired``."""
        if timeout is None and self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        deadline = time.monotonic() + (timeout or 0.0)
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("run", timeout or 0.0)
            time.sleep(0.02)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it now."""
        self.send_signal(signal.SIGKILL)


def _become(act: Callable[[], None], streams: tuple[int, int, int]) -> None:
    """Be the child: never returns.

    Objects of the parent stay where they are, and nothing of them is closed twice.
    """
    status = 1
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        for target, source in enumerate(streams):
            os.dup2(source, target)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        for stream, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
            setattr(
                sys,
                name,
                os.fdopen(stream, mode, encoding="utf-8", errors="replace", closefd=False),
            )
        act()
        status = 0
    except SystemExit as leaves:
        status = leaves.code if isinstance(leaves.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)
