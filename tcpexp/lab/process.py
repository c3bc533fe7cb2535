"""A worker's process as the server sees it: warm before it has a task, and gone after it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from typing import Any

#: A line that a worker writes is at most this long: a run's row with its verdicts.
LONGEST_LINE = 32 << 20
#: How long a worker that was asked to stop may take to keep what was recorded, in seconds.
STOP_GRACE_S = 20.0


class Worker:
    """One process of :mod:`tcpexp.lab.worker`; it does one task and ends."""

    def __init__(self, process: asyncio.subprocess.Process, errors: Any) -> None:
        self.process = process
        self._errors = errors
        self.stopped = False

    @classmethod
    async def start(cls) -> Worker:
        """Start a process, which begins to import at once."""
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "tcpexp.lab.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(folder or os.getcwd() for folder in sys.path),
            },
            start_new_session=True,
            limit=LONGEST_LINE,
        )
        return cls(process, errors)

    async def do(self, task: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Give it a task and yield what it tells."""
        assert self.process.stdin is not None and self.process.stdout is not None
        with contextlib.suppress(ConnectionError):  # it has ended: its last words say how
            self.process.stdin.write(json.dumps(task, default=str).encode() + b"\n")
            await self.process.stdin.drain()
        async for line in self.process.stdout:
            event = json.loads(line)
            if "ready" not in event:
                yield event

    def stop(self) -> None:
        """Ask it to end its run and to keep what was recorded; the second time, to abort."""
        self.stopped = True
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)

    def last_words(self) -> str:
        """Return the end of what it wrote to its standard error."""
        self._errors.seek(0)
        return str(self._errors.read()[-1000:].decode(errors="replace")).strip()

    async def close(self, grace_s: float = STOP_GRACE_S) -> None:
        """Wait until it has ended; it is killed when that takes too long."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), grace_s)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()
        # to their ends, so that both pipes are closed
        if self.process.stdin is not None:
            with contextlib.suppress(ConnectionError):
                await self.process.stdin.wait_closed()
        if self.process.stdout is not None:
            await self.process.stdout.read()
        self._errors.close()
