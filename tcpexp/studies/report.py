"""A study's ``report.html``: question, verdicts, figures, the table of combinations.

One file, offline, in the style of a run's report.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.report.page.figures import inline_svg
from tcpexp.report.page.write import environment
from tcpexp.report.prose import inline_html, prose_html
from tcpexp.spec.quotes import without_run
from tcpexp.store.rundir import write_atomic
from tcpexp.studies.figures import StudyFigure
from tcpexp.studies.figurewords import label_of, scale_of
from tcpexp.studies.series import interval_words
from tcpexp.studies.statistics import Interval, mean_interval
from tcpexp.words.shown import number_words

if TYPE_CHECKING:
    import polars as pl

    from tcpexp.batch.folder import StudyFolder
    from tcpexp.studies.outcome import StudyOutcome
    from tcpexp.studies.study import Study

#: More combinations than this are left to the tables on disk.
MOST_ROWS = 400
#: So many combinations can stand beside each other.
MOST_COLUMNS = 6


def write_study_report(
    study: Study,
    runs: pl.DataFrame,
    folder: StudyFolder,
    outcome: StudyOutcome,
    figures: list[StudyFigure],
) -> Path:
    """Write ``report.html`` and return its path; the same runs give the same page.

    Texts from the spec are escaped.
    """
    text = resources.files("tcpexp.studies").joinpath("study.html.j2").read_text(encoding="utf-8")
    path = folder.path / "report.html"
    write_atomic(
        path, environment().from_string(text).render(report_content(study, runs, outcome, figures))
    )
    return path


def report_content(
    study: Study, runs: pl.DataFrame, outcome: StudyOutcome, figures: list[StudyFigure]
) -> dict[str, Any]:
    """Return the template's values."""
    import markupsafe

    spec = study.spec
    heads, rows = _table(study, runs)
    results = [verdict.result for verdict in outcome.verdicts]
    return {
        "style": markupsafe.Markup(
            resources.files("tcpexp.report").joinpath("report.css").read_text(encoding="utf-8")
        ),
        "title": spec.title or spec.name,
        "name": study.name,
        "question": markupsafe.Markup(prose_html(spec.description.strip())),
        "explain": markupsafe.Markup(prose_html(without_run(spec.explain.strip()))),
        "references": [markupsafe.Markup(inline_html(reference)) for reference in spec.references],
        "quick": study.options.quick,
        "counts": {
            "runs": outcome.total,
            "complete": int((runs["status"] == "complete").sum()),
            "failed": len(outcome.failed),
            "left": outcome.left,
        },
        "badges": [
            (result, results.count(result))
            for result in ("PASS", "FAIL", "INCONCLUSIVE")
            if result in results
        ],
        "verdicts": outcome.verdicts,
        "figures": [_figure(figure) for figure in figures],
        "parameters": _parameters(study),
        "heads": heads,
        "rows": rows,
        "more": max(len(study.cells) - MOST_ROWS, 0),
        "failed": outcome.failed,
        "suspect": _suspect(runs),
        "identity": sorted(study.identity.items()),
        "tables": outcome.tables_sha256,
        "repeats": study.repeats,
        "seeds": (
            f"{spec.seed} to {spec.seed + study.repeats - 1}"
            if study.repeats > 1
            else str(spec.seed)
        ),
        "command": f"tcpexp sweep {spec.name}{' --quick' if study.options.quick else ''}",
    }


def _figure(figure: StudyFigure) -> dict[str, Any]:
    import markupsafe

    return {
        "name": figure.name,
        "image": markupsafe.Markup(inline_svg(figure.svg, figure.title, figure.name)),
        "caption": markupsafe.Markup(inline_html(figure.caption)),
    }


def _parameters(study: Study) -> list[tuple[str, str, str, str]]:
    """Return (name, words, values, what it sets) of each parameter, and of each value that the
    repetitions draw.
    """
    rows = []
    for name, parameter in study.sweep.parameters.items():
        values = list(dict.fromkeys(str(cell.written[name]) for cell in study.cells))
        words = (
            ", ".join(values)
            if len(values) <= 12
            else f"{', '.join(values[:5])} ... {values[-1]} ({len(values)} values)"
        )
        rows.append(
            (
                name,
                parameter.label,
                f"= {parameter.is_}: {words}" if parameter.is_ is not None else words,
                ", ".join(parameter.set),
            )
        )
    for name, drawn in study.sweep.vary.items():
        rows.append(
            (
                name,
                drawn.label,
                f"drawn anew in each repetition, from {drawn.from_} to {drawn.to}",
                ", ".join(drawn.set),
            )
        )
    return rows


def _table(study: Study, runs: pl.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Return the headings and the rows of the table of combinations.

    A row is a combination. Where there are few of them and many measures, it is a measure, so that
    the combinations stand beside each other.
    """
    heads, rows = _heads(study), _rows(study, runs)
    if len(rows) > MOST_COLUMNS or len(heads) <= 2 * MOST_COLUMNS:
        return heads, rows
    first, *others = zip(heads, *rows, strict=True)
    return list(first), [list(row) for row in others]


def _heads(study: Study) -> list[str]:
    return [
        *study.sweep.parameters,
        "runs",
        *(label_of(study, name) for name in study.sweep.measures),
    ]


def _rows(study: Study, runs: pl.DataFrame) -> list[list[str]]:
    """Return a row per combination: its values, how many of its runs are complete, mean and
    interval of each measure.
    """
    rows: list[list[str]] = []
    for (number,), cell_runs in runs.sort("run").group_by("cell", maintain_order=True):
        if len(rows) == MOST_ROWS:
            break
        cell = study.cells[int(str(number))]
        complete = int((cell_runs["status"] == "complete").sum())
        values = [_number_of(cell.written[name]) for name in study.sweep.parameters]
        rows.append(
            [
                *values,
                f"{complete} of {cell_runs.height}",
                *(_measure(study, cell_runs, name) for name in study.sweep.measures),
            ]
        )
    return rows


def _number_of(written: Any) -> str:
    return number_words(written) if isinstance(written, float) else str(written)


def _measure(study: Study, runs: pl.DataFrame, name: str) -> str:
    divisor, _ = scale_of(study, name)
    interval = mean_interval([value / divisor for value in runs[name].drop_nulls()])
    return (
        "–"
        if interval is None
        else interval_words(Interval(interval.mean, interval.low, interval.high, interval.count))
    )


def _suspect(runs: pl.DataFrame) -> int:
    return int(((runs["status"] == "complete") & (runs["certificate"] != "VALID")).sum())
