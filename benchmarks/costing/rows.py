"""What is measured becomes rows: one JSON object per run, with numbers in seconds, bytes and packets; tables are made from them alone."""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path
from typing import Any

from costing.cases import Case
from costing.watch import RunFailed, Watched, bracket, intervals, load_average, watch_run
from tcpexp.store.rundata import RunData

Row = dict[str, Any]
ATTEMPTS = 3


def run_case(part: str, case: Case, **more: Any) -> Row:
    """Run a case in a folder of its own and return its row; what the run left is thrown away."""
    with tempfile.TemporaryDirectory(prefix="tcpexp-cost-") as name:
        watched, _ = run_in(Path(name), case)
        return row_of(part, case, watched, **more)


def run_in(folder: Path, case: Case) -> tuple[Watched, RunData]:
    """Run a case with its spec and its results in ``folder``; again, when the first run had to make the template."""
    spec = case.write(folder)
    for attempt in range(ATTEMPTS):
        watched = watch_run(spec, folder / f"results-{attempt}", case.arguments)
        if not watched.made_template:
            return watched, RunData(watched.run_dir)
    raise RunFailed(f"{case.name}: every run made a new template; is the engine being changed?")


def row_of(part: str, case: Case, watched: Watched, **more: Any) -> Row:
    """Return the row of one run: wall seconds in parts, virtual seconds, packets, memory, certificate."""
    run = RunData(watched.run_dir)
    phases = intervals(watched.marks, watched.wall_s)
    syns = run.table("connections")["syn_ns"].drop_nulls().to_list()
    syn_s = min(syns) / 1e9 if syns else None
    packets = run.metrics.get("packets") or {}
    return {
        "part": part,
        "case": case.name,
        "axes": case.axes,
        "wall_s": watched.wall_s,
        "phases": phases,
        "guest_seen": watched.guest_seen,
        "run_s": phases.get("run"),
        "virtual_s": run.end_ns / 1e9,
        "syn_clock_s": syn_s,
        "syn_between_s": None if syn_s is None else bracket(watched.marks, syn_s),
        "packets": max(packets.values(), default=0),
        "memory": watched.memory,
        "certificate": run.certificate.get("verdict"),
        "certificate_reasons": run.certificate.get("reasons"),
        "captures": digest_of(run),
        "load_average": load_average(),
        **more,
    }


def digest_of(run: RunData) -> str | None:
    """Return the sha256 of all captures together, None when nothing was captured."""
    captures = sorted((run.path / "raw").glob("*.pcap"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in captures)).hexdigest() if captures else None


def processor_of(certificate: dict[str, Any]) -> tuple[float | None, str]:
    """Return the processor's busiest second as the certificate has it (0 to 1), and the verdict on it."""
    for item in certificate.get("items", []):
        if item["name"] == "processor":
            found = re.match(r"(\d+)%", item["measured"])
            return (int(found[1]) / 100 if found else None), str(item["verdict"])
    return None, "not measured"
