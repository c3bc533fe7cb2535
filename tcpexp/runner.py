"""Run one experiment from spec to report: the orchestration behind ``tcpexp run``, callable from Python."""

from __future__ import annotations

import dataclasses
import os
import shlex
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Literal, Protocol

from tcpexp import paths
from tcpexp.ahead import Ahead
from tcpexp.errors import DataError, HostError, Missing, SpecError, TcpexpError

if TYPE_CHECKING:
    from tcpexp.pipeline import RunOutcome
    from tcpexp.places.base import Place, PlaceResult
    from tcpexp.plan.types import RunPlan
    from tcpexp.store.rundir import RunDirectory

On = Literal["auto", "guest", "host"]
Clock = Literal["virtual", "real"]
#: Less free space than this in the results folder is refused before the run.
LEAST_FREE_BYTES = 200 << 20


@dataclass(frozen=True)
class RunOptions:
    """How to run: place, clock, seed (None: the spec's), ``path=value`` overrides, results folder, the command line to record.

    ``live``: have figures prepared by a second process while the guest runs. Of use where a processor is idle meanwhile, not when
    many runs go on at once.
    """

    on: On = "auto"
    clock: Clock | None = None
    seed: int | None = None
    overrides: tuple[str, ...] = ()
    out: Path | None = None
    command: tuple[str, ...] = ()
    live: bool = True


class Watcher(Protocol):
    """Who is told how a run goes, and who can end it."""

    def starts(self, plan: RunPlan, place: str, run_dir: Path) -> None:
        """Take note that the run starts."""

    def progress(self, phase: str, seconds: float | None) -> None:
        """Take note of the phase and of the experiment's time in seconds, None after the run."""

    def say(self, text: str) -> None:
        """Take note of something said."""

    def stop(self) -> bool:
        """Return whether the run shall end now and keep what it has."""
        ...


class Silent:
    """A ``Watcher`` that says nothing and never stops."""

    def starts(self, plan: RunPlan, place: str, run_dir: Path) -> None:
        """Say nothing."""

    def progress(self, phase: str, seconds: float | None) -> None:
        """Say nothing."""

    def say(self, text: str) -> None:
        """Say nothing."""

    def stop(self) -> bool:
        """Never stop."""
        return False


class StopSignals:
    """SIGINT or SIGTERM once: stop and keep. Twice: ``KeyboardInterrupt``. Only the main thread can listen."""

    def __init__(self) -> None:
        self.asked = False

    @contextmanager
    def listening(self) -> Iterator[StopSignals]:
        """Listen inside the ``with`` block; the former handlers return afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        former = {number: signal.signal(number, self._heard) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


def run_experiment(spec: str | Path, options: RunOptions | None = None, watcher: Watcher | None = None) -> RunOutcome:
    """Run one spec and return what came of it.

    A run that ends early keeps its raw data, is analysed as far as these go, and its manifest says where and why.

    Raises:
        SpecError: the spec is wrong.
        HostError: this machine lacks something, or the results folder cannot be written.
        RunError: the place failed before the engine could keep anything.
        DataError: what was recorded cannot be read back.
    """
    started = time.monotonic()
    options = options or RunOptions()
    watcher = watcher or Silent()
    path = paths.find_spec(str(spec))
    place = choose_place(options, watcher)
    with Ahead() as ahead:
        with place_slot(place) as slot:
            plan = compile_spec(path, options, slot)
            lacks = place.check(plan)
            if lacks:
                raise HostError(f"this machine cannot run {plan.name} on the {place.name}", missing=lacks)
            results = usable_results_dir(options.out or paths.default_results_dir())
            run_dir = create_run(results, path, plan, place.name)
            for words in differences_from_record(path, place):
                watcher.say(words)
            watcher.starts(plan, place.name, run_dir.path)
            begun = time.monotonic()
            execute(place, plan, run_dir, options, watcher, ahead)
            ended = time.monotonic()
        outcome = process(run_dir.path, watcher, ahead)
    timing = {
        "total_s": round(time.monotonic() - started, 3),
        "experiment_s": plan.duration_ns / 1e9,
        "start_s": round(begun - started, 3),
        "run_s": round(ended - begun, 3),
        **outcome.timing,
    }
    return dataclasses.replace(outcome, timing=timing)


def differences_from_record(spec: Path, place: Place) -> list[str]:
    """Return what is not as it was when the run was made whose ``spec.yaml`` this is: its guest image or its place; nothing for another spec."""
    from tcpexp.places.guest.image import find_image
    from tcpexp.store.manifest import NAME, read_manifest

    if spec.name != "spec.yaml" or not (spec.parent / NAME).is_file():
        return []
    try:
        manifest = read_manifest(spec.parent)
    except DataError:
        return []
    if manifest.where != place.name:
        return [f"the run {manifest.run_id} was made on the {manifest.where}, this one is made on the {place.name}: packets will differ"]
    image = find_image() if place.name == "guest" else None
    if manifest.image_sha256 is None or (image is not None and image.sha256 == manifest.image_sha256):
        return []
    mine = "none is here yet" if image is None else f"this one uses {image.sha256[:12]}"
    wanted = manifest.image_sha256[:12]
    return [f"the run {manifest.run_id} was made with the guest image {wanted}, {mine}: packets can differ (tcpexp guest use {wanted}, or import it)"]


@contextmanager
def place_slot(place: Place) -> Iterator[int]:
    """Hold the number that keeps this run's addresses apart from other runs on the same host; the guest is alone in itself."""
    if place.name != "host":
        yield 0
        return
    from tcpexp.places.journal import acquire_slot

    with acquire_slot() as number:
        yield number


def process(run_dir: Path, watcher: Watcher, ahead: Ahead | None = None) -> RunOutcome:
    """Analyse a recorded run and return the outcome; raises ``DataError`` when its record is damaged."""
    from tcpexp.pipeline import process_run

    return process_run(run_dir, lambda step: watcher.progress(step, None), ahead)


# ------------------------------------------------------------------------------------------------ before the run


def choose_place(options: RunOptions, watcher: Watcher) -> Place:
    """Return where to run; raises ``HostError`` when neither place is possible here, ``SpecError`` for a clock it lacks."""
    from tcpexp.places.guest.machine import QEMU

    on = options.on
    if on == "auto":
        if shutil.which(QEMU):
            on = "guest"
        elif os.geteuid() == 0:
            on = "host"
        else:
            ways = (
                Missing("QEMU", "the guest, which needs no root", "apt install qemu-system-x86"),
                Missing("root", "this machine's own kernel", f"sudo {command_text(options, '--on host')}"),
            )
            raise HostError("there is no place to run: one of these two is needed", missing=ways)
    if on == "guest":
        from tcpexp.places.guest.place import GuestPlace
        from tcpexp.places.guest.scratch import clean_leftovers

        for words in clean_leftovers():
            watcher.say(f"removed what a killed run left: {words}")
        return GuestPlace(options.clock or "virtual", watcher.say)
    if options.clock == "virtual":
        raise SpecError("the host has the real clock only", hint="leave --clock out, or run in the guest: --on guest")
    if os.geteuid() != 0:
        raise HostError("running on this machine's own kernel needs root", hint=f"sudo {command_text(options)}")
    from tcpexp.places.host import HostPlace

    place: Place = HostPlace()
    return place


def command_text(options: RunOptions, more: str = "") -> str:
    """Return the command line as given, for a hint."""
    text = shlex.join(options.command) if options.command else "tcpexp run SPEC"
    return f"{text} {more}".rstrip()


def compile_spec(path: Path, options: RunOptions, slot: int) -> RunPlan:
    """Return the plan of the spec in ``path``; raises ``SpecErrors``."""
    from tcpexp.catalogue import load_catalogue
    from tcpexp.plan.compile import compile_plan
    from tcpexp.spec.load import load_spec

    catalogue = load_catalogue()
    spec = load_spec(path, catalogue, overrides=options.overrides)
    return compile_plan(spec, catalogue, seed=options.seed, slot=slot)


def spec_seed(spec: str | Path, options: RunOptions) -> int:
    """Return the seed of a spec's first run; raises ``SpecErrors``."""
    from tcpexp.spec.load import load_spec

    if options.seed is not None:
        return options.seed
    return load_spec(paths.find_spec(str(spec)), overrides=options.overrides).seed


def usable_results_dir(results: Path) -> Path:
    """Return ``results``, made if need be; raises ``HostError`` when it cannot be written or the disk is full."""
    hint = "choose another folder with --out DIR"
    made = [folder for folder in (results, *results.parents) if not folder.exists()]
    try:
        results.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=results) as probe:
            probe.write(b"\0" * 4096)
    except OSError as error:
        raise HostError(f"the results folder {results} cannot be written: {error.strerror}", hint=hint) from None
    for folder in made:
        paths.give_one_to_user(folder)
    free = shutil.disk_usage(results).free
    if free < LEAST_FREE_BYTES:
        raise HostError(f"only {free >> 20} MiB are free in the results folder {results}", hint=f"free some space, or {hint}")
    return results


def create_run(results: Path, spec: Path, plan: RunPlan, where: str) -> RunDirectory:
    """Return a new run directory that holds the spec as given and the resolved plan; raises ``RunError``."""
    from tcpexp.plan.types import to_json
    from tcpexp.store.rundir import RunDirectory

    run_dir = RunDirectory.create(results.absolute(), plan.name, plan.seed, where)
    run_dir.write("spec.yaml", spec.read_bytes())
    run_dir.write("plan.json", to_json(plan))
    return run_dir


# --------------------------------------------------------------------------------------------- during and after


def execute(place: Place, plan: RunPlan, run_dir: RunDirectory, options: RunOptions, watcher: Watcher, ahead: Ahead | None = None) -> None:
    """Run ``plan`` and write the manifest, whatever happens; an error or a second Ctrl-C is passed on after that.

    Under the virtual clock ``ahead`` begins with the guest's first word; under the real one nothing may work beside the experiment.
    """
    from tcpexp.places.base import PlaceResult

    started = time.monotonic()
    clock = options.clock or ("virtual" if place.name == "guest" else "real")

    def ended(status: str, error: str) -> PlaceResult:
        return PlaceResult(status, None, error, time.monotonic() - started, None, clock)

    def progress(phase: str, seconds: float | None) -> None:
        if ahead is not None and clock == "virtual":
            ahead.begin(helper=options.live)
        watcher.progress(phase, seconds)

    try:
        result = place.run(plan, run_dir.path, progress, watcher.stop)
    except KeyboardInterrupt:
        record(run_dir, plan, place.name, ended("interrupted", "aborted by the user"), options)
        raise
    except TcpexpError as error:
        record(run_dir, plan, place.name, ended("failed", str(error)), options)
        watcher.say(f"what was recorded is kept in {run_dir.path}")
        raise
    record(run_dir, plan, place.name, result, options)


def record(run_dir: RunDirectory, plan: RunPlan, where: str, result: PlaceResult, options: RunOptions) -> None:
    """Write the manifest of what was recorded; the pipeline's files are added to it later."""
    from tcpexp.store.manifest import Manifest, host_facts, write_manifest

    facts = dict(result.facts)
    image = facts.pop("image_sha256", None)
    versions = {name: facts.pop(name) for name in list(facts) if isinstance(facts[name], str) and name not in ("clock", "why_not_repeatable")}
    manifest = Manifest(
        experiment=plan.name,
        run_id=run_dir.id,
        status=result.status,  # type: ignore[arg-type]
        where=where,  # type: ignore[arg-type]
        clock=result.clock,  # type: ignore[arg-type]
        seed=plan.seed,
        wall_s=result.wall_seconds,
        virtual_s=result.virtual_seconds or 0.0,
        versions=versions,
        image_sha256=image,
        host={**host_facts(), **facts},
        failure=failure_text(result),
        command=options.command,
    )
    write_manifest(run_dir.path, manifest)
    run_dir.hand_over()


def failure_text(result: PlaceResult) -> str | None:
    """Return where and why a run ended early, None when it did not."""
    words = [each for each in (result.where, result.error) if each]
    return ": ".join(words) if words else (None if result.status == "complete" else result.status)
