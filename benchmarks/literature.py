"""Write docs/concepts/literature.md: published results, and what was measured.

    python benchmarks/literature.py --run --kernel 7.3     make what is missing, and write the page
    python benchmarks/literature.py --take --kernel 7.3    write it with what is there
    python benchmarks/literature.py                        write it from literature.json

Runs and studies are kept below ``--out`` (results/literature), a folder for each kernel. Making all
of them takes hours of one processor; an interrupted ``--run`` goes on where it was.

The facts are data: ``benchmarks/published/facts/*.yaml``. What was measured is kept in
``docs/concepts/literature.json``. Verdicts are computed from the two. Tables stand between
``<!-- facts -->`` or ``<!-- study: NAME -->`` and ``<!-- end -->``; everything else in the page is
written by hand.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from published.data import load_facts
from published.page import tables_of
from published.running import make, measure
from published.studies import SHOWN, Column

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "concepts" / "literature.md"
NUMBERS = ROOT / "docs" / "concepts" / "literature.json"
BLOCK = re.compile(r"(<!-- (?:study: (\w+)|(facts)) -->\n).*?(<!-- end -->)", re.DOTALL)


def collect(folder: Path) -> tuple[str, dict[str, Any]]:
    """Return a study's name and what the page keeps of it: means over repetitions, verdicts, what
    it was made with.
    """
    import polars as pl

    from tcpexp import __version__

    name = folder.name.removesuffix("-quick")
    results = json.loads((folder / "results.json").read_text())
    runs = pl.read_parquet(folder / "tables" / "runs")
    if results["failed"]:
        raise SystemExit(f"{folder}: {len(results['failed'])} runs failed")
    rows = []
    for _, cell in runs.sort("run").group_by("cell", maintain_order=True):
        if cell["certificate"].drop_nulls().len():
            rows.append([_words(cell[column.name], column) for column in SHOWN[name]])
    identity = json.loads(next((folder / "cells").glob("*/cell.json")).read_text())["identity"]
    verdicts = [verdict["result"] for verdict in results["verdicts"]]
    return name, {
        "form": "quick" if folder.name.endswith("-quick") else "full",
        "measured": (
            datetime.date.fromtimestamp((folder / "results.json").stat().st_mtime).isoformat()
        ),
        "tcpexp": __version__,
        "image": identity["image"][:12],
        "kernel": identity["kernel"][:12],
        "runs": runs.height - results["left"],
        "left": results["left"],
        "certificates": _counted(runs["certificate"].drop_nulls().to_list()),
        "verdicts": _counted(verdicts),
        "rows": rows,
    }


def _counted(words: list[str]) -> dict[str, int]:
    return {word: words.count(word) for word in sorted(set(words))}


def _words(column: Any, shown: Column) -> str:
    values = column.drop_nulls().to_list()
    if not values:
        return "-"
    if shown.digits is None:
        return str(values[0])
    text = f"{sum(values) / len(values) * shown.factor:.{shown.digits}f}"
    text = text.rstrip("0").rstrip(".") if shown.digits and shown.factor == 100 else text
    return text.removeprefix("-") if not text.strip("-0.") else text


def table_of(name: str, kept: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a study's part of the page: a line on how it was measured on each kernel, and a table
    with the columns that do not depend on the kernel once and the others for each.
    """
    columns = SHOWN[name]
    kernels = sorted(kept, key=_newest_first)
    lines = [
        line
        for kernel in kernels
        for line in [*textwrap.wrap(_made(name, kernel, kept[kernel]), 119), ""]
    ]
    several = len(kernels) > 1
    heads = [
        column.heading + (f", {kernel}" if several and column.measured else "")
        for column in columns
        for kernel in (kernels if column.measured else kernels[:1])
    ]
    rows: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for kernel in kernels:
        for row in kept[kernel]["rows"]:
            key = tuple(
                cell for cell, column in zip(row, columns, strict=True) if not column.measured
            )
            rows.setdefault(key, {})[kernel] = row
    lines += [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for by_kernel in rows.values():
        some = next(iter(by_kernel.values()))
        cells = []
        for index, column in enumerate(columns):
            if column.measured:
                cells += [by_kernel[k][index] if k in by_kernel else "-" for k in kernels]
            else:
                cells.append(some[index])
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _newest_first(kernel: str) -> tuple[int, ...]:
    return tuple(-int(part) for part in kernel.split("."))


def _made(name: str, kernel: str, kept: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{count} {word}" for word, count in kept["verdicts"].items())
    certificates = ", ".join(f"{count} {word}" for word, count in kept["certificates"].items())
    left = f", {kept['left']} of the form left out" if kept["left"] else ""
    command = f"tcpexp sweep {name}{' --quick' if kept['form'] == 'quick' else ''}"
    return (
        f"Linux {kernel} (`{kept['kernel']}`): `{command}`, {kept['measured']}, tcpexp"
        f" {kept['tcpexp']}: {kept['runs']} runs ({certificates}){left}, expectations {counts}"
    )


def written(page: str, numbers: Mapping[str, Any]) -> str:
    """Return the page with each block from ``numbers``."""
    facts, studies = numbers.get("facts", {}), numbers.get("studies", {})
    kernels = sorted(facts, key=_newest_first)

    def block(match: re.Match[str]) -> str:
        if match[3]:
            text = tables_of(load_facts(), facts, kernels)
        else:
            kept = studies.get(match[2])
            text = table_of(match[2], kept) if kept else "Not measured yet.\n"
        return match[1] + text + match[4]

    return BLOCK.sub(block, page)


def take(numbers: dict[str, Any], out: Path, kernel: str) -> None:
    """Put into ``numbers`` what was measured on a kernel: of facts and of studies."""
    facts = numbers.setdefault("facts", {})[kernel] = {}
    facts.update({fact.name: kept for fact, kept in measure(load_facts(), out, kernel)})
    studies = numbers.setdefault("studies", {})
    for name in SHOWN:
        for folder in (out / kernel / name, out / kernel / f"{name}-quick"):
            if (folder / "results.json").is_file():
                studies.setdefault(name, {})[kernel] = collect(folder)[1]
                break


def main() -> None:
    """Make, take and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", action="store_true", help="make the runs that are missing")
    parser.add_argument("--take", action="store_true", help="take the numbers of those there are")
    parser.add_argument("--kernel", action="append", default=[], help="7.3, 6.1, ...")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "literature")
    given = parser.parse_args()
    numbers = json.loads(NUMBERS.read_text()) if NUMBERS.exists() else {}
    for kernel in given.kernel or ["7.3"]:
        if given.run:
            make(load_facts(), given.out.absolute(), kernel)
        if given.run or given.take:
            take(numbers, given.out.absolute(), kernel)
    NUMBERS.write_text(json.dumps(numbers, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    PAGE.write_text(written(PAGE.read_text(), numbers))


if __name__ == "__main__":
    main()
