"""``report.html``: one page that holds everything a reader of a run needs, and works offline."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tcpexp.checks.run import left_out_words, load_checks
from tcpexp.plots.kit.writing import direction
from tcpexp.report.explanation import explanation_of
from tcpexp.report.page import content
from tcpexp.report.page.answer import answer_text, doubt
from tcpexp.report.page.embed import list_script, page_policy, page_style, panels_html
from tcpexp.report.page.keyfigure import report_figures
from tcpexp.report.page.labels import labels_html
from tcpexp.report.page.network import network_html
from tcpexp.report.page.packetlist import packets_html
from tcpexp.report.page.sections import section_links
from tcpexp.report.page.verdicts import held_words, verdict_rows
from tcpexp.report.panels.build import panel_data
from tcpexp.report.prose import inline_html, prose_html
from tcpexp.report.questions import questions_of, split_description
from tcpexp.store.rundir import write_atomic
from tcpexp.views.kernel import kernel_words

if TYPE_CHECKING:
    import jinja2

    from tcpexp.store.rundata import RunData

#: A space between a number and what it counts in.
_UNIT = re.compile(r"(?<=\d) (?=(?:s|ms|us|µs|ns|min|h|%|bytes?|[kMG]?B|[kMG]?bit/s)\b|%)")
RESULTS = ("PASS", "FAIL", "INCONCLUSIVE", "UNSUPPORTED")
#: For whom a page is: a student's leaves out what gives answers away, and asks.
Audience = Literal["teacher", "student"]
PAGES: dict[Audience, str] = {"teacher": "report.html", "student": "report-student.html"}
#: Keeps what a student writes.
ANSWERS_SCRIPT = "answers.js"
#: A setting of more letters folds on a phone.
LONG_SETTING = 120


def write_report(run: RunData, audience: Audience = "teacher") -> Path:
    """Write ``report.html`` from what lies in the run directory, and return its path.

    For a student it is ``report-student.html``: without explanation, answer and verdicts, and with
    questions to write on.

    Needs the plan; everything else (verdicts, certificate, metrics, tables, manifest) is shown when
    it is there, and its absence is said. Texts from the spec, from programs and from packets are
    escaped. The same files give the same page.
    """
    page = template().render(report_content(run, audience))
    path = run.path / PAGES[audience]
    write_atomic(path, page)
    return path


@cache
def template() -> jinja2.Template:
    """Return the page's template; escaping is on."""
    return environment().get_template("report.html.j2")


def environment() -> jinja2.Environment:
    """Return how templates are read: escaping on, an unknown value is an error.

    A template may include the parts that lie beside the report's.
    """
    import jinja2

    templates = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FunctionLoader(_part),
    )
    templates.filters["joined"] = joined
    return templates


def joined(text: str) -> str:
    """Return ``text`` with spaces that do not break between a number and its unit."""
    return _UNIT.sub("\N{NO-BREAK SPACE}", text)


def _part(name: str) -> str | None:
    """Return the text of a template beside this file, None where there is none."""
    path = resources.files("tcpexp.report.page").joinpath(name)
    return path.read_text(encoding="utf-8") if path.is_file() else None


def report_content(run: RunData, audience: Audience = "teacher") -> dict[str, Any]:
    """Return the template's values."""
    student = audience == "student"
    page = {
        **_head(run),
        **(_asked(run) if student else _answered(run)),
        **_figures_and_panels(run, only_data=student),
        **_record(run),
        "student": student,
    }
    return {**page, "sections": list(section_links(page))}


def _head(run: RunData) -> dict[str, Any]:
    """Return the values of what stands at the top of every page."""
    import markupsafe

    plan = run.plan
    setting, question = split_description(plan.description)
    return {
        "style": markupsafe.Markup(_style()),
        "title": plan.title or plan.name,
        "title_direction": markupsafe.Markup(direction(plan.title or plan.name)),
        "name": plan.name,
        "run_id": (run.manifest or {}).get("run_id") or run.path.name,
        "seed": plan.seed,
        "kernel": kernel_words(run),
        "setting": markupsafe.Markup(prose_html(setting)),
        "setting_long": len(setting) > LONG_SETTING,
        "question": markupsafe.Markup(inline_html(question)),
        "question_direction": markupsafe.Markup(direction(question)),
        "status": run.status,
        "error": _why_it_ended(run),
        "failures": run.failures,
        "own_controls": ", ".join(module.name for module in plan.modules),
        "kernel_lines": content.kernel_lines(run),
        "all_kernel_lines": run.table("kernel_log").height,
        "certificate": run.certificate.get("verdict"),
        "reasons": run.certificate.get("reasons") or [],
        "references": [markupsafe.Markup(inline_html(reference)) for reference in plan.references],
    }


def _answered(run: RunData) -> dict[str, Any]:
    """Return the values of what answers the question: sentence, verdicts, explanation."""
    import markupsafe

    verdicts = load_checks(run.path)
    return {
        "policy": page_policy(list_script()),
        "answer": markupsafe.Markup(prose_html(answer_text(run, verdicts))),
        "unborne": doubt(run, verdicts),
        "verdicts": verdict_rows(verdicts),
        "unjudged": left_out_words(run),
        "counts": [
            (result, count)
            for result in RESULTS
            if (count := sum(verdict.result == result for verdict in verdicts))
        ],
        "explain": markupsafe.Markup(prose_html(explanation_of(run))),
    }


def _asked(run: RunData) -> dict[str, Any]:
    """Return the values of what a student is asked instead, and whether the run shows what it is
    meant to.
    """
    import markupsafe

    script = _part(ANSWERS_SCRIPT) or ""
    return {
        "policy": page_policy(list_script(), script),
        "answers_script": markupsafe.Markup(script),
        "answer": "",
        "unborne": "",
        "explain": "",
        "questions": [markupsafe.Markup(inline_html(text)) for text in questions_of(run.plan)],
        "held": held_words(load_checks(run.path)),
    }


@cache
def _style() -> str:
    sheets = resources.files("tcpexp.report")
    names = ("report.css", "page/first.css")
    return "".join(sheets.joinpath(name).read_text(encoding="utf-8") for name in names) + (
        page_style()
    )


def _figures_and_panels(run: RunData, *, only_data: bool) -> dict[str, Any]:
    """Return the values of what is drawn; ``only_data`` leaves out what tables explain."""
    import markupsafe

    panels = panel_data(run)
    key, figures, left_out, instead = report_figures(run, panels.panels, only_data=only_data)
    return {
        "panels": panels_html(panels),
        "packets": packets_html(run, panels, only_data=only_data),
        "absent": panels.absent,
        "key": key,
        "figures": figures,
        "figures_first": any(not figure["stands_in"] for figure in figures[:1]),
        "left_out": left_out,
        "instead": instead,
        "network": markupsafe.Markup(network_html(run.plan)),
        "topology": run.plan.network.topology,
        "labels": markupsafe.Markup(labels_html(run, only_data=only_data)),
    }


def _record(run: RunData) -> dict[str, Any]:
    """Return the values of what was done, and of what proves it."""
    events, more_events = content.timeline_rows(run)
    commands, more_commands = content.command_rows(run)
    return {
        "flows": content.flow_rows(run),
        "jain": content.fairness_words(run),
        "events": events,
        "more_events": more_events,
        "repeatable": run.certificate.get("repeatable"),
        "repeatable_why": run.certificate.get("repeatable_why", ""),
        "certificate_rows": content.certificate_rows(run),
        "cross_checks": content.cross_check_rows(run),
        "commands": commands,
        "more_commands": more_commands,
        "provenance": content.provenance_rows(run),
        "files": content.file_rows(run),
        "repeat": content.repeat_commands(run),
    }


def _why_it_ended(run: RunData) -> str:
    manifest = run.manifest or {}
    return str(manifest.get("failure") or run.engine.get("error") or "")
