"""A virtual machine as a place to run: restore the template, hand over the plan, watch, take the
results.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tcpexp.errors import HostError, Missing, RunError, SpecError
from tcpexp.places.base import GuestState, PlaceResult
from tcpexp.places.guestcode import with_source_lines
from tcpexp.places.image.contents import find_contents
from tcpexp.places.image.image import Image, build_image, find_image
from tcpexp.places.image.scratch import scratch_dir, scratch_prefix
from tcpexp.places.image.unpacked import find_unpacked
from tcpexp.places.inventory import find_lacking
from tcpexp.places.modules.all import build_modules
from tcpexp.places.modules.build import (
    BuiltModule,
    Target,
    module_facts,
    with_modules,
)
from tcpexp.places.modules.crash import explained
from tcpexp.places.modules.debian import image_target
from tcpexp.places.qemu import machine
from tcpexp.places.qemu.monitor import Monitor
from tcpexp.places.qemu.template import Template, build_template, engine_initrd, shim_environment
from tcpexp.places.qemu.transfer import ResultDevice, make_device_file, request_stop, write_plan
from tcpexp.places.salvage import name_source_lines, write_out_sockets
from tcpexp.plan.types import RunPlan
from tcpexp.telling import TellPhase

#: How long a guest that was asked to stop may take to save, in seconds of wall time.
STOP_GRACE_S = 60.0
#: A guest whose virtual time has not moved for this long is taken for dead.
STALL_LIMIT_S = 120.0
#: The same before the experiment's zero, where the guest reports its phases only: building and
#: probing a large network takes minutes on a busy machine.
START_LIMIT_S = 900.0


@dataclass
class _Run:
    """One running guest and its files."""

    process: subprocess.Popen[bytes]
    files: machine.MachineFiles
    results: ResultDevice
    folder: Path
    started: float
    monitor: Monitor | None = None


class QemuPlace:
    """Runs plans in a virtual machine.

    Needs no root. ``clock`` is ``virtual`` (repeatable) or ``real`` (KVM where it works).

    ``image_sha256`` asks for another image than the one in use.
    """

    name = "qemu"

    def __init__(
        self,
        clock: machine.Clock = "virtual",
        say: Callable[[str], None] = lambda text: None,
        image_sha256: str | None = None,
        *,
        trusted: bool = True,
    ) -> None:
        self.clock: machine.Clock = clock
        self.say = say
        self.image_sha256 = image_sha256
        self.trusted = trusted

    def check(self, plan: RunPlan) -> tuple[Missing, ...]:
        """Return what this machine, or the guest, lacks to run ``plan``.

        What an image has is known where it says so, or lies unpacked; of others only which
        disciplines their kernel is too old for.
        """
        lacks = machine.qemu_missing()
        image = find_image(self.image_sha256)
        if lacks or image is None:
            return lacks
        lacks = find_lacking(plan, find_contents(image, find_unpacked(image)))
        if not lacks:
            self.build_modules(plan, image)
        return lacks

    def build_modules(self, plan: RunPlan, image: Image) -> tuple[BuiltModule, ...]:
        """Return the plan's own congestion controls, compiled for the image's kernel.

        Raises:
            SpecErrors: one does not compile.
            HostError: this machine cannot compile, or the headers cannot be had.
        """
        if not plan.modules:
            return ()
        if not self.trusted:
            raise SpecError(
                f"{plan.modules[0].source} of {plan.name} is not compiled on this machine",
                hint="read it, and run the spec yourself if you trust it",
            )
        if all(module.language == "bpf" for module in plan.modules):
            target = Target(Path(), image.kernel, f"Linux {image.kernel}")
        else:
            target = image_target(image, self.say)
        return build_modules(plan, target, self.say)

    def part(self, name: str) -> str | None:
        """Return the sha256 of the image; it holds the kernel, so there is no part of that name."""
        image = find_image(self.image_sha256) if name == "image" else None
        return None if image is None else image.sha256

    def prepare(self) -> tuple[Image, Template | None]:
        """Build what is not in the cache: the image and, for the virtual clock, the template."""
        image = find_image(self.image_sha256)
        if image is None and self.image_sha256 is not None:
            raise HostError(
                f"this machine has no guest image {self.image_sha256}",
                hint="tcpexp guest import FILE brings one from where it was exported",
            )
        image = image or build_image(self.say)
        return image, build_template(image, self.say) if self.clock == "virtual" else None

    def run(
        self, plan: RunPlan, run_dir: Path, progress: TellPhase, stop: Callable[[], bool]
    ) -> PlaceResult:
        """Run ``plan`` and leave its raw data in ``run_dir``.

        Raises:
            HostError: QEMU is missing.
            RunError: the guest could not be started, or died; its console is in
                ``raw/console.txt``.
        """
        lacks = self.check(plan)
        if lacks:
            raise HostError("this machine cannot start a guest", missing=lacks)
        image, template = self.prepare()
        modules = self.build_modules(plan, image)
        with tempfile.TemporaryDirectory(prefix=scratch_prefix(), dir=scratch_dir()) as folder:
            executed = with_modules(plan, modules)
            run = self._start(executed, image, template, Path(folder))
            try:
                state = self._watch(run, run_dir, plan, progress, stop)
                wall = time.monotonic() - run.started
            except RunError as error:
                raise explained(error, _console(run), modules) from None
            finally:
                run.process.kill()
                run.process.wait()
                if run.monitor is not None:
                    run.monitor.close()
                self._keep(run, run_dir)
            result = self._result(run_dir, state, image, template, wall)
            result.facts["modules"] = module_facts(modules)
            return result

    def _start(self, plan: RunPlan, image: Image, template: Template | None, folder: Path) -> _Run:
        started = time.monotonic()
        files = machine.MachineFiles(
            template.ram if template else None,
            folder / "plan",
            folder / "out",
            folder / "console",
            folder / "monitor",
        )
        make_device_file(files.plan, machine.PLAN_BYTES)
        make_device_file(files.out, machine.OUT_BYTES)
        write_plan(files.plan, plan)
        initrd = template.initrd if template else folder / "initrd.cpio"
        if template is None:
            initrd.write_bytes(engine_initrd(image))
        argv = machine.qemu_argv(
            image, initrd, files, clock=self.clock, private_ram=True, incoming=template is not None
        )
        with (folder / "qemu.log").open("wb") as log:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *argv],
                env=(
                    shim_environment("direct" if template else "hold")
                    if self.clock == "virtual"
                    else None
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                start_new_session=True,
            )
        run = _Run(process, files, ResultDevice(files.out), folder, started)
        if template is not None:
            try:
                run.monitor = _restore(files.monitor, template.state)
            except RunError as error:
                process.kill()
                process.wait()
                raise RunError(
                    f"the guest could not be restored: {error.message}",
                    hint=(folder / "qemu.log").read_text(errors="replace")[-500:],
                ) from None
        return run

    def _watch(
        self, run: _Run, run_dir: Path, plan: RunPlan, progress: TellPhase, stop: Callable[[], bool]
    ) -> GuestState:
        """Wait until the guest has ended, taking over what it records; return its last state.

        Asks it to stop when ``stop()`` says so or a limit is over.
        """
        asked: float | None = None
        last: tuple[GuestState, float] = ({}, time.monotonic())
        limit = run.started + plan.wall_limit_s
        while run.process.poll() is None:
            time.sleep(0.05)
            now = time.monotonic()
            run.results.follow(run_dir)
            state = run.results.state()
            if state and state != last[0]:
                last = (state, now)
                progress(str(state.get("phase", "")), float(state.get("t", 0.0)))
            over = now > limit or 0 < plan.virtual_limit_s < float(last[0].get("t", 0.0))
            if asked is None and (over or stop()):
                asked = now
                request_stop(run.files.plan)
            stalled = now - last[1] > (
                STALL_LIMIT_S if float(last[0].get("t", 0.0)) > 0 else START_LIMIT_S
            )
            if (asked is not None and now - asked > STOP_GRACE_S) or stalled:
                run.process.kill()
                run.process.wait()
                why = "did not answer" if stalled else "did not stop when asked"
                raise RunError(f"the guest {why}", hint=_console_tail(run))
        final = run.results.state()
        if final.get("phase") != "done":
            where = (
                f"in phase '{final.get('phase', 'start')}' after {float(final.get('t', 0.0)):.1f} s"
            )
            raise RunError(f"the guest ended {where}", hint=_console_tail(run))
        return final

    def _keep(self, run: _Run, run_dir: Path) -> None:
        """Take over the last of what the guest recorded, however it ended, and its console."""
        raw = run_dir / "raw"
        raw.mkdir(exist_ok=True)
        if run.files.console.exists():
            shutil.copyfile(run.files.console, raw / "console.txt")
        try:
            run.results.follow(run_dir)
        finally:
            run.results.close()
        for problem in write_out_sockets(raw):
            self.say(problem)
        name_source_lines(raw)

    def _result(
        self,
        run_dir: Path,
        state: GuestState,
        image: Image,
        template: Template | None,
        wall: float,
    ) -> PlaceResult:
        if "error" in state:
            words = with_source_lines(str(state["error"]))[-1500:]
            raise RunError("the engine failed in the guest", hint=words)
        facts = {"image_sha256": image.sha256, "kernel": image.kernel, **self._facts(image)}
        if template is not None and "ram_sha256" in template.facts:
            facts["memory_sha256"] = template.facts["ram_sha256"]
        return PlaceResult.from_engine(
            run_dir / "raw", wall_seconds=wall, clock=self.clock, facts=facts
        )

    def _facts(self, image: Image) -> dict[str, Any]:
        shim = "LD_PRELOAD" in shim_environment("direct")
        return {
            "qemu": machine.qemu_version(),
            "clock": self.clock,
            "kvm": self.clock == "real" and machine.kvm_works(image),
            "repeatable": self.clock == "virtual" and shim,
            "repeatable_with": "image, engine and version of QEMU",
            "why_not_repeatable": (
                None
                if shim
                else "no C compiler: QEMU's clock race is open (apt install gcc libc6-dev)"
            ),
        }


def _restore(monitor_path: Path, state: Path) -> Monitor:
    """Load the saved state and let the machine run.

    Return the monitor, to be closed when the machine has ended.
    """
    monitor = Monitor(monitor_path)
    try:
        for command in (
            "migrate_set_parameter announce-rounds 0",
            "migrate_set_capability x-ignore-shared on",
            f'migrate_incoming "exec:cat {state}"',
        ):
            answer = monitor.command(command)
            if "rror" in answer:
                raise RunError(answer)
        deadline = time.monotonic() + 30
        while "inmigrate" in monitor.command("info status"):
            if time.monotonic() > deadline:
                raise RunError("the saved state did not load")
            time.sleep(0.005)
        monitor.resume()
    except BaseException:
        monitor.close()
        raise
    return monitor


def _console(run: _Run) -> str:
    return run.files.console.read_text(errors="replace") if run.files.console.exists() else ""


def _console_tail(run: _Run) -> str:
    console = _console(run)[-1500:]
    log = (run.folder / "qemu.log").read_text(errors="replace")[-500:]
    return f"console: {console.strip()[-1500:]} qemu: {log.strip()}"
