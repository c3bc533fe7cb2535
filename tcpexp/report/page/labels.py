"""The report's section on Wireshark's labels: the table of the plot ``label_table``, whatever plots
a spec names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.plots.label_table import label_table
from tcpexp.report.page.tables import table_html

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


def labels_html(run: RunData) -> str:
    """Return the table as HTML, empty when no packet carries a label."""
    table = label_table(run, {})
    return table_html(table) if table is not None else ""
