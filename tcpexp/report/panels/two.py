"""The panels of two runs on the same axes: each panel holds what both show of one flow, one queue
or one connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from tcpexp.report.panels.model import Band, Layer, Mark, Panel, PanelData, PanelTable

#: The runs, as the page's switches name them, and how they look: A is broad, so that B, thin and on
#: top, shows it where they are equal.
RUNS: dict[str, tuple[str, float]] = {"run A": ("--s1", 2.8), "run B": ("--s2", 1.2)}
#: Panels that are drawn once per flow, and the layers of them that two runs are compared by; those
#: that are off at first.
PER_FLOW = {
    "throughput": ("goodput",),
    "cwnd": ("cwnd", "ssthresh", "loss event"),
    "rtt": ("RTT samples", "smoothed RTT (kernel)"),
}
#: What limits both: of each panel it is kept, as a level or in steps.
LIMITS = ("sum of the delays", "bottleneck rate")
SEQUENCE = ("ACK line", "data", "retransmission", "duplicate ACK", "lost on the way")
OFF = ("ssthresh", "smoothed RTT (kernel)", "duplicate ACK")
#: An action of both runs whose times differ by less is marked once.
SAME_TIME_NS = 10_000_000
Moment = TypeVar("Moment", Mark, Band)
#: Flows beyond are left out, and ``absent`` says so.
MOST_FLOWS = 6


def two_runs(a: PanelData, b: PanelData, folders: tuple[str, str] = ("", "")) -> PanelData:
    """Return one page's panels of two runs; the reader switches each run as a flow named ``run A``
    or ``run B``.

    Flows are paired by name, connections by flow and turn (most payload first), queues by name.
    ``folders`` are the runs' folders, as commands for Wireshark are to name them. Times count from
    each run's own zero.
    """
    runs = {
        name: _renamed(data, name, folder)
        for (name, data), folder in zip(zip(RUNS, (a, b), strict=True), folders, strict=True)
    }
    flows = list(dict.fromkeys(flow for data in (a, b) for flow in data.flows))
    connections, layers = _connections(runs)
    panels = [_panel(runs, "sequence", layers)] if layers else []
    for id, labels in PER_FLOW.items():
        for flow in flows[:MOST_FLOWS]:
            both = [layer for name in RUNS for layer in _layers(runs[name], id, name, labels)]
            if any(owner == flow for owner, _ in both):
                mine = [layer for owner, layer in both if owner in ("", flow)]
                panels.append(_panel(runs, id, mine, flow if len(flows) > 1 else ""))
    queues = [layer for name in RUNS for _, layer in _layers(runs[name], "queue", name, None)]
    panels += [_panel(runs, "queue", queues)] if queues else []
    absent = [
        {"what": f"{name}: {row['what']}", "why": row["why"]}
        for name, data in zip(RUNS, (a, b), strict=True)
        for row in data.absent
    ]
    if len(flows) > MOST_FLOWS:
        absent.append(
            {
                "what": f"{len(flows) - MOST_FLOWS} more flows",
                "why": f"a page compares at most {MOST_FLOWS}",
            }
        )
    return PanelData(
        span=(0, max(a.span[1], b.span[1])),
        view=(min(a.view[0], b.view[0]), max(a.view[1], b.view[1])),
        flows={name: color for name, (color, _) in RUNS.items()},
        connections=connections,
        marks=_either(a.marks, b.marks, lambda mark: mark["t"]),
        bands=_either(a.bands, b.bands, lambda band: band["from"]),
        tables=_used(runs, panels),
        panels=panels,
        absent=absent,
        activity=[
            {"table": row["table"], "color": RUNS[name][0]}
            for name, data in runs.items()
            for row in data.activity
        ],
    )


def _renamed(data: PanelData, run: str, folder: str) -> PanelData:
    """Return ``data`` with the run's name before every table's and connection's."""
    before = f"{run[-1]}/"
    tables = {}
    for name, table in data.tables.items():
        facts: dict[str, Any] = {"run": run[-1], **table.facts}
        if "packets" in facts:
            facts["packets"] = before + facts["packets"]
        if table.kind == "packets":
            facts["folder"] = folder
        tables[before + name] = replace(table, name=before + name, facts=facts)

    def layer(each: Layer) -> Layer:
        return replace(
            each, table=before + each.table, connection=each.connection and before + each.connection
        )

    panels = [
        replace(panel, layers=[layer(drawn) for drawn in panel.layers]) for panel in data.panels
    ]
    return replace(
        data,
        tables=tables,
        panels=panels,
        activity=[{**row, "table": before + row["table"]} for row in data.activity],
        connections=[
            {**connection, "id": before + connection["id"]} for connection in data.connections
        ],
    )


def _layers(
    data: PanelData, id: str, run: str, labels: Sequence[str] | None
) -> Iterator[tuple[str, Layer]]:
    """Yield the layers of one panel with their flow, made a run's: its colour, its width, its
    switch.
    """
    color, width = RUNS[run]
    for panel in data.panels:
        for layer in panel.layers if panel.id == id else []:
            level = layer.kind == "level"
            if (
                not level
                and labels is not None
                and layer.label not in labels
                and not layer.label.startswith(LIMITS)
            ):
                continue
            # without the number of drops, which differs
            label = layer.label.partition(" (")[0] if id == "queue" else layer.label
            wide = layer.width if level else width * (2 if layer.kind == "bars" else 1)
            yield (
                layer.flow,
                replace(
                    layer, label=label, color=color, width=wide, flow=run, on=layer.label not in OFF
                ),
            )


def _connections(runs: dict[str, PanelData]) -> tuple[list[dict[str, str]], list[Layer]]:
    """Return the connections to choose from, each with its pair's packets, and the time-sequence
    graph's layers.
    """
    found: dict[tuple[str, int], dict[str, dict[str, str]]] = {}
    for name, data in runs.items():
        turns: dict[str, int] = {}
        for connection in data.connections:
            turn = turns[connection["flow"]] = turns.get(connection["flow"], 0) + 1
            found.setdefault((connection["flow"], turn), {})[name] = connection
    listed = []
    chosen: dict[str, str] = {}
    for pair in found.values():
        first = next(iter(pair.values()))
        listed.append(
            {
                **first,
                "label": (
                    first["label"]
                    if len(pair) == 2
                    else f"{first['label']} ({next(iter(pair))} only)"
                ),
            }
        )
        chosen |= {panel["id"]: first["id"] for panel in pair.values()}
    layers = [
        replace(layer, connection=chosen[layer.connection])
        for name in RUNS
        for _, layer in _layers(runs[name], "sequence", name, SEQUENCE)
    ]
    return listed, layers


def _panel(runs: dict[str, PanelData], id: str, layers: list[Layer], flow: str = "") -> Panel:
    """Return the panel ``id`` with other layers; of several flows it bears the flow's name."""
    model = next(panel for data in runs.values() for panel in data.panels if panel.id == id)
    title = model.title.removesuffix(" per flow")
    return replace(
        model,
        id=f"{id}-{flow}" if flow else id,
        title=f"{title}, flow {flow}" if flow else title,
        layers=layers,
    )


def _used(runs: dict[str, PanelData], panels: list[Panel]) -> dict[str, PanelTable]:
    """Return the tables that the panels draw from, those of their packets with them."""
    every = {name: table for data in runs.values() for name, table in data.tables.items()}
    names = dict.fromkeys(layer.table for panel in panels for layer in panel.layers)
    names |= dict.fromkeys(row["table"] for data in runs.values() for row in data.activity)
    parents = dict.fromkeys(
        str(every[name].facts["packets"]) for name in names if "packets" in every[name].facts
    )
    return {name: every[name] for name in {**names, **parents}}


def _either(
    a: Sequence[Moment], b: Sequence[Moment], begin_ns: Callable[[Moment], int]
) -> list[Moment]:
    """Return what both runs have at the same time once, as A has it, and the rest with the run's
    letter before its label, in time order.
    """

    def has(others: Sequence[Moment], moment: Moment) -> bool:
        return any(
            other["label"] == moment["label"]
            and abs(begin_ns(other) - begin_ns(moment)) < SAME_TIME_NS
            for other in others
        )

    shared = [moment for moment in a if has(b, moment)]
    rest = [
        _of_run(moment, letter)
        for letter, moments, others in (("A", a, b), ("B", b, a))
        for moment in moments
        if not has(others, moment)
    ]
    return sorted(shared + rest, key=begin_ns)


def _of_run(moment: Moment, letter: str) -> Moment:
    """Return a mark or a band with a run's letter before its label."""
    named = moment.copy()
    named["label"] = f"{letter}: {moment['label']}"
    return named
