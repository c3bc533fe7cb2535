"""``panel_pages(a)`` or ``panel_pages(a, b)``: panels of one run, or of two on the same axes, as
``tcpexp.mountPanels`` (``page/mount.js``) takes them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tcpexp.report.panels.build import panel_data
from tcpexp.report.panels.two import two_runs
from tcpexp.store.rundata import RunData


def panel_pages(a: RunData | Path, b: RunData | Path | None = None) -> tuple[dict[str, Any], str]:
    """Return the description (plain values for JSON) and the packed columns of ``a``'s panels.

    With ``b``, both runs are drawn over each other: the flows are then ``run A`` and ``run B``.
    Raises ``DataError`` where a table cannot be read.
    """
    first = _run(a)
    if b is None:
        return panel_data(first).pages()
    second = _run(b)
    folders = (f"{first.path.name}/", f"{second.path.name}/")
    return two_runs(panel_data(first), panel_data(second), folders).pages()


def _run(run: RunData | Path) -> RunData:
    return run if isinstance(run, RunData) else RunData(run)
