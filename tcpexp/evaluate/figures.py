"""An evaluation's figures: use against queue, completion times, harm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tcpexp.evaluate.evaluation import Evaluation, Row
from tcpexp.evaluate.matrix import Cell, names_of, paths_of
from tcpexp.plots.kit.look import SOFT_INK, series_of
from tcpexp.plots.kit.save import save_figure
from tcpexp.plots.kit.style import WIDTH, house_style, panel_title

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class EvaluationFigure:
    """A figure on disk: its name, heading, caption and SVG file."""

    name: str
    title: str
    caption: str
    svg: Path


def draw_all(
    evaluation: Evaluation, rows: Sequence[Row], cells: Sequence[Cell], folder: Path
) -> list[EvaluationFigure]:
    """Draw what there are runs for, as SVG and PNG in ``folder``."""
    wanted: tuple[tuple[str, str, str, Callable[[], Figure | None]], ...] = (
        ("harm", "Harm to each control beside each other", HARM, lambda: draw_harm(cells)),
        ("alone", "One flow alone: use and queue", ALONE, lambda: draw_alone(evaluation, rows)),
        ("completion", "Completion times", COMPLETION, lambda: draw_completion(evaluation, rows)),
    )
    folder.mkdir(parents=True, exist_ok=True)
    figures = []
    for name, title, caption, draw in wanted:
        with house_style(f"evaluation-{name}"):
            figure = draw()
            if figure is not None:
                svg, _ = save_figure(figure, folder, name)
                figures.append(EvaluationFigure(name, title, caption, svg))
    return figures


HARM = (
    "A bar for each neighbour: what the victim named below loses of the goodput that it has alone"
    " (Ware et al.: (solo - beside) / solo). With an equal share it is 0.5. Lines are 95 %"
    " intervals of the mean over the seeds."
)
ALONE = (
    "A point for each path. Good is top left: the whole path used, and hardly a queue. The queue is"
    " in round-trip times of the empty path."
)
COMPLETION = (
    "The share of flows that are complete after a time. Each line is a workload in one mix of"
    " controls; further left is quicker. A flow that did not end counts with the time that it had."
)


def draw_harm(cells: Sequence[Cell]) -> Figure | None:
    """Return grouped bars of the harm to throughput, a panel for each path."""
    from matplotlib.figure import Figure

    cells = [cell for cell in cells if cell.throughput is not None]
    if not cells:
        return None
    names, paths = names_of(cells), paths_of(cells)
    looks = series_of(names)
    columns = min(len(paths), 2)
    rows = -(-len(paths) // columns)
    figure = Figure(figsize=(WIDTH, 3.0 * rows + 0.5), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel().tolist()
    width = 0.8 / len(names)
    for axes, path in zip(grid, paths, strict=False):
        panel_title(axes, path)
        for place, neighbour in enumerate(names):
            own = {
                cell.victim: cell.throughput
                for cell in cells
                if cell.path == path and cell.neighbour == neighbour
            }
            xs = [
                number + (place - (len(names) - 1) / 2) * width
                for number, victim in enumerate(names)
                if own.get(victim) is not None
            ]
            found = [interval for victim in names if (interval := own.get(victim)) is not None]
            axes.bar(
                xs,
                [interval.mean for interval in found],
                width * 0.92,
                color=looks[neighbour].color,
                label=f"beside {neighbour}",
                zorder=2,
            )
            for x, interval in zip(xs, found, strict=True):
                if interval.low is not None and interval.high is not None:
                    axes.vlines(x, interval.low, interval.high, color=SOFT_INK, lw=1.1, zorder=3)
        axes.set_xticks(range(len(names)), names)
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.axhline(0.5, color=SOFT_INK, linestyle=":", linewidth=1, zorder=1)
        axes.set_ylim(bottom=min(0, *(axes.get_ylim())))
    for unused in grid[len(paths) :]:
        unused.remove()
    grid[0].set_ylabel("harm to throughput")
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(6, len(names)))
    return figure


def draw_alone(evaluation: Evaluation, rows: Sequence[Row]) -> Figure | None:
    """Return use over queueing delay in round-trip times, a point for each path of ``single``."""
    from matplotlib.figure import Figure

    from tcpexp.spec.expressions import number_of

    own = [row for row in rows if row.case == "single" and row.values.get("used") is not None]
    if not own:
        return None
    names = {"new": evaluation.new.name, "old": evaluation.against[0].name}
    looks = series_of(dict.fromkeys(names.values()))
    figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
    axes = figure.subplots()
    for mix, name in names.items():
        points = []
        for row in own:
            rtt_s = number_of(dict(row.path).get("rtt", ""))
            waiting, used = row.values.get("waiting"), row.values.get("used")
            if row.mix == mix and rtt_s and waiting is not None and used is not None:
                points.append((waiting / 1e3 / rtt_s, 100 * used))
        if points:
            look = looks[name]
            xs, ys = zip(*points, strict=True)
            axes.scatter(xs, ys, color=look.color, marker=look.marker, s=34, label=name)
    axes.set_ylim(min(80.0, axes.get_ylim()[0]), 102)
    axes.set_xlim(left=0)
    axes.set_xlabel("mean queueing delay (round-trip times of the empty path)")
    axes.set_ylabel("share of the path that is used (%)")
    axes.legend(loc="lower right")
    return figure


def draw_completion(evaluation: Evaluation, rows: Sequence[Row]) -> Figure | None:
    """Return distributions of completion times, a panel for each case that has some."""
    from matplotlib.figure import Figure

    cases = [
        loaded.case
        for loaded in evaluation.cases
        if loaded.case.completions and any(row.case == loaded.case.name for row in rows)
    ]
    if not cases:
        return None
    figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
    grid = figure.subplots(1, len(cases), squeeze=False, sharey=True).ravel().tolist()
    words = {(m.loaded.case.name, m.mix.name): m.mix.words for m in evaluation.members}
    for axes, case in zip(grid, cases, strict=True):
        panel_title(axes, case.title)
        groups: dict[str, list[float]] = {}
        for row in rows:
            if row.case == case.name:
                for times in row.times.values():
                    groups.setdefault(words.get((row.case, row.mix), row.mix), []).extend(times)
        for (label, values), look in zip(groups.items(), series_of(groups).values(), strict=True):
            ordered = sorted(values)
            shares = [100 * (number + 1) / len(ordered) for number in range(len(ordered))]
            axes.step(
                ordered, shares, where="post", color=look.color, linestyle=look.dash, label=label
            )
        axes.set_xscale("log")
        axes.set_xlabel("completion time (ms)")
        axes.legend(loc="lower right", fontsize=7.5)
    grid[0].set_ylabel("flows complete (%)")
    return figure
