"""Put what evaluations found into docs/concepts/evaluation.md.

    tcpexp evaluate reno cubic bbr vegas illinois dctcp
    tcpexp evaluate cubic --against reno,bbr,vegas,illinois,dctcp --cases pairs
    python benchmarks/evaluation.py results/evaluations/reports/*
    python benchmarks/evaluation.py

With folders of reports, their numbers go into docs/concepts/evaluation.json, and the page is
written anew; without, the page only. Its tables stand between ``<!-- evaluation: NAME -->`` and
``<!-- end -->``; everything else in it is written by hand.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "concepts" / "evaluation.md"
NUMBERS = ROOT / "docs" / "concepts" / "evaluation.json"
BLOCK = re.compile(r"(<!-- evaluation: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
#: How a verdict stands in the table.
SIGNS = {"PASS": "pass", "FAIL": "**FAIL**", "INCONCLUSIVE": "open"}
#: The order of the page's columns.
ORDER = ("reno", "cubic", "bbr", "vegas", "illinois", "dctcp")


def place(name: str) -> tuple[int, str]:
    """Return what sorts controls: those of the page first, in its order."""
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)


def take(folders: Iterable[Path], numbers: dict[str, Any]) -> dict[str, Any]:
    """Return the page's numbers with those of the evaluations in ``folders``.

    Of each control the evaluation with the most criteria counts, of each cell of the matrix the
    newest.
    """
    controls, cells = dict(numbers.get("controls", {})), dict(numbers.get("matrix", {}))
    for folder in folders:
        value = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        found = {
            "against": value["against"],
            "identity": value["identity"],
            "notes": value["notes"],
            "runs": value["runs"]["total"],
            "certificates": value["runs"]["certificates"],
            "criteria": {each["id"]: _criterion(each) for each in value["criteria"]},
        }
        before = controls.get(value["control"])
        if before is None or len(found["criteria"]) >= len(before["criteria"]):
            controls[value["control"]] = found
        for cell in value["matrix"]:
            key = f"{cell['path']}|{cell['neighbour']}|{cell['victim']}"
            cells[key] = {
                name: cell[name]
                for name in ("victim", "neighbour", "path", "throughput", "latency", "loss")
            }
    return {"controls": controls, "matrix": cells}


def _criterion(each: dict[str, Any]) -> dict[str, Any]:
    return {name: each[name] for name in ("section", "title", "result", "reason")}


def criteria_table(numbers: dict[str, Any]) -> str:
    """Return a row for each criterion, a column for each control."""
    controls = sorted(numbers["controls"], key=place)
    known: dict[str, dict[str, Any]] = {}
    for name in controls:
        known |= numbers["controls"][name]["criteria"]
    lines = [
        f"| RFC 9743 | criterion | {' | '.join(controls)} |",
        f"|---|---|{'---|' * len(controls)}",
    ]
    for key in sorted(known, key=lambda key: _section(known[key])):
        signs = [
            SIGNS.get(numbers["controls"][name]["criteria"].get(key, {}).get("result"), "–")
            for name in controls
        ]
        row = known[key]
        lines.append(f"| {row['section']} | {row['title']} | {' | '.join(signs)} |")
    return "\n".join(lines)


def _section(row: dict[str, Any]) -> tuple[int, ...]:
    return tuple(map(int, row["section"].split(".")))


def matrix_table(numbers: dict[str, Any]) -> str:
    """Return a table for each path: neighbours down, victims across, harm to throughput and the
    victim's loss.
    """
    cells = numbers["matrix"].values()
    names = sorted({cell["victim"] for cell in cells}, key=place)
    parts = []
    for path in sorted({cell["path"] for cell in cells}):
        own = {(c["neighbour"], c["victim"]): c for c in cells if c["path"] == path}
        lines = [
            f"**{path}**",
            "",
            f"| beside | {' | '.join(names)} |",
            f"|---|{'---|' * len(names)}",
            *(
                f"| {neighbour} | {' | '.join(_cell(own.get((neighbour, v))) for v in names)} |"
                for neighbour in names
            ),
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _cell(cell: dict[str, Any] | None) -> str:
    if cell is None or cell["throughput"] is None:
        return "–"
    loss = "" if cell["loss"] is None else f" ({100 * cell['loss']['mean']:.1f} %)"
    return f"{cell['throughput']['mean']:.2f}{loss}"


def failures(numbers: dict[str, Any]) -> str:
    """Return what failed of each control, with the reason."""
    lines = []
    for name in sorted(numbers["controls"], key=place):
        own = numbers["controls"][name]["criteria"]
        bad = [row for row in own.values() if row["result"] == "FAIL"]
        lines.append(f"**{name}**:{'' if bad else ' nothing.'}")
        lines += [""] if bad else []
        lines += [
            f"- {row['section']}, {row['title']}: {row['reason']}"
            for row in sorted(bad, key=_section)
        ]
        lines.append("")
    return "\n".join(lines).rstrip()


def made(numbers: dict[str, Any]) -> str:
    """Return what the numbers were made with."""
    lines = ["| control | beside | runs | VALID | kernel | engine |", "|---|---|---|---|---|---|"]
    for name in sorted(numbers["controls"], key=place):
        own = numbers["controls"][name]
        identity = own["identity"]
        lines.append(
            f"| {name} | {', '.join(own['against'])} | {own['runs']}"
            f" | {own['certificates'].get('VALID', 0)} | `{identity.get('kernel', '')[:12]}`"
            f" | `{identity.get('engine', '')[:12]}` |"
        )
    return "\n".join(lines)


BLOCKS = {
    "criteria": criteria_table,
    "matrix": matrix_table,
    "failures": failures,
    "made": made,
}


def page(text: str, numbers: dict[str, Any]) -> str:
    """Return the page with its tables made anew."""
    return BLOCK.sub(lambda found: f"{found[1]}{BLOCKS[found[2]](numbers)}\n{found[3]}", text)


def main(folders: list[str]) -> int:
    """Take the numbers of ``folders``, and write the page."""
    numbers = json.loads(NUMBERS.read_text()) if NUMBERS.is_file() else {}
    if folders:
        numbers = take(map(Path, folders), numbers)
        NUMBERS.write_text(json.dumps(numbers, indent=1, sort_keys=True) + "\n")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), numbers), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
