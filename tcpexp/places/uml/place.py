"""User-Mode Linux as a place to run: start the kernel, watch it, name what went wrong."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tcpexp.errors import HostError, Missing, RunError, SpecError
from tcpexp.places.base import Clock, GuestState, PlaceResult, Stop
from tcpexp.places.guestcode import with_source_lines
from tcpexp.places.image.image import Image, build_image, find_image
from tcpexp.places.image.scratch import scratch_dir, scratch_prefix
from tcpexp.places.image.unpacked import trees_dir
from tcpexp.places.inventory import Inventory, find_lacking, load_inventory
from tcpexp.places.kernel.build import build_kernel
from tcpexp.places.kernel.headers import kernel_headers
from tcpexp.places.kernel.kernel import Kernel, find_kernel
from tcpexp.places.modules.all import build_modules
from tcpexp.places.modules.build import (
    BuiltModule,
    Target,
    module_facts,
    with_modules,
)
from tcpexp.places.modules.crash import explained
from tcpexp.places.salvage import name_source_lines, write_out_sockets
from tcpexp.places.uml.machine import Folder, machine_hash, start_kernel
from tcpexp.places.uml.processor import claim_processor
from tcpexp.places.uml.spinning import SpinWatch
from tcpexp.places.uml.tree import build_engine, build_tree, inside_key
from tcpexp.plan.types import RunPlan, to_execute, to_json
from tcpexp.store.rundir import write_atomic
from tcpexp.telling import TellPhase

#: How long a guest that was asked to stop may take, in seconds of wall time.
STOP_GRACE_S = 60.0
#: A guest that says nothing for this long is taken for dead.
STALL_LIMIT_S = 300.0
#: How often the guest's state is read.
LOOK_INTERVAL_S = 0.1
#: What the kernel prints when it gives up, and when it ends a program for us.
PANIC = re.compile(r"^.*Kernel panic - not syncing: (.*)$", re.MULTILINE)
SPUN = re.compile(r"tcpexp: signal \d+ from the host ends (.+) \(pid (\d+)\)")
CONSOLE_BYTES = 1500


@dataclass(frozen=True)
class Ingredients:
    """What a guest is made of."""

    kernel: Kernel
    image: Image
    root: Path
    engine: Path

    def identity(self) -> dict[str, str]:
        """Return what decides a capture's bytes besides the plan, by name."""
        return {
            "kernel": self.kernel.sha256,
            "image": self.image.sha256,
            "engine": inside_key(),
            "machine": machine_hash(self.kernel),
        }


class UmlPlace:
    """Runs plans in User-Mode Linux; needs no root. The clock is virtual."""

    name = "uml"
    clock: Clock = "virtual"

    def __init__(
        self,
        say: Callable[[str], None] = lambda text: None,
        kernel: str | None = None,
        image_sha256: str | None = None,
        *,
        trusted: bool = True,
    ) -> None:
        self.say = say
        self.kernel = kernel
        self.image_sha256 = image_sha256
        self.trusted = trusted
        self._made: Ingredients | None = None

    def check(self, plan: RunPlan) -> tuple[Missing, ...]:
        """Return what the guest's kernel and image lack to run ``plan``.

        Raises:
            HostError, RunError: the guest cannot be built or started here.
        """
        made = self._made or self.prepare()
        lacks = find_lacking(plan, take_inventory(made.kernel, made.root, made.engine))
        lacks = (*lacks, *missing_for_bpf(plan))
        if not lacks and plan.modules:
            self.build_modules(plan, made)
        return lacks

    def build_modules(self, plan: RunPlan, made: Ingredients) -> tuple[BuiltModule, ...]:
        """Return the plan's own congestion controls, compiled for the kernel; empty without any.

        Raises:
            SpecErrors: one does not compile.
            HostError: this machine cannot compile, or the kernel has no headers.
        """
        if not plan.modules:
            return ()
        if not self.trusted:
            raise SpecError(
                f"{plan.modules[0].source} of {plan.name} is not compiled, and not loaded: a module"
                " of the kernel is not confined by it",
                hint="read it, and run the spec yourself if you trust it",
            )
        kernel = made.kernel
        target = Target(
            kernel_headers(kernel, self.say),
            kernel.sha256,
            f"Linux {kernel.version} ({kernel.name})",
            ("ARCH=um",),
        )
        return build_modules(plan, target, self.say)

    def part(self, name: str) -> str | None:
        """Return the sha256 of the ``image`` or the ``kernel``; None when it is not built yet."""
        found = find_kernel(self.kernel) if name == "kernel" else find_image(self.image_sha256)
        return None if found is None else found.sha256

    def prepare(self) -> Ingredients:
        """Build what is not in the cache: kernel, image, root tree, engine.

        Raises:
            HostError: this machine lacks what builds it, or an image or kernel that was asked for.
        """
        kernel = find_kernel(self.kernel) or build_kernel(self.kernel, self.say)
        image = find_image(self.image_sha256)
        if image is None and self.image_sha256 is not None:
            raise HostError(
                f"this machine has no guest image {self.image_sha256}",
                hint="tcpexp guest import FILE brings one from where it was exported",
            )
        image = image or build_image(self.say)
        root = build_tree(image, self.say)
        engine = build_engine(self.say, lambda folder: compile_python(kernel, root, folder))
        self._made = Ingredients(kernel, image, root, engine)
        return self._made

    def run(self, plan: RunPlan, run_dir: Path, progress: TellPhase, stop: Stop) -> PlaceResult:
        """Run ``plan``; the engine records straight into ``run_dir``.

        Raises:
            HostError: this machine lacks something.
            RunError: the guest could not be started, or died; ``raw/console.txt`` is what it said.
        """
        made = self._made or self.prepare()
        modules = self.build_modules(plan, made)
        raw = run_dir / "raw"
        raw.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix=scratch_prefix(), dir=scratch_dir()) as name,
            claim_processor() as processor,
        ):
            folder = Folder(Path(name))
            folder.lay(made.root, made.engine, out=run_dir)
            (folder.run / "plan.json").write_text(to_json(to_execute(with_modules(plan, modules))))
            started = time.monotonic()
            process = start_kernel(made.kernel, folder, processor, trusted=self.trusted)
            guest = _Guest(process, folder, started)
            try:
                state = guest.watch(plan, progress, stop)
            except RunError as error:
                raise explained(error, guest.console_text(), modules) from None
            finally:
                guest.end()
                _keep_console(folder, raw)
                for problem in write_out_sockets(raw):
                    self.say(problem)
                name_source_lines(raw)
            wall = time.monotonic() - started
            spun = SPUN.findall(guest.console_text())
        if "error" in state:
            words = with_source_lines(str(state["error"]))
            raise RunError("the engine failed in the guest", hint=words)
        facts = self._facts(made, spun) | {"modules": module_facts(modules)}
        return PlaceResult.from_engine(raw, wall_seconds=wall, clock="virtual", facts=facts)

    def _facts(self, made: Ingredients, spun: list[tuple[str, str]]) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "image_sha256": made.image.sha256,
            "kernel_name": made.kernel.name,
            "kernel_sha256": made.kernel.sha256,
            "clock": "virtual",
            "repeatable": True,
            "why_not_repeatable": None,
            "repeatable_with": "kernel, image and engine",
        }
        if spun:
            words = ", ".join(f"{name} (process {pid})" for name, pid in spun)
            facts["ended_for_spinning"] = words
            self.say(f"ended in the guest, because it computed without end: {words}")
        return facts


@dataclass
class _Guest:
    """A running kernel process; ``last`` is its last word and when it came."""

    process: subprocess.Popen[bytes]
    folder: Folder
    started: float

    def watch(self, plan: RunPlan, progress: TellPhase, stop: Stop) -> GuestState:
        """Wait until the guest has ended; return its last state.

        Asks it to stop when ``stop()`` says so or a limit is over.
        """
        ended = os.pidfd_open(self.process.pid)
        spins = SpinWatch(self.process.pid)
        asked: float | None = None
        last, heard = GuestState(), time.monotonic()
        try:
            while not select.select([ended], [], [], LOOK_INTERVAL_S)[0]:
                now = time.monotonic()
                state = self._state()
                if state and state != last:
                    last, heard = state, now
                    progress(str(state["phase"]), float(state["t"]))
                over = now > self.started + plan.wall_limit_s
                over = over or 0 < plan.virtual_limit_s < float(last.get("t", 0.0))
                if asked is None and (over or stop()):
                    asked = now
                    (self.folder.run / "STOP").touch()
                if asked is not None and now - asked > STOP_GRACE_S:
                    raise RunError("the guest did not stop when asked", hint=self.last_words())
                if now - heard > STALL_LIMIT_S:
                    raise RunError("the guest did not answer", hint=self.last_words())
                spins.look()
        finally:
            os.close(ended)
        self.process.wait()
        return self._final_state()

    def _state(self) -> GuestState:
        """Return the guest's last word; empty when there is none."""
        try:
            text = (self.folder.run / "state").read_bytes()
            state: GuestState = json.loads(text.split(b"\0", 1)[0])
        except (OSError, ValueError):
            return {}
        return state

    def _final_state(self) -> GuestState:
        state = self._state()
        if state.get("phase") == "done":
            return state
        where = f"in phase '{state.get('phase', 'start')}' after {float(state.get('t', 0)):.1f} s"
        panic = PANIC.search(self.console_text())
        if panic is not None:
            raise RunError(f"the guest's kernel gave up {where}: {panic[1].strip()}")
        status = self.process.returncode
        words = f"status {status}" if status >= 0 else signal.Signals(-status).name
        raise RunError(f"the guest ended {where} ({words})", hint=self.last_words())

    def console_text(self) -> str:
        """Return what the kernel and process 1 printed."""
        with contextlib.suppress(OSError):
            return self.folder.console.read_text(errors="replace")
        return ""

    def last_words(self) -> str:
        words = self.console_text().strip()[-CONSOLE_BYTES:]
        return f"console: {words}" if words else "it said nothing on its console"

    def end(self) -> None:
        """Make sure that the kernel process is gone, and the processes that are its programs."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def missing_for_bpf(plan: RunPlan) -> tuple[Missing, ...]:
    """Return that a congestion control in BPF cannot be loaded into User-Mode Linux."""
    return tuple(
        Missing(
            "struct_ops of BPF",
            f"the congestion control {module.name}",
            "User-Mode Linux has no compiler for BPF (arch/um selects no HAVE_EBPF_JIT, and"
            " kernel/bpf/Makefile builds struct_ops with CONFIG_BPF_JIT only): use --on qemu, or"
            " write it as a module, in a .c file",
        )
        for module in plan.modules
        if module.language == "bpf"
    )


def _keep_console(folder: Folder, raw: Path) -> None:
    with contextlib.suppress(OSError):  # a full disk is named by who finds it first
        shutil.copyfile(folder.console, raw / "console.txt")


def compile_python(kernel: Kernel, root: Path, engine: Path) -> None:
    """Compile the Python files of ``engine`` by the guest's own Python; raises ``RunError``."""
    mode = (
        "--invalidation-mode",
        "unchecked-hash",
        "-s",
        "/opt/tcpexp/run",
        "-p",
        "/opt/tcpexp/engine",
    )
    program = ("-m", "compileall", "-q", *mode, "/opt/tcpexp/run")
    with program_ran(kernel, root, engine, program, run=engine):
        pass
    if not list(engine.rglob("*.pyc")):
        raise RunError("the engine could not be compiled in the guest")


def take_inventory(kernel: Kernel, root: Path, engine: Path) -> Inventory:
    """Return what the guest has, by its own word; asked once for each kernel and root tree.

    Raises:
        RunError: the guest could not be started.
    """
    known = trees_dir() / f"inventory-2-{kernel.sha256[:16]}-{root.name}.json"
    if not known.is_file():
        program = ("/opt/tcpexp/engine/inventory.py",)
        with program_ran(kernel, root, engine, program) as folder:
            write_atomic(known, (folder.run / "inventory.json").read_text())
    return load_inventory(known)


@contextlib.contextmanager
def program_ran(
    kernel: Kernel, root: Path, engine: Path, program: tuple[str, ...], run: Path | None = None
) -> Iterator[Folder]:
    """Run a Python program in a guest of its own and yield the guest's folder.

    ``run`` is the folder that the program may write to, a new one unless it is given.

    Raises:
        RunError: the guest or the program failed.
    """
    with tempfile.TemporaryDirectory(prefix=scratch_prefix(), dir=scratch_dir()) as name:
        folder = Folder(Path(name))
        folder.lay(root, engine, run=run)
        guest = _Guest(start_kernel(kernel, folder, None, program), folder, time.monotonic())
        try:
            guest.process.wait(STALL_LIMIT_S)
        except subprocess.TimeoutExpired:
            raise RunError("the guest did not end", hint=guest.last_words()) from None
        finally:
            guest.end()
        if guest.process.returncode != 0 or "TCPEXP-AGENT-ENDED" in guest.console_text():
            raise RunError("the guest could not be started", hint=guest.last_words())
        yield folder
