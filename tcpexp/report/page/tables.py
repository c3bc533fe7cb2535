"""Tables that plots made (``figures/<name>.table.json``) as HTML, with links to the packets that a
row was read from.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from tcpexp.plots.kit.table import Column, Part, Row, Table
    from tcpexp.views.packets import PacketLink

#: A cell that is longer, in letters, holds a sentence; one with several makes a row a list on a
#: phone.
SENTENCE, SEVERAL = 60, 140


def table_html(table: Table, title: str = "") -> str:
    """Return the table as HTML: a heading (when there is a title), a ``<table>`` per part, notes.

    All texts are escaped.
    """
    parts = "".join(_part_html(part) for part in table.parts)
    note = f'<p class="soft">{escape(table.note)}</p>' if table.note else ""
    heading = f"<h3>{escape(title)}</h3>\n" if title else ""
    return f"{heading}{parts}{note}"


def _part_html(part: Part) -> str:
    linked = any(row.packets for row in part.rows)
    wordy = _wordy(part)
    caption = f"<caption>{escape(part.title)}</caption>" if part.title else ""
    head = "".join(
        f'<th scope="col"{_align(column, wordy=index in wordy)}>{escape(column.heading)}</th>'
        for index, column in enumerate(part.columns)
    ) + ('<th scope="col">packets</th>' if linked else "")
    rows = "\n".join(_row_html(row, part.columns, linked, wordy) for row in part.rows)
    notes = [escape(part.note)] if part.note else []
    notes += [f"Packets: {', '.join(map(packet_html, part.packets))}."] if part.packets else []
    note = f'<p class="soft">{" ".join(notes)}</p>\n' if notes else ""
    listed = any(len(cell) > SEVERAL for row in part.rows for cell in row.cells)
    kind = "view stack" if listed else "view"
    return (
        f'<div class="scroll"><table class="{kind}">{caption}<thead><tr>{head}</tr></thead>'
        f"<tbody>\n{rows}\n</tbody></table></div>\n{note}"
    )


def _wordy(part: Part) -> set[int]:
    """Return the columns that hold sentences: they need room."""
    return {
        index
        for index in range(len(part.columns))
        if any(len(row.cells[index]) > SENTENCE for row in part.rows)
    }


def _row_html(row: Row, columns: tuple[Column, ...], linked: bool, wordy: set[int]) -> str:
    cells = "".join(
        f"<td{_align(column, wordy=index in wordy)}{_head(column.heading, wordy)}>"
        f"{escape(cell)}</td>"
        for index, (column, cell) in enumerate(zip(columns, row.cells, strict=True))
    )
    packets = (
        f'<td class="links"{_head("packets", wordy)}>'
        f"{', '.join(map(packet_html, row.packets))}</td>"
        if linked
        else ""
    )
    shade = ' class="shaded"' if row.shaded else ""
    return f"<tr{shade}>{cells}{packets}</tr>"


def packet_html(link: PacketLink) -> str:
    """Return a link to the capture that holds the packet; on a page with a packet list its script
    makes it one to the packet.

    Its title is the command that opens the capture there.
    """
    path = f"raw/{link.capture}.pcap"
    command = escape(f"wireshark -g {link.number} {path}", quote=True)
    words = f"{escape(link.capture)} #{link.number}"
    return (
        f'<a href="{quote(path)}" data-capture="{escape(link.capture, quote=True)}"'
        f' data-packet="{link.number}" title="{command}">{words}</a>'
    )


def _align(column: Column, *, wordy: bool) -> str:
    if wordy:
        return ' class="words"'
    return ' class="n"' if column.align == "right" else ""


def _head(heading: str, wordy: set[int]) -> str:
    """Return a cell's heading, for tables whose rows become lists on a phone."""
    return f' data-head="{escape(heading, quote=True)}"' if wordy else ""
