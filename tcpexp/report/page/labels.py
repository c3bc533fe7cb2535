"""The report's section on Wireshark's labels: the table of the plot ``label_table``, whatever plots
a spec names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.plots.label_table import label_table
from tcpexp.report.page.tables import table_html

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


def labels_html(run: RunData, *, only_data: bool = False) -> str:
    """Return the table as HTML, empty when no packet carries a label.

    ``only_data`` leaves out what the labels mean.
    """
    table = label_table(run, {})
    if table is None:
        return ""
    return table_html(table.only_data() if only_data else table)
