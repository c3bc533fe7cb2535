"""The process behind :class:`tcpexp.plots.helper.DrawingHelper`: ``python -m tcpexp.plots.drawer``.

Reads questions from standard input, one JSON object per line: ``{"run": directory, "figure": file name}``. Answers each on standard
output with ``{"figure": PlottedFigure}``, ``{"left_out": LeftOut}``, or ``{}`` when anything went wrong: then whoever asked draws the figure
itself, and meets the error. Ends with its input.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.plots.helper import READY

if TYPE_CHECKING:
    from tcpexp.plots.run import WantedPlot
    from tcpexp.store.rundata import RunData


def main() -> int:
    """Answer until the input ends; 1 when drawing is not possible here or nobody listens any more."""
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a plot prints must not be taken for an answer
    try:
        from tcpexp.plots.warm import warm_up

        warm_up()
        os.write(answers, json.dumps(READY).encode() + b"\n")
        for line in sys.stdin:
            os.write(answers, json.dumps(answer_to(line)).encode() + b"\n")
    except Exception:  # the main process needs the same modules, and says what is wrong with them
        return 1
    return 0


def answer_to(line: str) -> dict[str, Any]:
    """Draw what one question asks for."""
    from tcpexp.plots.run import PlottedFigure, draw_one

    try:
        question = json.loads(line)
        run, wanted = _open(Path(question["run"]))
        outcome = draw_one(run, wanted[question["figure"]], run.path / "figures")
    except Exception:
        return {}
    return {"figure" if isinstance(outcome, PlottedFigure) else "left_out": asdict(outcome)}


@cache
def _open(run_dir: Path) -> tuple[RunData, dict[str, WantedPlot]]:
    """Return a run and its plots by file name, with those of the plugins that travel in its plan."""
    from tcpexp.catalogue import catalogue_for
    from tcpexp.plots.run import wanted_plots
    from tcpexp.store.rundata import RunData

    run = RunData(run_dir)
    return run, {each.file_name: each for each in wanted_plots(run, catalogue_for(run.plan))}


if __name__ == "__main__":
    sys.exit(main())
