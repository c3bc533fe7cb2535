"""HTML for notebook cells: small tables, and the report in a frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

#: Each verdict's mark, and a colour that reads on white and on black.
MARKS = {
    "PASS": ("✓", "#2e9f5b"),
    "FAIL": ("✗", "#d9463e"),
    "INCONCLUSIVE": ("?", "#b8860b"),
    "UNSUPPORTED": ("–", "#3d8fb8"),
}
#: Height of a report in a cell, pixels.
HEIGHT = 720


class Shown:
    """Something to be seen in a notebook's cell; in a terminal its ``text``."""

    def __init__(self, html: str, text: str) -> None:
        self._html, self._text = html, text

    def _repr_html_(self) -> str:
        return self._html

    def __repr__(self) -> str:
        return self._text


def page_in_frame(page: str, title: str, height: int) -> str:
    """Return a whole HTML page as a frame of ``height`` pixels.

    The page's scripts run apart from the notebook's: they reach neither its cells nor its cookies.
    Links within the page stay in it; without a base of its own they would be the notebook's (HTML,
    "fallback base URL").
    """
    page = page.replace("<head>", '<head><base href="about:srcdoc">', 1)
    return (
        f'<iframe title="{escape(title, quote=True)}" srcdoc="{escape(page, quote=True)}"'
        ' sandbox="allow-scripts allow-popups allow-downloads"'
        f' style="width: 100%; height: {int(height)}px; border: 1px solid #8886;'
        ' border-radius: 4px; background: white"></iframe>'
    )


def table_html(head: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1) -> str:
    """Return a table whose cells are HTML; the first ``words`` columns are set left, numbers
    right.
    """

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f'<{tag} style="text-align: {"left" if index < words else "right"};'
            f' padding: 2px 10px 2px 0; vertical-align: top">{cell}</{tag}>'
            for index, cell in enumerate(row)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return (
        '<table style="border-collapse: collapse; margin: 4px 0">'
        f"<thead><tr>{cells('th', head)}</tr></thead><tbody>{body}</tbody></table>"
    )


def mark_html(result: str) -> str:
    """Return a verdict's result with its mark, in its colour."""
    mark, colour = MARKS[result]
    return f'<span style="color: {colour}; white-space: nowrap">{mark} {escape(result)}</span>'


def code_html(title: str, text: str) -> str:
    """Return a text under a heading, as it is."""
    return (
        f"<div><strong>{escape(title)}</strong>"
        '<pre style="margin: 4px 0; max-height: 30em; overflow: auto; white-space: pre-wrap">'
        f"{escape(text)}</pre></div>"
    )


def link_html(path: Path, text: str) -> str:
    """Return a link to a file of this machine."""
    return f'<a href="{escape(path.absolute().as_uri(), quote=True)}">{escape(text)}</a>'
