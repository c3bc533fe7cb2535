"""``report.html``: one page that holds everything a reader of a run needs, and works offline."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.checks.run import load_checks
from tcpexp.plots.kit.writing import direction
from tcpexp.plots.run import INDEX
from tcpexp.report.explanation import explanation_of
from tcpexp.report.page import content
from tcpexp.report.page.embed import page_policy, page_style, panels_html
from tcpexp.report.page.labels import labels_html
from tcpexp.report.page.network import network_svg
from tcpexp.report.page.packetlist import packets_html
from tcpexp.report.page.pagefigures import page_figures
from tcpexp.report.page.rows import FigureRow
from tcpexp.report.panels.build import panel_data
from tcpexp.report.prose import inline_html, prose_html
from tcpexp.store.rundir import write_atomic

if TYPE_CHECKING:
    import jinja2

    from tcpexp.plots.run import LeftOut
    from tcpexp.report.panels.model import Panel
    from tcpexp.store.rundata import RunData

RESULTS = ("PASS", "FAIL", "INCONCLUSIVE", "UNSUPPORTED")


def write_report(run: RunData) -> Path:
    """Write ``report.html`` from what lies in the run directory, and return its path.

    Needs the plan; everything else (verdicts, certificate, metrics, tables, manifest) is shown when
    it is there, and its absence is said. Texts from the spec, from programs and from packets are
    escaped. The same files give the same page.
    """
    page = template().render(report_content(run))
    path = run.path / "report.html"
    write_atomic(path, page)
    return path


@cache
def template() -> jinja2.Template:
    """Return the page's template; escaping is on."""
    text = (
        resources.files("tcpexp.report.page").joinpath("report.html.j2").read_text(encoding="utf-8")
    )
    return environment().from_string(text)


def environment() -> jinja2.Environment:
    """Return how templates are read: escaping on, an unknown value is an error."""
    import jinja2

    return jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def report_content(run: RunData) -> dict[str, Any]:
    """Return the template's values."""
    import markupsafe

    plan = run.plan
    verdicts = content.verdict_rows(load_checks(run.path))
    events, more_events = content.timeline_rows(run)
    commands, more_commands = content.command_rows(run)
    panels = panel_data(run)
    figures, left_out, instead = _figures(run, panels.panels)
    certificate = run.certificate
    return {
        "style": markupsafe.Markup(
            resources.files("tcpexp.report").joinpath("report.css").read_text(encoding="utf-8")
            + page_style()
        ),
        "policy": page_policy(),
        "panels": panels_html(panels),
        "packets": packets_html(run, panels),
        "absent": panels.absent,
        "title": plan.title or plan.name,
        "title_direction": markupsafe.Markup(direction(plan.title or plan.name)),
        "name": plan.name,
        "question": markupsafe.Markup(prose_html(plan.description)),
        "references": [markupsafe.Markup(inline_html(reference)) for reference in plan.references],
        "explain": markupsafe.Markup(prose_html(explanation_of(run))),
        "status": run.status,
        "error": _why_it_ended(run),
        "failures": run.failures,
        "run_id": (run.manifest or {}).get("run_id") or run.path.name,
        "verdicts": verdicts,
        "counts": [
            (result, count)
            for result in RESULTS
            if (count := sum(row["result"] == result for row in verdicts))
        ],
        "certificate": certificate.get("verdict"),
        "reasons": certificate.get("reasons") or [],
        "repeatable": certificate.get("repeatable"),
        "repeatable_why": certificate.get("repeatable_why", ""),
        "certificate_rows": content.certificate_rows(run),
        "cross_checks": content.cross_check_rows(run),
        "flows": content.flow_rows(run),
        "jain": content.fairness_words(run),
        "network": markupsafe.Markup(network_svg(plan.network)),
        "topology": plan.network.topology,
        "events": events,
        "more_events": more_events,
        "figures": figures,
        "figures_first": bool(figures) and not figures[0]["stands_in"],
        "left_out": left_out,
        "instead": instead,
        "labels": markupsafe.Markup(labels_html(run)),
        "commands": commands,
        "more_commands": more_commands,
        "provenance": content.provenance_rows(run),
        "files": content.file_rows(run),
        "repeat": content.repeat_commands(run),
        "seed": plan.seed,
    }


def _why_it_ended(run: RunData) -> str:
    manifest = run.manifest or {}
    return str(manifest.get("failure") or run.engine.get("error") or "")


def _figures(
    run: RunData, panels: list[Panel]
) -> tuple[list[FigureRow], list[LeftOut], list[Panel]]:
    """Return the plots ready to embed, those that were left out, and the panels that show the same
    as one of them.

    ``stands_in`` says of a plot that a panel shows the same: it is for print and for browsers
    without script. ``files`` are what ``--figures`` made of it.
    """
    import markupsafe

    drawn, left_out = page_figures(run)
    shown_by = {name: panel for panel in panels for name in panel.figures}
    files = _figure_files(run)
    figures: list[FigureRow] = [
        {
            "name": figure.name,
            "stands_in": figure.plot in shown_by,
            "image": markupsafe.Markup(figure.html),
            "caption": markupsafe.Markup(inline_html(figure.caption.replace("``", "`"))),
            "files": files.get(figure.name, []),
        }
        for figure in drawn
    ]
    instead = {panel.id: panel for figure in drawn if (panel := shown_by.get(figure.plot))}
    return figures, left_out, list(instead.values())


def _figure_files(run: RunData) -> dict[str, list[tuple[str, str]]]:
    """Return what kind of files there are of each figure, and their paths."""
    path = run.path / INDEX
    if not path.is_file():
        return {}
    kinds = {"SVG": "svg", "PNG": "png", "JSON": "table"}
    figures = json.loads(path.read_text(encoding="utf-8"))["figures"]
    return {
        figure["name"]: [(kind, figure[key]) for kind, key in kinds.items() if figure.get(key)]
        for figure in figures
    }
