"""How long it takes from an edit of a congestion control of one's own to its curve.

    python benchmarks/own_control.py [--runs N]

``tcpexp new congestion-control`` writes one of some 60 lines. Each run is ``tcpexp run`` in a
process of its own, of a path of 10 Mbit/s for 10 seconds, after the source was changed, so that it
is compiled, loaded, run, read, judged and drawn anew; and once more unchanged, from the cache.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SHORT = ("duration=10s", "actions[0].until=10s", "expect=[]", "answer=it runs", "seed=1")


def code_lines(text: str) -> int:
    """Return how many lines of a C source are neither empty nor comment."""
    without = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return sum(
        bool(line.strip()) and not line.strip().startswith("//") for line in without.splitlines()
    )


def edit(source: Path, beta: int) -> None:
    """Write another number into the source."""
    text = re.sub(r"(beta __read_mostly = )\d+", rf"\g<1>{beta}", source.read_text())
    source.write_text(text)


def timed_run(spec: Path, out: Path) -> tuple[float, dict[str, Any]]:
    """Return the wall seconds of ``tcpexp run``, and what it says about its own steps."""
    words = [word for value in SHORT for word in ("--set", value)]
    words += ["--set", "congestion_controls.mine.parameters={}"]
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "tcpexp", "run", str(spec), *words, "--out", str(out), "--json"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return time.monotonic() - started, json.loads(done.stdout)[0]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="edits")
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(
            [sys.executable, "-m", "tcpexp", "new", "congestion-control", "mine"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=True,
            capture_output=True,
        )
        source = folder / "mine.c"
        timed_run(folder / "mine.yaml", folder / "runs")  # what is made once for all
        print(f"{code_lines(source.read_text())} lines of C, load {os.getloadavg()[0]:.1f}")
        print(f"{'':<10}  {'edit to curve':>13}  {'compile':>8}  {'guest':>6}")
        for number in range(runs):
            edit(source, 600 + number * 50 + int(time.time()) % 50)
            for words in ("edited", "unchanged"):
                wall, row = timed_run(folder / "mine.yaml", folder / "runs")
                compiled = compile_seconds(Path(row["run"])) if words == "edited" else 0.0
                guest = row["timing"]["run_s"]
                print(
                    f"{words:<10}  {wall:>11.1f} s  {compiled:>6.1f} s  {guest:>4.1f} s", flush=True
                )


def compile_seconds(run: Path) -> float:
    """Return how long the module of a run took to compile, from the cache's own note."""
    wanted = json.loads((run / "manifest.json").read_text())["modules"]["mine"]["module_sha256"]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tcpexp" / "modules"
    for facts in cache.glob("*/module.json"):
        known = json.loads(facts.read_text())
        if known["module_sha256"] == wanted:
            return float(known["seconds"])
    return 0.0


if __name__ == "__main__":
    main()
