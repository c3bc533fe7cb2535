"""A terminal on which commands are typed as a person does: a login shell behind a pseudo-terminal.

Runs inside the machine.
"""

from __future__ import annotations

import os
import pty
import re
import select
import time
from pathlib import Path

#: Colours, cursor movements and titles.
ESCAPES = re.compile(rb"\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[=>()][0-9A-B]?)")
END = "TYPED-COMMAND-ENDED"


class Terminal:
    """A login shell on a terminal of its own; everything that it shows is kept in ``log``."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.shown = b""
        self.pid, self.file = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm", LC_ALL="C.UTF-8")
            os.execv("/bin/bash", ["-bash"])

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self.file, text.encode() + b"\n")

    def press(self, key: bytes) -> None:
        """Press a key: ``b"\\x03"`` is Ctrl-C."""
        os.write(self.file, key)

    def wait_for(self, pattern: str, limit_s: float) -> re.Match[str] | None:
        """Return where ``pattern`` shows, None when it does not in time or the shell ends."""
        deadline = time.monotonic() + limit_s
        while True:
            found = re.search(pattern, self.text())
            if found or time.monotonic() > deadline or not self._read():
                return found or re.search(pattern, self.text())

    def run(self, command: str, limit_s: float) -> int | None:
        """Type a command and return its exit status, None when it has none within the limit."""
        self.type(f"{command}; echo {END[:-3]}''{END[-3:]}=$?")
        found = self.wait_for(rf"{END}=(\d+)", limit_s)
        self.shown = b"" if found else self.shown
        return int(found[1]) if found else None

    def close(self) -> None:
        """Close the terminal, as when its window is closed.

        What runs on it is sent SIGHUP by the kernel.
        """
        os.close(self.file)
        os.waitpid(self.pid, 0)

    def text(self) -> str:
        """Return what the terminal has shown since the last command's end."""
        return ESCAPES.sub(b"", self.shown).decode(errors="replace").replace("\r", "\n")

    def _read(self) -> bool:
        if not select.select([self.file], [], [], 0.2)[0]:
            return True
        try:
            data = os.read(self.file, 65536)
        except OSError:
            return False
        self.shown += data
        with self.log.open("ab") as file:
            file.write(data)
        return bool(data)
