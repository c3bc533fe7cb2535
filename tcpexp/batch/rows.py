"""A run to make, and the row that tells what came of it.

The row is what ``--json`` prints and what the table of several runs shows.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

from tcpexp.errors import TcpexpError
from tcpexp.runs.errorrows import ErrorRow, error_rows
from tcpexp.runs.options import RunOptions
from tcpexp.store.manifest import read_manifest

if TYPE_CHECKING:
    from tcpexp.runs.pipeline import RunOutcome


@dataclass(frozen=True)
class Job:
    """A spec to run, as the command line names it, with its seed plus ``index``."""

    spec: str
    options: RunOptions
    index: int = 0

    def to_line(self) -> bytes:
        """Return the job as one line of JSON."""
        return json.dumps(dataclasses.asdict(self), default=str).encode() + b"\n"

    @classmethod
    def from_line(cls, line: str) -> Job:
        """Return the job that :meth:`to_line` wrote."""
        raw = json.loads(line)
        options = raw["options"]
        tuples = {name: tuple(options[name]) for name in ("overrides", "command")}
        folders = {
            name: None if options[name] is None else Path(options[name])
            for name in ("out", "folder")
        }
        return cls(raw["spec"], RunOptions(**{**options, **tuples, **folders}), raw["index"])


class RunStart(TypedDict):
    """What runs where, told when it starts; ``run`` is its folder."""

    name: str
    duration_s: float
    seed: int
    place: str
    run: str


class RunRow(TypedDict):
    """What came of a run.

    ``exit_code`` is as the command line's, ``run`` the run's folder. What follows ``errors`` is
    there when the run has left a record.
    """

    spec: str
    experiment: str
    exit_code: int
    run: str | None
    status: str
    passed: int
    failed: int
    undecided: int
    errors: list[ErrorRow]
    failure: NotRequired[str | None]
    where: NotRequired[str]
    clock: NotRequired[str]
    seed: NotRequired[int]
    kernel: NotRequired[str | None]
    wall_seconds: NotRequired[float]
    timing: NotRequired[dict[str, float]]
    certificate: NotRequired[dict[str, Any]]
    verdicts: NotRequired[list[dict[str, Any]]]
    report: NotRequired[str | None]
    problems: NotRequired[list[str]]
    failures: NotRequired[list[dict[str, Any]]]


def empty_row(job: Job) -> RunRow:
    """Return the row of a run that has not been made."""
    return {
        "spec": job.spec,
        "experiment": Path(job.spec).stem,
        "exit_code": 4,
        "run": None,
        "status": "not run",
        "passed": 0,
        "failed": 0,
        "undecided": 0,
        "errors": [],
    }


def outcome_row(job: Job, outcome: RunOutcome) -> RunRow:
    """Return a finished run's row, for ``--json`` and for the table of several runs."""
    manifest = read_manifest(outcome.path)
    results = [verdict.result for verdict in outcome.checks]
    passed, failed = results.count("PASS"), results.count("FAIL")
    return {
        **empty_row(job),
        "experiment": manifest.experiment,
        "exit_code": outcome.exit_code,
        "run": str(outcome.path),
        "status": outcome.status,
        "failure": manifest.failure,
        "where": manifest.where,
        "clock": manifest.clock,
        "seed": manifest.seed,
        "kernel": manifest.host.get("kernel_name"),
        "wall_seconds": manifest.wall_s,
        "timing": outcome.timing,
        "certificate": outcome.certificate,
        "passed": passed,
        "failed": failed,
        "undecided": len(results) - passed - failed,
        "verdicts": [dataclasses.asdict(verdict) for verdict in outcome.checks],
        "report": None if outcome.report is None else str(outcome.report),
        "problems": list(outcome.problems),
        "failures": [dataclasses.asdict(failure) for failure in outcome.failures],
    }


def error_row(job: Job, error: TcpexpError) -> RunRow:
    """Return the row of a run that ended with an error that a user can act on."""
    status = "failed" if error.exit_code >= 4 else "not run"
    return {
        **empty_row(job),
        "exit_code": error.exit_code,
        "status": status,
        "errors": error_rows(error),
    }


def crash_row(job: Job, message: str, hint: str | None) -> RunRow:
    """Return the row of a run that ended as none should."""
    return {
        **empty_row(job),
        "status": "crashed",
        "errors": [{"file": None, "line": None, "column": None, "message": message, "hint": hint}],
    }
