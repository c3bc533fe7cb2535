"""A hand-in as one HTML page for paper: what the PDF is printed from."""

from __future__ import annotations

from html import escape
from importlib import resources
from pathlib import Path

from tcpexp.plots.kit.writing import direction
from tcpexp.report.export.blocks import (
    Answer,
    Block,
    Code,
    Document,
    Fields,
    Grid,
    Heading,
    Items,
    Paragraph,
    Picture,
)
from tcpexp.report.export.markdown import Numbers
from tcpexp.report.prose import inline_html


def paper_html(document: Document) -> str:
    """Return the page; pictures are named by their paths, the style is within."""
    numbers = Numbers()
    style = resources.files("tcpexp.report").joinpath("export.css").read_text(encoding="utf-8")
    body = "\n".join(block_html(block, numbers) for block in document.blocks)
    turned = direction(document.title)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(document.title)}</title><style>{style}</style></head>\n"
        f"<body><header><h1{turned}>{escape(document.title)}</h1>"
        f'<p class="subtitle">{escape(document.subtitle)}</p></header>\n{body}\n</body></html>\n'
    )


def block_html(block: Block, numbers: Numbers) -> str:
    """Return one block."""
    match block:
        case Heading(text, level):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Paragraph(text, soft):
            return f"<p{' class=soft' if soft else ''}{direction(text)}>{inline_html(text)}</p>"
        case Items(texts, numbered):
            tag = "ol" if numbered else "ul"
            return (
                f"<{tag}{direction(texts[0] if texts else '')}>"
                + "".join(f"<li>{inline_html(text)}</li>" for text in texts)
                + f"</{tag}>"
            )
        case Code(text):
            return f"<pre>{escape(text)}</pre>"
        case Grid():
            return _grid(block, numbers)
        case Picture():
            return _picture(block, numbers)
        case Answer(label, lines):
            return (
                f'<div class="answer"><p>{inline_html(label)}</p><div class="room" style="height:'
                f' {lines * 0.8:.1f}cm"></div></div>'
            )
        case Fields(labels):
            return (
                '<table class="fields"><tr>'
                + "".join(f"<td><span>{escape(label)}</span></td>" for label in labels)
                + "</tr></table>"
            )


def _grid(grid: Grid, numbers: Numbers) -> str:
    def cells(texts: tuple[str, ...], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=n' if index in grid.right else ''}>{escape(str(text))}</{tag}>"
            for index, text in enumerate(texts)
        )

    caption = (
        f"<caption><b>{numbers.next('Table')}.</b> {inline_html(grid.caption)}</caption>"
        if grid.caption
        else ""
    )
    head = f"<thead><tr>{cells(grid.head, 'th')}</tr></thead>" if grid.head else ""
    rows = "\n".join(f"<tr{_mark(row)}>{cells(row, 'td')}</tr>" for row in grid.rows)
    kind = "grid" if grid.head else "grid pairs"
    return f'<table class="{kind}">{caption}{head}<tbody>\n{rows}\n</tbody></table>'


def _mark(row: tuple[str, ...]) -> str:
    """Return the class of a row that ends with a verdict."""
    known = {"PASS": "pass", "FAIL": "fail", "INCONCLUSIVE": "open", "UNSUPPORTED": "open"}
    return f' class="{known[row[-1]]}"' if row and row[-1] in known else ""


def _picture(picture: Picture, numbers: Numbers) -> str:
    source = _uri(picture.svg)
    title = "" if picture.png else f"{escape(picture.title)}. "
    return (
        f'<figure class="{escape(picture.name, quote=True)}"><img src="{source}"'
        f' alt="{escape(picture.title, quote=True)}">'
        f"<figcaption><b>{numbers.next('Figure')}.</b>"
        f" {title}{inline_html(picture.caption)}</figcaption></figure>"
    )


def _uri(path: Path) -> str:
    return escape(path.resolve().as_uri(), quote=True)
