"""Run one experiment from spec to report: the orchestration behind ``tcpexp run``, callable from
Python.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shlex
import shutil
import signal
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Protocol

from tcpexp import paths
from tcpexp.errors import DataError, HostError, RunError, TcpexpError
from tcpexp.machine.hints import with_sudo
from tcpexp.places.registry import AUTO, all_parts, choose_kind, present_name
from tcpexp.record.files import ENGINE
from tcpexp.runs.ahead import Ahead

if TYPE_CHECKING:
    from tcpexp.errors import Missing
    from tcpexp.places.base import Clock, Place, PlaceKind, PlaceResult
    from tcpexp.plan.types import RunPlan
    from tcpexp.runs.pipeline import RunOutcome
    from tcpexp.store.rundir import RunDirectory

#: Facts of a place that are words and no version.
NOT_VERSIONS = ("clock", "why_not_repeatable", "repeatable_with", "ended_for_spinning")
#: With less free than this when a run ends, something was not written.
NO_ROOM_BYTES = 256 << 10
#: What a run's record says whose engine did not notice that.
CUT_OFF = "the disk is full: what was recorded is cut off"
#: Less free space than this in the results folder is refused before the run.
LEAST_FREE_BYTES = 200 << 20


@dataclass(frozen=True)
class RunOptions:
    """How to run: place, clock, kernel, seed (None: the spec's), ``path=value`` overrides, results
    folder, the command line to record.

    ``on`` is a place's name, ``guest`` (the best virtual clock) or ``auto``; ``kernel`` a name, or
    the beginning of a hash.

    ``figures``: draw the spec's plots as files too, SVG and PNG.
    """

    on: str = AUTO
    clock: Clock | None = None
    kernel: str | None = None
    seed: int | None = None
    overrides: tuple[str, ...] = ()
    out: Path | None = None
    command: tuple[str, ...] = ()
    figures: bool = False


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
    """SIGINT, SIGTERM or SIGHUP once: stop and keep. SIGINT or SIGTERM twice:
    ``KeyboardInterrupt``. Only the main thread can listen.

    SIGHUP comes when the terminal closes, from the kernel and again from sudo or a shell, so it is
    not counted. After it nothing can be written to the terminal any more. A SIGHUP that was ignored
    when the command began (``nohup``) stays ignored.
    """

    def __init__(self) -> None:
        self.asked = False
        self._asked_by_user = False

    @contextmanager
    def listening(self) -> Iterator[StopSignals]:
        """Listen inside the ``with`` block; the former handlers return afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            numbers.append(signal.SIGHUP)
        former = {number: signal.signal(number, self._heard) for number in numbers}
        try:
            yield self
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        if number == signal.SIGHUP:
            leave_terminal()
            return
        if self._asked_by_user:
            raise KeyboardInterrupt
        self._asked_by_user = True


def leave_terminal() -> None:
    """Let everything that is still written to a terminal or pipe that is gone vanish, instead of
    failing.
    """
    for number in (0, 1, 2):
        with suppress(OSError):
            if stat.S_ISREG(os.fstat(number).st_mode):
                continue
            nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
            os.dup2(nowhere, number)
            os.close(nowhere)


def run_experiment(
    spec: str | Path, options: RunOptions | None = None, watcher: Watcher | None = None
) -> RunOutcome:
    """Run one spec and return what came of it.

    A run that ends early keeps its raw data, is analysed as far as these go, and its manifest says
    where and why.

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
    kind, place = open_place(options, watcher)
    with Ahead() as ahead, kind.slot() as slot:
        plan = compile_spec(path, options, slot)
        lacks = place.check(plan)
        if lacks:
            raise HostError(
                f"{plan.name} cannot run {kind.words}",
                missing=placed(lacks, path, options.overrides, plan),
            )
        results = usable_results_dir(options.out or paths.default_results_dir())
        run_dir = create_run(results, path, plan, place.name)
        for words in differences_from_record(path, place):
            watcher.say(words)
        for note in plan.notes:
            watcher.say(f"note: {note}")
        watcher.starts(plan, place.name, run_dir.path)
        begun = time.monotonic()
        execute(place, plan, run_dir, options, watcher, ahead)
        ended = time.monotonic()
    outcome = process(run_dir.path, watcher, figures=options.figures)
    timing = {
        "total_s": round(time.monotonic() - started, 3),
        "experiment_s": plan.duration_ns / 1e9,
        "start_s": round(begun - started, 3),
        "run_s": round(ended - begun, 3),
        **outcome.timing,
    }
    return dataclasses.replace(outcome, timing=timing)


def differences_from_record(spec: Path, place: Place) -> list[str]:
    """Return what is not as it was when the run was made whose ``spec.yaml`` this is: its place,
    image or kernel; nothing for another spec.
    """
    from tcpexp.store.manifest import NAME, read_manifest

    if spec.name != "spec.yaml" or not (spec.parent / NAME).is_file():
        return []
    try:
        manifest = read_manifest(spec.parent)
    except DataError:
        return []
    where = present_name(manifest.where)
    if where != place.name:
        return [
            f"the run {manifest.run_id} was made with --on {where}, this one with --on"
            f" {place.name}: packets will differ"
        ]
    words = []
    for name, wanted in (("image", manifest.image_sha256), ("kernel", manifest.kernel_sha256)):
        mine = place.part(name) if wanted is not None else None
        if wanted is not None and mine != wanted:
            has = "none is here yet" if mine is None else f"this one uses {mine[:12]}"
            part = all_parts()[name]
            mend = (
                f"tcpexp {part.commands} use {wanted[:12]}"
                if part.find(wanted)
                else f"tcpexp {part.commands} import FILE brings it"
            )
            words.append(
                f"the run {manifest.run_id} was made with the {name} {wanted[:12]}, {has}: packets"
                f" can differ ({mend})"
            )
    return words


def process(run_dir: Path, watcher: Watcher, *, figures: bool = False) -> RunOutcome:
    """Analyse a recorded run and return the outcome.

    Raises ``DataError`` when its record is damaged.
    """
    from tcpexp.runs.pipeline import process_run

    return process_run(run_dir, lambda step: watcher.progress(step, None), figures=figures)


# ------------------------------------------------------------------------------------------------
# before the run


def open_place(options: RunOptions, watcher: Watcher) -> tuple[PlaceKind, Place]:
    """Return where to run.

    Raises ``HostError`` when it is not possible here, ``SpecError`` for a clock or kernel that it
    lacks.
    """
    from tcpexp.places.base import Wanted

    wanted = Wanted(options.clock, options.kernel)
    kind = choose_kind(options.on, wanted, command_text(options))
    lacks = kind.missing()
    if lacks:
        hint = (
            with_sudo(command_text(options)) if any(lack.what == "root" for lack in lacks) else None
        )
        raise HostError(
            f"this machine cannot run experiments with --on {kind.name}", missing=lacks, hint=hint
        )
    for words in kind.leftovers():
        watcher.say(f"removed what a killed run left: {words}")
    return kind, kind.open(wanted, watcher.say)


def command_text(options: RunOptions, more: str = "") -> str:
    """Return the command line as given, for a hint."""
    text = shlex.join(options.command) if options.command else "tcpexp run SPEC"
    return f"{text} {more}".rstrip()


def compile_spec(path: Path, options: RunOptions, slot: int) -> RunPlan:
    """Return the plan of the spec in ``path``.

    Raises ``SpecErrors`` with all that is wrong with it.
    """
    from tcpexp.catalogue.reading import load_plan

    return load_plan(path, overrides=options.overrides, seed=options.seed, slot=slot)


def placed(
    lacks: tuple[Missing, ...], path: Path, overrides: tuple[str, ...], plan: RunPlan
) -> tuple[Missing, ...]:
    """Return what a place lacks, each with the place in the spec that asks for it, where one does."""
    from tcpexp.plan.needs import asking_place
    from tcpexp.spec.load import read_source

    source = read_source(path, overrides)
    return tuple(
        dataclasses.replace(lack, where=asking_place(source, plan, lack.what.split(" ")[-1]))
        for lack in lacks
    )


def spec_seed(spec: str | Path, options: RunOptions) -> int:
    """Return the seed of a spec's first run; raises ``SpecErrors``."""
    from tcpexp.catalogue.reading import load_spec

    if options.seed is not None:
        return options.seed
    return load_spec(paths.find_spec(str(spec)), overrides=options.overrides).seed


def usable_results_dir(results: Path) -> Path:
    """Return ``results``, made if need be.

    Raises ``HostError`` when it cannot be written or the disk is full.
    """
    hint = "choose another folder with --out DIR"
    made = [folder for folder in (results, *results.parents) if not folder.exists()]
    try:
        results.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=results) as probe:
            probe.write(b"\0" * 4096)
    except OSError as error:
        raise HostError(
            f"the results folder {results} cannot be written: {error.strerror}", hint=hint
        ) from None
    for folder in made:
        paths.give_one_to_user(folder)
    free = shutil.disk_usage(results).free
    if free < LEAST_FREE_BYTES:
        raise HostError(
            f"only {free >> 20} MiB are free in the results folder {results}",
            hint=f"free some space, or {hint}",
        )
    return results


def create_run(results: Path, spec: Path, plan: RunPlan, where: str) -> RunDirectory:
    """Return a new run directory that holds the spec as given and the resolved plan.

    Raises ``RunError``.
    """
    from tcpexp.plan.types import to_json
    from tcpexp.store.rundir import RunDirectory

    run_dir = RunDirectory.create(results.absolute(), plan.name, plan.seed, where)
    run_dir.write("spec.yaml", spec.read_bytes())
    run_dir.write("plan.json", to_json(plan))
    return run_dir


# ---------------------------------------------------------------------------------------------
# during and after


def execute(
    place: Place,
    plan: RunPlan,
    run_dir: RunDirectory,
    options: RunOptions,
    watcher: Watcher,
    ahead: Ahead | None = None,
) -> None:
    """Run ``plan`` and write the manifest, whatever happens; an error or a second Ctrl-C is passed
    on after that.

    Under the virtual clock ``ahead`` begins with the guest's first word; under the real one nothing
    may work beside the experiment.
    """
    from tcpexp.places.base import PlaceResult
    from tcpexp.plan.types import ENGINE_RESERVE

    started = time.monotonic()
    clock = place.clock

    def ended(status: str, error: str) -> PlaceResult:
        return PlaceResult(status, None, error, time.monotonic() - started, None, clock)

    def progress(phase: str, seconds: float | None) -> None:
        if ahead is not None and clock == "virtual":
            ahead.begin()
        watcher.progress(phase, seconds)

    full = False
    try:
        with run_dir.reserved():
            try:
                result = place.run(plan, run_dir.path, progress, watcher.stop)
            finally:
                full = has_no_room(run_dir.path)
                # a guest that died had no time to
                (run_dir.raw / ENGINE_RESERVE).unlink(missing_ok=True)
    except KeyboardInterrupt:
        record(run_dir, plan, place.name, ended("interrupted", "aborted by the user"), options)
        raise
    except (TcpexpError, OSError) as error:
        full = full or names_full_disk(str(error))
        if isinstance(error, OSError) and not full:
            raise
        keep_engine_record(run_dir, str(error))
        record(run_dir, plan, place.name, ended("failed", str(error)), options)
        if full:
            raise cut_off(run_dir) from error
        watcher.say(f"what was recorded is kept in {run_dir.path}")
        raise
    if full or (result.status == "failed" and names_full_disk(str(result.error))):
        error_text = result.error if names_full_disk(str(result.error)) else CUT_OFF
        keep_engine_record(run_dir, str(error_text))
        record(
            run_dir,
            plan,
            place.name,
            dataclasses.replace(result, status="failed", error=error_text),
            options,
        )
        raise cut_off(run_dir)
    record(run_dir, plan, place.name, result, options)


def has_no_room(folder: Path) -> bool:
    """Return whether so little is free that something was not written.

    To be asked while a run's reserve is held.
    """
    return shutil.disk_usage(folder).free < NO_ROOM_BYTES


def names_full_disk(text: str) -> bool:
    """Return whether an error's text tells of a full disk or a used-up quota."""
    return any(
        words in text
        for words in ("disk is full", os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))
    )


def keep_engine_record(run_dir: RunDirectory, error: str) -> None:
    """Make ``raw/engine.json`` say that a run is not whole, where the engine could not, or did not
    know.
    """
    path = run_dir.raw / ENGINE
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError):
        record = {}
    if record.get("status") in (None, "complete"):
        record.update(status="failed", where=record.get("where"), error=error)
        path.write_text(json.dumps(record, indent=1) + "\n")


def cut_off(run_dir: RunDirectory) -> RunError:
    """Write the certificate of a run whose disk is full, from what the engine said, and return the
    error to raise: tables and a report have no room.
    """
    from tcpexp.analysis.certificate import certify_run
    from tcpexp.store.manifest import refresh_manifest
    from tcpexp.store.rundata import RunData

    try:
        certify_run(RunData(run_dir.path))
        refresh_manifest(run_dir.path)
    except TcpexpError:
        pass  # the manifest says what happened
    hint = (
        f"free some space; then 'tcpexp report {run_dir.path}' makes a report of what is there. Or"
        " write elsewhere with --out"
    )
    return RunError(f"the disk of {run_dir.path} is full: what was recorded is cut off", hint=hint)


def record(
    run_dir: RunDirectory, plan: RunPlan, where: str, result: PlaceResult, options: RunOptions
) -> None:
    """Write the manifest of what was recorded; the pipeline's files are added to it later."""
    from tcpexp.machine.facts import host_facts
    from tcpexp.store.manifest import Manifest, write_manifest

    facts = dict(result.facts)
    image, kernel = facts.pop("image_sha256", None), facts.pop("kernel_sha256", None)
    versions = {
        name: facts.pop(name)
        for name in list(facts)
        if isinstance(facts[name], str) and name not in NOT_VERSIONS
    }
    manifest = Manifest(
        experiment=plan.name,
        run_id=run_dir.id,
        status=result.status,  # type: ignore[arg-type]
        where=where,
        clock=result.clock,  # type: ignore[arg-type]
        seed=plan.seed,
        wall_s=result.wall_seconds,
        virtual_s=result.virtual_seconds or 0.0,
        versions=versions,
        image_sha256=image,
        kernel_sha256=kernel,
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
