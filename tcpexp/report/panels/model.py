"""What the page's interactive panels are made of: tables of whole numbers, layers that draw them,
panels that hold layers.

``page/*.js`` draws whatever is described here and knows nothing of a run: another program may build
a :class:`PanelData` of its own, for instance to overlay two runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypedDict

from tcpexp.late import numpy as np
from tcpexp.report.panels.columns import ColumnStore

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: No value, in a column whose values are never negative.
ABSENT = -1


class Mark(TypedDict):
    """A moment that all panels show: ``t`` in ns, ``kind`` is ``action`` or ``fault``."""

    t: int
    label: str
    kind: str


#: What was in force for a while and then undone: from when to when, in ns, and what.
Band = TypedDict("Band", {"from": int, "to": int, "label": str})


class Activity(TypedDict):
    """What the strip over all panels shows of a run: a table with the columns ``t`` (where an
    interval begins), ``n`` (frames captured), ``again`` (retransmissions) and ``lost`` (packets
    that left and never arrived), and its colour.
    """

    table: str
    color: str


@dataclass(frozen=True)
class PanelColumn:
    """One column: whole numbers, and how a reader wants to see them (``value * scale`` with
    ``unit``).

    ``unit`` is one of ``ns`` (a moment or a duration), ``bytes``, ``bps``, ``count`` or free text
    such as ``segments``; a column of codes names their meanings in ``words``.
    """

    values: NDArray[np.int64]
    label: str = ""
    unit: str = "count"
    scale: float = 1.0
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class PanelTable:
    """Rows in time order. ``kind`` is ``packets`` (see :mod:`tcpexp.report.panels.packets`) or
    ``samples``; all have a column ``t`` (ns).

    ``facts`` are texts shown with each row, such as the capture that its packets come from.
    """

    name: str
    kind: str
    columns: dict[str, PanelColumn]
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Layer:
    """One thing drawn in a panel, from the ``rows`` of a table (indexes; None: all).

    ``kind``: ``line`` or ``step`` through ``y``; ``points`` at ``y``; ``bars`` from ``y`` up to
    ``y2``; ``stems`` from 0 to ``y``; ``area`` (stacked on the areas before it); ``counts`` (``y``
    summed per interval that suits the zoom); ``spans`` from ``t`` to the column ``to`` in the
    panel's ``lane``, coloured by the code in ``y`` and ``palette``; ``level`` (a horizontal
    line at ``value``).

    A packet table also has the made-up columns ``end`` (seq + len) and ``edge`` (ack + window).
    ``color`` is a CSS variable. ``flow`` lets the reader switch a flow off, ``connection`` shows
    the layer only while that connection is chosen. Layers of one panel with the same ``label`` are
    switched together; ``on`` is their state at first. ``fit`` says whether the vertical axis makes
    room for them.
    """

    label: str
    kind: str
    table: str
    color: str
    y: str = ""
    y2: str = ""
    rows: NDArray[np.int64] | None = None
    flow: str = ""
    connection: str = ""
    on: bool = True
    fit: bool = True
    marker: str = ""
    dash: tuple[int, ...] = ()
    width: float = 1.4
    value: float = 0.0
    lane: int = 0
    palette: tuple[str, ...] = ()
    help: str = ""


@dataclass(frozen=True)
class Panel:
    """A drawing with a vertical axis of its own: ``unit`` as in :class:`PanelColumn`; ``note`` is
    shown below it.

    ``figures`` names the static figures that stand in for it where there is no script, and in
    print.
    """

    id: str
    title: str
    unit: str
    layers: list[Layer]
    note: str = ""
    height: int = 220
    zero: bool = True
    lanes: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()


@dataclass(frozen=True)
class PanelData:
    """All that the panels of a page show. Times are nanoseconds from the experiment's zero.

    ``span`` is the whole duration, ``view`` where packets are, which is shown first.
    ``activity``: one row per run. ``flows``: name to CSS variable. ``connections``:
    ``{"id", "label", "flow"}``, the one shown first first. ``marks``: ``{"t", "label", "kind"}``
    with kind ``action`` or ``fault``. ``bands``: ``{"from", "to", "label"}``. ``absent``: what
    could not be drawn, and why.
    """

    span: tuple[int, int]
    view: tuple[int, int]
    flows: dict[str, str]
    connections: list[dict[str, str]]
    marks: list[Mark]
    bands: list[Band]
    tables: dict[str, PanelTable]
    panels: list[Panel]
    absent: list[dict[str, str]]
    activity: list[Activity] = field(default_factory=list)

    def pages(self) -> tuple[dict[str, Any], str]:
        """Return the description (plain values for JSON, with the places of columns) and the packed
        columns.
        """
        store = ColumnStore()
        tables = {
            name: {
                "kind": table.kind,
                "facts": table.facts,
                "columns": {
                    key: {
                        "at": store.add(column.values),
                        "label": column.label,
                        "unit": column.unit,
                        "scale": column.scale,
                        "words": list(column.words),
                    }
                    for key, column in table.columns.items()
                },
            }
            for name, table in self.tables.items()
        }
        panels = [
            {**_plain(panel), "layers": [_layer(layer, store) for layer in panel.layers]}
            for panel in self.panels
        ]
        spans = {"span": list(self.span), "view": list(self.view)}
        described = {
            **spans,
            "flows": self.flows,
            "connections": self.connections,
            "marks": self.marks,
            "bands": self.bands,
            "activity": self.activity,
        }
        return {
            "version": 2,
            **described,
            "tables": tables,
            "panels": panels,
            "absent": self.absent,
        }, store.packed()

    def without_empty(self) -> PanelData:
        """Return the same without panels that have no layer."""
        return replace(self, panels=[panel for panel in self.panels if panel.layers])


def _plain(panel: Panel) -> dict[str, Any]:
    return {
        name: getattr(panel, name)
        for name in ("id", "title", "unit", "note", "height", "zero", "lanes", "figures")
    }


def _layer(layer: Layer, store: ColumnStore) -> dict[str, Any]:
    values = dict(layer.__dict__)
    values["rows"] = None if layer.rows is None else store.add(layer.rows)
    return values
