"""Signals that end a run: the first keeps what it has, the second aborts."""

from __future__ import annotations

import os
import signal
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType


class StopSignals:
    """SIGINT, SIGTERM or SIGHUP once: stop and keep. SIGINT or SIGTERM twice:
    ``KeyboardInterrupt``. Only the main thread can listen.

    SIGHUP comes when the terminal closes, from the kernel and again from sudo or a shell, so it is
    not counted. After it nothing can be written to the terminal any more. A SIGHUP that was ignored
    when the command began (``nohup``) stays ignored.
    """

    def __init__(self) -> None:
        self.asked = False
        self._asked_by_user = False

    @contextmanager
    def listening(self) -> Iterator[StopSignals]:
        """Listen inside the ``with`` block; the former handlers return afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            numbers.append(signal.SIGHUP)
        former = {number: signal.signal(number, self._heard) for number in numbers}
        try:
            yield self
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        if number == signal.SIGHUP:
            leave_terminal()
            return
        if self._asked_by_user:
            raise KeyboardInterrupt
        self._asked_by_user = True


def leave_terminal() -> None:
    """Let everything that is still written to a terminal or pipe that is gone vanish, instead of
    failing.
    """
    for number in (0, 1, 2):
        with suppress(OSError):
            if stat.S_ISREG(os.fstat(number).st_mode):
                continue
            nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
            os.dup2(nowhere, number)
            os.close(nowhere)
