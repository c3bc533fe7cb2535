"""What does a run cost? Wall time, memory, template, spread and saturation, side by side in one run.

    python benchmarks/cost.py [--parts abcdefgh] [--quick] [--json FILE] [--figure PATH] [--markdown PAGE]

a  from the command to the first SYN, and to the report of a 10 s run; phase by phase
b  wall seconds per virtual second along rate, flows, nodes and duration; packets per wall second
c  largest memory of QEMU and tcpexp, per case
d  the template: size, and the time to build one (in a cache of its own; --no-build leaves that out)
e  one experiment on the virtual clock, and on a real one (this machine's kernel with netem, else stock TCLink in the guest)
f  spread of goodput and RTT over repeated runs, idle and beside four busy loops, for both
g  two runs side by side against one after the other
h  the guest's processor against the packet rate, until it is full

Every run is a `tcpexp run` as a user types it, watched from outside. Rounds go through all parts, so that a noisy machine treats them alike.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from costing.figure import draw
from costing.measure import QUICK, Sizes, in_rounds, plan_jobs
from costing.output import as_text, facts_line, fill_block, markdown_content
from costing.tables import all_tables
from costing.watch import RunFailed

PARTS = "abcdefgh"


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options; ends the program on wrong ones."""
    parser = argparse.ArgumentParser(prog="cost.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default=PARTS, help="which parts to measure (default: all)")
    parser.add_argument("--quick", action="store_true", help="one round, short runs, 5 repeats: to try it out")
    parser.add_argument("--rounds", type=int, help="how often a, b, e and g are measured (default 3)")
    parser.add_argument("--repeats", type=int, help="runs of each arrangement in f (default 20)")
    parser.add_argument("--no-build", action="store_true", help="do not build a template")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every run's row there, also when interrupted")
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE", help="measure nothing: show what an earlier --json holds")
    parser.add_argument("--figure", type=Path, metavar="PATH", help="write the figure as PATH.svg and PATH.png (needs part b)")
    parser.add_argument("--markdown", type=Path, metavar="PAGE", help="fill the block between the marks of this page")
    options = parser.parse_args(arguments)
    unknown = set(options.parts) - set(PARTS)
    if unknown or not options.parts:
        parser.error(f"--parts takes letters of {PARTS}")
    for name in ("rounds", "repeats"):
        value = getattr(options, name)
        if value is not None and value < 1:
            parser.error(f"--{name} must be at least 1")
    return options


def sizes_of(options: argparse.Namespace) -> Sizes:
    """Return how much to measure."""
    sizes = replace(QUICK if options.quick else Sizes(), build=not options.no_build)
    given = {name: value for name in ("rounds", "repeats") if (value := getattr(options, name)) is not None}
    return replace(sizes, **given)


def measure(parts: str, sizes: Sizes, rows: list[dict[str, Any]]) -> int:
    """Measure all jobs in rounds and add their rows to ``rows``; return how many failed. Says on standard error what is being done."""
    failed = 0
    order = list(in_rounds(plan_jobs(parts, sizes)))
    for number, (turn, job) in enumerate(order, 1):
        print(f"cost: {number}/{len(order)}  part {job.part}, round {turn} of {job.times}: {job.name} ", end="", file=sys.stderr, flush=True)
        began = time.monotonic()
        try:
            for row in job.measure():
                rows.append({**row, "round": turn})
        except RunFailed as error:
            failed += 1
            print(f"FAILED: {error} ", end="", file=sys.stderr)
        print(f"({time.monotonic() - began:.1f} s)", file=sys.stderr, flush=True)
    return failed


def gather_facts(options: argparse.Namespace, sizes: Sizes) -> dict[str, Any]:
    """Return what the figures depend on."""
    import tcpexp
    from tcpexp.places.qemu.machine import qemu_version

    root = Path(__file__).resolve().parent.parent
    git = subprocess.run(["git", "-C", str(root), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    model = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "tcpexp": tcpexp.__version__,
        "revision": git.stdout.strip() or "no revision",
        "qemu": qemu_version(),
        "kernel": platform.release().split("-")[0],
        "processors": os.cpu_count(),
        "processor": model[1].strip() if model else platform.machine(),
        "quick": options.quick,
        "parts": options.parts,
        "rounds": sizes.rounds,
        "load": "-",
    }


def load_range(rows: list[dict[str, Any]]) -> str:
    """Return between what the machine's load average lay."""
    loads = [row["load_average"] for row in rows if "load_average" in row]
    return f"{min(loads):.1f} to {max(loads):.1f}" if loads else "-"


def show(record: dict[str, Any], options: argparse.Namespace) -> None:
    """Print the tables, and write the figure and the page that were asked for."""
    tables = all_tables(record["rows"])
    print(facts_line(record["facts"]))
    for table in tables:
        print(as_text(table))
    figure = draw(record["rows"], options.figure) if options.figure else None
    if options.figure:
        print(f"\nfigure: {', '.join(map(str, figure))}" if figure else "\nno figure: it needs part b")
    if options.markdown:
        page = options.markdown.read_text()
        options.markdown.write_text(fill_block(page, markdown_content(options.markdown, record["facts"], tables, figure[0] if figure else None)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, or read what was measured; print; return 0, or 1 when a run failed."""
    options = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    if options.source:
        show(json.loads(options.source.read_text()), options)
        return 0
    sizes = sizes_of(options)
    rows: list[dict[str, Any]] = []
    record: dict[str, Any] = {"facts": gather_facts(options, sizes), "rows": rows}
    try:
        failed = measure(options.parts, sizes, rows)
    finally:
        record["facts"]["load"] = load_range(rows)
        if options.json:
            options.json.write_text(json.dumps(record, indent=1) + "\n")
    show(record, options)
    if failed:
        print(f"\n{failed} measurements failed and are not in the tables", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
