"""What does a run cost? Places side by side, in one run, beside what they must reach.

    python benchmarks/cost.py [--places uml,uml:6.1,qemu,tclink] [--rows NAME,...] [--quick]
                              [--rounds N] [--json FILE] [--from FILE] [--write [PAGE]]

Each run is a `tcpexp run` as a user types it, watched from outside. Rounds go through all rows and
places, so that a machine that is busy for a minute is busy for all alike. A place is uml (with the
kernel in use), uml:NAME (with another), qemu, or tclink: Mininet's own TCLink on this machine's
kernel, for root, where that has netem. Of the usual four, those that are not possible here are left
out, with a word; one that is asked for must be possible. A run that fails is said in its cell, and
the program ends with 1.

Rows: {rows}.
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

from costing.jobs import JOBS, QUICK, Job, Sizes, Value, in_rounds, measure, run_spec
from costing.output import all_tables, as_text, facts_line, fill_block, markdown_content
from costing.places import DEFAULT_PLACES, Side, chosen_sides, version_of
from costing.table import NOTES
from costing.watch import RunFailed

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "concepts" / "speed.md"
NAMES = tuple(job.name for job in JOBS)
DESCRIPTION = (__doc__ or "").format(rows=", ".join(NAMES))


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options; ends the program on wrong ones."""
    parser = argparse.ArgumentParser(
        prog="cost.py",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--places", type=names_in, help=f"default {','.join(DEFAULT_PLACES)}")
    parser.add_argument("--rows", type=names_in, default=NAMES, help="default: all")
    parser.add_argument("--quick", action="store_true", help="one round, short runs: to try it")
    parser.add_argument("--rounds", type=int, help="how often each row is measured (default 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every value there")
    parser.add_argument(
        "--from", dest="source", type=Path, metavar="FILE", help="show what --json has written"
    )
    parser.add_argument(
        "--write",
        type=Path,
        nargs="?",
        const=PAGE,
        metavar="PAGE",
        help="fill the block between the marks of this page (docs/concepts/speed.md)",
    )
    options = parser.parse_args(arguments)
    unknown = [name for name in options.rows if name not in NAMES]
    if unknown or not options.rows:
        parser.error(f"there is no row {', '.join(unknown)}: choose from {', '.join(NAMES)}")
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def names_in(text: str) -> tuple[str, ...]:
    """Return the names of a list with commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def warm_up(sides: Sequence[Side]) -> None:
    """Make one run at each place, so that nothing has to be built while it is measured.

    Raises:
        RunFailed: it could not be made, also at the second try (the first may boot a template).
    """
    for side in sides:
        if side.ours:
            try:
                run_spec("handshake_teardown", side)
            except RunFailed:
                run_spec("handshake_teardown", side)


def measure_all(
    jobs: Sequence[Job], sides: Sequence[Side], sizes: Sizes, values: list[Value]
) -> None:
    """Measure in rounds and add to ``values``; say on standard error what is being done."""
    order = list(in_rounds(jobs, sides, sizes))
    for number, (turn, job, side) in enumerate(order, 1):
        words = f"cost: {number}/{len(order)}  round {turn}  {job.name}  {side.name} "
        print(words, end="", file=sys.stderr, flush=True)
        began = time.monotonic()
        found = measure(job, side, sizes, turn)
        values += found
        for place in found:
            if "error" in place:
                print(f"FAILED: {place['error']} ", end="", file=sys.stderr)
        print(f"({time.monotonic() - began:.1f} s)", file=sys.stderr, flush=True)


def gather_facts(options: argparse.Namespace, sizes: Sizes, sides: list[Side]) -> dict[str, Any]:
    """Return what the figures depend on."""
    import tcpexp

    argv = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    git = subprocess.run(argv, capture_output=True, text=True, check=False)
    cpuinfo = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "tcpexp": tcpexp.__version__,
        "revision": git.stdout.strip() or "no revision",
        "places": {side.name: version_of(side) for side in sides},
        "kernel": platform.release().split("-")[0],
        "processors": os.cpu_count(),
        "processor": model[1].strip() if model else platform.machine(),
        "quick": options.quick,
        "rounds": sizes.rounds,
    }


def show(record: dict[str, Any], page: Path | None) -> int:
    """Print the tables and fill the page; return how many values are missing for a failure."""
    facts, values = record["facts"], record["values"]
    print(facts_line(facts))
    for title, rows in all_tables(values):
        print(as_text(title, rows))
    print("\n" + "\n".join(f"- {note}" for note in (*facts["left_out"], *NOTES)))
    if page is not None:
        page.write_text(fill_block(page.read_text(), markdown_content(facts, values)))
    failures = [value for value in values if value["value"] is None]
    for failure in failures:
        print(
            f"\nFAILED {failure['line']} on {failure['place']}: {failure['error']}", file=sys.stderr
        )
    return len(failures)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, or read what was measured; print; return 0, or 1 when a run failed."""
    options = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    if options.source:
        return 1 if show(json.loads(options.source.read_text()), options.write) else 0
    sizes = QUICK if options.quick else Sizes()
    if options.rounds:
        sizes = replace(sizes, rounds=options.rounds)
    names = options.places or DEFAULT_PLACES
    try:
        sides, left_out = chosen_sides(names, required=options.places is not None)
    except ValueError as error:
        raise SystemExit(f"cost.py: {error}") from None
    for words in left_out:
        print(f"cost: {words}", file=sys.stderr)
    values: list[Value] = []
    warm_up(sides)
    facts = gather_facts(options, sizes, sides)
    record = {"facts": {**facts, "left_out": left_out}, "values": values}
    try:
        measure_all([job for job in JOBS if job.name in options.rows], sides, sizes, values)
    finally:
        if options.json:
            options.json.write_text(json.dumps(record, indent=1) + "\n")
    return 1 if show(record, options.write) else 0


if __name__ == "__main__":
    raise SystemExit(main())
