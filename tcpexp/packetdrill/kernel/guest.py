"""Jobs in a guest: User-Mode Linux is started once and plays them one after another."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tcpexp
from tcpexp.errors import RunError
from tcpexp.places.guestcode import imported, read_wordless
from tcpexp.places.image.scratch import scratch_dir, scratch_prefix
from tcpexp.places.uml.machine import Folder, start_kernel
from tcpexp.places.uml.place import Ingredients, UmlPlace
from tcpexp.places.uml.processor import claim_processor
from tcpexp.places.uml.spinning import SpinWatch
from tcpexp.telling import Say, say_nothing

PACKAGE = Path(tcpexp.__file__).parent
#: What runs in the guest, below the package.
PROGRAM = "packetdrill/guest/main.py"
INSIDE = f"/opt/tcpexp/run/tcpexp/{PROGRAM}"
LOOK_INTERVAL_S = 0.1
#: A guest that ends no job for so long, in seconds of wall time, is taken for dead.
STALL_LIMIT_S = 300.0
CONSOLE_BYTES = 1500

Log = dict[str, Any]


@dataclass(frozen=True)
class Guest:
    """A guest that can be started: its kernel and root tree, built where they were not there."""

    made: Ingredients

    @classmethod
    def prepare(cls, kernel: str | None = None, say: Say = say_nothing) -> Guest:
        """Return a guest with a kernel, by its name or the one in use.

        Raises:
            HostError: this machine lacks what runs or builds it.
        """
        return cls(UmlPlace(say, kernel).prepare())

    @property
    def kernel(self) -> str:
        """Return the kernel's release: ``Linux 7.3.4``."""
        return f"Linux {self.made.kernel.version}"

    def play(
        self, jobs: Sequence[dict[str, Any]], told: Callable[[int], None] = lambda done: None
    ) -> list[Log]:
        """Play jobs in one boot; return their logs in the same order.

        ``told`` hears how many have ended. Raises ``RunError`` when the guest dies.
        """
        numbered = [{**job, "id": number} for number, job in enumerate(jobs)]
        with (
            tempfile.TemporaryDirectory(prefix=scratch_prefix(), dir=scratch_dir()) as name,
            claim_processor() as processor,
        ):
            folder = Folder(Path(name))
            folder.lay(self.made.root, self.made.engine)
            lay_program(folder.run)
            (folder.run / "jobs.json").write_text(json.dumps(numbered))
            process = start_kernel(self.made.kernel, folder, processor, (INSIDE,))
            try:
                _watch(process, folder, told)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            logs = {log["id"]: log for log in _results(folder)}
            if len(logs) < len(jobs):
                raise RunError(
                    f"the guest ended after {len(logs)} of {len(jobs)} scripts",
                    hint=_last_words(folder),
                )
            return [logs[number] for number in range(len(jobs))]


def program_files() -> dict[str, bytes]:
    """Return what of tcpexp the player's program imports: path below ``tcpexp`` to content."""
    waiting, found = [PACKAGE / PROGRAM], dict[str, bytes]()
    while waiting:
        path = waiting.pop()
        name = str(path.relative_to(PACKAGE))
        if name not in found:
            found[name] = read_wordless(path)
            waiting += imported(found[name].decode())
    return dict(sorted(found.items()))


def lay_program(run: Path) -> None:
    """Write the player's program into the folder that the guest sees as its run."""
    for name, data in program_files().items():
        path = run / "tcpexp" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _watch(process: subprocess.Popen[bytes], folder: Folder, told: Callable[[int], None]) -> None:
    """Wait until the kernel process has ended.

    Raises:
        RunError: nothing happens any more.
    """
    ended = os.pidfd_open(process.pid)
    spins = SpinWatch(process.pid)
    done, heard = 0, time.monotonic()
    try:
        while not select.select([ended], [], [], LOOK_INTERVAL_S)[0]:
            count = sum(1 for _ in _results(folder))
            if count != done:
                done, heard = count, time.monotonic()
                told(done)
            if time.monotonic() - heard > STALL_LIMIT_S:
                raise RunError("the guest did not answer", hint=_last_words(folder))
            spins.look()
    finally:
        os.close(ended)


def _results(folder: Folder) -> Iterator[Log]:
    """Yield the logs of jobs that have ended; a line that is being written is left out."""
    try:
        text = (folder.run / "results.jsonl").read_text()
    except OSError:
        return
    for line in text.splitlines(keepends=True):
        if line.endswith("\n"):
            yield json.loads(line)


def _last_words(folder: Folder) -> str:
    words = ""
    with contextlib.suppress(OSError):
        words = folder.console.read_text(errors="replace").strip()[-CONSOLE_BYTES:]
    return f"console: {words}" if words else "it said nothing on its console"
