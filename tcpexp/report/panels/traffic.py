"""Panels of traffic: round-trip time, goodput per flow and stacked, queues with drops, packets per
interval.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcpexp.late import polars as pl
from tcpexp.plots.kit.look import QUEUES
from tcpexp.record.tables import THROUGHPUT_INTERVAL_NS
from tcpexp.report.panels.common import FEWEST, Parts, extent_words, numbers, steady, times
from tcpexp.report.panels.model import Layer, Panel, PanelColumn, PanelTable
from tcpexp.views.limits import base_rtt_lines, bottleneck_lines, distinct_steps
from tcpexp.views.queues import busy_queues
from tcpexp.words.measured import time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.analysis.pathsteps import Steps
    from tcpexp.store.rundata import RunData

RTT_NOTE = (
    "From a data segment to the ACK that first covers it, at the sender's interface; retransmitted"
    " segments give no sample (Karn's rule)."
)
IO_NOTE = "Frames at each capture, counted in intervals that suit the zoom."
LABELLED = "Frames to which Wireshark's analysis gave a label"
#: The colours of captures: they are no flows.
CAPTURES = ("--ink", "--queue-2", "--queue-1", "--soft")
#: A page holds the rates of so many intervals; of what lasted longer they are summed.
MOST_INTERVALS = 36_000
#: More packets than this are counted per millisecond instead of kept one by one.
MOST_COUNTED = 800_000
BIN_NS = 1_000_000


def rtt_parts(run: RunData, colors: dict[str, str], kernel: list[PanelTable]) -> Parts:
    """Return the panel ``rtt``.

    ``kernel`` are the tables whose column ``srtt`` is the kernel's smoothed RTT.
    """
    parts = Parts()
    layers: list[Layer] = []
    for (flow,), rows in (
        run.table("rtt")
        .sort("t_ns", maintain_order=True)
        .partition_by(["flow"], as_dict=True, maintain_order=True)
        .items()
    ):
        if flow is not None:
            columns = {
                "t": PanelColumn(numbers(rows["t_ns"]), "time", "ns"),
                "rtt": PanelColumn(numbers(rows["rtt_ns"]), "RTT", "ns"),
            }
            parts.tables.append(PanelTable(f"rtt-{flow}", "samples", columns, {"flow": flow}))
            layers.append(
                Layer(
                    "RTT samples",
                    "points",
                    f"rtt-{flow}",
                    colors.get(flow, "--s7"),
                    "rtt",
                    flow=flow,
                    marker=".",
                )
            )
    if not layers:
        parts.lacks("Round-trip time", "the table rtt has no sample")
        return parts
    samples = run.table("rtt").filter(pl.col("flow").is_not_null())["rtt_ns"]
    if len(samples) < FEWEST:
        parts.lacks("Round-trip time", f"it could be taken only {times(len(samples))}")
        return Parts(absent=parts.absent)
    if steady(samples):
        parts.lacks("Round-trip time", f"each of {len(samples):,} samples {extent_words(samples)}")
        return Parts(absent=parts.absent)
    for table in kernel:
        if "srtt" in table.columns:
            flow = str(table.facts["flow"])
            layers.append(
                Layer(
                    "smoothed RTT (kernel)",
                    "line",
                    table.name,
                    colors.get(flow, "--s7"),
                    "srtt",
                    flow=flow,
                    width=1.2,
                    on=False,
                )
            )
    base = base_rtt_lines(run, list(dict.fromkeys(layer.flow for layer in layers)))
    alike = len({tuple(steps) for steps in base.values()}) == 1
    for name, steps in list(base.items())[: 1 if alike else None]:
        help = (
            "The sum of the delays on the way there and back, the smallest value that the network"
            " allows"
        )
        flow, color = ("", "--soft") if alike else (name, colors.get(name, "--s7"))
        layers.append(
            _steps_layer(
                parts,
                run,
                ("sum of the delays", f"base-{name}", "ns"),
                steps,
                color=color,
                flow=flow,
                help=help,
            )
        )
    parts.panels.append(Panel("rtt", "Round-trip time", "ns", layers, RTT_NOTE, figures=("rtt",)))
    return parts


def throughput_parts(run: RunData, colors: dict[str, str]) -> Parts:
    """Return the panels ``throughput`` (a line per flow) and, for several flows, ``stacked``."""
    parts = Parts()
    rows = run.table("throughput").filter(pl.col("flow").is_not_null())
    if rows.is_empty():
        parts.lacks("Throughput", "the table throughput has no row")
        return parts
    interval = THROUGHPUT_INTERVAL_NS
    busy = rows.filter(pl.col("goodput_bytes") > 0)["t_ns"].n_unique()
    if busy < FEWEST:
        what = f"all of it arrived in {many(busy, 'interval')} of {time_words(interval)}"
        parts.lacks("Throughput", what if busy else "no payload arrived")
        return parts
    first, last = int(rows["t_ns"].min()), int(rows["t_ns"].max())  # type: ignore[arg-type]
    together = max(1, -(-(last - first) // (interval * MOST_INTERVALS)))
    wide = interval * together
    grid = pl.DataFrame({"t_ns": range(first, last + 2 * wide, wide)})
    columns = {"t": PanelColumn(numbers(grid["t_ns"]), "interval from", "ns")}
    lines: list[Layer] = []
    areas: list[Layer] = []
    for flow, color in colors.items():
        # the last one may be shorter
        per_interval = (
            (pl.col("goodput_bytes", "wire_bytes") * interval / pl.col("interval_ns"))
            .round()
            .cast(pl.Int64)
        )
        mine = (
            rows.filter(pl.col("flow") == flow)
            .with_columns(per_interval, t_ns=(pl.col("t_ns") - first) // wide * wide + first)
            .group_by("t_ns")
            .agg(pl.col("goodput_bytes", "wire_bytes").sum())
        )
        if mine.is_empty():
            continue
        whole = grid.join(mine, on="t_ns", how="left", maintain_order="left").fill_null(0)
        for kind in ("goodput", "wire"):
            columns[f"{kind} {flow}"] = PanelColumn(
                numbers(whole[f"{kind}_bytes"]), f"{flow}: {kind}", "bps", 8e9 / wide
            )
        lines.append(
            Layer(
                "goodput",
                "step",
                "throughput",
                color,
                f"goodput {flow}",
                flow=flow,
                help="First arrivals of payload bytes",
            )
        )
        help = "Frames that arrived, headers and repeats included"
        lines.append(
            Layer(
                "on the wire",
                "step",
                "throughput",
                color,
                f"wire {flow}",
                flow=flow,
                on=False,
                width=0.9,
                dash=(3, 2),
                help=help,
            )
        )
        areas.append(Layer("goodput", "area", "throughput", color, f"goodput {flow}", flow=flow))
    parts.tables.append(PanelTable("throughput", "samples", columns))
    where = "As it passed the capture" if run.captured else "At the receiver"
    note = f"{where}, in intervals of {wide / 1e6:g} ms."
    places = bottleneck_lines(run, [layer.flow for layer in areas])
    help = "The rate of the slowest link on the way of the flows; it counts headers too"
    for label, steps in distinct_steps(
        {place: steps for place, (_, steps) in places.items()}, "bottleneck rate"
    ).items():
        lines.append(_steps_layer(parts, run, (label, f"rate-{label}", "bps"), steps, help=help))
    parts.panels.append(
        Panel("throughput", "Throughput per flow", "bps", lines, note, figures=("throughput",))
    )
    stacks = 0
    for place, (names, steps) in places.items():
        stacked = [layer for layer in areas if layer.flow in names]
        if len(stacked) > 1:
            stacks += 1
            if steps:
                stacked.append(
                    _steps_layer(
                        parts, run, ("bottleneck rate", f"rate-{place}", "bps"), steps, help=help
                    )
                )
            title = "Throughput, stacked" if len(places) == 1 else f"Throughput, stacked: {place}"
            parts.panels.append(
                Panel(
                    "stacked" if stacks == 1 else f"stacked-{stacks}", title, "bps", stacked, note
                )
            )
    return parts


def _steps_layer(
    parts: Parts,
    run: RunData,
    names: tuple[str, str, str],
    steps: Steps,
    *,
    color: str = "--soft",
    flow: str = "",
    help: str = "",
) -> Layer:
    """Return a dotted line of (from when in ns, value): a level where the value never changes.

    ``names`` are the label, the table's name and the unit.
    """
    label, table, unit = names
    times, values = (
        [at for at, _ in steps] + [run.end_ns],
        [value for _, value in steps] + [steps[-1][1]],
    )
    columns = {
        "t": PanelColumn(numbers(pl.Series(times)), "from", "ns"),
        "value": PanelColumn(numbers(pl.Series(values)), label, unit),
    }
    if all(made.name != table for made in parts.tables):
        parts.tables.append(PanelTable(table, "samples", columns, {"flow": flow} if flow else {}))
    if len(steps) == 1:
        return Layer(
            label,
            "level",
            table,
            color,
            value=float(steps[0][1]),
            flow=flow,
            dash=(2, 3),
            help=help,
        )
    return Layer(label, "step", table, color, "value", flow=flow, dash=(2, 3), help=help)


def queue_parts(run: RunData) -> Parts:
    """Return the panel ``queue``: what waits in each bottleneck queue, and what it drops."""
    parts = Parts()
    samples = busy_queues(run)
    if samples.is_empty():
        parts.lacks(
            "Queue", "no bottleneck queue was sampled, or none ever held or dropped a packet"
        )
        return parts
    layers: list[Layer] = []
    for index, ((place,), rows) in enumerate(
        samples.partition_by(["place"], as_dict=True, maintain_order=True).items()
    ):
        name, color = f"queue {place}", f"--queue-{index % len(QUEUES) + 1}"
        columns = {
            "t": PanelColumn(numbers(rows["t_ns"]), "time", "ns"),
            "backlog": PanelColumn(numbers(rows["backlog_packets"]), "backlog", "packets"),
            "dropped": PanelColumn(
                numbers(rows["dropped"]), "dropped since the sample before", "packets"
            ),
        }
        parts.tables.append(PanelTable(name, "samples", columns, {"queue": str(place)}))
        layers.append(
            Layer(
                f"backlog, {place}",
                "step",
                name,
                color,
                "backlog",
                help="Packets that wait for the bottleneck",
            )
        )
        lost = rows.select((pl.col("dropped") > 0).arg_true().cast(pl.Int64)).to_series().to_numpy()
        if len(lost):
            label = f"drops, {place} ({int(rows['dropped'].sum()):,})"
            layers.append(
                Layer(
                    label,
                    "stems",
                    name,
                    "--alarm",
                    "dropped",
                    rows=lost,
                    width=1.2,
                    help="Packets dropped since the sample before",
                )
            )
        limit = rows["limit"].drop_nulls().max()
        if limit is not None:
            layers.append(
                Layer("limit", "level", name, "--soft", value=float(limit), dash=(2, 3), fit=False)  # type: ignore[arg-type]
            )
    parts.panels.append(
        Panel(
            "queue",
            "Bottleneck queue",
            "packets",
            layers,
            "From the queueing disciplines' own counters, sampled.",
            figures=("queue",),
        )
    )
    return parts


def io_parts(run: RunData, first: list[str]) -> Parts:
    """Return the panel ``io``: frames per interval at every capture, and those with a label.

    The captures that ``first`` names come first; only the first of all is shown at first.
    """
    parts = Parts()
    packets = run.table("packets").select(
        "capture", "t_ns", (pl.col("labels").list.len() > 0).fill_null(False).alias("labelled")
    )
    if packets.is_empty():
        parts.lacks("Packets per interval", "no packet was captured")
        return parts
    packets = packets.sort("capture", "t_ns", maintain_order=True)
    if packets.height > MOST_COUNTED:
        packets = packets.group_by(
            "capture", pl.col("t_ns") // BIN_NS * BIN_NS, "labelled", maintain_order=True
        ).agg(pl.len().alias("n"))
    else:
        packets = packets.with_columns(pl.lit(1, pl.Int64).alias("n"))
    of_capture = {
        str(capture): rows
        for (capture,), rows in packets.partition_by(
            ["capture"], as_dict=True, maintain_order=True
        ).items()
    }
    layers: list[Layer] = []
    for index, capture in enumerate(dict.fromkeys([*first, *of_capture])):
        rows = of_capture[capture]
        name, color = f"io {capture}", CAPTURES[min(index, len(CAPTURES) - 1)]
        columns = {
            "t": PanelColumn(numbers(rows["t_ns"]), "time", "ns"),
            "n": PanelColumn(numbers(rows["n"]), "frames", "frames"),
        }
        parts.tables.append(PanelTable(name, "samples", columns, {"capture": capture}))
        help = f"Frames that the capture {capture} saw"
        layers.append(Layer(capture, "counts", name, color, "n", on=index == 0, help=help))
        labelled = rows.select(pl.col("labelled").arg_true().cast(pl.Int64)).to_series().to_numpy()
        if len(labelled):
            look: dict[str, Any] = {
                "rows": labelled,
                "on": index == 0,
                "dash": (3, 2),
                "help": LABELLED,
            }
            layers.append(Layer(f"{capture}, labelled", "counts", name, "--reported", "n", **look))
    parts.panels.append(Panel("io", "Packets", "frames", layers, IO_NOTE))
    return parts
