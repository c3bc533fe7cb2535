"""Draw what the newer mechanisms of the user-space TCP do, from its simulator:
``docs/images/newer_tcp.png``.

    python -m tools.docs.simulated

Six panels, each the same transfer without and with one mechanism. Nothing is random but the losses
of a seed, so that the figure is the same each time.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt

from tcpexp.tcp import Config
from tcpexp.tcp.core.events import CongestionChanged, Retransmitted, SegmentSent
from tcpexp.tcp.simulator.link import LinkConfig
from tcpexp.tcp.simulator.simulation import Simulation, transfer

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "newer_tcp.png"
MS, SECOND = 1_000_000, 1_000_000_000
BUFFERS = {"receive_buffer": 2_000_000, "send_buffer": 2_000_000}
WITHOUT, WITH = "#9a9a9a", "#0b6fb8"
Draw = Callable[[Any, Simulation, str, str], None]


class Panel(NamedTuple):
    """One comparison: the settings of both, the link, how it is drawn, and the times shown."""

    title: str
    before: dict[str, Any]
    after: dict[str, Any]
    octets: int
    link: LinkConfig
    draw: Draw
    span_s: tuple[float, float]


def draw_window(axes: Any, simulation: Simulation, colour: str, label: str) -> None:
    """Draw cwnd in segments of 1448 octets."""
    found = [event for event in simulation.hosts[0].log if isinstance(event, CongestionChanged)]
    times = [event.at_ns / SECOND for event in found]
    axes.step(times, [event.cwnd / 1448 for event in found], colour, where="post", label=label)
    axes.set_ylabel("cwnd, segments")


def draw_sequence(axes: Any, simulation: Simulation, colour: str, label: str) -> None:
    """Draw the segments that were sent by their first octet, those sent again as crosses."""
    log = simulation.hosts[0].log
    iss = simulation.hosts[0].connection.tcb.iss
    again = {(event.at_ns, event.seq - iss) for event in log if isinstance(event, Retransmitted)}
    sent = [
        (event.at_ns, event.segment.seq - iss)
        for event in log
        if isinstance(event, SegmentSent) and event.segment.payload
    ]
    for points, marker, name in (
        ([one for one in sent if one not in again], ".", label),
        ([one for one in sent if one in again], "x", None),
    ):
        times = [at / SECOND for at, _ in points]
        axes.plot(times, [octet / 1000 for _, octet in points], marker, color=colour, label=name)
    axes.set_ylabel("sequence number, kB")


SLOW = LinkConfig(rate_bps=10_000_000, delay_ns=20 * MS, queue_segments=40)
#: The last three segments of 14 are lost.
TAIL = LinkConfig(
    rate_bps=10_000_000, delay_ns=20 * MS, drop_offsets=(11 * 1448, 12 * 1448, 13 * 1448)
)
PANELS = (
    Panel(
        "Lost tail: the timer, and RACK with its probe",
        {},
        {"rack": True, "tail_loss_probe": True},
        14 * 1448,
        TAIL,
        draw_sequence,
        (0, 1.6),
    ),
    Panel(
        "One loss: at once, and in proportion (PRR)",
        {"initial_ssthresh": 60_000},
        {"initial_ssthresh": 60_000, "prr": True},
        1_400_000,
        LinkConfig(rate_bps=10_000_000, delay_ns=10 * MS, drop_offsets=(600_000,)),
        draw_window,
        (0.4, 1.0),
    ),
    Panel(
        "Losses, and marks in their place (accurate ECN)",
        {"congestion_control": "cubic"},
        {"congestion_control": "cubic", "ecn": "accurate"},
        8_000_000,
        LinkConfig(rate_bps=10_000_000, delay_ns=20 * MS, queue_segments=40, mark_queue=20),
        draw_window,
        (0, 6),
    ),
    Panel(
        "Slow start, and HyStart++",
        {"congestion_control": "cubic"},
        {"congestion_control": "cubic", "hystart": True},
        2_500_000,
        LinkConfig(rate_bps=20_000_000, delay_ns=40 * MS, queue_segments=150),
        draw_window,
        (0, 1.8),
    ),
    Panel(
        "Acknowledgments late from a moment on: a time-out, and F-RTO",
        {"sack": False, "timestamps": False, "rto_min_ns": 200 * MS},
        {"sack": False, "timestamps": False, "rto_min_ns": 200 * MS, "frto": True},
        400_000,
        LinkConfig(rate_bps=8_000_000, delay_ns=20 * MS),
        draw_sequence,
        (0, 1.4),
    ),
    Panel(
        "CUBIC, and BBR",
        {"congestion_control": "cubic", "rack": True},
        {"congestion_control": "bbr", "rack": True},
        8_000_000,
        SLOW,
        draw_window,
        (0, 6.5),
    ),
)


def main() -> None:
    """Simulate each panel twice, and write the figure."""
    figure, grid = plt.subplots(3, 2, figsize=(11, 10.5), layout="constrained")
    for panel, axes in zip(PANELS, grid.flat, strict=True):
        late = range(60, 1000) if panel.title.startswith("Acknowledgments") else ()
        back = LinkConfig(delay_ns=panel.link.delay_ns, reorder_at=late, reorder_delay_ns=400 * MS)
        for settings, colour, label in (
            (panel.before, WITHOUT, "without"),
            (panel.after, WITH, "with"),
        ):
            config = Config(**{**BUFFERS, **settings})
            simulation, _ = transfer(panel.octets, config, panel.link, back)
            panel.draw(axes, simulation, colour, label)
        axes.set_title(panel.title, fontsize=10)
        axes.set_xlim(*panel.span_s)
        axes.set_xlabel("seconds")
        axes.legend(loc="best", fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(PICTURE, dpi=110)
    print(PICTURE)


if __name__ == "__main__":
    main()
