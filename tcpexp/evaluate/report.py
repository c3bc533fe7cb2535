"""An evaluation's ``report.html``: criteria with verdicts first, then matrix, figures, runs.

One file, offline, in the style of a run's and a study's report.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.evaluate.coverage import BBR_INSIDE, NOT_MEASURED, SECTIONS, draft_cases_of, sections_of
from tcpexp.evaluate.criteria import Judgement, Point, bounded_above, value_words
from tcpexp.evaluate.evaluation import Evaluation
from tcpexp.evaluate.expand import spec_name
from tcpexp.evaluate.figures import draw_all
from tcpexp.evaluate.matrix import Cell, names_of, paths_of
from tcpexp.report.page.figures import inline_svg
from tcpexp.report.page.write import environment
from tcpexp.report.prose import inline_html
from tcpexp.store.rundir import write_atomic
from tcpexp.studies.statistics import Interval

if TYPE_CHECKING:
    from tcpexp.evaluate.outcome import EvaluationResult

RESULTS = ("FAIL", "INCONCLUSIVE", "PASS")
#: Characters of a run's hash that name it on the page.
SHORT = 10
#: Harm from which on a cell of the matrix is the darkest.
DARKEST = 1.0


def write_report(evaluation: Evaluation, result: EvaluationResult, folder: Path) -> Path:
    """Write ``report.html`` and the figures into ``folder``; the same runs give the same page."""
    text = resources.files("tcpexp.evaluate").joinpath("evaluation.html.j2")
    path = folder / "report.html"
    page = environment().from_string(text.read_text(encoding="utf-8"))
    write_atomic(path, page.render(report_content(evaluation, result, folder)))
    return path


def report_content(
    evaluation: Evaluation, result: EvaluationResult, folder: Path
) -> dict[str, Any]:
    """Return the template's values."""
    import markupsafe

    style = resources.files("tcpexp.report").joinpath("report.css").read_text(encoding="utf-8")
    figures = draw_all(evaluation, result.collected.rows, result.cells, folder / "figures")
    results = [judgement.result for judgement in result.judgements]
    outcome = result.outcome
    return {
        "style": markupsafe.Markup(style),
        "control": evaluation.new.name,
        "about": evaluation.new.about,
        "against": " and ".join(control.name for control in evaluation.against),
        "reference": evaluation.against[0].name,
        "quick": evaluation.options.quick,
        "notes": [markupsafe.Markup(inline_html(note)) for note in result.notes],
        "counts": {
            "total": outcome.total,
            "complete": outcome.found + outcome.made,
            "failed": len(outcome.failed),
            "left": outcome.left,
        },
        "badges": [(name, results.count(name)) for name in RESULTS if name in results],
        "criteria": [_criterion(judgement) for judgement in sorted(result.judgements, key=_order)],
        "matrix": [_matrix(result.cells, path) for path in paths_of(result.cells)],
        "figures": [
            {
                "name": figure.name,
                "title": figure.title,
                "image": markupsafe.Markup(inline_svg(figure.svg, figure.title, figure.name)),
                "caption": figure.caption,
            }
            for figure in figures
        ],
        "sections": _sections(evaluation),
        "draft": _draft(evaluation),
        "runs": _runs(evaluation),
        "failed": outcome.failed,
        "without": result.collected.without,
        "identity": sorted(evaluation.identity.items()),
        "command": command_of(evaluation),
    }


def command_of(evaluation: Evaluation) -> str:
    """Return the command that makes the evaluation."""
    options = evaluation.options
    parts = ["tcpexp evaluate", evaluation.new.given]
    parts += [f"--against {','.join(control.name for control in evaluation.against)}"]
    parts += [] if options.quick else ["--full"]
    parts += [f"--kernel {options.kernel}"] if options.kernel else []
    parts += [f"--cases {','.join(options.cases)}"] if options.cases else []
    return " ".join(parts)


def _order(judgement: Judgement) -> tuple[int, tuple[int, ...], str]:
    """What failed comes first, then what is open; within that the RFC's order."""
    criterion = judgement.criterion
    section = tuple(map(int, criterion.section.split(".")))
    return RESULTS.index(judgement.result), section, criterion.id


def _criterion(judgement: Judgement) -> dict[str, Any]:
    criterion = judgement.criterion
    return {
        "id": criterion.id,
        "section": criterion.section,
        "section_title": SECTIONS[criterion.section],
        "title": criterion.title,
        "result": judgement.result,
        "reason": judgement.reason,
        "because": criterion.because,
        "rule": rule_words(judgement),
        "case": judgement.case,
        "points": [_point(judgement, point) for point in judgement.points],
    }


def rule_words(judgement: Judgement) -> str:
    """Return a criterion's threshold in words."""
    criterion = judgement.criterion
    what = (
        f"harm to {' and '.join(criterion.measure)}"
        if criterion.solo
        else " and ".join(criterion.measure)
    )
    side = "at most" if bounded_above(criterion) else "at least"
    parts = []
    if criterion.than is not None:
        words = "the incumbent's"
        if criterion.factor != 1:
            words += f" {'x' if bounded_above(criterion) else '/'} {criterion.factor:g}"
        if criterion.margin:
            sign = "+" if bounded_above(criterion) else "-"
            words += f" {sign} {_plain(judgement, criterion.margin)}"
        parts.append(words)
    if criterion.enough is not None:
        parts.append(_plain(judgement, criterion.enough))
    joined = f" or {side} ".join(parts)
    return f"{what}: {side} {joined}"


def _plain(judgement: Judgement, value: float) -> str:
    criterion = judgement.criterion
    if criterion.unit == "share":
        return f"{100 * value:g} %"
    return f"{value:g}{f' {criterion.unit}' if criterion.unit not in ('', 'bit/s') else ''}"


def _point(judgement: Judgement, point: Point) -> dict[str, Any]:
    criterion = judgement.criterion
    return {
        "measure": point.measure if len(criterion.measure) > 1 else "",
        "where": point.where,
        "old_name": point.old_name,
        "new": _interval(judgement, point.new),
        "old": _interval(judgement, point.old),
        "bound": "" if point.bound is None else value_words(criterion, point.bound),
        "result": point.result,
        "reason": point.reason,
        "runs": [key[:SHORT] for key in point.runs],
    }


def _interval(judgement: Judgement, interval: Interval | None) -> str:
    if interval is None:
        return "not measured"
    words = value_words(judgement.criterion, interval.mean)
    if interval.low is None:
        return words
    return f"{words} ± {value_words(judgement.criterion, interval.half_width)}"


def _matrix(cells: list[Cell], path: str) -> dict[str, Any]:
    names = names_of(cells)
    own = {(cell.victim, cell.neighbour): cell for cell in cells if cell.path == path}
    rows = [
        {
            "neighbour": neighbour,
            "cells": [_cell(own.get((victim, neighbour))) for victim in names],
        }
        for neighbour in names
    ]
    return {"path": path, "names": names, "rows": rows}


def _cell(cell: Cell | None) -> dict[str, Any] | None:
    if cell is None or cell.throughput is None:
        return None
    share = min(max(cell.throughput.mean, 0.0) / DARKEST, 1.0)
    return {
        "throughput": f"{cell.throughput.mean:.2f}",
        "latency": "–" if cell.latency is None else f"{cell.latency.mean:.2f}",
        "loss": "–" if cell.loss is None else f"{100 * cell.loss.mean:.2f} %",
        "shade": round(100 * share * 0.7),
        "run": cell.runs[0][:SHORT],
        "words": (
            f"{cell.victim} beside {cell.neighbour}: harm to throughput {cell.throughput.mean:.3f}"
        ),
    }


def _sections(evaluation: Evaluation) -> list[dict[str, Any]]:
    asked = sections_of(each.case for each in evaluation.cases)
    return [
        {
            "section": section,
            "title": title,
            "criteria": asked[section],
            "reason": NOT_MEASURED.get(section, "no case of it was chosen"),
        }
        for section, title in SECTIONS.items()
    ]


def _draft(evaluation: Evaluation) -> list[dict[str, Any]]:
    found = draft_cases_of(each.case for each in evaluation.cases)
    return [
        {"number": number, "name": name, "cases": ", ".join(cases) or BBR_INSIDE}
        for number, (name, cases) in enumerate(found.items(), start=1)
    ]


def _runs(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return a row for each different run: where it lies, and the command that makes it whole."""
    folder = evaluation.folder()
    there, failed = folder.finished(), folder.failures()
    rows: dict[str, dict[str, Any]] = {}
    for member, run in evaluation.runs():
        if run.key in rows:
            continue
        state = "made" if run.key in there else "failed" if run.key in failed else "not made"
        kept = folder.cell(run.key) / "run" / "report.html"
        sets = [*run.cell.overrides, *_drawn(member, run)]
        certificate = "" if state == "not made" else folder.read_cell(run.key).get("certificate")
        rows[run.key] = {
            "id": run.key[:SHORT],
            "case": member.loaded.case.name,
            "mix": member.mix.words,
            "path": run.cell.label,
            "seed": run.seed,
            "state": state,
            "certificate": certificate or "",
            "link": (
                f"../../cells/{run.key}/{'run/report.html' if kept.is_file() else 'cell.json'}"
                if state == "made"
                else ""
            ),
            "whole": kept.is_file(),
            "command": " ".join(
                [
                    f"tcpexp run specs/{spec_name(member.loaded.case.name, member.mix.words)}.yaml",
                    f"--seed {run.seed}",
                    *(f"--set '{text}'" for text in sets),
                ]
            ),
        }
    return list(rows.values())


def _drawn(member: Any, run: Any) -> list[str]:
    from tcpexp.studies.draws import drawn_overrides

    sweep = member.study.sweep
    return drawn_overrides(sweep, run.cell, run.seed)[0] if sweep.vary else []
