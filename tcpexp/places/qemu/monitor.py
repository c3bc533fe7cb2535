"""QEMU's human monitor over its unix socket: a few commands, each awaited.

The human monitor and not QMP: QMP adds a thread that competes with the processor thread.
"""

from __future__ import annotations

import os
import re
import socket
import time
from pathlib import Path
from types import TracebackType

from tcpexp.errors import RunError

PROMPT = b"(qemu) "


class Monitor:
    """A connection to the monitor; use as a context manager."""

    def __init__(self, path: Path, timeout_s: float = 30.0) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                _connect(self._socket, path)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > deadline:
                    raise RunError("QEMU's monitor does not answer") from None
                time.sleep(0.005)
        self._read_prompt()

    def __enter__(self) -> Monitor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def command(self, text: str) -> str:
        """Run one command and return what it printed.

        Raises ``RunError`` when the monitor ends or does not answer.
        """
        self._socket.sendall(text.encode() + b"\n")
        answer = self._read_prompt().decode(errors="replace")
        plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", answer)
        lines = plain.replace("\r", "").split("\n")
        return "\n".join(lines[1:-1]).strip()

    def resume(self) -> None:
        """Let the machine run.

        The main loop is kept away from then on, and may not come to its next prompt: do not wait
        for it, nor hang up at once.
        """
        self._socket.sendall(b"cont\n")
        self._read_until(b"\n")

    def _read_prompt(self) -> bytes:
        return self._read_until(PROMPT)

    def _read_until(self, end: bytes) -> bytes:
        data = b""
        while end not in data:
            try:
                part = self._socket.recv(65536)
            except TimeoutError:
                raise RunError("QEMU's monitor does not answer") from None
            except ConnectionResetError:
                part = b""
            if not part:
                raise RunError("QEMU ended while it was being set up")
            data += part
        return data


def _connect(connection: socket.socket, path: Path) -> None:
    """Connect to a unix socket in a folder whose path may be longer than the 107 bytes that a
    socket's address has room for.
    """
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        connection.connect(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
