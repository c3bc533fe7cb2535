"""What the page is made of: its own scripts and styles, the editor, and the report's panels."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib import resources

from tcpexp.report.page.embed import page_script, page_style

#: The editor that is embedded unchanged (``vendor/README.md``).
EDITOR = "codemirror.min.js"
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@cache
def assets() -> dict[str, tuple[bytes, str]]:
    """Return every file that the page may ask for: bytes and type by name."""
    room = resources.files("tcpexp.lab")
    editor = room.joinpath("vendor", EDITOR)
    files = [path for path in room.joinpath("page").iterdir() if _suffix(path.name) in TYPES]
    return {
        "panels.js": (page_script().encode(), TYPES[".js"]),
        "panels.css": ((colours() + page_style()).encode(), TYPES[".css"]),
        **{path.name: (path.read_bytes(), TYPES[_suffix(path.name)]) for path in (*files, editor)},
    }


def _suffix(name: str) -> str:
    return f".{name.rpartition('.')[2]}"


def colours() -> str:
    """Return the report's colours, light and dark, as its style sheet names them."""
    text = resources.files("tcpexp.report").joinpath("report.css").read_text(encoding="utf-8")
    light = re.search(r":root \{[^}]*\}", text)
    dark = re.search(r"@media \(prefers-color-scheme: dark\) \{\s*:root \{[^}]*\}\s*\}", text)
    assert light is not None and dark is not None, "report.css has no colours"
    return f"{light[0]}\n{dark[0]}\n"


@cache
def version() -> str:
    """Return what changes with any file: part of their addresses, so browsers may keep them."""
    digest = hashlib.sha256()
    for name, (content, _) in sorted(assets().items()):
        digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest()[:16]


@cache
def page() -> str:
    """Return the laboratory's page."""
    return _page("lab.html")


@cache
def door() -> str:
    """Return the page that asks a student's name."""
    return _page("door.html")


def _page(name: str) -> str:
    text = resources.files("tcpexp.lab").joinpath("page", name).read_text(encoding="utf-8")
    return text.replace("{static}", f"static/{version()}")
