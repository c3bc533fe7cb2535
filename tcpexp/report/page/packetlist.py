"""The packet list's data as parts of the report's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.report.packets.build import packet_pages
from tcpexp.report.page.embed import script_json

if TYPE_CHECKING:
    from markupsafe import Markup

    from tcpexp.report.panels.model import PanelData
    from tcpexp.store.rundata import RunData


def packets_html(
    run: RunData, panels: PanelData, *, only_data: bool = False
) -> dict[str, Markup] | None:
    """Return ``info`` (JSON) and ``columns`` (base64) for ``packets.html.j2``, not to be escaped.

    None when nothing was captured, or when there are no panels, whose script makes the list.
    ``only_data`` leaves out what the expert summary and the filter say that labels mean.
    """
    import markupsafe

    if not panels.panels:
        return None
    pages = packet_pages(run, panels)
    if pages is None:
        return None
    info, columns = pages
    if only_data:
        for capture in info["captures"]:
            capture["expert"] = [{**row, "meaning": ""} for row in capture["expert"]]
        info["fields"] = [
            [*field[:-1], ""] if field[0][0].startswith("tcp.analysis.") else field
            for field in info["fields"]
        ]
    return {"info": markupsafe.Markup(script_json(info)), "columns": markupsafe.Markup(columns)}
