"""Run times and pictures of the page of experiments, taken from runs.

They are kept in docs/reference/experiments.json and docs/images/experiments/, so that the page can
be made again without any run.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tcpexp import paths

DOCS = Path(__file__).resolve().parents[2] / "docs"
#: Largest picture that is kept, in bytes, and its width in pixels. A figure higher than it is wide
#: is cut off below.
MOST_BYTES = 40_000
WIDTH = 560
COLOURS = 32


def picture_path(docs: Path, name: str) -> Path:
    """Return where an experiment's picture is, if it has one."""
    return docs / "images" / "experiments" / f"{name}.png"


def read_measured(docs: Path) -> dict[str, Any]:
    """Return what was measured: ``total_s``, seconds of wall time by experiment, and
    ``processors``, of the machine.
    """
    file = docs / "reference" / "experiments.json"
    measured: dict[str, Any] = (
        json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {"total_s": {}}
    )
    return measured


def take_runs(rows: list[dict[str, Any]], docs: Path) -> None:
    """Keep the run time and a picture of every complete run of a shipped experiment in the guest.

    ``rows`` is what ``run --json`` printed.
    """
    measured = read_measured(docs)
    shipped = {path.stem for path in paths.shipped_specs()}
    for row in rows:
        if (
            row["status"] != "complete"
            or row["experiment"] not in shipped
            or row["clock"] != "virtual"
        ):
            continue
        measured["total_s"][row["experiment"]] = round(row["timing"]["total_s"], 1)
        keep_picture(Path(row["run"]), picture_path(docs, row["experiment"]))
    measured["total_s"] = {
        name: value for name, value in measured["total_s"].items() if name in shipped
    }
    measured["processors"] = len(os.sched_getaffinity(0))
    (docs / "reference" / "experiments.json").write_text(
        json.dumps(measured, indent=1, sort_keys=True) + "\n", encoding="utf-8"
    )


def keep_picture(run: Path, target: Path) -> None:
    """Keep the run's first figure as a small picture in ``target``.

    None where there is no figure or it is too large.
    """
    target.unlink(missing_ok=True)
    figure = first_figure(run)
    if figure is None:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shrink(figure, target)
    if target.stat().st_size > MOST_BYTES:
        target.unlink()


def first_figure(run: Path) -> Path | None:
    """Return the file of the first of the spec's plots that was drawn."""
    plots = json.loads((run / "plan.json").read_text(encoding="utf-8"))["plots"]
    named = [run / "figures" / f"{next(iter(plot))}.png" for plot in plots if plot]
    return next(
        (path for path in (*named, *sorted((run / "figures").glob("*.png"))) if path.is_file()),
        None,
    )


def shrink(figure: Path, target: Path) -> None:
    """Write a figure, 560 pixels wide and at most as high, with few colours."""
    from PIL import Image

    drawn = Image.open(figure).convert("RGBA")
    page = Image.new("RGB", drawn.size, "white")
    page.paste(drawn, mask=drawn.getchannel("A"))
    page = page.crop((0, 0, page.width, min(page.height, page.width)))
    small = page.resize((WIDTH, round(page.height * WIDTH / page.width)), Image.Resampling.LANCZOS)
    small.quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)
