"""What the page shows of a run: the answer, the verdicts, and the panels' data, alone or drawn over
a pinned run. Made from what lies in the run's folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.checks.run import load_checks
from tcpexp.errors import TcpexpError
from tcpexp.report.prose import inline_html, prose_html
from tcpexp.store.rundata import RunData

if TYPE_CHECKING:
    from tcpexp.checks.base import Verdict
    from tcpexp.report.panels.model import Panel

#: Metrics that changed by less (a fraction) are left out beside a pinned run; and the most shown.
THRESHOLD = 0.05
MOST_CHANGES = 12


def make_view(path: Path, pinned: Path | None = None) -> dict[str, Any]:
    """Return everything that the page shows of the run in ``path``, as plain values.

    With ``pinned`` its panels are drawn over that run's, and ``changes`` says what differs.
    Raises ``DataError``.
    """
    run = RunData(path)
    view = {**head_of(run), "panels": None, "key": None, "absent": "", "changes": None}
    try:
        view |= drawings_of(run, pinned)
    except TcpexpError as error:
        view["absent"] = str(error)
    if pinned is not None:
        view["changes"] = changes_of(RunData(pinned), run)
    return view


def drawings_of(run: RunData, pinned: Path | None) -> dict[str, Any]:
    """Return the panels of a run, alone or over a pinned one, and the figure of its answer."""
    from tcpexp.report.panels.build import panel_data
    from tcpexp.report.panels.two import two_runs

    data = panel_data(run)
    key = key_of(run, data.panels)
    if pinned is not None:
        folders = (f"{pinned.name}/", f"{run.path.name}/")
        data = two_runs(panel_data(RunData(pinned)), data, folders)
    info, columns = data.pages()
    return {"panels": {"info": info, "columns": columns}, "key": key}


def key_of(run: RunData, panels: list[Panel]) -> dict[str, str] | None:
    """Return the figure that shows the answer: one of the panels, or a drawing.

    None where the spec names none that this run has. Other plots are not drawn.
    """
    from tcpexp.report.page.pagefigures import draw_for_page, key_plot
    from tcpexp.report.prose import inline_html

    plot = key_plot(run)
    if plot is None:
        return None
    panel = next((panel for panel in panels if plot.plot.name in panel.figures), None)
    if panel is not None:
        return {"panel": panel.id, "html": "", "caption": ""}
    figure = draw_for_page(run, plot, key=True)
    if figure is None:
        return None
    return {"panel": "", "html": figure.html, "caption": inline_html(figure.caption)}


def head_of(run: RunData) -> dict[str, Any]:
    """Return a run's words: what was asked, what came out, how far it can be trusted."""
    from tcpexp.report.explanation import explanation_of
    from tcpexp.report.page.answer import answer_text, doubt

    plan, manifest, certificate = run.plan, run.manifest or {}, run.certificate
    verdicts = load_checks(run.path)
    return {
        "experiment": plan.name,
        "id": run.path.name,
        "title": plan.title or plan.name,
        "status": run.status if run.manifest else "incomplete",
        "why": str(manifest.get("failure") or run.engine.get("error") or ""),
        "seed": plan.seed,
        "where": str(manifest.get("where") or ""),
        "kernel": str((manifest.get("host") or {}).get("kernel_name") or ""),
        "question": prose_html(plan.description),
        "answer": prose_html(answer_text(run, verdicts)),
        "doubt": doubt(run, verdicts),
        "explanation": prose_html(explanation_of(run)),
        "verdicts": verdict_rows(verdicts),
        "certificate": {key: certificate.get(key) for key in ("verdict", "reasons", "repeatable")},
        "failures": [str(failure["text"]) for failure in run.failures],
        "notes": list(plan.notes),
    }


def verdict_rows(verdicts: list[Verdict]) -> list[dict[str, Any]]:
    """Return a run's verdicts, a line each."""
    return [
        {
            "result": verdict.result,
            "title": verdict.title,
            "measured": verdict.measured,
            "asked": verdict.asked,
            "reason": verdict.reason,
            "because": inline_html(verdict.because or ""),
        }
        for verdict in verdicts
    ]


def changes_of(pinned: RunData, run: RunData) -> dict[str, Any]:
    """Return what differs between a pinned run and this one: values of the spec, verdicts, and the
    numbers that changed most. The words of ``tcpexp diff``.
    """
    from tcpexp.report.diff.compare import compare_runs
    from tcpexp.report.diff.values import value_words

    comparison = compare_runs(pinned, run)
    return {
        "headline": comparison.headline(),
        "spec": [
            {"name": change.path, "a": value_words(change.before), "b": value_words(change.after)}
            for change in comparison.spec
        ],
        "verdicts": [
            {
                "name": pair.title,
                "a": pair.a.result if pair.a else "not asked",
                "b": pair.b.result if pair.b else "not asked",
            }
            for pair in comparison.verdicts
            if pair.differs
        ],
        "metrics": [
            {"name": change.path, "a": value_words(change.before), "b": value_words(change.after)}
            for change in comparison.measured(THRESHOLD)[:MOST_CHANGES]
        ],
    }
