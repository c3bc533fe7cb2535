"""``explain_captures``: captures to a run directory with tables, metrics and a page."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from tcpexp.analysis.metrics import measure_run
from tcpexp.errors import DataError
from tcpexp.explain import directory
from tcpexp.explain.beside import workers
from tcpexp.explain.cards import JOINED, NOTES
from tcpexp.explain.casting import Cast, find_cast
from tcpexp.explain.diagnose import diagnose, write_diagnosis
from tcpexp.explain.joining import Between, align, between
from tcpexp.explain.judging import judge_captures
from tcpexp.explain.page import draw, write_page
from tcpexp.explain.plan import plan_of, recast
from tcpexp.explain.tables import Named, name_packets, resent_of, write_resent, write_tables
from tcpexp.ingest.connections import table_of
from tcpexp.ingest.foreign import Notes, read_foreign
from tcpexp.plan.types import RunPlan, to_json
from tcpexp.record import files
from tcpexp.store.manifest import Manifest, write_manifest
from tcpexp.store.rundata import RunData
from tcpexp.store.rundir import to_json_text, write_atomic
from tcpexp.telling import Say, say_nothing


@dataclass(frozen=True)
class Explained:
    """An explanation on disk. ``timing`` has the seconds of wall time of each step."""

    path: Path
    report: Path
    timing: dict[str, float] = field(default_factory=dict)

    @property
    def run(self) -> RunData:
        """The run directory, for reading."""
        return RunData(self.path)


@dataclass(frozen=True)
class Asked:
    """A spec by which captures are judged: its plan, which of its hosts has which address (as far
    as that is told), and where its time zero is, ns from the first packet on (None: found out).
    """

    plan: RunPlan
    hosts: Mapping[str, str] = field(default_factory=dict)
    zero_ns: int | None = None


def explain_captures(
    paths: Sequence[Path],
    results: Path,
    out: Path | None = None,
    say: Say | None = None,
    *,
    asked: Asked | None = None,
    labels: bool = True,
    anonymise: bool = False,
) -> Explained:
    """Make a run directory of captures and return it: ``out``, or a folder of their name below
    ``results/explained``.

    The same captures are explained again in the same folder. A folder that holds something else is
    never touched. The captures themselves are copied, and never changed. With ``asked`` hosts and
    flows get the names of its spec, and its expectations are judged. Without ``labels`` Wireshark's
    analysis is left out, which saves most of the time. With ``anonymise`` the copies have other
    addresses and no payload, by a key that is thrown away, and say nothing of where they came from.

    Raises:
        SpecError: a path is no file, or ``out`` holds something else, or the spec's hosts cannot
            be told apart in the captures.
        DataError: a capture cannot be read.
        RunError: there is no room.
    """
    tell = say or say_nothing
    directory.check_captures(paths)
    if out is not None:
        directory.check_folder(out)
    named = [Path("anonymised")] if anonymise else paths
    folder = (out or directory.choose_folder(results, named, paths)).absolute()
    made = directory.beside(folder)
    try:
        if anonymise:
            tell("replacing addresses")
        taken = directory.take_captures(paths, made, key=os.urandom(32) if anonymise else None)

        def cast(packets: pl.DataFrame) -> Cast | None:
            if asked is None:
                return None
            return find_cast(asked.plan, packets, asked.hosts, asked.zero_ns)

        timing = _fill(made, folder.name, (taken, labels), cast, tell)
        directory.put_in_place(made, folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return Explained(folder, folder / "report.html", timing)


def explain_again(run_dir: Path, say: Say | None = None) -> Explained:
    """Make everything of an explanation again from its captures; raises ``DataError``."""
    taken = directory.capture_files(run_dir)
    for one in taken:
        if not (run_dir / files.RAW / one.file).is_file():
            raise DataError(f"{run_dir / files.RAW / one.file}: the capture is gone")
    known = read_cast(run_dir)
    labels = bool(directory.read_captures_json(run_dir).get("labels", True))
    timing = _fill(
        run_dir, run_dir.name, (taken, labels), lambda packets: known, say or say_nothing
    )
    return Explained(run_dir, run_dir / "report.html", timing)


def read_cast(run_dir: Path) -> Cast | None:
    """Return who plays whom in an explanation that was judged by a spec, None in any other."""
    told = directory.read_captures_json(run_dir).get("cast")
    if told is None:
        return None
    plan = RunData(run_dir).plan
    return Cast(plan, dict(told["hosts"]), int(told["zero_ns"]), tuple(told["words"]))


#: Finds who plays whom, once packets are there.
FindCast = Callable[[pl.DataFrame], Cast | None]


def _fill(
    run_dir: Path,
    name: str,
    given: tuple[Sequence[directory.CaptureFile], bool],
    find: FindCast,
    tell: Say,
) -> dict[str, float]:
    """Make all that follows from the captures in ``raw/``; return how long each step took."""
    taken, labels = given
    clock = _Clock()
    named, cast, met, notes, epoch_ns = _named(
        [run_dir / files.RAW / one.file for one in taken], find, tell, clock, labels=labels
    )
    _write_record(run_dir, name, taken, (named, cast), (epoch_ns, notes), labels=labels)
    connections = table_of(named.connections)
    tell("looking for what happened")
    run, nodes = RunData(run_dir), named.nodes
    with workers(1) as beside:
        written = beside.submit(write_tables, run_dir, named, run.plan)
        found = diagnose(
            named.packets,
            connections,
            lambda packets, copies: resent_of(run, packets, copies, nodes),
        )
        written.result()
    clock.passed("tables_s")
    run.keep("packets", named.packets)
    manifest = _manifest(name, named.end_ns)
    del named  # the tables have it
    write_resent(run_dir, found.resent)
    write_diagnosis(run_dir, found, notes, met)
    if met.numbers:
        write_atomic(run_dir / JOINED, to_json_text({"joined": list(met.numbers)}))
    clock.passed("diagnosis_s")
    del found, met
    tell("measuring")
    with workers(1) as beside:
        drawn = beside.submit(draw, run)
        measure_run(run)
        judge_captures(run)
        clock.passed("measuring_s")
        tell("writing the page")
        write_page(run, drawn.result())
    clock.passed("report_s")
    write_manifest(run_dir, replace(manifest, wall_s=round(clock.whole(), 3)))
    return clock.seconds


def _named(
    raw: Sequence[Path], find: FindCast, tell: Say, clock: _Clock, *, labels: bool
) -> tuple[Named, Cast | None, Between, Notes, int]:
    """Read captures, put them to one clock, and name what is in them.

    Return the named packets, who plays whom, what happened between the captures, what reading them
    found, and the time of zero.
    """
    foreign = read_foreign(raw, tell, labels=labels)
    packets, notes, epoch_ns = foreign.packets, foreign.notes, foreign.epoch_ns
    del foreign
    clock.passed("reading_s")
    alignment = align(packets)
    tell("naming connections")
    aligned = alignment.aligned(packets)
    cast = find(aligned)
    named = name_packets(aligned, cast, alignment.places())
    zero_ns = 0 if cast is None else cast.zero_ns
    own = packets.with_columns(t_ns=pl.col("t_ns") - zero_ns)
    met = between(own, named.packets, named.nodes)
    return named, cast, met, notes, epoch_ns + zero_ns


class _Clock:
    """Seconds of wall time since the step before."""

    def __init__(self) -> None:
        self.begun = self.last = time.monotonic()
        self.seconds: dict[str, float] = {}

    def passed(self, name: str) -> None:
        now = time.monotonic()
        self.seconds[name] = round(now - self.last, 3)
        self.last = now

    def whole(self) -> float:
        return time.monotonic() - self.begun


def _write_record(
    run_dir: Path,
    name: str,
    taken: Sequence[directory.CaptureFile],
    known: tuple[Named, Cast | None],
    read: tuple[int, Notes],
    *,
    labels: bool,
) -> None:
    """Write what a run's engine and planner would have left: plan, summary, captures."""
    named, cast = known
    title = ", ".join(one.file for one in taken)
    plan = (
        plan_of(name, title, named.stands, named.flows, named.end_ns)
        if cast is None
        else recast(cast.plan, named.stands, named.end_ns)
    )
    write_atomic(run_dir / "plan.json", to_json(plan))
    epoch_ns, notes = read
    counts = dict(named.packets.group_by("capture").len().iter_rows())
    shown: dict[str, Any] = {
        capture: {"file": one.file, "packets": counts.get(capture, 0)}
        for one, noted in zip(taken, notes.captures, strict=True)
        for capture in noted.captures
    }
    told = [{**one, "file": Path(one["file"]).name} for one in notes.as_data()]
    write_atomic(run_dir / NOTES, to_json_text({"notes_schema": 1, "captures": told}))
    more: dict[str, Any] = {"epoch_ns": epoch_ns, "captures": shown, "labels": labels}
    if cast is not None:
        more["cast"] = {"hosts": cast.hosts, "zero_ns": cast.zero_ns, "words": list(cast.words)}
    directory.write_captures_json(run_dir, taken, more)
    summary = {
        "status": "complete",
        "t0_realtime_ns": epoch_ns,
        "end_ns": named.end_ns,
        "captures": {capture: {"captured": one["packets"]} for capture, one in shown.items()},
        "samplers": {},
        "trace": None,
        "versions": {},
    }
    write_atomic(run_dir / files.RAW / files.ENGINE, to_json_text(summary))


def _manifest(name: str, end_ns: int) -> Manifest:
    return Manifest(
        experiment=directory.EXPLAINED,
        run_id=name,
        status="complete",
        where=directory.PLACE,
        clock="real",
        seed=0,
        wall_s=0.0,
        virtual_s=end_ns / 1e9,
        versions={"python": sys.version.split()[0]},
    )
