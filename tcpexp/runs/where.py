"""Where a run is made: the place that is asked for, and what it lacks."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from tcpexp.errors import DataError, HostError, Missing, Position, SpecError, SpecErrors
from tcpexp.machine.hints import with_sudo
from tcpexp.places.base import Place, PlaceKind, Wanted
from tcpexp.places.registry import all_parts, choose_kind, present_name
from tcpexp.plan.needs import asking_place
from tcpexp.plan.types import RunPlan
from tcpexp.runs.options import RunOptions, command_text
from tcpexp.runs.watcher import RunWatcher
from tcpexp.spec.load import read_source
from tcpexp.spec.source import Source
from tcpexp.store.manifest import NAME, read_manifest


def open_place(options: RunOptions, watcher: RunWatcher) -> tuple[PlaceKind, Place]:
    """Return where to run.

    Raises ``HostError`` when it is not possible here, ``SpecError`` for a clock or kernel that it
    lacks.
    """
    wanted = Wanted(options.clock, options.kernel, allow_modules=options.allow_modules)
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


def wanted_kernel(given: Path | Source, options: RunOptions) -> str | None:
    """Return the kernel that is asked for: by the caller, else by the spec; None for the usual one.

    What is wrong with the spec is left to whoever compiles it.
    """
    if options.kernel is not None:
        return options.kernel
    try:
        named = read_source(given, options.overrides, options.folder).raw.get("kernel")
    except (SpecErrors, AttributeError):
        return None
    return named if isinstance(named, str) else None


def placed(
    lacks: tuple[Missing, ...], given: Path | Source, options: RunOptions, plan: RunPlan
) -> tuple[Missing, ...]:
    """Return what a place lacks, each with the line of the spec that asks for it, if one does."""
    source = read_source(given, options.overrides, options.folder)
    return tuple(
        dataclasses.replace(lack, where=asking_place(source, plan, lack.what.split(" ")[-1]))
        for lack in lacks
    )


def beside_spec(error: SpecError, given: Path | Source, options: RunOptions) -> SpecError:
    """Return what a place found wrong with a file beside the spec, at the file's own path.

    A place knows files by their path from the spec's folder. An error without a place is put where
    the spec has the word that it quotes first.
    """
    source = read_source(given, options.overrides, options.folder)
    shown = Path(source.file).parent
    folder = shown if (shown / ".").resolve() == source.folder.resolve() else source.folder
    moved = []
    for one in error.errors if isinstance(error, SpecErrors) else [error]:
        where = one.where
        if isinstance(where, Position):
            where = dataclasses.replace(where, file=str(folder / where.file))
        elif where is None:
            quoted = re.findall(r"'([^']+)'", one.message)
            where = next((found for word in quoted if (found := source.find(word))), None)
        moved.append(SpecError(one.message, where=where, hint=one.hint))
    return SpecErrors(moved)


def differences_from_record(spec: Path, place: Place) -> list[str]:
    """Return what differs from the run whose ``spec.yaml`` this is: place, image or kernel.

    For a spec that is no run's there is nothing.
    """
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
