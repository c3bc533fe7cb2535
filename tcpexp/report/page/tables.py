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
    caption = f"<caption>{escape(part.title)}</caption>" if part.title else ""
    head = "".join(
        f'<th scope="col"{_align(column)}>{escape(column.heading)}</th>' for column in part.columns
    ) + ('<th scope="col">packets</th>' if linked else "")
    rows = "\n".join(_row_html(row, part.columns, linked) for row in part.rows)
    notes = [escape(part.note)] if part.note else []
    notes += [f"Packets: {', '.join(map(packet_html, part.packets))}."] if part.packets else []
    note = f'<p class="soft">{" ".join(notes)}</p>\n' if notes else ""
    return (
        f'<div class="scroll"><table class="view">{caption}<thead><tr>{head}</tr></thead>'
        f"<tbody>\n{rows}\n</tbody></table></div>\n{note}"
    )


def _row_html(row: Row, columns: tuple[Column, ...], linked: bool) -> str:
    cells = "".join(
        f"<td{_align(column)}>{escape(cell)}</td>"
        for column, cell in zip(columns, row.cells, strict=True)
    )
    packets = f'<td class="w">{", ".join(map(packet_html, row.packets))}</td>' if linked else ""
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


def _align(column: Column) -> str:
    return ' class="n"' if column.align == "right" else ""
