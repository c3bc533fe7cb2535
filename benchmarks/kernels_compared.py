"""Put what the study ``kernels`` measured into docs/concepts/kernels-compared.md.

    python benchmarks/kernels_compared.py results/studies/kernels
    python benchmarks/kernels_compared.py

The first takes the numbers of the study and writes the page anew, the second only writes it, from
docs/concepts/kernels-compared.json. The tables stand between ``<!-- measured: NAME -->`` and ``<!--
end -->``; everything else in the page is written by hand.
"""

from __future__ import annotations

import datetime
import json
import re
import sys
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "concepts" / "kernels-compared.md"
NUMBERS = ROOT / "docs" / "concepts" / "kernels-compared.json"
BLOCK = re.compile(r"(<!-- measured: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


class Row(NamedTuple):
    """A row of a table: what is measured, its unit, the study's measure, what it is multiplied by,
    and digits behind the point.
    """

    what: str
    unit: str
    measure: str
    factor: float = 1.0
    digits: int = 0


#: The page's tables: where TCP changed, and where it did not.
SHOWN: dict[str, tuple[Row, ...]] = {
    "changed": (
        Row("SYNs to a dead host", "", "syns"),
        Row("`connect()` gives up after", "s", "given_up", 1, 1),
        Row("Window after the first data, automatic buffer", "kB", "win_early", 1, 1),
        Row("Largest window, automatic buffer", "MB", "win_max", 1, 2),
        Row("Largest window, `SO_RCVBUF` of 64 KiB", "kB", "buf_window", 1, 1),
        Row("Packets without data that carry ECT, `tcp_ecn` = 3, else 1", "", "ecn_acks"),
        Row("Time-outs for a lost retransmission, `tcp_recovery` = 0", "", "rack_timeouts"),
        Row("Its repair", "ms", "rack_repair"),
        Row("Least time-out, `tcp_rto_min_us` = 20000", "ms", "least_rto"),
        Row("Longest time-out, `tcp_rto_max_ms` = 2000", "ms", "most_rto"),
        Row(
            "Until a port in TIME-WAIT is used again, `tcp_tw_reuse_delay` = 100",
            "ms",
            "reuse",
            1e3,
        ),
        Row("SACKs left out at an RTT of 2 ms", "", "compressed"),
    ),
    "same": (
        Row("CUBIC: window at HyStart's exit", "segments", "hystart"),
        Row("CUBIC: pacing rate over window / RTT", "", "pacing", 1, 2),
        Row("BBR: goodput at 10 Mbit/s", "Mbit/s", "bbr_goodput", 1e-6, 2),
        Row("BBR: median RTT (base 40 ms)", "ms", "bbr_rtt", 1, 1),
        Row("BBR: window in ProbeRTT", "segments", "bbr_least"),
        Row("Tail loss probe: a lost tail is noticed after", "ms", "tail_notice"),
        Row("PRR: repair of ten losses", "ms", "prr_repair", 1, 1),
        Row("PRR: window afterwards over window before", "", "prr_backoff", 1, 3),
        Row("Data that fit in `SO_RCVBUF` of 64 KiB", "kB", "buf_bytes", 1, 1),
        Row(
            "A lone segment that is read at once: until its ACK (RTT 10 ms)", "ms", "ack_rtt", 1, 1
        ),
        Row("Ticks of the time stamps per second", "", "tick"),
        Row("Window scale offered", "", "wscale"),
    ),
}


def collect(folder: Path) -> dict[str, Any]:
    """Return what a finished study holds of the page's rows, by kernel, and what it was made with.

    Raises ``ValueError`` for a study that is not whole.
    """
    import polars as pl

    runs = pl.read_parquet(folder / "tables" / "runs").sort("run")
    results = json.loads((folder / "results.json").read_text())
    if runs.height == 0 or set(runs["status"]) != {"complete"}:
        raise ValueError(f"{folder}: not every run is complete")
    cells = [json.loads((folder / "cells" / key / "cell.json").read_text()) for key in runs["key"]]
    verdicts = [verdict["result"] for verdict in results["verdicts"]]
    return {
        "measured": datetime.date.today().isoformat(),
        "kernels": [
            {"name": name, "sha256": cell["identity"]["kernel"], "certificate": certificate}
            for name, cell, certificate in zip(
                runs["kernel"], cells, runs["certificate"], strict=True
            )
        ],
        "verdicts": {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))},
        "values": {
            row.measure: runs[row.measure].to_list() for rows in SHOWN.values() for row in rows
        },
    }


def table_of(name: str, kept: dict[str, Any]) -> str:
    """Return one of the page's tables."""
    kernels = [kernel["name"].removeprefix("debian-") for kernel in kept["kernels"]]
    lines = [f"| | | {' | '.join(kernels)} |", "|---|---|" + "---:|" * len(kernels)]
    for row in SHOWN[name]:
        values = [shown(row, value) for value in kept["values"][row.measure]]
        lines.append(f"| {row.what} | {row.unit} | {' | '.join(values)} |")
    return "\n".join(lines) + "\n"


def shown(row: Row, value: float | None) -> str:
    """Return a number as the page has it."""
    return "–" if value is None else f"{value * row.factor:,.{row.digits}f}"


def made_with(kept: dict[str, Any]) -> str:
    """Return a sentence on when the study was made, with which kernels, and how it came out."""
    kernels = ", ".join(
        f"{kernel['name']} (`{kernel['sha256'][:12]}`, {kernel['certificate']})"
        for kernel in kept["kernels"]
    )
    verdicts = ", ".join(f"{count} {word}" for word, count in kept["verdicts"].items())
    text = f"`tcpexp sweep kernels`, {kept['measured']}: {kernels}; expectations {verdicts}."
    return "\n".join(textwrap.wrap(text, 119, break_on_hyphens=False)) + "\n"


def written(page: str, kept: dict[str, Any]) -> str:
    """Return the page with its blocks from ``kept``."""

    def block(match: re.Match[str]) -> str:
        name = match[2]
        text = made_with(kept) if name == "made" else table_of(name, kept)
        return match[1] + text + match[3]

    return BLOCK.sub(block, page)


def main() -> None:
    """Take the study that is named, and write page and numbers."""
    if sys.argv[1:]:
        kept = collect(Path(sys.argv[1]))
        NUMBERS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text(written(PAGE.read_text(), json.loads(NUMBERS.read_text())))


if __name__ == "__main__":
    main()
