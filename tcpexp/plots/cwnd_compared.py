"""Plot ``cwnd_compared``: congestion windows of several flows below each other, each from its own
beginning, on the same axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from tcpexp.errors import SpecError
from tcpexp.late import polars as pl
from tcpexp.plots.base import OptionError, Options, Plot
from tcpexp.plots.kit.look import ALARM, SOFT_INK, Series
from tcpexp.plots.kit.style import add_head_room, flow_series, legend, panel_title, panels
from tcpexp.plots.kit.thin import thin_line
from tcpexp.views.windows import first_data_ns, flow_windows, sender_windows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tcpexp.store.rundata import RunData

PANEL_INCHES = 1.35
#: Loss events: those that only the timer noticed, and the others.
TIMEOUT, FAST = "x", "v"


class CongestionWindowsCompared(Plot):
    """Congestion windows of several flows on the same axes, each from its own first data on, so
    that flows that ran one after the other can be compared.

    ``groups`` says which flows share a panel, such as ``[[kernel, user_space], [other]]``; without
    it each flow has one. Dotted: ssthresh, once it is finite. During fast recovery the line is
    thin: cwnd then also stands for segments that have left the network (RFC 5681 section 3.2), and
    may rise beyond the panel. The marks above the curves are the losses that the sender noticed: a
    triangle where acknowledgments told of it, a cross where only the timer did.
    """

    name = "cwnd_compared"
    title = "Congestion windows compared"
    defaults: ClassVar[dict[str, Any]] = {"groups": None, "ssthresh": True}
    time_axis = False
    on_demand = True

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None when no sender was traced."""
        samples, _ = sender_windows(run, options.get("between"))
        looks = flow_series(run, options, samples["flow"].unique().to_list())
        groups = [
            present
            for group in self._groups(options, looks)
            if (present := [looks[name] for name in group if name in looks])
        ]
        if not groups:
            return None
        figure, axes = panels([PANEL_INCHES] * len(groups), options["title"], gap=0.36)
        add_head_room(figure, 0.12)
        windows = {name: flow_windows(run, samples, name) for name in looks}
        right, top = (
            max(float(window[column].max()) for window in windows.values())  # type: ignore[arg-type]
            for column in ("seconds", "settled")
        )
        for axis, group in zip(axes, groups, strict=True):
            axis.set(xlim=(0, right * 1.01), ylim=(0, top * 1.3), ylabel="Segments")
            axis.tick_params(labelbottom=axis is axes[-1])
            for number, look in enumerate(group):
                _draw(axis, windows[look.name], look, bool(options["ssthresh"]) and len(group) == 1)
                _draw_losses(
                    axis, run, look, first_data_ns(run, look.name), top * (1.22 - 0.1 * number)
                )
            panel_title(axis, ", ".join(look.name for look in group))
            if len(group) > 1:
                legend(axis)
        axes[-1].set_xlabel("Time since each flow's first data (s)")
        return figure

    @classmethod
    def option_errors(cls, given: Options) -> list[OptionError]:
        """Besides the usual: ``groups`` must be lists of names."""
        errors = super().option_errors(given)
        groups = given.get("groups")
        fine = groups is None or (
            isinstance(groups, list | tuple) and all(_is_names(group) for group in groups)
        )
        if not fine:
            errors.append(
                OptionError(
                    f"plot '{cls.name}': groups must be lists of flows",
                    "groups",
                    hint="such as [[kernel, user_space], [other]]",
                )
            )
        return errors

    def _groups(self, options: Options, looks: dict[str, Series]) -> list[Sequence[str]]:
        groups = options["groups"]
        if groups is None:
            return [[name] for name in looks]
        if not all(_is_names(group) for group in groups):
            raise SpecError(f"plot '{self.name}': groups must be lists of flows")
        return list(groups)


def _is_names(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)


def _draw(axes: Axes, windows: pl.DataFrame, look: Series, with_ssthresh: bool) -> None:
    """Draw one flow: a bold line, and a thin one through fast recovery."""
    whole = thin_line(windows.select("seconds", "cwnd"), "seconds", "cwnd")
    axes.plot(
        whole["seconds"],
        whole["cwnd"],
        color=look.color,
        linewidth=0.6,
        alpha=0.6,
        drawstyle="steps-post",
    )
    label: str | None = look.name
    stretch = (
        windows["settled"].is_null() != windows["settled"].is_null().shift(fill_value=False)
    ).cum_sum()
    for _, part in (
        windows.with_columns(stretch=stretch)
        .drop_nulls("settled")
        .group_by("stretch", maintain_order=True)
    ):
        bold = thin_line(part, "seconds", "settled")
        axes.plot(
            bold["seconds"],
            bold["settled"],
            color=look.color,
            linewidth=1.5,
            label=label,
            drawstyle="steps-post",
        )
        label = None
    slow = windows.drop_nulls("ssthresh")
    if with_ssthresh and not slow.is_empty():
        changes = pl.concat(
            [
                slow.filter((pl.col("ssthresh") != pl.col("ssthresh").shift()).fill_null(True)),
                slow.tail(1),
            ]
        )
        axes.plot(
            changes["seconds"],
            changes["ssthresh"],
            color=SOFT_INK,
            linestyle=(0, (1, 1.2)),
            linewidth=0.9,
            drawstyle="steps-post",
        )


def _draw_losses(axes: Axes, run: RunData, look: Series, start_ns: int, height: float) -> None:
    """Mark the losses that a sender noticed: those of the user-space TCP from its own events, which
    name Tahoe's too.
    """
    own = run.table("tcp_events").filter(
        (pl.col("flow") == look.name) & (pl.col("event") == "retransmitted")
    )
    events = run.table("loss_events").filter(pl.col("flow") == look.name)
    fast = (
        own.filter(pl.col("reason") == "fast retransmit")["t_ns"]
        if own.height
        else events.filter(pl.col("noticed_by") != "rto")["noticed_ns"]
    )
    timer = (
        own.filter(pl.col("reason") == "timeout")["t_ns"]
        if own.height
        else events.filter(pl.col("noticed_by") == "rto")["noticed_ns"]
    )
    for mark, times_ns, color in ((FAST, fast, look.color), (TIMEOUT, timer, ALARM)):
        axes.plot(
            (times_ns - start_ns) / 1e9,
            [height] * times_ns.len(),
            linestyle="none",
            marker=mark,
            markersize=5,
            color=color,
        )
