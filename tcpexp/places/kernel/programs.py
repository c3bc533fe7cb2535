"""Run the programs that build a kernel: output to a log, line by line; ended with us."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from tcpexp.errors import RunError

#: What a build takes from the environment; the rest could end up in the kernel.
PASSED_ON = ("PATH", "HOME", "TMPDIR", "http_proxy", "https_proxy", "no_proxy")
#: Lines of a failed program that its error shows.
LAST_LINES = 12
#: Lines that belong to an error of the compiler's: itself, the source's line, the mark under it.
ERROR_LINES = 3
_ERROR = re.compile(r"\S+:\d+(:\d+)?: (fatal )?error: |\S*ld: .*undefined reference|ERROR: modpost")


def clean_environment(**more: str) -> dict[str, str]:
    """Return an environment that is the same on every machine, and ``more``."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    path = f"{kept.pop('PATH', '/usr/bin:/bin')}:/usr/sbin:/sbin"
    return {**kept, "PATH": path, "LC_ALL": "C", "TZ": "UTC", **more}


def call(
    argv: Sequence[str],
    log: Path,
    *,
    cwd: Path | None = None,
    environment: dict[str, str] | None = None,
    heard: Callable[[str], None] | None = None,
    what: str | None = None,
    shown: Callable[[str], str] = str,
) -> None:
    """Run ``argv``; its output is appended to ``log``, and each line is given to ``heard``.

    Raises ``RunError`` when it fails: with the compiler's errors where there are any, else with its
    last lines, each as ``shown`` returns it. ``what`` says what failed.
    """
    last: deque[str] = deque(maxlen=LAST_LINES)
    errors = _Errors()
    with log.open("a") as file:
        file.write(f"$ {' '.join(argv)}\n")
        file.flush()
        process = subprocess.Popen(
            _tied(argv),
            cwd=cwd,
            env=environment or clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            assert process.stdout is not None
            for line in process.stdout:
                file.write(line)
                last.append(line.rstrip())
                errors.hear(line.rstrip())
                if heard is not None:
                    heard(line)
            status = process.wait()
        except BaseException:
            _end(process)
            raise
    if status != 0:
        words = "\n".join(f"  {shown(line)}" for line in errors.lines or last)
        message = f"{what or argv[0] + ' failed'} (status {status})"
        raise RunError(
            f"{message}:\n{words}" if words else message, hint=f"the whole output: {log}"
        )


class _Errors:
    """The compiler's and linker's errors among all that make prints, with the lines that belong."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._belonging = 0

    def hear(self, line: str) -> None:
        """Keep a line that is an error's, up to a limit."""
        if _ERROR.match(line):
            self._belonging = ERROR_LINES
        if self._belonging and len(self.lines) < 2 * LAST_LINES:
            self.lines.append(line)
        self._belonging = max(self._belonging - 1, 0)


def _tied(argv: Sequence[str]) -> list[str]:
    """Let the program end when we are killed."""
    tie = shutil.which("setpriv")
    return [tie, "--pdeathsig", "TERM", "--", *argv] if tie else list(argv)


def _end(process: subprocess.Popen[str]) -> None:
    """End a program and all that it started, which are a group of their own."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
    if process.stdout is not None:
        process.stdout.close()


def end_programs_in(folder: Path) -> None:
    """End programs whose working folder is in ``folder``: orphans of a builder that was killed."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # gone, or somebody else's
            if Path(os.readlink(process / "cwd")).is_relative_to(folder):
                os.kill(int(process.name), signal.SIGKILL)
