"""Plot ``counters``: the kernel's TCP counters that moved during the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from tcpexp.late import polars as pl
from tcpexp.plots.base import OptionError, Options, Plot
from tcpexp.plots.kit.look import Series, series_of
from tcpexp.plots.kit.style import (
    legend,
    panel_title,
    panels,
    time_limits,
    whole_numbers,
    zero_based,
)
from tcpexp.plots.kit.thin import thin_line
from tcpexp.plots.listenqueues import draw_listen_queues
from tcpexp.plots.marks import draw_marks
from tcpexp.views.sockets import ListenQueues, listen_queues
from tcpexp.views.spans import rows_within, shown_span

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tcpexp.store.rundata import RunData

#: Counters that tell a story, most telling first: shown when they moved and the spec names none.
TELLING = (
    "TcpExt.TCPReqQFullDrop",
    "TcpExt.TCPReqQFullDoCookies",
    "TcpExt.ListenDrops",
    "TcpExt.ListenOverflows",
    "TcpExt.SyncookiesSent",
    "TcpExt.SyncookiesRecv",
    "TcpExt.SyncookiesFailed",
    "Tcp.AttemptFails",
    "Tcp.EstabResets",
    "TcpExt.TCPTimeouts",
    "TcpExt.TCPSynRetrans",
    "Tcp.RetransSegs",
    "TcpExt.TCPFastRetrans",
    "TcpExt.TCPSlowStartRetrans",
    "TcpExt.TCPLossProbes",
    "TcpExt.TCPLostRetransmit",
    "TcpExt.TCPSpuriousRTOs",
    "TcpExt.TCPDSACKRecv",
    "TcpExt.TCPSACKReorder",
    "TcpExt.TCPOFOQueue",
    "TcpExt.TCPZeroWindowDrop",
    "TcpExt.TCPFromZeroWindowAdv",
    "TcpExt.TCPToZeroWindowAdv",
    "TcpExt.TCPWantZeroWindowAdv",
    "TcpExt.TCPKeepAlive",
    "TcpExt.TCPWinProbe",
    "TcpExt.TCPRcvCollapsed",
    "TcpExt.PruneCalled",
    "TcpExt.TCPBacklogDrop",
    "TcpExt.TCPAbortOnTimeout",
    "Tcp.InCsumErrors",
    "Tcp.InErrs",
    "Tcp.OutRsts",
    "Udp.RcvbufErrors",
)


class Counters(Plot):
    """The kernel's own TCP counters (``/proc/net/snmp`` and ``netstat``) that moved, as increase
    since the start.

    The option ``counters`` names which, such as ``[TcpExt.ListenDrops]``; without it the most
    telling ones are shown. ``hosts`` chooses the hosts.
    With ``queues: true`` the queues of a host's listening sockets are drawn above its counters,
    from the ``ss`` snapshots: half-open connections, and those that wait for ``accept()``, which is
    what the counters of dropped connections are about.
    """

    name = "counters"
    title = "Kernel counters"
    defaults: ClassVar[dict[str, Any]] = {
        "counters": None,
        "most": 7,
        "hosts": None,
        "queues": False,
    }

    @classmethod
    def option_errors(cls, given: Options) -> list[OptionError]:
        """Add: ``counters`` and ``hosts`` are lists of names."""
        errors = super().option_errors(given)
        for key, hint in (("counters", "such as [TcpExt.ListenDrops]"), ("hosts", "such as [h2]")):
            value = given.get(key)
            if value is not None and not (
                isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)
            ):
                errors.append(
                    OptionError(
                        f"plot 'counters': {key} must be a list of names, not {value!r}",
                        key,
                        hint=hint,
                    )
                )
        return errors

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None when no chosen counter moved."""
        rows = moved_counters(run, options)
        if rows.is_empty():
            return None
        nodes = rows["node"].unique().sort().to_list()
        looks = series_of(_ranked(rows, options))
        queues = (
            [
                listen_queue
                for listen_queue in listen_queues(run, options.get("between"))
                if listen_queue.node in nodes
            ]
            if options["queues"]
            else []
        )
        shown: list[ListenQueues | str] = [
            queue
            for node in nodes
            for queue in (*(queue for queue in queues if queue.node == node), node)
        ]
        heights = [
            1.4 if isinstance(name, ListenQueues) else 2.5 if len(nodes) == 1 else 1.6
            for name in shown
        ]
        figure, axes = panels(heights, options["title"], gap=0.72)
        end = shown_span(run, options.get("between"))[1]
        for axis, panel in zip(axes, shown, strict=True):
            if isinstance(panel, ListenQueues):
                draw_listen_queues(axis, panel)
            else:
                _draw_counters(axis, rows.filter(pl.col("node") == panel), looks, end)
                panel_title(axis, f"{panel}: counters" if queues else panel)
        time_limits(axes, run, options, whole=True)
        draw_marks(figure, axes, run, options, whole=True)
        return figure


def _draw_counters(axes: Axes, rows: pl.DataFrame, looks: dict[str, Series], end_ns: int) -> None:
    """Draw one host's counters up to the end of the figure."""
    for name, look in looks.items():
        mine = rows.filter(pl.col("counter") == name).sort("t_ns")
        if mine.is_empty():
            continue
        thin = thin_line(mine, "t_ns", "increase")
        times, values = (
            [*thin["t_ns"].to_list(), end_ns],
            [*thin["increase"].to_list(), thin["increase"][-1]],
        )
        axes.plot(
            [t_ns / 1e9 for t_ns in times],
            values,
            color=look.color,
            linestyle=look.dash,
            drawstyle="steps-post",
            label=f"{name.split('.')[-1]} {values[-1]:,}",
        )
    axes.set_ylabel("Increase")
    zero_based(axes)
    whole_numbers(axes)
    legend(axes, columns=4)


def moved_counters(run: RunData, options: Options) -> pl.DataFrame:
    """Return ``node``, ``counter``, ``t_ns`` and ``increase`` (since the first sample) of the
    chosen counters that moved.

    At most ``options["most"]`` different counters.
    """
    table = rows_within(run.table("counters"), options.get("between"))
    asked = options.get("counters")
    wanted = list(asked) if asked else list(TELLING)
    if options.get("hosts") is not None:
        table = table.filter(pl.col("node").is_in(list(options["hosts"])))
    known = pl.col("counter").is_in(wanted) | pl.col("counter").str.split(".").list.last().is_in(
        wanted
    )
    increase = (pl.col("value") - pl.col("value").first().over("node", "counter")).alias("increase")
    rows = table.filter(known).sort("t_ns", maintain_order=True).with_columns(increase)
    moved = (
        rows.group_by("node", "counter")
        .agg(pl.col("increase").max())
        .filter(pl.col("increase") > 0)
    )
    kept = rows.join(
        moved.select("node", "counter"), on=["node", "counter"], how="semi", maintain_order="left"
    )
    return kept.filter(pl.col("counter").is_in(_ranked(kept, options))).select(
        "node", "counter", "t_ns", "increase"
    )


def _ranked(rows: pl.DataFrame, options: Options) -> list[str]:
    """Return the counters in the order asked for, or by how telling they are."""
    order = [str(counter) for counter in options.get("counters") or TELLING]
    short = [name.split(".")[-1] for name in order]
    present = rows["counter"].unique().sort().to_list()
    ranked = sorted(present, key=lambda name: (short.index(name.split(".")[-1]), name))
    return ranked[: int(options["most"])]
