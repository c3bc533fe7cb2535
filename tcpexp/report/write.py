"""``report.html``: one page that holds everything a reader of a run needs, and works offline."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.report import content
from tcpexp.report.embed import page_policy, page_style, panels_html
from tcpexp.report.figures import inline_svg
from tcpexp.report.labels import labels_html
from tcpexp.report.network import network_svg
from tcpexp.report.panels.build import panel_data
from tcpexp.report.prose import inline_html, prose_html
from tcpexp.report.tables import table_html
from tcpexp.store.rundir import write_atomic

if TYPE_CHECKING:
    import jinja2

    from tcpexp.store.rundata import RunData

RESULTS = ("PASS", "FAIL", "INCONCLUSIVE", "UNSUPPORTED")


def write_report(run: RunData) -> Path:
    """Write ``report.html`` from what lies in the run directory, and return its path.

    Needs the plan; everything else (verdicts, certificate, metrics, figures, manifest) is shown when it is there, and its absence is
    said. Texts from the spec, from programs and from packets are escaped. The same files give the same page.
    """
    page = template().render(report_content(run))
    path = run.path / "report.html"
    write_atomic(path, page)
    return path


@cache
def template() -> jinja2.Template:
    """Return the page's template; escaping is on."""
    text = resources.files("tcpexp.report").joinpath("report.html.j2").read_text(encoding="utf-8")
    return environment().from_string(text)


def environment() -> jinja2.Environment:
    """Return how templates are read: escaping on, an unknown value is an error."""
    import jinja2

    return jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def report_content(run: RunData) -> dict[str, Any]:
    """Return the template's values."""
    import markupsafe

    from tcpexp.checks.run import load_checks

    plan = run.plan
    verdicts = content.verdict_rows(load_checks(run.path))
    events, more_events = content.timeline_rows(run)
    commands, more_commands = content.command_rows(run)
    panels = panel_data(run)
    figures, left_out = _figures(run, {name for panel in panels.panels for name in panel.figures})
    certificate = run.certificate
    return {
        "style": markupsafe.Markup(resources.files("tcpexp.report").joinpath("report.css").read_text(encoding="utf-8") + page_style()),
        "policy": page_policy(),
        "panels": panels_html(panels),
        "absent": panels.absent,
        "title": plan.title or plan.name,
        "name": plan.name,
        "question": markupsafe.Markup(prose_html(plan.description)),
        "references": [markupsafe.Markup(inline_html(each)) for each in plan.references],
        "explain": markupsafe.Markup(prose_html(plan.explain)),
        "status": run.status,
        "error": _why_it_ended(run),
        "run_id": (run.manifest or {}).get("run_id") or run.path.name,
        "verdicts": verdicts,
        "counts": [(result, count) for result in RESULTS if (count := sum(row["result"] == result for row in verdicts))],
        "certificate": certificate.get("verdict"),
        "reasons": certificate.get("reasons") or [],
        "repeatable": certificate.get("repeatable"),
        "repeatable_why": certificate.get("repeatable_why", ""),
        "certificate_rows": content.certificate_rows(run),
        "flows": content.flow_rows(run),
        "jain": run.metrics.get("jain_index") if len(plan.flows) > 1 else None,
        "network": markupsafe.Markup(network_svg(plan.network)),
        "topology": plan.network.topology,
        "events": events,
        "more_events": more_events,
        "figures": figures,
        "figures_first": bool(figures) and not figures[0]["stands_in"],
        "left_out": left_out,
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


def _figures(run: RunData, on_panels: set[str]) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Return the figures that ``figures/index.json`` lists, ready to embed, and those that were left out.

    ``stands_in`` says of a figure that a panel shows the same (its name is in ``on_panels``): it is for print and for browsers without script.
    """
    import markupsafe

    from tcpexp.plots.run import INDEX

    path = run.path / INDEX
    if not path.is_file():
        return [], []
    index = json.loads(path.read_text(encoding="utf-8"))
    figures = [
        {
            **each,
            "stands_in": each["name"].split("-")[0] in on_panels,
            "image": markupsafe.Markup(_figure_html(run.path, each)),
            "caption": markupsafe.Markup(inline_html(each["caption"].replace("``", "`"))),
        }
        for each in index["figures"]
    ]
    return figures, list(index["left_out"])


def _figure_html(run_dir: Path, figure: dict[str, Any]) -> str:
    """Return a table of ``figures/index.json`` as HTML, any other figure as SVG."""
    from tcpexp.plots.table import table_from_json

    if figure.get("table"):
        return table_html(table_from_json((run_dir / figure["table"]).read_text(encoding="utf-8")), figure["title"])
    return inline_svg(run_dir / figure["svg"], figure["title"], figure["name"])
