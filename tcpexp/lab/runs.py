"""Recorded runs as the page lists and opens them: the same folders that the command line has."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

from tcpexp import paths
from tcpexp.errors import SpecErrors
from tcpexp.lab.config import LARGEST_NOTES_BYTES
from tcpexp.lab.errors import Refused
from tcpexp.lab.shelf import is_inside
from tcpexp.report.page.content import overrides_of
from tcpexp.spec.edit import set_in_text
from tcpexp.store.rundir import write_atomic

#: Runs that the page lists, the newest first.
MOST_LISTED = 200
NOTES = "notes.md"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,120}")


def find_run(results: Path, name: str) -> Path:
    """Return the folder of the run ``experiment/id`` below ``results``; raises ``Refused``."""
    parts = name.split("/")
    if len(parts) == 2 and all(_NAME.fullmatch(part) for part in parts):
        path = results.joinpath(*parts)
        if paths.is_run(path) and is_inside(path, results):
            return path
    raise Refused(404, "there is no such run")


def find_file(run: Path, name: str) -> Path:
    """Return a file of a run; raises ``Refused`` for what lies outside of it, links followed."""
    path = run / name
    hidden = any(part.startswith(".") for part in Path(name).parts)
    if hidden or Path(name).is_absolute() or not is_inside(path, run) or not path.is_file():
        raise Refused(404, "there is no such file in this run")
    return path


def list_runs(results: Path) -> list[dict[str, Any]]:
    """Return the runs below a folder, the newest first."""
    if not results.is_dir():
        return []
    found = [run for run in paths.all_runs(results) if is_inside(run, results)]
    found.sort(key=lambda run: (run / "plan.json").stat().st_mtime_ns, reverse=True)
    return [run_row(run) for run in found[:MOST_LISTED]]


def run_row(run: Path) -> dict[str, Any]:
    """Return a run as the history shows it."""
    manifest = _json(run / "manifest.json")
    checks = _json(run / "checks.json")
    results = [check.get("result") for check in _verdicts(checks)]
    return {
        "run": f"{run.parent.name}/{run.name}",
        "experiment": run.parent.name,
        "at": (run / "plan.json").stat().st_mtime,
        "status": str(manifest.get("status") or "incomplete"),
        "seed": manifest.get("seed"),
        "set": list(overrides_of(manifest.get("command") or [])),
        "passed": results.count("PASS"),
        "failed": results.count("FAIL"),
        "undecided": len(results) - results.count("PASS") - results.count("FAIL"),
        "report": (run / "report.html").is_file(),
        "notes": (run / NOTES).is_file(),
    }


def _verdicts(checks: Any) -> list[dict[str, Any]]:
    found = checks.get("verdicts") if isinstance(checks, dict) else None
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def spec_text(run: Path) -> str:
    """Return the spec of a run with the values of ``--set`` in it, as one would write it now."""
    try:
        text = (run / "spec.yaml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Refused(404, "this run has kept no spec") from None
    for override in overrides_of(_json(run / "manifest.json").get("command") or []):
        try:
            text = set_in_text(text, override)
        except SpecErrors:
            continue  # the plan knows it; the text cannot say it
    return text


def read_notes(run: Path) -> str:
    """Return what was noted on a run, empty for nothing."""
    try:
        return find_file(run, NOTES).read_text(encoding="utf-8", errors="replace")
    except (Refused, OSError):
        return ""


def write_notes(run: Path, text: str) -> None:
    """Keep notes beside a run; an empty text removes them. Raises ``Refused``."""
    if len(text.encode("utf-8", "replace")) > LARGEST_NOTES_BYTES:
        raise Refused(413, "notes have at most 200 kB")
    path = run / NOTES
    if path.is_symlink():
        raise Refused(403, "the notes of this run are a link to another file")
    if text.strip():
        write_atomic(path, text.encode("utf-8", "replace"))
    else:
        path.unlink(missing_ok=True)


def keep_newest(results: Path, most: int) -> int:
    """Remove a student's oldest runs beyond ``most``, those with notes last; return how many.

    Only folders that are runs go, and none that a link leads to.
    """
    found = [run for run in paths.all_runs(results) if is_inside(run, results)]
    found.sort(key=lambda run: ((run / NOTES).is_file(), (run / "plan.json").stat().st_mtime_ns))
    gone = found[: max(len(found) - most, 0)]
    for run in gone:
        if not run.is_symlink():
            shutil.rmtree(run, ignore_errors=True)
    return len(gone)
