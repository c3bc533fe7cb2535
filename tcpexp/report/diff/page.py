"""The page of a comparison: one HTML file, offline, what differs first and then both runs on the
same axes.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.plots.kit.save import save_figure
from tcpexp.report.diff.compare import Comparison, VerdictPair, capture_words
from tcpexp.report.diff.figures import LOOKS, drawn_overlays
from tcpexp.report.diff.values import Difference, value_words
from tcpexp.report.page.embed import page_policy, page_style, panels_html
from tcpexp.report.page.figures import inline_svg
from tcpexp.report.page.write import environment
from tcpexp.report.panels.build import panel_data
from tcpexp.report.panels.two import two_runs
from tcpexp.store.rundir import write_atomic
from tcpexp.views.kernel import kernel_words
from tcpexp.words.shown import change_words, size_words

if TYPE_CHECKING:
    from tcpexp.checks.base import Verdict
    from tcpexp.store.rundata import RunData


@dataclass(frozen=True)
class Section:
    """One list of differences: its heading, what is said where it is empty, and its rows."""

    id: str
    heading: str
    empty: str
    rows: list[dict[str, str]]
    remark: str = ""
    folded: bool = False


def write_diff_page(comparison: Comparison, path: Path, threshold: float) -> Path:
    """Write the page to ``path`` and return it; equal runs and thresholds give equal bytes.

    Raises ``RunError``.
    """
    write_atomic(path, diff_page(comparison, threshold))
    return path


def diff_page(comparison: Comparison, threshold: float) -> str:
    """Return the page's text."""
    text = (
        resources.files("tcpexp.report.diff").joinpath("diff.html.j2").read_text(encoding="utf-8")
    )
    return environment().from_string(text).render(page_content(comparison, threshold))


def page_content(comparison: Comparison, threshold: float) -> dict[str, Any]:
    """Return the template's values."""
    import markupsafe

    a, b = comparison.a, comparison.b
    panels = two_runs(panel_data(a), panel_data(b), (f"{a.path.name}/", f"{b.path.name}/"))
    drawn = {name for panel in panels.panels for name in panel.figures}
    return {
        "style": markupsafe.Markup(
            resources.files("tcpexp.report").joinpath("report.css").read_text(encoding="utf-8")
            + page_style()
        ),
        "policy": page_policy(),
        "panels": panels_html(panels),
        "absent": panels.absent,
        "title": (
            a.plan.title or a.plan.name
            if a.plan.name == b.plan.name
            else f"{a.plan.name} and {b.plan.name}"
        ),
        "headline": comparison.headline(),
        "same_packets": comparison.same_packets,
        "runs": [_run_row("A", a), _run_row("B", b)],
        "captures": [_capture_row(capture) for capture in comparison.captures],
        "verdicts": [_verdict_row(verdict) for verdict in comparison.verdicts],
        "verdicts_differing": sum(verdict.differs for verdict in comparison.verdicts),
        "sections": sections(comparison, threshold),
        "figures": [{**figure, "stands_in": figure["name"] in drawn} for figure in _figures(a, b)],
    }


def sections(comparison: Comparison, threshold: float) -> list[Section]:
    """Return the lists of differences, metrics first: what a reader came for before what explains
    it.
    """
    measured = comparison.measured(threshold)
    left_out = len(comparison.metrics) - len(measured)
    remark = (
        f"{left_out} more changed by at most {threshold * 100:g} %: tcpexp diff --all shows them."
        if left_out
        else ""
    )
    return [
        Section(
            "spec",
            "Spec",
            "The specs say the same.",
            _rows(comparison.spec),
            "By path, as --set takes it; values of --set are included.",
        ),
        Section(
            "metrics",
            "Metrics",
            f"No metric changed by more than {threshold * 100:g} %.",
            _rows(measured),
            remark,
        ),
        Section(
            "environment",
            "Environment",
            "The same place, clock, image, versions and machine.",
            _rows(comparison.environment),
        ),
        Section(
            "certificate",
            "Certificate",
            "The certificates say the same.",
            _rows(comparison.certificate),
        ),
        Section(
            "plan",
            "Resolved plan",
            "The plans are the same.",
            _rows(comparison.plan),
            "What the specs come to: numbers, addresses, commands.",
            True,
        ),
    ]


def _rows(found: list[Difference]) -> list[dict[str, str]]:
    return [
        {
            "path": difference.path,
            "a": value_words(difference.before),
            "b": value_words(difference.after),
            "change": change_words(difference.change),
        }
        for difference in found
    ]


def _run_row(letter: str, run: RunData) -> dict[str, str]:
    manifest = run.manifest or {}
    return {
        "letter": letter,
        "id": str(manifest.get("run_id") or run.path.name),
        "experiment": run.plan.name,
        "seed": str(run.plan.seed),
        "where": " ".join(str(manifest[key]) for key in ("where", "clock") if manifest.get(key)),
        "kernel": kernel_words(run),
        "status": run.status,
        "certificate": str(run.certificate.get("verdict") or "none"),
        "folder": str(run.path),
    }


def _capture_row(match: Any) -> dict[str, str]:
    sizes = [
        size_words(size_bytes) if size_bytes is not None else "–"
        for size_bytes in (match.bytes_a, match.bytes_b)
    ]
    return {
        "words": capture_words(match),
        "a": sizes[0],
        "b": sizes[1],
        "result": "pass" if match.result == "equal" else "fail",
    }


def _verdict_row(pair: VerdictPair) -> dict[str, Any]:
    return {
        "title": pair.title,
        "differs": pair.differs,
        "a": _verdict(pair.a),
        "b": _verdict(pair.b),
    }


def _verdict(verdict: Verdict | None) -> dict[str, str]:
    if verdict is None:
        return {"result": "", "measured": "not checked"}
    return {"result": verdict.result, "measured": verdict.measured}


def _figures(a: RunData, b: RunData) -> list[dict[str, Any]]:
    """Return the overlays, ready to embed."""
    import markupsafe

    found = []
    with tempfile.TemporaryDirectory() as folder:
        for overlay, figure in drawn_overlays({"A": a, "B": b}, LOOKS):
            svg, _ = save_figure(figure, Path(folder), overlay.name)
            found.append(
                {
                    "name": overlay.name,
                    "image": markupsafe.Markup(inline_svg(svg, overlay.title, overlay.name)),
                    "caption": overlay.caption,
                }
            )
    return found
