"""Packet captures: one tcpdump per recorded interface, started before t0 and stopped so that
nothing is lost.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tcpexp.engine.clock import Clock
from tcpexp.engine.commands import CLEAN_ENVIRONMENT, Executor
from tcpexp.engine.waiting import Waiter
from tcpexp.errors import RunError
from tcpexp.plan.types import Recorder
from tcpexp.record.summary import CaptureStatistics

START_LIMIT_S = 20.0
STOP_LIMIT_NS = 10_000_000_000
#: libpcap hands packets on when a block of its ring is full or this old; earlier ones may still be
#: in the ring.
RING_DELAY_NS = 1_050_000_000
BUFFER_KIB = 16_384
#: What the rings of all captures may take of the machine's memory together; each has at least the
#: smallest.
ALL_BUFFERS_KIB = 131_072
SMALLEST_BUFFER_KIB = 2_048


@dataclass
class Capture:
    """One tcpdump; ``name`` is the capture's, such as ``h1-eth0``."""

    name: str
    process: subprocess.Popen[bytes]
    pidfd: int
    messages: bytes = b""


class Captures:
    """All captures of a run."""

    def __init__(self, executor: Executor, waiter: Waiter, raw_dir: Path) -> None:
        self.executor = executor
        self.waiter = waiter
        self.raw_dir = raw_dir
        self.statistics: dict[str, CaptureStatistics] = {}
        self._captures: list[Capture] = []

    def start(self, recorders: list[Recorder]) -> None:
        """Start a capture per recorder and wait until each one listens.

        Raises ``RunError`` when one does not.
        """
        for recorder in recorders:
            self._captures.append(self._start_one(recorder, buffer_kib(len(recorders))))
        for capture in self._captures:
            self._await_listening(capture)
            self.waiter.watch(capture.pidfd, lambda capture=capture: self._died(capture))  # type: ignore[misc]

    def _start_one(self, recorder: Recorder, ring_kib: int) -> Capture:
        node, interface = recorder.node, recorder.interface
        assert node is not None and interface is not None, "a capture names node and interface"
        snaplen = int(recorder.options.get("snaplen", 0) or 0)
        argv = [
            "tcpdump",
            "-i",
            interface,
            "-Z",
            "root",
            "-n",
            "-p",
            "-s",
            str(snaplen),
            "--time-stamp-precision=nano",
        ]
        argv += ["-B", str(ring_kib), "-w", "-"]
        name = capture_name(node, interface)
        with (self.raw_dir / f"{name}.pcap").open("wb") as file:
            try:
                with self.executor.inside(node):
                    process = subprocess.Popen(
                        argv,
                        stdin=subprocess.DEVNULL,
                        stdout=file,
                        stderr=subprocess.PIPE,
                        env=CLEAN_ENVIRONMENT,
                        process_group=0,
                    )
            except OSError as error:
                raise RunError(f"tcpdump could not be started: {error}") from None
        assert process.stderr is not None
        os.set_blocking(process.stderr.fileno(), False)
        self.executor.note(node, argv, status=None, by="capture")
        return Capture(name, process, os.pidfd_open(process.pid))

    def _await_listening(self, capture: Capture) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while b"listening on" not in capture.messages:
            _read_messages(capture, deadline - time.monotonic())
            if capture.process.poll() is not None or time.monotonic() > deadline:
                _read_messages(capture, 0)
                raise RunError(f"capture {capture.name} did not start: {_text(capture)}")

    def _died(self, capture: Capture) -> None:
        self.waiter.forget(capture.pidfd)
        _read_messages(capture, 0)
        raise RunError(f"capture {capture.name} ended in the run: {_text(capture)}")

    def stop(self, not_before_ns: int | None) -> dict[str, Any]:
        """Stop all captures; return per capture the counts of packets captured and dropped.

        ``not_before_ns`` (CLOCK_MONOTONIC): the last instant whose packets must be in the files.
        """
        for capture in self._captures:
            self.waiter.forget(capture.pidfd)
        if not_before_ns is not None and self._captures:
            self.waiter.wait_until(not_before_ns + RING_DELAY_NS, heed_stop=False)
        for capture in self._captures:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(capture.pidfd, signal.SIGINT)
        deadline = Clock.monotonic_ns() + STOP_LIMIT_NS
        for capture in self._captures:
            self._finish(capture, deadline)
        self._captures = []
        return self.statistics

    def _finish(self, capture: Capture, deadline: int) -> None:
        remaining = max(0.1, (deadline - Clock.monotonic_ns()) / 1e9)
        try:
            capture.process.wait(remaining)
        except subprocess.TimeoutExpired:
            capture.process.kill()
            capture.process.wait()
        _read_messages(capture, 0)
        self.statistics[capture.name] = parse_statistics(_text(capture))
        if capture.process.returncode != 0:
            self.statistics[capture.name]["error"] = (
                _text(capture).splitlines() or ["tcpdump was killed"]
            )[-1][-300:]
        os.close(capture.pidfd)
        assert capture.process.stderr is not None
        capture.process.stderr.close()


def buffer_kib(captures: int) -> int:
    """Return the ring of each of so many captures: the usual one, less where all together would
    take too much memory.
    """
    return min(BUFFER_KIB, max(SMALLEST_BUFFER_KIB, ALL_BUFFERS_KIB // max(captures, 1)))


def capture_name(node: str, interface: str) -> str:
    """Return the capture's name: ``h1-eth0``, also for an interface that is not called after its
    node.
    """
    return interface if interface.startswith(f"{node}-") else f"{node}-{interface}"


def parse_statistics(text: str) -> CaptureStatistics:
    """Return the counts that tcpdump prints at its end.

    None where it printed none (it was killed).
    """
    captured = re.search(r"(\d+) packets? captured", text)
    dropped = re.search(r"(\d+) packets? dropped by kernel", text)
    return {
        "captured": int(captured[1]) if captured else None,
        "dropped": int(dropped[1]) if dropped else None,
    }


def _read_messages(capture: Capture, timeout_s: float) -> None:
    """Take what tcpdump has printed, waiting at most ``timeout_s`` for the first of it."""
    assert capture.process.stderr is not None
    file = capture.process.stderr.fileno()
    if timeout_s > 0:
        select.select([file], [], [], timeout_s)
    with contextlib.suppress(BlockingIOError):
        while part := os.read(file, 65536):
            capture.messages += part


def _text(capture: Capture) -> str:
    return capture.messages.decode(errors="replace").strip()
