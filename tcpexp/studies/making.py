"""``sweep``: make a study from Python."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp import errors
from tcpexp.errors import RunError, SpecErrors, TcpexpError
from tcpexp.notebook.progress import TellStudy, telling
from tcpexp.notebook.spec import Spec
from tcpexp.notebook.values import Settings, in_words_of_python, override_texts, plain
from tcpexp.places.registry import GUEST
from tcpexp.runs.signals import StopSignals
from tcpexp.studies.job import task_line
from tcpexp.studies.study import Study, StudyOptions, load_study

if TYPE_CHECKING:
    from tcpexp.batch.cell import Keep


def sweep(
    spec: str | Path | Mapping[str, Any] | Spec,
    *,
    over: Mapping[str, Sequence[Any]] | None = None,
    measures: Mapping[str, Any] | None = None,
    repeat: int | None = None,
    set: Settings | None = None,
    quick: bool = False,
    jobs: int | None = None,
    keep: Keep | None = None,
    kernel: str | None = None,
    on: str = GUEST,
    out: str | Path | None = None,
    retry: bool = False,
    progress: bool | TellStudy = False,
) -> Study:
    """Make every run of a spec's ``sweep:`` and return the study; runs that are there are not made
    again.

    A spec without one takes ``over`` (values by path: ``{"links.h1-h2.queue": ["1bdp", "4bdp"]}``;
    several paths: every combination), ``measures`` (a metric by a name of yours: ``{"goodput":
    "flows.up.goodput_bps"}``, or a mapping as in a spec) and ``repeat`` (how many seeds); they go
    over what a spec's sweep says. The other arguments are those of the command ``tcpexp sweep``.
    ``progress=True`` shows a bar; a function is called with the runs done, their number, and the
    last one's values.

    The runs are made by processes of their own, also when this is called in a notebook or in a
    script without a main guard.

    Raises:
        SpecError: the spec or its sweep is wrong; nothing was run.
        HostError: this machine lacks something, or another sweep works in the folder.
        RunError: the study could not be made. Runs that failed do not raise: ``study.table`` has
            their status.
        KeyboardInterrupt: it was interrupted; finished runs are kept, and the next call goes on.
    """
    given = spec if isinstance(spec, Spec) else Spec(spec)
    if over is not None or measures is not None or repeat is not None:
        given = with_sweep(given, over, measures, repeat)
    folder = None if out is None else Path(out).absolute()
    options = StudyOptions(quick, override_texts(set), folder, keep, on, kernel)
    try:
        study = load_study(given.source, options)
    except SpecErrors as several:
        raise in_words_of_python(several) from None
    with StopSignals().listening() as signals, telling(study.name, progress) as tell:
        make_apart(study, jobs, retry, signals, tell)
    if signals.asked:
        raise KeyboardInterrupt
    return study


def with_sweep(
    spec: Spec,
    over: Mapping[str, Sequence[Any]] | None,
    measures: Mapping[str, Any] | None,
    repeat: int | None,
) -> Spec:
    """Return a copy of the spec whose sweep has these parameters, measures and repetitions."""
    changed = spec.copy()
    section: dict[str, Any] = dict(plain(changed["sweep"])) if "sweep" in changed else {}
    if over is not None:
        section["parameters"] = {
            name: {"set": path, "values": list(values)}
            for (path, values), name in zip(over.items(), parameter_names(over), strict=True)
        }
    if measures is not None:
        section["measures"] = plain(measures)
    if repeat is not None:
        section["repeat"] = repeat
    changed["sweep"] = section
    return changed


def parameter_names(paths: Mapping[str, Any]) -> list[str]:
    """Return a name for each path: its last word, or all of its words where two end alike."""
    words = [
        ["".join(c if c.isalnum() else "_" for c in part).strip("_") for part in path.split(".")]
        for path in paths
    ]
    last = [parts[-1] for parts in words]
    return [
        name if last.count(name) == 1 else "_".join(parts)
        for name, parts in zip(last, words, strict=True)
    ]


def make_apart(
    study: Study, jobs: int | None, retry: bool, signals: StopSignals, tell: TellStudy
) -> None:
    """Have a process of its own make the study; raises what was in its way."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tcpexp.studies.job"],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(folder or os.getcwd() for folder in sys.path),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            start_new_session=True,
        )
        try:
            ended = _follow(process, task_line(study, jobs, retry), signals, tell)
            process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(10)
                process.kill()
                process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()
        if not ended:
            said.seek(0)
            words = said.read()[-1000:].decode(errors="replace").strip()
            raise RunError("the study's process ended without a word", hint=words or None)


def _follow(
    process: subprocess.Popen[bytes], task: bytes, signals: StopSignals, tell: TellStudy
) -> bool:
    """Read what the process tells until it ends; return whether it has told how."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(task)
        process.stdin.flush()
    total = done = 0
    rest, asked, ended = b"", False, False
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if signals.asked and not asked:
                asked = True
                process.terminate()
            if not selector.select(timeout=0.2):
                continue
            data = os.read(process.stdout.fileno(), 1 << 16)
            if not data:
                return ended
            *lines, rest = (rest + data).split(b"\n")
            for event in map(json.loads, lines):
                if "begins" in event:
                    total, done = event["begins"]["total"], event["begins"]["done"]
                    tell(done, total, "")
                elif "ends" in event:
                    done += 1
                    tell(done, total, event["ends"]["label"])
                elif "error" in event:
                    raise _error(event["error"])
                elif "outcome" in event:
                    ended = True


def _error(row: dict[str, Any]) -> TcpexpError:
    """Return the error that the study's process has met."""
    kind = getattr(errors, row["kind"], RunError)
    if kind is SpecErrors or not issubclass(kind, TcpexpError):
        kind = RunError
    made: TcpexpError = kind(row["message"], hint=row["hint"])
    return made
