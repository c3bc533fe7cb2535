"""This machine as a place to run: the engine in namespaces of its own, so that nothing of the
machine's is touched.

The engine's process is process 1 of a fresh PID namespace and has a fresh network namespace as its
"root" one: two runs do not see each other, there is no route out, and when the runner dies, however
it dies, the kernel ends everything with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import select
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tcpexp.engine.inherited import shared_settings
from tcpexp.errors import DataError, HostError, Missing, RunError
from tcpexp.machine.facts import processor_model, value_of
from tcpexp.places.base import Clock, PlaceResult, Stop
from tcpexp.places.host.journal import (
    STATE_DIR,
    clean_leftovers,
    own_entry,
    own_results,
    remove_run,
    write_entry,
)
from tcpexp.places.host.modules import host_target
from tcpexp.places.host.needs import find_missing
from tcpexp.places.host.space import ISOLATION, with_package
from tcpexp.places.modules.all import build_modules
from tcpexp.places.modules.build import (
    BuiltModule,
    module_facts,
    with_modules,
)
from tcpexp.plan.types import RunPlan, to_execute, to_json
from tcpexp.telling import Say, TellPhase, say_nothing

#: How long an engine that was asked to stop may take, in seconds.
STOP_GRACE_S = 30.0
#: How often ``stop()`` is asked while the engine says nothing.
ASK_INTERVAL_S = 0.2


@dataclass
class _Child:
    """The running engine; ``asked_at`` is when it was asked to stop."""

    process: subprocess.Popen[bytes]
    started: float
    asked_at: float | None = None
    why: str | None = None
    rest: bytes = b""
    log: Path = field(default=Path())


class HostPlace:
    """Runs plans on this machine's own kernel; needs root."""

    name = "host"
    clock: Clock = "real"

    def __init__(
        self,
        state_dir: Path = STATE_DIR,
        say: Say = say_nothing,
        *,
        allow_modules: bool = False,
    ) -> None:
        self.state_dir = state_dir
        self.say = say
        self.allow_modules = allow_modules

    def check(self, plan: RunPlan) -> tuple[Missing, ...]:
        """Return what this machine lacks to run ``plan``.

        Raises ``SpecErrors`` when a congestion control of the plan's own does not compile.
        """
        lacks = find_missing(plan, allow_modules=self.allow_modules)
        if not lacks:
            self.build_modules(plan)
        return lacks

    def build_modules(self, plan: RunPlan) -> tuple[BuiltModule, ...]:
        """Return the plan's own congestion controls, compiled for this machine's kernel."""
        return build_modules(plan, host_target(), self.say) if plan.modules else ()

    def part(self, name: str) -> str | None:
        """Return None: nothing of the host is handed on."""
        return None

    def run(self, plan: RunPlan, run_dir: Path, progress: TellPhase, stop: Stop) -> PlaceResult:
        """Run ``plan`` and leave its raw data in ``run_dir``.

        Files belong to the user who called sudo.

        Raises:
            HostError: the machine lacks something.
            RunError: the engine could not be started or died without a word.
        """
        lacks = self.check(plan)
        if lacks:
            raise HostError(
                "this machine cannot run the experiment on its own kernel", missing=lacks
            )
        modules = self.build_modules(plan)
        clean_leftovers(self.state_dir)
        token = f"{os.getpid()}-{time.monotonic_ns()}"
        folder = self.state_dir / f"files-{token}"
        entry = own_entry(token, (folder,), own_results(run_dir))
        write_entry(entry, self.state_dir)
        raw = run_dir / "raw"
        try:
            folder.mkdir(parents=True)
            raw.mkdir(parents=True, exist_ok=True)
            (folder / "plan.json").write_text(to_json(to_execute(with_modules(plan, modules))))
            child = self._start(folder, raw, token)
            try:
                self._watch(child, plan, progress, stop)
            finally:
                _end(child)
            result = self._result(child, raw)
            result.facts["modules"] = module_facts(modules)
            return result
        except OSError as error:
            raise RunError(f"the run's files cannot be written: {error}") from None
        finally:
            remove_run(entry, self.state_dir)
            give_to_caller(run_dir)

    def _start(self, folder: Path, raw: Path, token: str) -> _Child:
        engine = [
            sys.executable,
            "-m",
            "tcpexp.places.host.child",
            str(folder / "plan.json"),
            str(raw.resolve()),
        ]
        argv = [*ISOLATION, *engine, str(folder / "files"), token]
        log = folder / "engine.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env=with_package(),
                start_new_session=True,
            )
        return _Child(process, time.monotonic(), log=log)

    def _watch(self, child: _Child, plan: RunPlan, progress: TellPhase, stop: Stop) -> None:
        """Pass progress on until the engine has ended.

        Ask it to stop when ``stop()`` says so or the wall limit is over.
        """
        assert child.process.stdout is not None
        output = child.process.stdout.fileno()
        while True:
            if select.select([output], [], [], ASK_INTERVAL_S)[0]:
                data = os.read(output, 65536)
                if not data:
                    break
                _pass_on(child, data, progress)
            self._consider_stopping(child, plan, stop)
        child.process.wait()

    def _consider_stopping(self, child: _Child, plan: RunPlan, stop: Stop) -> None:
        now = time.monotonic()
        if child.asked_at is None:
            too_long = now - child.started > plan.wall_limit_s
            if too_long or stop():
                child.asked_at = now
                child.why = (
                    f"the wall limit of {plan.wall_limit_s:g} s is over" if too_long else None
                )
                assert child.process.stdin is not None
                child.process.stdin.close()
        elif now - child.asked_at > STOP_GRACE_S:
            child.process.kill()

    def _result(self, child: _Child, raw: Path) -> PlaceResult:
        wall = time.monotonic() - child.started
        try:
            result = PlaceResult.from_engine(
                raw, wall_seconds=wall, clock="real", facts=facts_of_run()
            )
        except DataError:
            words = child.log.read_text(errors="replace").strip()[-1500:]
            why = f"the engine died (status {child.process.returncode})"
            raise RunError(why, hint=words or "it said nothing; raw data is kept") from None
        if child.why is not None and result.status == "interrupted":
            return PlaceResult(**{**result.__dict__, "error": child.why})
        return result


def _pass_on(child: _Child, data: bytes, progress: TellPhase) -> None:
    *lines, child.rest = (child.rest + data).split(b"\n")
    for line in lines:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            state = json.loads(line)
            progress(str(state["phase"]), float(state["t"]))


def _end(child: _Child) -> None:
    """Make sure that the engine is gone, and all that it started with it."""
    with contextlib.suppress(OSError):
        if child.process.stdin is not None:
            child.process.stdin.close()
    if child.process.poll() is None:
        try:
            child.process.wait(STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()
    if child.process.stdout is not None:
        child.process.stdout.close()


def facts_of_run() -> dict[str, Any]:
    """Return what about this machine may matter to a run on it, besides what it is."""
    memory = value_of("/proc/meminfo", "MemTotal")
    return {
        "clock": "real",
        "cpu_model": processor_model() or platform.processor(),
        "cpu_count": os.cpu_count(),
        "memory_kib": None if memory is None else int(memory.split()[0]),
        "load_average": list(os.getloadavg()),
        "settings": shared_settings(),
    }


def give_to_caller(folder: Path) -> None:
    """Give a folder and all in it to the user who called sudo; does nothing when nobody did."""
    user, group = os.environ.get("SUDO_UID"), os.environ.get("SUDO_GID")
    if os.geteuid() != 0 or user is None or group is None or not folder.exists():
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, int(user), int(group), follow_symlinks=False)
