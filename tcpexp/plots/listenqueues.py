"""The two queues of a listening socket over time: half-open connections, and those that wait to be
accepted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.plots.kit.look import INK, PALETTE
from tcpexp.plots.kit.style import legend, panel_title, whole_numbers, zero_based
from tcpexp.views.sockets import ListenQueues

if TYPE_CHECKING:
    from matplotlib.axes import Axes


#: The line of the backlog is drawn when it lies at most this many times as high as the queues ever
#: were.
NEAR = 3


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
