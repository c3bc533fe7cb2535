"""Make the runs that facts need, and find those that were made."""

from __future__ import annotations

import hashlib
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from published.data import Fact
from published.reading import Measured, of_run, of_study, runs_of_study

ROOT = Path(__file__).resolve().parents[2]


def folder_of(fact: Fact, out: Path, kernel: str) -> Path:
    """Return where a fact's runs are kept: a folder for each kernel, and in it one for each set of
    ``--set`` values.
    """
    if fact.study:
        return out / kernel / f"{fact.study}{'-quick' if fact.form == 'quick' else ''}"
    settings = hashlib.sha256(" ".join(fact.settings).encode()).hexdigest()[:8]
    name = f"runs-{settings}" if fact.settings else "runs"
    return out / kernel / name / str(fact.experiment)


def make(facts: Sequence[Fact], out: Path, kernel: str) -> None:
    """Make every run and study that is not there yet.

    A run whose checks fail is a run as well: a fact with other settings than the experiment's own
    may fail checks that are about those.
    """
    made = set()
    for fact in facts:
        folder = folder_of(fact, out, kernel)
        if folder in made or (fact.experiment and newest_run(folder)):
            continue
        made.add(folder)
        command = shlex.split(fact.command)[1:]
        where = folder.parent
        subprocess.run(
            [
                sys.executable,
                "-m",
                "tcpexp.cli.main",
                *command,
                "--kernel",
                kernel,
                "--out",
                str(where),
                "--quiet",
                *(["--jobs", "1"] if fact.study else []),
            ],
            cwd=ROOT,
            check=False,
        )


def newest_run(folder: Path) -> Path | None:
    """Return the newest complete run in a folder; None when there is none."""
    runs = sorted(path.parent for path in folder.glob("*/metrics.json"))
    complete = [run for run in runs if _manifest(run)["status"] == "complete"]
    return complete[-1] if complete else None


def _manifest(run: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((run / "manifest.json").read_text())
    return manifest


def measure(facts: Sequence[Fact], out: Path, kernel: str) -> Iterator[tuple[Fact, dict[str, Any]]]:
    """Yield what is there of each fact, as ``literature.json`` keeps it.

    What the certificate does not call VALID is not there.
    """
    for fact in facts:
        folder = folder_of(fact, out, kernel)
        if fact.study:
            found = _of_study(fact, folder)
        else:
            run = newest_run(folder)
            found = _of_run(fact, run) if run else None
        if found and found["certificate"] == "VALID":
            yield fact, found


def _of_run(fact: Fact, run: Path) -> dict[str, Any] | None:
    certificate = json.loads((run / "certificate.json").read_text())
    kernel = str(_manifest(run).get("kernel_sha256") or "")
    return _kept(of_run(fact, run), kernel, certificate["verdict"])


def _of_study(fact: Fact, folder: Path) -> dict[str, Any] | None:
    if not (folder / "tables" / "runs").is_dir():
        return None
    certificates = set(runs_of_study(fact, folder)["certificate"].drop_nulls())
    identity = json.loads(next((folder / "cells").glob("*/cell.json")).read_text())["identity"]
    worst = next((word for word in ("INVALID", "SUSPECT") if word in certificates), "VALID")
    return _kept(of_study(fact, folder), identity.get("kernel", ""), worst)


def _kept(measured: Measured | None, kernel: str, certificate: str) -> dict[str, Any] | None:
    if measured is None:
        return None
    return {
        "value": measured.value,
        "low": measured.low,
        "high": measured.high,
        "count": measured.count,
        "kind": measured.kind,
        "kernel": kernel[:12],
        "certificate": certificate,
    }
