"""Shell commands of a script, done without a shell.

They come as data: a list of nodes, each with an operator (``;``, ``&&`` or ``||``) and either a
pipeline of arguments or a block of nodes (:mod:`tcpexp.packetdrill.kernel.shell` makes them, and
lets only known programs through). Settings are written to ``/proc/sys`` and ``/sys`` by this
process; what is not part of a network namespace gets its old value back at the script's end.
"""

from __future__ import annotations

import os
import subprocess
from typing import Any

Node = dict[str, Any]
SYSCTLS = "/proc/sys/"
#: A program that takes longer, in seconds, is taken for dead.
LIMIT_S = 60.0
#: Values before the script's changes, by path; those of ``set_sysctls.py`` apart.
_BEFORE: dict[str, str] = {}
_TO_RESTORE: dict[str, str] = {}


class Failed(Exception):
    """A command failed; the text names it."""


def run_all(nodes: list[Node], folder: str) -> str | None:
    """Run commands; return why the last one failed, None when it did not."""
    status, words = _run(nodes, folder)
    return None if status == 0 else words


def _run(nodes: list[Node], folder: str) -> tuple[int, str]:
    status, words = 0, ""
    for node in nodes:
        if node["op"] == "&&" and status != 0:
            continue
        if node["op"] == "||" and status == 0:
            continue
        if node.get("block") is not None:
            status, words = _run(node["block"], folder)
        else:
            status, words = _pipeline(node["pipe"], folder)
    return status, words


def _pipeline(pipe: list[list[str]], folder: str) -> tuple[int, str]:
    name = pipe[0][0]
    own = {"sysctl": _sysctl, "set_sysctls": _set_sysctls, "restore": _restore, "write": _write}
    shown = " | ".join(" ".join(argv) for argv in pipe)
    try:
        if name in own:
            own[name](pipe[0][1:])
            return 0, ""
        return _programs(pipe, folder), f"'{shown}' failed"
    except OSError as error:
        return 1, f"'{shown}' failed: {error.strerror or error}"
    except Failed as error:
        return 1, f"'{shown}' failed: {error}"


def _programs(pipe: list[list[str]], folder: str) -> int:
    """Run a pipeline of programs; return the status of the last."""
    environment = {**os.environ, "NSTAT_HISTORY": f"{folder}/nstat"}
    running: list[subprocess.Popen[bytes]] = []
    source: Any = subprocess.DEVNULL
    for number, argv in enumerate(pipe):
        last = number == len(pipe) - 1
        target = subprocess.DEVNULL if last else subprocess.PIPE
        process = subprocess.Popen(
            argv, stdin=source, stdout=target, stderr=subprocess.DEVNULL, env=environment
        )
        if source not in (subprocess.DEVNULL, None):
            source.close()
        source = process.stdout
        running.append(process)
    try:
        return [process.wait(LIMIT_S) for process in running][-1]
    except subprocess.TimeoutExpired:
        for process in running:
            process.kill()
        return 124


def _sysctl(words: list[str]) -> None:
    """Set each ``name=value``; raises what the first failure was, after the others were set."""
    tolerant = "-e" in words
    failed: OSError | None = None
    for word in words:
        if word.startswith("-"):
            continue
        name, _, value = word.partition("=")
        path = SYSCTLS + (name if "/" in name else name.replace(".", "/"))
        try:
            _set(path, value)
        except OSError as error:
            failed = failed or error
    if failed is not None and not (tolerant and isinstance(failed, FileNotFoundError)):
        raise failed


def _set_sysctls(words: list[str]) -> None:
    """Set each ``path=value``, and remember the value before for :func:`_restore`."""
    for word in words:
        path, _, value = word.partition("=")
        before = _read(path)
        _TO_RESTORE.setdefault(path, before)
        _set(path, value)


def _restore(words: list[str]) -> None:
    for path, value in _TO_RESTORE.items():
        _set(path, value)
    _TO_RESTORE.clear()


def _write(words: list[str]) -> None:
    """``echo VALUE > PATH``."""
    value, path = words
    _set(path, value)


def _set(path: str, value: str) -> None:
    if path not in _BEFORE:
        _BEFORE[path] = _read(path)
    with open(path, "w") as file:
        file.write(value)


def _read(path: str) -> str:
    with open(path) as file:
        return file.read().strip()


def undo() -> None:
    """Give what a script set outside of its network namespace its old value back."""
    for path, value in _BEFORE.items():
        if path.startswith("/sys/"):
            with open(path, "w") as file:
                file.write(value)
