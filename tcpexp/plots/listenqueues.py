"""The two queues of a listening socket over time: half-open connections, and those that wait to be
accepted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcpexp.late import polars as pl
from tcpexp.plots.data import within
from tcpexp.plots.kit.style import legend, panel_title, whole_numbers, zero_based
from tcpexp.plots.kit.look import INK, PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tcpexp.plots.base import Options
    from tcpexp.store.rundata import RunData

#: The line of the backlog is drawn when it lies at most this many times as high as the queues ever
#: were.
NEAR = 3


@dataclass(frozen=True)
class ListenQueues:
    """The queues of the listening sockets on one port of a host, one entry of each list per
    snapshot, in the order of time.
    """

    node: str
    port: int
    times_ns: list[int]
    half_open: list[int]
    waiting: list[int]
    backlog: int


def listen_queues(run: RunData, options: Options) -> list[ListenQueues]:
    """Return the queues of every listening port that ever held a connection, by host and port.

    ``half_open`` counts the sockets in SYN-RECEIVED with this local port; ``waiting`` is the
    listening socket's Recv-Q, and ``backlog`` its Send-Q: the second argument of listen(2), cut to
    ``net.core.somaxconn``. Snapshots without the listening socket leave no entry.
    """
    table = within(run.table("sockets"), options)
    key = ["node", "local_port", "t_ns"]
    listening = (
        table.filter(pl.col("state") == "listen")
        .group_by(key)
        .agg(pl.col("recv_q").sum(), pl.col("send_q").max())
    )
    half_open = (
        table.filter(pl.col("state") == "syn-recv")
        .group_by(key)
        .agg(pl.len().cast(pl.Int64).alias("half_open"))
    )
    rows = (
        listening.join(half_open, on=key, how="left")
        .with_columns(pl.col("half_open").fill_null(0))
        .sort(key)
    )
    found = [
        _queues(str(node), int(port), group)
        for (node, port), group in rows.group_by("node", "local_port", maintain_order=True)
    ]
    return [each for each in found if any(each.half_open) or any(each.waiting)]


def _queues(node: str, port: int, rows: pl.DataFrame) -> ListenQueues:
    return ListenQueues(
        node,
        port,
        rows["t_ns"].to_list(),
        rows["half_open"].to_list(),
        rows["recv_q"].to_list(),
        int(rows["send_q"].max() or 0),  # type: ignore[arg-type]
    )


def draw_listen_queues(axes: Axes, queues: ListenQueues) -> None:
    """Draw both queues and the backlog into one panel."""
    times = [t_ns / 1e9 for t_ns in queues.times_ns]
    for values, text, color, dash in (
        (queues.half_open, "half-open (SYN-RECEIVED)", PALETTE[1], "-"),
        (queues.waiting, "waiting for accept() (Recv-Q)", PALETTE[0], (0, (4, 1.5))),
    ):
        if any(values):
            axes.plot(
                times,
                values,
                color=color,
                linestyle=dash,
                drawstyle="steps-post",
                label=f"{text}, most {max(values)}",
            )
    if 0 < queues.backlog <= NEAR * max(*queues.half_open, *queues.waiting):
        axes.plot(
            [times[0], times[-1]],
            [queues.backlog] * 2,
            color=INK,
            linewidth=0.8,
            linestyle=(0, (1, 1.5)),
            label=f"backlog {queues.backlog}",
        )
    axes.set_ylabel("Connections")
    zero_based(axes, head_room=1.2)
    whole_numbers(axes)
    panel_title(axes, f"{queues.node}: queues of port {queues.port}")
    legend(axes, columns=4)
