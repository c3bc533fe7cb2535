"""Captures are dissected while they grow: one tshark per capture is fed through a pipe, so that after the run only the tail is left.

What a tshark has read from a pipe is used only when it has read all of its file and found nothing wrong; else the file is dissected
afresh. tshark makes one pass in both cases, so both give the same text. Should this process be killed, the pipes close and tshark ends.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

#: At most so many tsharks at once (about 180 MB each); captures beyond are dissected after the run.
MOST = 4
#: How long a capture that has not grown is left alone, and how long tshark may take for what is left at the end.
PAUSE_S = 0.1
END_LIMIT_S = 120.0
_PART_BYTES = 1 << 18


class LiveDissection:
    """Watches ``raw_dir`` for up to ``captures`` captures; :meth:`text` gives what tshark says about one, :meth:`close` ends everything."""

    def __init__(self, raw_dir: Path, captures: int) -> None:
        self.raw_dir = raw_dir
        self._lock = threading.Lock()
        self._complete = threading.Event()
        self._closed = threading.Event()
        self._readers = [_Reader(self) for _ in range(min(captures, MOST))]
        for reader in self._readers:
            reader.start()

    def text(self, capture: Path) -> bytes | None:
        """Return tshark's text about all of ``capture``, waiting for its end; None when it has to be dissected afresh."""
        self._complete.set()
        reader = self._reader_of(capture)
        if reader is None:
            return None
        reader.join(END_LIMIT_S)
        return reader.text()

    def _reader_of(self, capture: Path) -> _Reader | None:
        """Return who reads ``capture``; a reader that has none yet may still take it."""
        while True:
            idle = any(each.is_alive() and each.capture is None for each in self._readers)
            with self._lock:
                found = next((each for each in self._readers if each.capture == capture), None)
            if found is not None or not idle:
                return found
            time.sleep(0.01)

    def close(self) -> None:
        """End every tshark and thread, whatever they are doing."""
        self._closed.set()
        self._complete.set()
        for reader in self._readers:
            reader.end()

    def claim(self, reader: _Reader) -> bool:
        """Give ``reader`` a capture that has begun and that no other reads; return whether there is one."""
        with self._lock:
            taken = {each.capture for each in self._readers}
            reader.capture = next((path for path in sorted(self.raw_dir.glob("*.pcap")) if path not in taken and path.stat().st_size), None)
        return reader.capture is not None

    def pause(self) -> None:
        """Wait for the captures to grow."""
        self._complete.wait(PAUSE_S)

    @property
    def is_complete(self) -> bool:
        """Whether the captures grow no more."""
        return self._complete.is_set()

    @property
    def is_closed(self) -> bool:
        """Whether nobody wants to know any more."""
        return self._closed.is_set()


class _Reader(threading.Thread):
    """One tshark, started before its capture is known, and the thread that feeds it."""

    def __init__(self, owner: LiveDissection) -> None:
        super().__init__(daemon=True)
        self.owner = owner
        self.capture: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._out = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end()
        self._fed = 0

    def run(self) -> None:
        """Start tshark, feed it until its capture is complete, wait for its end."""
        with suppress(OSError, ValueError):  # no tshark, or it ended, or all is being closed: then the capture is dissected afresh
            process = self._process = self._start()
            assert process.stdin is not None
            try:
                if self._claim():
                    self._feed(process.stdin.fileno())
            finally:
                process.stdin.close()
            process.wait()

    def text(self) -> bytes | None:
        """Return what tshark printed when it ended well and had all of its capture."""
        done = self._process is not None and self._process.poll() == 0
        if self.is_alive() or not done or self.capture is None or self._fed != self.capture.stat().st_size:
            return None
        self._out.seek(0)
        return self._out.read()

    def end(self) -> None:
        """Kill tshark and wait for the thread."""
        process = self._process
        if process is not None:
            process.kill()
        self.join()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._out.close()

    def _start(self) -> subprocess.Popen[bytes]:
        from tcpexp.ingest.tshark import tshark_argv, tshark_environment

        argv = ["nice", "-n", "10", *tshark_argv(Path("-"))]
        return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=self._out, stderr=subprocess.DEVNULL, env=tshark_environment(), start_new_session=True)

    def _claim(self) -> bool:
        while not self.owner.is_closed:
            last = self.owner.is_complete
            if self.owner.claim(self):
                return True
            if last:
                return False
            self.owner.pause()
        return False

    def _feed(self, pipe: int) -> None:
        assert self.capture is not None
        with self.capture.open("rb") as file:
            while not self.owner.is_closed:
                last = self.owner.is_complete
                part = file.read(_PART_BYTES)
                if part:
                    self._fed += _write_all(pipe, part)
                elif last:
                    return
                else:
                    self.owner.pause()


def _write_all(pipe: int, data: bytes) -> int:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(pipe, rest) :]
    return len(data)
