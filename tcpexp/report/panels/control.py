"""Panels of congestion control: window, threshold and bytes in flight.

The strip of congestion states and phases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcpexp.late import polars as pl
from tcpexp.plan.flows import flow_of
from tcpexp.plots.kit.phaselook import PHASES, STATES
from tcpexp.report.panels.common import FEWEST, NO_FLOW, Parts, codes, numbers, times
from tcpexp.report.panels.model import Layer, Panel, PanelColumn, PanelTable
from tcpexp.views.subflows import subflow_names
from tcpexp.views.windows import kernel_samples, sender_windows
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

STRIPS = {"state": "congestion state", "phase": "phase"}
#: Fewer samples than this of a window that never changes are no panel.
FEW_SAMPLES = 12
STATES_NOTE = "The sender's congestion state as the kernel names it (enum tcp_ca_state)."
PROBE_NOTE = "One value per received ACK, from the kernel's tracepoint tcp:tcp_probe."
SS_NOTE = "From ss snapshots: this run has no tcp_probe trace."


def control_parts(run: RunData, colors: dict[str, str]) -> Parts:
    """Return the panels ``cwnd`` and ``states`` of each flow's busy connections."""
    parts = Parts()
    samples, source = sender_windows(run)
    layers: list[Layer] = []
    strips: list[tuple[str, str, PanelTable]] = []
    if samples.is_empty():
        parts.lacks(
            "Congestion window", "neither the tracepoint tcp:tcp_probe nor ss saw a flow's sender"
        )
    kernel = kernel_samples(run)
    several = samples.select("flow", "connection").unique().height > samples["flow"].n_unique()
    subflows = subflow_names(run)
    ports = dict(run.table("connections").select("connection", "client_port").iter_rows())
    for (flow, connection), part in samples.partition_by(
        ["flow", "connection"], as_dict=True, maintain_order=True
    ).items():
        name = subflows.get(connection, f"{flow}:{ports.get(connection, '?')}")
        color = colors.get(str(flow), "--s7")
        table = _window_table(
            f"cwnd-{name}", str(flow), part, kernel if source == "tcp_probe" else None, connection
        )
        parts.tables.append(table)
        layers += _window_layers(run, table, str(flow), color)
        lane = name if several else str(flow)
        for kind, strip in (
            ("state", _states(run, str(flow), connection, part)),
            ("phase", _phases(run, str(flow), connection)),
        ):
            if strip is not None:
                strips.append((kind, lane, strip))
    losses = _loss_events(run, colors)
    for table, layer in losses:
        parts.tables.append(table)
        layers.append(layer)
    for missing, what in (
        ("phases", "Phases of congestion control"),
        ("loss_events", "Loss events"),
        ("ca_states", "Congestion states"),
    ):
        if not run.has(missing):
            parts.lacks(what, f"the table {missing} is absent or has no row")
    note = PROBE_NOTE if source == "tcp_probe" else SS_NOTE
    if samples.height and (why := _next_to_nothing(samples)):
        parts.lacks("Congestion window, its states and phases", why)
        return Parts(absent=parts.absent)
    parts.panels.append(
        Panel("cwnd", "Congestion window", "segments", layers, note, figures=("cwnd",))
    )
    states = [table.columns["code"].words for kind, _, table in strips if kind == "state"]
    if states and all(words == ("Open",) for words in states):
        parts.lacks("Congestion states", "each sender stayed in the state Open")
        strips = [strip for strip in strips if strip[0] != "state"]
    parts.tables += [table for _, _, table in strips]
    parts.panels.append(_strip_panel(strips, colors))
    return parts


def _strip_panel(strips: list[tuple[str, str, PanelTable]], colors: dict[str, str]) -> Panel:
    """Return the panel of states and phases; ``strips`` are kind, lane's name and table."""
    looks = {**STATES, **PHASES}
    layers = []
    for lane, (kind, _, table) in enumerate(strips):
        flow, words = str(table.facts["flow"]), table.columns["code"].words
        palette = tuple(looks[word].variable if word in looks else NO_FLOW for word in words)
        look = {"flow": flow, "lane": lane, "palette": palette}
        color = colors.get(flow, NO_FLOW)
        layers.append(Layer(STRIPS[kind], "spans", table.name, color, "code", **look))  # type: ignore[arg-type]
    return Panel(
        "states",
        "Congestion states and phases",
        "",
        layers,
        STATES_NOTE,
        height=50 + 22 * len(strips),
        lanes=tuple(f"{name} {kind}" for kind, name, _ in strips),
    )


def _next_to_nothing(samples: pl.DataFrame) -> str:
    """Return why the window is not worth a panel, or nothing."""
    if samples.height < FEWEST:
        return f"the sender's window was seen only {times(samples.height)}"
    windows = samples["cwnd"].drop_nulls().unique()
    if samples.height < FEW_SAMPLES and len(windows) == 1:
        return f"cwnd stayed at {many(int(windows[0]), 'segment')}"
    return ""


def _window_table(
    name: str, flow: str, part: pl.DataFrame, kernel: pl.DataFrame | None, connection: int | None
) -> PanelTable:
    columns = {
        "t": PanelColumn(numbers(part["t_ns"]), "time", "ns"),
        "cwnd": PanelColumn(numbers(part["cwnd"]), "cwnd", "segments"),
        "ssthresh": PanelColumn(numbers(part["ssthresh"]), "ssthresh", "segments"),
    }
    if kernel is not None:
        mine = kernel.filter(
            pl.col("connection").eq_missing(pl.lit(connection)) & pl.col("cwnd").is_not_null()
        )
        rows = part.join(
            mine.unique(["t_ns"], keep="first").select("t_ns", "segments", "srtt_us"),
            on="t_ns",
            how="left",
            maintain_order="left",
        )
        columns["flight"] = PanelColumn(numbers(rows["segments"]), "in flight", "segments")
        columns["srtt"] = PanelColumn(numbers(rows["srtt_us"]), "smoothed RTT", "ns", 1000)
    return PanelTable(name, "samples", columns, {"flow": flow})


def _window_layers(run: RunData, table: PanelTable, flow: str, color: str) -> list[Layer]:
    plan = flow_of(run.plan, flow)
    bbr = plan is not None and str(plan.congestion_control).startswith("bbr")
    layers = []
    if "flight" in table.columns:
        help = "Sent and not yet acknowledged, in full segments"
        layers.append(
            Layer("in flight", "step", table.name, color, "flight", flow=flow, width=0.6, help=help)
        )
    if (table.columns["ssthresh"].values >= 0).any() and not bbr:
        help = "Slow start threshold, once it is finite"
        layers.append(
            Layer(
                "ssthresh",
                "step",
                table.name,
                color,
                "ssthresh",
                flow=flow,
                dash=(2, 3),
                width=1.3,
                help=help,
            )
        )
    return [
        *layers,
        Layer(
            "cwnd",
            "step",
            table.name,
            color,
            "cwnd",
            flow=flow,
            width=1.8,
            help="Congestion window of the flow's sender",
        ),
    ]


def _spans(
    what: str,
    name: str,
    flow: str,
    starts: pl.Series,
    ends: pl.Series,
    words: pl.Series,
    more: dict[str, PanelColumn],
) -> PanelTable:
    named: list[str] = []
    code = codes(words, named)
    columns = {
        "t": PanelColumn(numbers(starts), "from", "ns"),
        "to": PanelColumn(numbers(ends), "to", "ns"),
        "code": PanelColumn(code, what, words=tuple(named)),
    }
    return PanelTable(name, "samples", {**columns, **more}, {"flow": flow})


def _states(
    run: RunData, flow: str, connection: int | None, samples: pl.DataFrame
) -> PanelTable | None:
    """Return the congestion states of one connection's sender as spans.

    Before its first change a socket is in Open.
    """
    plan = flow_of(run.plan, flow)
    own = pl.col("connection").eq_missing(pl.lit(connection)) & (
        pl.col("node") == (plan.sender if plan else "")
    )
    rows = run.table("ca_states").filter(own)
    if samples.is_empty() or not run.has("ca_states"):
        return None
    first, last = int(samples["t_ns"][0]), int(samples["t_ns"][-1])
    changes = (
        rows.filter(pl.col("t_ns") > first)
        .select("t_ns", "ca_state")
        .sort("t_ns", maintain_order=True)
    )
    before = rows.filter(pl.col("t_ns") <= first)["ca_state"].to_list()
    states = pl.concat(
        [pl.DataFrame({"t_ns": [first], "ca_state": [before[-1] if before else "Open"]}), changes]
    )
    ends = states["t_ns"].shift(-1).fill_null(max(last, int(states["t_ns"][-1])))
    return _spans(
        "congestion state",
        f"state-{flow}-{connection}",
        flow,
        states["t_ns"],
        ends,
        states["ca_state"],
        {},
    )


def _phases(run: RunData, flow: str, connection: int | None) -> PanelTable | None:
    rows = run.table("phases").filter(
        (pl.col("flow") == flow) & pl.col("connection").eq_missing(pl.lit(connection))
    )
    if rows.is_empty():
        return None
    rows = rows.sort("from_ns", maintain_order=True)
    ended: list[str] = []
    ended_by = codes(rows["ended_by"], ended)
    more = {
        "ended": PanelColumn(ended_by, "ended by", words=tuple(ended)),
        "cwnd_from": PanelColumn(numbers(rows["cwnd_from"]), "cwnd at its start", "segments"),
        "cwnd_to": PanelColumn(numbers(rows["cwnd_to"]), "cwnd at its end", "segments"),
        "growth": PanelColumn(numbers(rows["growth_per_rtt"] * 1000), "growth per RTT", "", 0.001),
    }
    return _spans(
        "phase",
        f"phase-{flow}-{connection}",
        flow,
        rows["from_ns"],
        rows["to_ns"],
        rows["phase"],
        more,
    )


def _loss_events(run: RunData, colors: dict[str, str]) -> list[tuple[PanelTable, Layer]]:
    """Return the loss events of each flow, marked where they were noticed, at the window before."""
    made = []
    for (flow,), rows in (
        run.table("loss_events")
        .sort("noticed_ns")
        .partition_by(["flow"], as_dict=True, maintain_order=True)
        .items()
    ):
        named: list[str] = []
        noticed = codes(rows["noticed_by"], named)
        columns: dict[str, Any] = {
            "t": PanelColumn(numbers(rows["noticed_ns"]), "noticed", "ns"),
            "by": PanelColumn(noticed, "noticed by", words=tuple(named)),
            "lost": PanelColumn(numbers(rows["lost_packets"]), "packets lost"),
            "before": PanelColumn(
                numbers(rows["cwnd_before"].fill_null(0)), "cwnd before", "segments"
            ),
            "after": PanelColumn(numbers(rows["cwnd_after"]), "cwnd after", "segments"),
            "notice": PanelColumn(numbers(rows["notice_delay_ns"]), "until noticed", "ns"),
            "repair": PanelColumn(numbers(rows["repair_delay_ns"]), "until repaired", "ns"),
            "again": PanelColumn(numbers(rows["retransmissions"]), "retransmissions"),
        }
        table = PanelTable(f"loss-{flow}", "samples", columns, {"flow": str(flow)})
        help = "Where the sender noticed a loss, at the window before"
        made.append(
            (
                table,
                Layer(
                    "loss event",
                    "points",
                    table.name,
                    "--alarm",
                    "before",
                    flow=str(flow),
                    marker="v",
                    help=help,
                ),
            )
        )
    return made
