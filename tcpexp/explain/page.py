"""The page of an explained capture: what was found first, then packets, panels and tables."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.checks.run import left_out_words, load_checks
from tcpexp.explain import directory
from tcpexp.explain.cards import tell
from tcpexp.plots.kit.limitlook import LIMITS, WORDS
from tcpexp.report.page import content
from tcpexp.report.page.embed import list_script, page_policy, page_style, panels_html
from tcpexp.report.page.labels import labels_html
from tcpexp.report.page.packetlist import packets_html
from tcpexp.report.page.rows import FileRow
from tcpexp.report.page.verdicts import verdict_rows
from tcpexp.report.page.write import PAGES, RESULTS, environment
from tcpexp.report.panels.build import panel_data
from tcpexp.store.rundir import write_atomic

if TYPE_CHECKING:
    from markupsafe import Markup

    from tcpexp.report.panels.model import PanelData
    from tcpexp.store.rundata import RunData

#: What no capture can show is not said to be missing on each page.
NOT_OF_CAPTURES = (
    "Queue",
    "Faults",
    "Congestion window",
    "Congestion states",
    "Kernel",
    "Smoothed RTT",
)


@dataclass(frozen=True)
class Drawn:
    """What of the page is made of tables alone, and takes longest: its panels and packet list."""

    panels: PanelData
    packets: dict[str, Markup] | None


def draw(run: RunData) -> Drawn:
    """Return the panels and the packet list of a run whose tables are all there."""
    panels = panel_data(run)
    return Drawn(panels, packets_html(run, panels))


def write_page(run: RunData, drawn: Drawn | None = None) -> Path:
    """Write ``report.html`` and return its path; ``drawn`` is what :func:`draw` returns, where that
    is known.

    Names and texts that come from captures are escaped. The same files give the same page.
    """
    text = (
        resources.files("tcpexp.explain").joinpath("explained.html.j2").read_text(encoding="utf-8")
    )
    page = environment().from_string(text).render(page_content(run, drawn))
    path = run.path / PAGES["teacher"]
    write_atomic(path, page)
    return path


def page_content(run: RunData, drawn: Drawn | None = None) -> dict[str, Any]:
    """Return the template's values."""
    import markupsafe

    drawn = drawn or draw(run)
    panels = drawn.panels
    captures = directory.read_captures_json(run.path)
    told = tell(run)
    verdicts = load_checks(run.path)
    used = {part[0] for card in told.cards for strip in card.strips for part in strip.parts}
    looks = {name: look.variable for name, look in LIMITS.items()}
    return {
        "style": markupsafe.Markup(_style()),
        "policy": page_policy(list_script()),
        "title": ", ".join(one["file"] for one in captures["files"]),
        "told": told,
        "looks": looks,
        "legend": [(WORDS[name], look) for name, look in looks.items() if name in used],
        "cast": (captures.get("cast") or {}).get("words") or [],
        "spec": run.plan.title or run.plan.name if captures.get("cast") else "",
        "verdicts": verdict_rows(verdicts),
        "counts": [
            (result, count)
            for result in RESULTS
            if (count := sum(verdict.result == result for verdict in verdicts))
        ],
        "unjudged": left_out_words(run),
        "panels": panels_html(panels),
        "absent": [row for row in panels.absent if row["what"] not in NOT_OF_CAPTURES],
        "packets": drawn.packets,
        "labels": markupsafe.Markup(labels_html(run)),
        "files": _files(run, captures),
    }


def _files(run: RunData, captures: dict[str, Any]) -> list[FileRow]:
    """Return the files beside the page, with the sha256 of the captures."""
    digests = {f"raw/{one['file']}": one["sha256"] for one in captures["files"]}
    return [{**row, "sha256": digests.get(row["name"], "")} for row in content.file_rows(run)]


def _style() -> str:
    report = resources.files("tcpexp.report")
    sheets = [report.joinpath(name) for name in ("report.css", "page/first.css")]
    sheets.append(resources.files("tcpexp.explain").joinpath("explained.css"))
    return "".join(sheet.read_text(encoding="utf-8") for sheet in sheets) + page_style()
