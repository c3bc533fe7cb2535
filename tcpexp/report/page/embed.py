"""The panels as parts of an HTML page: description, columns, script and style, and the policy that
lets nothing else run or load.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from tcpexp.report.panels.model import PanelData

#: In this order: each file uses what those before it have defined.
SCRIPTS = (
    "vendor/uPlot.iife.min.js",
    "columns.js",
    "words.js",
    "paint.js",
    "panel.js",
    "group.js",
    "controls.js",
    "overview.js",
    "touch.js",
    "mount.js",
    "packetstart.js",
    "start.js",
)
#: The packet list's: compressed in the page, until the list is looked at.
LIST_SCRIPTS = (
    "packets.js",
    "filter.js",
    "packetheader.js",
    "packetrows.js",
    "packettabs.js",
    "packetlist.js",
)
STYLES = ("vendor/uPlot.min.css", "panels.css", "packets.css")


#: A comment before a function, by itself on its lines.
_COMMENT = re.compile(r"^ */\*\*.*?\*/$", re.M | re.S)


@dataclass(frozen=True)
class EmbeddedPanels:
    """Texts that may stand between script tags as they are: ``info`` (JSON), ``columns`` (base64),
    ``script``.
    """

    info: str
    columns: str
    script: str


def embed_panels(data: PanelData) -> EmbeddedPanels:
    """Return the panels as ``page/start.js`` reads them from a page's script elements."""
    info, columns = data.pages()
    return EmbeddedPanels(script_json(info), columns, page_script())


def script_json(values: dict[str, Any]) -> str:
    """Return values as JSON that may stand in a script element: there only ``</script`` and
    ``<!--`` mean something, and no ``<`` is left.
    """
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def panels_html(data: PanelData) -> dict[str, Any] | None:
    """Return the panels' texts for a template, not to be escaped.

    None when there is nothing to draw.
    """
    import markupsafe

    if not data.panels:
        return None
    return {name: markupsafe.Markup(text) for name, text in embed_panels(data).__dict__.items()}


@cache
def page_script() -> str:
    """Return the library and our scripts, one after the other; of ours without comments and
    indentation, which a page need not carry.
    """
    return "\n".join(_script(name) for name in SCRIPTS) + "\n"


@cache
def list_script() -> str:
    """Return the packet list's scripts, one after the other."""
    return "\n".join(_script(name) for name in LIST_SCRIPTS) + "\n"


@cache
def packed_list_script() -> str:
    """Return them as text: gzip, then base64, as columns are."""
    return base64.b64encode(gzip.compress(list_script().encode("utf-8"), mtime=0)).decode("ascii")


def _script(name: str) -> str:
    text = _read(name).strip()
    if name.startswith("vendor/"):
        return text
    lines = (line.strip() for line in _COMMENT.sub("", text).splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


@cache
def page_style() -> str:
    """Return the style sheets of the library and the panels."""
    return "\n".join(_read(name).strip() for name in STYLES) + "\n"


def page_policy(*more: str) -> str:
    """Return the page's Content-Security-Policy: no request goes anywhere, and no script but ours
    runs (W3C CSP Level 3). ``more`` are scripts that stand beside the panels'.
    """
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in (page_script(), *more))
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src"
        " data:; font-src data:"
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")


def _read(name: str) -> str:
    return resources.files("tcpexp.report.page").joinpath(*name.split("/")).read_text("utf-8")
