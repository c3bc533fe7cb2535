"""The processes that a run starts on its nodes: started, watched, stopped, their end recorded."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tcpexp.engine.clock import Clock
from tcpexp.engine.commands import Executor, environment
from tcpexp.engine.waiting import Waiter
from tcpexp.errors import RunError
from tcpexp.plan.endings import STOPPING, cause, ending_words, last_words, step_name
from tcpexp.plan.types import Spawn, Step

#: How long a process may take to end after its stop signal, before it is killed.
STOP_GRACE_NS = 2_000_000_000
#: The folder in which Python finds the package tcpexp: what of it runs in the guest is there too.
PACKAGE_PARENT = Path(__file__).resolve().parents[2]
PLACEHOLDER = re.compile(r"\{(?:dir|out|tcpexp)\}")
#: Waits for one line of its input, then becomes the program.
GATE = ("sh", "-c", 'read -r go; exec "$@" </dev/null', "gate")


@dataclass
class Gate:
    """A pipe at which ``waiting`` processes wait for a line each.

    ``opened_ns``: when they got it, on the monotonic clock.
    """

    write_end: int
    waiting: int
    opened_ns: int | None = None

    def open(self) -> int:
        """Let the processes run, the first time; return when they were let."""
        if self.opened_ns is None:
            self.opened_ns = Clock.monotonic_ns()
            os.write(self.write_end, b"\n" * self.waiting)
            os.close(self.write_end)
        return self.opened_ns


@dataclass
class Prepared:
    """A process that waits at a gate for its time."""

    gate: Gate
    process: subprocess.Popen[bytes]
    argv: list[str]


@dataclass
class Running:
    """A process of a step. ``status`` is None while it runs; negative is the signal that ended it.

    ``argv`` is what it was started with on its node.
    """

    step: Step
    spawn: Spawn
    argv: list[str]
    process: subprocess.Popen[bytes]
    pidfd: int
    planned_end_ns: int | None
    began_ns: int
    status: int | None = None
    signalled: set[int] = field(default_factory=set)

    @property
    def pid(self) -> int:
        """The process id, as the engine sees it."""
        return self.process.pid

    @property
    def stopped_by(self) -> str | None:
        """The signal by which the run asked it to end, such as ``TERM``, or which the run sent and
        which ended it; None when there was none.
        """
        asked = next((name for name in STOPPING if signal_number(name) in self.signalled), None)
        if (
            asked is None
            and self.status is not None
            and self.status < 0
            and -self.status in self.signalled
        ):
            return signal.Signals(-self.status).name.removeprefix("SIG")
        return asked

    @property
    def name(self) -> str:
        """What its step is called."""
        return step_name(self.step.id, self.step.label)


class ProcessTable:
    """All processes of a run; ``ended`` is called once for each that ends."""

    def __init__(
        self,
        executor: Executor,
        waiter: Waiter,
        raw_dir: Path,
        files_dir: Path,
        ended: Callable[[Running], None],
    ) -> None:
        self.executor = executor
        self.waiter = waiter
        self.logs = raw_dir / "logs"
        self.files_dir = files_dir
        self.ended = ended
        self.running: dict[str, list[Running]] = {}
        self.prepared: dict[str, Prepared] = {}
        #: Called with the step's id right after each fork, before anything else is forked.
        self.forked: Callable[[str], None] = lambda step: None

    def prepare(self, steps: list[Step]) -> None:
        """Start the processes of ``steps`` but for their last word, so that they can run at the
        same instant; raises ``RunError``.

        Starting a process takes milliseconds. Several that are due at the same time would begin one
        after the other.
        """
        reader, writer = os.pipe()
        gate = Gate(writer, len(steps))
        try:
            for step in steps:
                assert isinstance(step.do, Spawn)
                argv, out = self._argv(step, step.do)
                self.prepared[step.id] = Prepared(
                    gate, self._open(step, step.do, [*GATE, *argv], out, reader), argv
                )
        finally:
            os.close(reader)

    def discard_prepared(self) -> None:
        """End the processes whose time has not come."""
        for prepared in self.prepared.values():
            prepared.process.kill()
            prepared.process.wait()
        self.prepared.clear()

    def start(self, step: Step, spawn: Spawn, planned_end_ns: int | None) -> Running:
        """Start a step's process, or let the prepared one run.

        Raises ``RunError`` when it cannot be started.
        """
        began = Clock.monotonic_ns()
        prepared = self.prepared.pop(step.id, None)
        if prepared is not None:
            began = prepared.gate.open()
            process, argv = prepared.process, prepared.argv
        else:
            argv, out = self._argv(step, spawn)
            process = self._open(step, spawn, argv, out)
        self.executor.note(spawn.node, argv, status=None, by="spawn")
        running = Running(
            step, spawn, argv, process, os.pidfd_open(process.pid), planned_end_ns, began
        )
        self.running.setdefault(step.id, []).append(running)
        self.waiter.watch(running.pidfd, lambda: self._reap(running))
        return running

    def _argv(self, step: Step, spawn: Spawn) -> tuple[list[str], Path]:
        """Return the process's argv and its folder, which is made."""
        out = self.logs / step.id
        out.mkdir(parents=True, exist_ok=True)
        lay_files(self.files_dir / "work" / step.id, out)
        places = {"{dir}": str(self.files_dir), "{out}": str(out), "{tcpexp}": str(PACKAGE_PARENT)}
        return [PLACEHOLDER.sub(lambda match: places[match[0]], word) for word in spawn.argv], out

    def _open(
        self, step: Step, spawn: Spawn, argv: list[str], out: Path, stdin: int | None = None
    ) -> subprocess.Popen[bytes]:
        try:
            return self._popen(step, spawn, argv, out, stdin)
        except OSError as error:
            raise RunError(f"step {step.id}: '{argv[0]}' could not be started: {error}") from None

    def _popen(
        self, step: Step, spawn: Spawn, argv: list[str], out: Path, gate: int | None
    ) -> subprocess.Popen[bytes]:
        with (
            (self.logs / f"{step.id}.out").open("ab") as stdout,
            (self.logs / f"{step.id}.err").open("ab") as stderr,
            tempfile.TemporaryFile() as stdin,
        ):
            stdin.write((spawn.stdin or "").encode())
            stdin.seek(0)
            process = subprocess.Popen(
                self.executor.argv(spawn.node, argv),
                stdin=stdin if gate is None else gate,
                stdout=stdout,
                stderr=stderr,
                cwd=out,
                env=environment(spawn.environment),
                process_group=0,
            )
            self.forked(step.id)
            return process

    def start_recorder(self, step: Step, spawn: Spawn, output: Path) -> Running:
        """Start a program that records something for the whole run.

        Its output goes to ``output``.
        """
        output.parent.mkdir(parents=True, exist_ok=True)
        running = self.start(step, spawn, None)
        log = self.logs / f"{step.id}.out"
        output.unlink(missing_ok=True)
        os.link(log, output)
        log.unlink()
        return running

    def find(self, step: str) -> Running:
        """Return the latest process of a step; raises ``RunError`` when it has none."""
        if not self.running.get(step):
            raise RunError(f"step {step} has started no process yet")
        return self.running[step][-1]

    def alive(self, step: str | None = None) -> list[Running]:
        """Return the processes that run, of one step or of all."""
        return [
            process
            for name, processes in self.running.items()
            if step in (None, name)
            for process in processes
            if process.status is None
        ]

    def send(self, running: Running, name: str) -> None:
        """Send the signal ``name`` (``TERM``, ``STOP``...).

        Nothing happens when the process has ended.
        """
        number = signal_number(name)
        running.signalled.add(number)
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(running.pidfd, number)

    def stop(self, processes: list[Running]) -> None:
        """Send each its stop signal, wait, and kill the process groups of those that do not end."""
        for process in processes:
            self.send(process, process.spawn.stop_signal)
            if signal_number(process.spawn.stop_signal) not in (signal.SIGKILL, signal.SIGSTOP):
                # a stopped process would not see the signal
                self.send_quietly(process, signal.SIGCONT)
        deadline = Clock.monotonic_ns() + STOP_GRACE_NS
        if self.waiter.wait_for(
            lambda: _all_ended(processes), deadline, STOP_GRACE_NS, heed_stop=False
        ):
            return
        for process in processes:
            if process.status is None:
                process.signalled.add(signal.SIGKILL)
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        self.waiter.wait_for(
            lambda: _all_ended(processes), deadline + STOP_GRACE_NS, STOP_GRACE_NS, heed_stop=False
        )

    def send_quietly(self, running: Running, number: int) -> None:
        """Send a signal that is no part of the plan."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(running.pidfd, number)

    def describe_end(self, running: Running) -> str:
        """Return how a process ended and the last of what it wrote: ``echo ended with status 2:
        --protocol is required``.
        """
        ending = ending_words(running.status) if running.status is not None else "is running"
        return f"{running.name} {ending}: {self.last_cause(running)}"

    def last_cause(self, running: Running) -> str:
        """Return the line that says most of the last that a process wrote."""
        paths = [self.logs / f"{running.step.id}.{kind}" for kind in ("err", "out")]
        return cause(
            last_words(
                *(path.read_text(errors="replace") if path.is_file() else "" for path in paths)
            )
        )

    def _reap(self, running: Running) -> None:
        status = running.process.poll()
        if status is None or running.status is not None:
            return
        running.status = status
        self.waiter.forget(running.pidfd)
        os.close(running.pidfd)
        with contextlib.suppress(OSError):
            (self.logs / running.step.id).rmdir()  # only when it left nothing there
        self.ended(running)


def _all_ended(processes: list[Running]) -> bool:
    return all(process.status is not None for process in processes)


def unexpected_status(running: Running) -> bool:
    """Return whether a process ended otherwise than its plan expects.

    An end by a signal of the plan is expected.
    """
    expected, status = running.spawn.expect_status, running.status
    if expected is None or status is None or status == expected:
        return False
    return not (status < 0 and -status in running.signalled)


def signal_number(name: str) -> int:
    """Return a signal's number; raises ``RunError`` for a name that is none."""
    try:
        return signal.Signals[f"SIG{name.upper().removeprefix('SIG')}"].value
    except KeyError:
        raise RunError(f"no such signal: {name}") from None


def kill_strays(network_inodes: set[int], spare: set[int]) -> list[int]:
    """Kill every process that is in one of the given network namespaces (by inode), except
    ``spare``; return their ids.

    Nobody but the run itself enters those namespaces, so these are the children that its processes
    left behind. Returns once they are gone, those included that were forked meanwhile, or after
    half a second.
    """
    killed: list[int] = []
    for _ in range(50):
        found = [pid for pid in processes_in(network_inodes) if pid not in spare]
        if not found:
            break
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        killed += [pid for pid in found if pid not in killed]
        time.sleep(0.01)
    return killed


def processes_in(network_inodes: set[int]) -> list[int]:
    """Return the ids of the processes that are in one of the given network namespaces."""
    found = []
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if name.isdigit() and os.stat(f"/proc/{name}/ns/net").st_ino in network_inodes:
                found.append(int(name))
    return found


def lay_files(source: Path, out: Path) -> None:
    """Copy what the plan ships for a step's program into its working folder.

    A file that is there already stays.
    """
    for path in sorted(source.rglob("*")) if source.is_dir() else ():
        target = out / path.relative_to(source)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        elif not target.exists():
            shutil.copy(path, target)
