"""Put what studies measured into docs/concepts/literature.md.

    python benchmarks/literature.py results/studies/cubic_response-quick ...
    python benchmarks/literature.py

The first takes the numbers of these studies and writes the page anew, the second only writes it,
from docs/concepts/literature.json.

The page's tables stand between ``<!-- study: NAME -->`` and ``<!-- end -->``; everything else in it
is written by hand. ``docs/concepts/literature.json`` keeps the numbers.
"""

from __future__ import annotations

import datetime
import json
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "concepts" / "literature.md"
NUMBERS = ROOT / "docs" / "concepts" / "literature.json"
BLOCK = re.compile(r"(<!-- study: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

#: Of each study: the columns that the page shows, as (heading, column of the table of runs, factor,
#: digits behind the point; None for words).
SHOWN: dict[str, tuple[tuple[str, str, float, int | None], ...]] = {
    "cubic_response": (
        ("congestion control", "cc", 1, None),
        ("RTT (ms)", "rtt", 1e3, 0),
        ("first loss", "start", 1, None),
        ("p (%)", "p", 100, 2),
        ("RFC 9438", "rfc", 1, 0),
        ("measured", "window", 1, 1),
        ("deviation (%)", "deviation", 1, 0),
        ("Linux's rules", "rules", 1, 1),
    ),
    "mathis": (
        ("losses", "losses", 1, None),
        ("RTT (ms)", "rtt", 1e3, 0),
        ("p (%)", "p", 100, 2),
        ("ideal C", "ideal", 1, 2),
        ("with recovery", "model", 1, 2),
        ("measured", "constant", 1, 2),
    ),
    "loss_response": (
        ("congestion control", "cc", 1, None),
        ("loss (%)", "loss", 100, 2),
        ("rate x (1 - loss) (Mbit/s)", "possible", 1e-6, 1),
        ("RFC 9438, CUBIC", "rfc", 1e-6, 2),
        ("measured (Mbit/s)", "goodput", 1e-6, 2),
        ("share of what is possible (%)", "share", 1, 1),
    ),
    "initial_window": (
        ("RTT (ms)", "rtt", 1e3, 0),
        ("answer (segments)", "segments", 1, 0),
        ("initial window", "iw", 1, 0),
        ("predicted (RTT)", "predicted", 1, 0),
        ("measured (RTT)", "rounds", 1, 2),
        ("saved against 3 (%)", "saved", 1, 0),
    ),
    "aqm": (
        ("queue", "discipline", 1, None),
        ("room (BDP)", "depth", 1, 1),
        ("base + queue / rate (ms)", "full", 1, 1),
        ("largest RTT (ms)", "largest", 1, 1),
        ("median RTT (ms)", "rtt", 1, 1),
        ("goodput (Mbit/s)", "goodput", 1e-6, 2),
    ),
    "syn_schedule": (
        ("tcp_syn_retries", "retries", 1, 0),
        ("SYNs", "syns", 1, 0),
        ("last SYN (s)", "last_syn", 1, 2),
        ("given up (s)", "given_up", 1, 2),
    ),
    "buffer_depth": (
        ("buffer (BDP)", "depth", 1, 2),
        ("Ware et al.: BBR's share (%)", "ware", 1, 0),
        ("measured (%)", "share", 1, 0),
        ("from 10 s to 40 s (%)", "early", 1, 0),
        ("mean queueing delay (ms)", "delay", 1, 0),
    ),
    "bbr_vs_n": (
        ("the others", "cc", 1, None),
        ("their number", "n", 1, 0),
        ("buffer (BDP)", "depth", 1, 0),
        ("fair share (%)", "fair", 1, 0),
        ("Ware et al.: BBR's share (%)", "ware", 1, 0),
        ("measured (%)", "share", 1, 0),
    ),
}


def collect(folder: Path) -> tuple[str, dict[str, Any]]:
    """Return a study's name and what the page keeps of it: means over repetitions, verdicts, the
    hash of its tables.
    """
    import polars as pl

    from tcpexp import __version__

    name = folder.name.removesuffix("-quick")
    shown = SHOWN[name]
    results = json.loads((folder / "results.json").read_text())
    runs = pl.read_parquet(folder / "tables" / "runs")
    if results["failed"] or results["left"]:
        raise SystemExit(
            f"{folder}: {len(results['failed'])} runs failed, {results['left']} are left"
        )
    rows = []
    for _, cell in runs.sort("run").group_by("cell", maintain_order=True):
        rows.append([_words(cell[column], factor, digits) for _, column, factor, digits in shown])
    identity = json.loads(next((folder / "cells").glob("*/cell.json")).read_text())["identity"]
    verdicts = [verdict["result"] for verdict in results["verdicts"]]
    return name, {
        "form": "quick" if folder.name.endswith("-quick") else "full",
        "measured": (
            datetime.date.fromtimestamp((folder / "results.json").stat().st_mtime).isoformat()
        ),
        "tcpexp": __version__,
        "image": identity["image"],
        "qemu": identity["qemu"].split()[0],
        "runs": runs.height,
        "certificates": {
            verdict: runs["certificate"].to_list().count(verdict)
            for verdict in sorted(set(runs["certificate"].drop_nulls()))
        },
        "verdicts": {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))},
        "headings": [heading for heading, *_ in shown],
        "rows": rows,
    }


def _words(column: Any, factor: float, digits: int | None) -> str:
    values = column.drop_nulls().to_list()
    if not values:
        return "-"
    if digits is None:
        return str(values[0])
    text = f"{sum(values) / len(values) * factor:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if digits and factor == 100 else text
    return text.removeprefix("-") if not text.strip("-0.") else text


def table_of(name: str, kept: dict[str, Any]) -> str:
    """Return a study's part of the page: a line on when and how it was measured, and its table."""
    counts = ", ".join(f"{count} {word}" for word, count in kept["verdicts"].items())
    certificates = ", ".join(f"{count} {word}" for word, count in kept["certificates"].items())
    command = f"tcpexp sweep {name}{' --quick' if kept['form'] == 'quick' else ''}"
    measured = (
        f"`{command}`, {kept['measured']}, tcpexp {kept['tcpexp']}, image"
        f" `{kept['image'][:12]}`, QEMU {kept['qemu']}: {kept['runs']} runs ({certificates}),"
        f" expectations {counts}"
    )
    lines = [
        *textwrap.wrap(measured, 119, break_on_hyphens=False),
        "",
        f"| {' | '.join(kept['headings'])} |",
        f"|{'---|' * len(kept['headings'])}",
        *(f"| {' | '.join(row)} |" for row in kept["rows"]),
    ]
    return "\n".join(lines) + "\n"


def written(page: str, numbers: dict[str, Any]) -> str:
    """Return the page with each study's block from ``numbers``."""
    return BLOCK.sub(
        lambda match: (
            match[1]
            + (
                table_of(match[2], numbers[match[2]])
                if match[2] in numbers
                else "Not measured yet.\n"
            )
            + match[3]
        ),
        page,
    )


def main() -> None:
    """Take the studies that are named, and write page and numbers."""
    numbers = json.loads(NUMBERS.read_text()) if NUMBERS.exists() else {}
    for folder in sys.argv[1:]:
        name, kept = collect(Path(folder))
        numbers[name] = kept
    NUMBERS.write_text(
        json.dumps(dict(sorted(numbers.items())), indent=1, ensure_ascii=False) + "\n"
    )
    PAGE.write_text(written(PAGE.read_text(), numbers))


if __name__ == "__main__":
    main()
