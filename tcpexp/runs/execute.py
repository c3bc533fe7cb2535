"""Run a plan in a place and write down what became of it, whatever happens."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil
import time
from pathlib import Path

from tcpexp.errors import RunError, TcpexpError
from tcpexp.machine.facts import host_facts
from tcpexp.places.base import Place, PlaceResult
from tcpexp.plan.types import ENGINE_RESERVE, RunPlan
from tcpexp.record.files import ENGINE
from tcpexp.runs.options import RunOptions
from tcpexp.runs.preload import ImportsBeside
from tcpexp.runs.watcher import RunWatcher
from tcpexp.store.manifest import Manifest, refresh_manifest, write_manifest
from tcpexp.store.rundata import RunData
from tcpexp.store.rundir import RunDirectory

#: Facts of a place that are words and no version.
NOT_VERSIONS = (
    "kernel_name",
    "clock",
    "why_not_repeatable",
    "repeatable_with",
    "ended_for_spinning",
)
#: With less free than this when a run ends, something was not written.
NO_ROOM_BYTES = 256 << 10
#: What a run's record says whose engine did not notice that.
CUT_OFF = "the disk is full: what was recorded is cut off"


def execute(
    place: Place,
    plan: RunPlan,
    run_dir: RunDirectory,
    options: RunOptions,
    watcher: RunWatcher,
    imports: ImportsBeside | None = None,
) -> None:
    """Run ``plan`` and write the manifest, whatever happens; an error or a second Ctrl-C is passed
    on after that.

    Under the virtual clock ``imports`` begin with the guest's first word. Under the real one
    nothing may work beside the experiment.
    """
    started = time.monotonic()
    clock = place.clock

    def ended(status: str, error: str) -> PlaceResult:
        return PlaceResult(status, None, error, time.monotonic() - started, None, clock)

    def progress(phase: str, seconds: float | None) -> None:
        if imports is not None and clock == "virtual":
            imports.begin()
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
    facts = dict(result.facts)
    image, kernel = facts.pop("image_sha256", None), facts.pop("kernel_sha256", None)
    modules = facts.pop("modules", {})
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
        modules=modules,
        host={**host_facts(), **facts},
        failure=failure_text(result),
        command=options.command,
    )
    write_manifest(run_dir.path, manifest)
    run_dir.hand_over()


def failure_text(result: PlaceResult) -> str | None:
    """Return where and why a run ended early, None when it did not."""
    words = [text for text in (result.where, result.error) if text]
    return ": ".join(words) if words else (None if result.status == "complete" else result.status)
