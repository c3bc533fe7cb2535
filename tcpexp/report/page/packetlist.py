"""The packet list's data as parts of the report's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.report.packets.build import packet_pages
from tcpexp.report.page.embed import packed_list_script, script_json

if TYPE_CHECKING:
    from markupsafe import Markup

    from tcpexp.report.panels.model import PanelData
    from tcpexp.store.rundata import RunData


def packets_html(
    run: RunData, panels: PanelData, *, only_data: bool = False
) -> dict[str, Markup] | None:
    """Return ``info`` (JSON), ``columns`` and ``script`` (base64) for ``packets.html.j2``, not to
    be escaped.

    None when nothing was captured, or when there are no panels, whose script makes the list.
    """
    import markupsafe

    if not panels.panels:
        return None
    pages = packet_pages(run, panels, only_data=only_data)
    if pages is None:
        return None
    info, columns = pages
    texts = {"info": script_json(info), "columns": columns, "script": packed_list_script()}
    return {name: markupsafe.Markup(text) for name, text in texts.items()}
