"""Run a plan: ``run_plan``, and ``python -m tcpexp.engine.main PLAN.json OUT_DIR``.

Phases in order: network, probes, recorders, setup, run (from t0 to the plan's duration), stop.
Whatever happens, processes and recorders are stopped, raw data is kept, the network goes, and
``raw/engine.json`` says how it ended.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import json
import os
import platform
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import mininet.net

from tcpexp.engine.assembly import Network
from tcpexp.engine.clock import Clock
from tcpexp.engine.commands import Executor
from tcpexp.engine.congestion import load_congestion_controls
from tcpexp.engine.events import EventLog
from tcpexp.engine.journal import JsonLines
from tcpexp.engine.kernellog import KernelLog
from tcpexp.engine.modules import LoadedModules
from tcpexp.engine.probes import measure_network
from tcpexp.engine.processes import ProcessTable, Running, kill_strays
from tcpexp.engine.readbacks import ReadbackLog
from tcpexp.engine.recording import Recording
from tcpexp.engine.restamp import restamp_raw
from tcpexp.engine.steps import Actor
from tcpexp.engine.timeline import Timeline
from tcpexp.engine.waiting import Interrupted, Waiter
from tcpexp.engine.wallclock import WallClock
from tcpexp.errors import RunError, TcpexpError
from tcpexp.plan.types import ENGINE_RESERVE, PlanFile, RunPlan, from_json
from tcpexp.record import files
from tcpexp.record.summary import RunStatus, WrittenSummary

COMPLETE, FAILED, INTERRUPTED = 0, 4, 130
#: Room that is held for ``engine.json``, so that a disk which fills up meanwhile leaves enough for
#: it.
RESERVED_BYTES, RESERVED_PER_LINK = 64 << 10, 4 << 10


class Engine:
    """One run of one plan; without a ``token`` the kernel is ours alone.

    ``where`` always names what is being done, for the case that it fails.
    """

    def __init__(
        self,
        plan: RunPlan,
        raw_dir: Path,
        files_dir: Path,
        progress: Callable[[str, float], None],
        stop: Callable[[], bool],
        token: str | None,
    ) -> None:
        self.plan = plan
        self.own_kernel = token is None
        self.raw_dir = raw_dir
        self.files_dir = files_dir
        self.progress = progress
        self.clock = Clock()
        self.phase = self.where = "start"
        self.waiter = Waiter(stop, self._tick)
        self.commands = JsonLines(raw_dir / files.COMMANDS, self.clock)
        self.executor = Executor(self.commands)
        self.events = EventLog(raw_dir.parent / files.EVENTS, self.clock)
        self.network = Network(plan, self.executor)
        self.readbacks = ReadbackLog(self.network, raw_dir, self.clock)
        self.processes = ProcessTable(
            self.executor, self.waiter, raw_dir, files_dir, self._process_ended
        )
        self.actor = Actor(self.network, self.executor, self.processes, self.waiter, raw_dir)
        self.recording = Recording(
            plan.recorders,
            self.network,
            self.executor,
            self.waiter,
            self.processes,
            raw_dir,
            files_dir,
            token,
        )
        self.kernel_log = KernelLog(raw_dir / files.KERNEL_LOG, self.clock)
        self.modules = LoadedModules(plan.modules, files_dir, self.kernel_log)
        self.timeline = Timeline(
            plan, self.clock, self.waiter, self.events, self.actor, self.processes, self._enter
        )
        self.wall_clock = WallClock()
        self.restamped: list[str] = []
        self.reserve = raw_dir / ENGINE_RESERVE
        self.problems: list[str] = []
        self.end_ns: int | None = None

    # --------------------------------------------------------------------------------------------
    # the phases

    def run(self) -> int:
        """Run all phases; return 0 (complete), 4 (failed) or 130 (interrupted)."""
        began = Clock.monotonic_ns()
        status: RunStatus = "complete"
        error: str | None = None
        try:
            self.wall_clock.watch(self.waiter)
            with self.waiter.signals():
                try:
                    self._run_phases()
                except Interrupted as reason:
                    status, error = "interrupted", str(reason)
                except TcpexpError as failure:
                    status, error = "failed", str(failure)
                except Exception as failure:
                    status, error = "failed", describe_failure(failure)
                    with contextlib.suppress(OSError):
                        (self.raw_dir / "engine_traceback.txt").write_text(traceback.format_exc())
                where = None if status == "complete" else self.where
                self._stop_all()
        finally:
            self.network.stop()
        if not self.own_kernel:
            self._attempt("unload the congestion controls", self.modules.unload)
        for name, log in (
            (files.EVENTS, self.events),
            (f"{files.RAW}/{files.COMMANDS}", self.commands),
        ):
            self._attempt(f"write {name}", log.close)
        if status == "complete" and self.problems:
            status, where, error = "failed", "stop", self.problems[0]
        self.reserve.unlink(missing_ok=True)
        self._write_summary(status, where, error, Clock.monotonic_ns() - began)
        return {"complete": COMPLETE, "interrupted": INTERRUPTED}.get(status, FAILED)

    def _run_phases(self) -> None:
        self._begin("network")
        self.reserve.write_bytes(
            b"\0" * (RESERVED_BYTES + len(self.plan.network.links) * RESERVED_PER_LINK)
        )
        write_files(self.plan.files, self.files_dir)
        if self.plan.modules:
            self._load_modules()
        if self.own_kernel:
            load_congestion_controls(self.plan.needs.congestion_controls)
        self.network.build(own_kernel=self.own_kernel)
        self.actor.faults.install([*self.plan.setup, *self.plan.steps])
        self.actor.rates.install([*self.plan.setup, *self.plan.steps])
        self._begin("probes")
        probes = measure_network(
            self.network, self.waiter, [(flow.client, flow.server) for flow in self.plan.flows]
        )
        (self.raw_dir / files.PROBES).write_text(json.dumps(probes) + "\n")
        self.readbacks.start()
        self._begin("recorders")
        self.recording.start()
        self._begin("setup")
        self.timeline.run_setup()
        self.timeline.prepare()
        self._begin("run")
        t0 = self.clock.set_zero(offset_ns=self.wall_clock.offset_ns)
        self.recording.start_sampling(t0, self.plan.duration_ns)
        self.timeline.run_steps()
        self.end_ns = self.clock.now_ns()

    def _load_modules(self) -> None:
        """Load the plan's own congestion controls, and let the trace record what they bring."""
        self.kernel_log.open()
        self.where = "load the congestion controls"
        self.modules.load(own_kernel=self.own_kernel)
        self.recording.add_trace_events(self.modules.events)

    def _stop_all(self) -> None:
        """Stop processes, undo steps, stop recorders.

        Note what goes wrong instead of raising it.
        """
        if self.end_ns is None and self.clock.t0_monotonic_ns is not None:
            self.end_ns = self.clock.now_ns()
        self.phase = "stop"
        self.progress("stop", self._t_seconds())
        self._attempt("read back links and interfaces", self.readbacks.end)
        self._attempt("stop processes that wait", self.processes.discard_prepared)
        self._attempt("stop processes", lambda: self.processes.stop(self.processes.alive()))
        for step_id in reversed(list(self.actor.active)):
            self._attempt(f"undo step {step_id}", lambda step_id=step_id: self._undo(step_id))  # type: ignore[misc]
        end = None
        if self.clock.t0_monotonic_ns is not None and self.end_ns is not None:
            end = self.clock.absolute_ns(min(self.end_ns, self.plan.duration_ns))
        self._attempt("stop recorders", lambda: self.problems.extend(self.recording.stop(end)))
        self.wall_clock.close(self.waiter)
        self._attempt("correct time stamps", lambda: self.restamped.extend(self._restamp()))
        self._attempt(
            "keep the record of faults",
            lambda: self.actor.faults.write(
                self.raw_dir / files.FAULTS, self.clock.t0_monotonic_ns
            ),
        )
        self._attempt("keep the kernel's log", self.kernel_log.close)
        self._attempt("close the record of rates", self.actor.rates.close)
        self._attempt("close the record of settings", self.readbacks.close)
        self._attempt("stop what is left", self._kill_strays)

    def _attempt(self, what: str, call: Callable[[], object]) -> None:
        """Do a part of the clean-up.

        A process may still end with a status that fails the run, so try once more.
        """
        for _ in range(100):
            try:
                call()
                return
            except RunError as error:
                self.problems.append(f"{what}: {error}")
                if not self.processes.alive():
                    return
            except Exception as error:
                self.problems.append(f"{what}: {describe_failure(error)}")
                return

    def _undo(self, step_id: str) -> None:
        undone = self.actor.undo(step_id)
        if undone is not None:
            step, text = undone
            self.events.write("end", step, planned_ns=step.until_ns, status=0, text=text)

    def _restamp(self) -> list[str]:
        return restamp_raw(self.raw_dir, self.wall_clock.steps, self.wall_clock.began_ns)

    def _kill_strays(self) -> None:
        holders = self.network.holders()
        inodes = {os.stat(f"/proc/{pid}/ns/net").st_ino for pid in holders.values()}
        if inodes:
            kill_strays(inodes, set(holders.values()))

    # --------------------------------------------------------------------------------------------
    # reporting

    def _begin(self, phase: str) -> None:
        self.waiter.check()
        self.phase = self.where = phase
        self.progress(phase, self._t_seconds())

    def _enter(self, where: str) -> None:
        self.where = where

    def _tick(self) -> None:
        self.wall_clock.look()
        self.kernel_log.drain()
        self.progress(self.phase, self._t_seconds())

    def _t_seconds(self) -> float:
        return 0.0 if self.clock.t0_monotonic_ns is None else self.clock.now_ns() / 1e9

    def _process_ended(self, running: Running) -> None:
        self.timeline.process_ended(running)

    def _write_summary(
        self, status: RunStatus, where: str | None, error: str | None, duration_ns: int
    ) -> None:
        summary: WrittenSummary = {
            "status": status,
            "error": error,
            "where": where,
            "t0_realtime_ns": self.clock.t0_realtime_ns,
            "t0_monotonic_ns": self.clock.t0_monotonic_ns,
            "end_ns": self.end_ns,
            "clock_steps": [
                {
                    "t_ns": step.before_ns - (self.clock.t0_monotonic_ns or 0),
                    "by_ns": step.by_ns,
                }
                for step in self.wall_clock.steps
            ],
            "restamped": self.restamped,
            "engine_seconds": duration_ns / 1e9,
            **self.recording.results,
            "put_back": self.network.put_back,
            "readback": files.READBACK,
            "wire_filter": self.network.classifier,
            "versions": versions(self.network),
            "problems": self.problems,
            "restored": not self.problems,
        }
        (self.raw_dir / files.ENGINE).write_text(json.dumps(summary, indent=1) + "\n")


def describe_failure(failure: Exception) -> str:
    """Return an exception in words; a full disk is called that."""
    if isinstance(failure, OSError) and failure.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full: what is recorded is cut off ({failure.strerror})"
    return f"{type(failure).__name__}: {failure}"


def versions(network: Network) -> dict[str, str]:
    """Return the versions that decide what a run measures."""
    return {
        "kernel": os.uname().release,
        "machine": os.uname().machine,
        "python": platform.python_version(),
        "mininet": mininet.net.VERSION,
        **network.versions,
    }


def write_files(shipped: tuple[PlanFile, ...], folder: Path) -> None:
    """Write the plan's files below ``folder``.

    Raises ``RunError`` for a path that leads out of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file in shipped:
        target = (folder / file.path).resolve()
        if folder.resolve() not in target.parents:
            raise RunError(f"file '{file.path}' of the plan lies outside of its folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(base64.b64decode(file.content) if file.binary else file.content.encode())
        target.chmod(0o755)


def run_plan(
    plan: RunPlan,
    raw_dir: Path,
    files_dir: Path,
    *,
    progress: Callable[[str, float], None] = lambda phase, t_seconds: None,
    stop: Callable[[], bool] = lambda: False,
    token: str | None = None,
    own_kernel: bool = False,
) -> int:
    """Run ``plan``: raw data into ``raw_dir``, ``events.jsonl`` beside it, the plan's files into
    ``files_dir``.

    ``progress(phase, t_seconds)`` is called at every phase and about twice a second; ``stop()`` is
    asked as often, and true ends the run. ``token`` tells this run's kernel objects (the trace
    instance) from others'; with ``own_kernel`` there are no others. Needs root, and namespaces
    whose network may be changed.

    Returns:
        0 complete, 4 failed, 130 interrupted; ``raw/engine.json`` says more.
    """
    raw_dir = raw_dir.resolve()
    raw_dir.mkdir(parents=True, exist_ok=True)
    name = None if own_kernel else token or f"{os.getpid()}-{Clock.monotonic_ns()}"
    engine = Engine(plan, raw_dir, files_dir.resolve(), progress, stop, name)
    engine.waiter.own_kernel = own_kernel
    return engine.run()


def main(arguments: list[str]) -> int:
    """Run the plan in a file; the command line of ``python -m tcpexp.engine.main``."""
    if len(arguments) != 2:
        print("usage: python -m tcpexp.engine.main PLAN.json OUT_DIR", file=sys.stderr)
        return 2
    plan = from_json(Path(arguments[0]).read_text(), RunPlan)
    out = Path(arguments[1])

    def progress(phase: str, t_seconds: float) -> None:
        with contextlib.suppress(BrokenPipeError):
            print(f"\r{phase} {t_seconds:.1f} s  ", end="", file=sys.stderr, flush=True)

    status = run_plan(plan, out / "raw", out / "files", progress=progress)
    print(file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
