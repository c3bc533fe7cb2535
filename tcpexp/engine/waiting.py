"""Sleep until a deadline, waking only for what happened: a process's end, a signal, a question
whether to stop.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Callable, Iterator
from types import FrameType

from tcpexp.engine.clock import Clock

#: How often at least ``stop()`` is asked, in nanoseconds.
STOP_INTERVAL_NS = 1_000_000_000


class Interrupted(Exception):
    """The run shall end now: a signal, or the caller's ``stop()``."""


class Waiter:
    """Waits on file descriptors; ``watch`` says what to call when one becomes readable."""

    def __init__(
        self, stop: Callable[[], bool], on_tick: Callable[[], None] = lambda: None
    ) -> None:
        self.stop = stop
        self.on_tick = on_tick
        #: Whether nothing but this run is on the kernel.
        self.own_kernel = False
        self.reason: str | None = None
        self._watched: dict[int, Callable[[], None]] = {}
        self._next_ask_ns = 0

    def watch(self, file: int, call: Callable[[], None]) -> None:
        """Call ``call`` whenever ``file`` is readable during a wait."""
        self._watched[file] = call

    def forget(self, file: int) -> None:
        """Watch ``file`` no longer."""
        self._watched.pop(file, None)

    def check(self) -> None:
        """Raise ``Interrupted`` when the run shall end."""
        if self.reason is None and self.stop():
            self.reason = "asked to stop"
        if self.reason is not None:
            raise Interrupted(self.reason)

    def wait_until(self, deadline_ns: int, *, heed_stop: bool = True) -> None:
        """Sleep until the CLOCK_MONOTONIC instant, handling what happens meanwhile.

        ``heed_stop`` False is for the end of a run, which is not interrupted.

        Raises:
            Interrupted: the run shall end.
        """
        while not self._step(deadline_ns, heed_stop):
            pass

    def wait_for(
        self,
        condition: Callable[[], bool],
        deadline_ns: int,
        every_ns: int,
        *,
        heed_stop: bool = True,
    ) -> bool:
        """Sleep until ``condition()`` holds or the deadline; return whether it holds.

        The condition is asked after everything that happened, and at least ``every_ns``.
        """
        while not condition():
            now = Clock.monotonic_ns()
            if now >= deadline_ns:
                return False
            self._step(min(now + every_ns, deadline_ns), heed_stop)
        return True

    def _step(self, deadline_ns: int, heed_stop: bool) -> bool:
        """Sleep once, at most until the deadline, and handle what happened.

        Return whether the deadline has come.
        """
        now = Clock.monotonic_ns()
        if heed_stop and (now >= self._next_ask_ns or self.reason):
            self._next_ask_ns = now + STOP_INTERVAL_NS
            self.on_tick()
            self.check()
        until = min(deadline_ns, self._next_ask_ns) if heed_stop else deadline_ns
        self._poll(max(0, until - now))
        return now >= deadline_ns

    def _poll(self, timeout_ns: int) -> None:
        with self.woken_first():
            ready, _, _ = select.select(list(self._watched), [], [], timeout_ns / 1e9)
        for file in ready:
            call = self._watched.get(file)
            if call is not None:
                call()

    @contextlib.contextmanager
    def woken_first(self) -> Iterator[None]:
        """Let this thread wake as soon as it is due, before programs that are at work (SCHED_FIFO,
        sched(7)); awake, it is as all others.

        Only on a kernel of its own. Else an action waits for the scheduler's next tick, 4 ms at HZ
        = 250, while a program is busy with system calls.
        """
        if not self.own_kernel:
            yield
            return
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        try:
            yield
        finally:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Turn SIGINT, SIGTERM and SIGHUP into an interruption (only in the main thread.

        Elsewhere they stay as they are).
        """

        def note(number: int, frame: FrameType | None) -> None:
            self.reason = self.reason or signal.Signals(number).name

        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        before = {}
        wakeup: int | None = None
        try:
            wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                before[number] = signal.signal(number, note)
            self.watch(reader, lambda: _drain(reader))
        except ValueError:
            pass  # not the main thread
        try:
            yield
        finally:
            self.forget(reader)
            for number, handler in before.items():
                signal.signal(number, handler)
            if wakeup is not None:
                signal.set_wakeup_fd(wakeup)
            os.close(reader)
            os.close(writer)


def _drain(file: int) -> None:
    with contextlib.suppress(BlockingIOError):
        os.read(file, 4096)
