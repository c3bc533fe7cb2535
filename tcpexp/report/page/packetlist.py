"""The packet list as parts of the report's page: its section, and its data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.report.packets.build import packet_pages
from tcpexp.report.page.embed import script_json

if TYPE_CHECKING:
    from markupsafe import Markup

    from tcpexp.report.panels.model import PanelData
    from tcpexp.store.rundata import RunData

_SECTION = """\
<section id="packets" class="needs-js" hidden>
<h2>All packets</h2>
<p class="soft">Every packet of every capture, as Wireshark lists it. What is chosen here is pinned
in the panels, and the other way round. Keys: / goes to the filter; in the list arrows, Page Up and
Down, Home, End, and Enter for the header.</p>
<div class="packet-place"></div>
</section>
"""


def packets_html(run: RunData, panels: PanelData) -> dict[str, Markup] | None:
    """Return ``section`` and ``data`` (two script elements) for a template, not to be escaped.

    None when nothing was captured, or when there are no panels, whose script makes the list.
    """
    import markupsafe

    if not panels.panels:
        return None
    pages = packet_pages(run, panels)
    if pages is None:
        return None
    info, columns = pages
    data = (
        f'<script type="application/json" id="packet-info">{script_json(info)}</script>\n'
        f'<script type="text/plain" id="packet-columns">{columns}</script>'
    )
    return {"section": markupsafe.Markup(_SECTION), "data": markupsafe.Markup(data)}
