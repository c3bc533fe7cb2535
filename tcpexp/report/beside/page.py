"""The page of several runs: one table, and every flow of all runs on the same axes."""

from __future__ import annotations

import tempfile
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.plots.kit.look import DASHES, PALETTE
from tcpexp.plots.kit.save import save_figure
from tcpexp.report.diff.figures import drawn_overlays
from tcpexp.report.page.embed import page_policy
from tcpexp.report.page.figures import inline_svg
from tcpexp.report.page.write import environment
from tcpexp.store.rundir import write_atomic
from tcpexp.views.kernel import kernel_words

if TYPE_CHECKING:
    from tcpexp.report.beside.compare import Beside
    from tcpexp.store.rundata import RunData


def write_beside_page(beside: Beside, path: Path) -> Path:
    """Write the page to ``path`` and return it; equal runs give equal bytes.

    Raises ``RunError``.
    """
    write_atomic(path, beside_page(beside))
    return path


def beside_page(beside: Beside) -> str:
    """Return the page's text."""
    package = resources.files("tcpexp.report.beside")
    text = package.joinpath("beside.html.j2").read_text(encoding="utf-8")
    return environment().from_string(text).render(_content(beside))


def looks_of(names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Return how each run's lines look: a colour and a dash of its own."""
    return {
        name: {
            "color": PALETTE[number % len(PALETTE)],
            "linestyle": DASHES[number % len(DASHES)],
            "linewidth": 1.4,
        }
        for number, name in enumerate(names)
    }


def _content(beside: Beside) -> dict[str, Any]:
    import markupsafe

    style = resources.files("tcpexp.report").joinpath("report.css").read_text(encoding="utf-8")
    return {
        "style": markupsafe.Markup(style),
        "policy": page_policy(),
        "title": beside.title,
        "headline": beside.headline(),
        "names": beside.names,
        "runs": [_run(name, run) for name, run in zip(beside.names, beside.runs, strict=True)],
        "groups": [
            ("Checks", [_line(row) for row in beside.checks]),
            ("Flows", [_line(row) for row in beside.flows]),
            ("Metrics that differ most", [_line(row) for row in beside.metrics]),
        ],
        "more": beside.more_metrics,
        "figures": list(_figures(beside)),
    }


def _line(row: Any) -> dict[str, Any]:
    results = row.results or ("",) * len(row.cells)
    return {
        "name": row.name,
        "differs": row.differs,
        "cells": list(zip(results, row.cells, strict=True)),
    }


def _run(name: str, run: RunData) -> dict[str, str]:
    manifest = run.manifest or {}
    return {
        "name": name,
        "kernel": kernel_words(run),
        "id": str(manifest.get("run_id") or run.path.name),
        "seed": str(run.plan.seed),
        "where": " ".join(str(manifest[key]) for key in ("where", "clock") if manifest.get(key)),
        "certificate": str(run.certificate.get("verdict") or "none"),
        "folder": str(run.path),
    }


def _figures(beside: Beside) -> list[dict[str, Any]]:
    import markupsafe

    runs = dict(zip(beside.names, beside.runs, strict=True))
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for overlay, figure in drawn_overlays(runs, looks_of(beside.names)):
            svg, _ = save_figure(figure, Path(folder), overlay.name)
            image = markupsafe.Markup(inline_svg(svg, overlay.title, overlay.name))
            found.append({"name": overlay.name, "image": image, "caption": overlay.caption})
    return found
