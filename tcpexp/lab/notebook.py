"""A notebook that opens a run in Python: what the page shows, to go on with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tcpexp.lab.runs import run_row


def notebook_of(run: Path, spec: str | None) -> str:
    """Return a notebook (nbformat 4.5) that loads a run and looks at its tables.

    ``spec`` is what ``tcpexp run`` calls its experiment, None where it has no name of its own.
    """
    row = run_row(run)
    overrides = dict(text.split("=", 1) for text in row["set"] if "=" in text)
    cells = [
        _words(
            f"# {run.parent.name}: {run.name}\n\nA run of `tcpexp lab`. Needs `tcpexp` and a"
            " notebook (`pip install notebook`); without it every cell is plain Python."
        ),
        _code(f"import tcpexp\n\nrun = tcpexp.load({str(run.resolve())!r})\nrun"),
        _words("What was measured, and how the run was judged:"),
        _code("run.metrics"),
        _code("run.verdicts"),
        _words("Every packet, as a polars table (`.to_pandas()` for pandas):"),
        _code('run.table("packets")'),
        _code('run.figure("cwnd")'),
        _words("The page of the run, and a run like it with another value:"),
        _code("run.show()"),
        _code(_again(spec or str(run.resolve() / "spec.yaml"), overrides, row["seed"])),
    ]
    book = {
        "cells": [{"id": f"cell-{number}", **cell} for number, cell in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(book, indent=1, ensure_ascii=False) + "\n"


def _again(spec: str, overrides: dict[str, str], seed: Any) -> str:
    given = f"another = tcpexp.run({spec!r}, set={overrides!r}, seed={seed!r})"
    return f"# {given}\n# another.verdicts"


def _words(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text.splitlines(keepends=True)}


def _code(text: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": text.splitlines(keepends=True),
    }
