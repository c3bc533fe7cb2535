"""Panels of a connection's packets: the time-sequence graph, the receive window, one-way delay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.report.panels.common import NO_FLOW, Parts, extent_words, steady
from tcpexp.report.panels.model import Layer, Panel, PanelTable
from tcpexp.report.panels.packets import (
    Connection,
    bare_resets,
    fault_table,
    has,
    packet_table,
    sack_table,
)
from tcpexp.words.measured import size_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tcpexp.store.rundata import RunData

SEQUENCE_NOTE = (
    "At the capture beside the data's sender. Slope is rate; the height between data and ACK line"
    " is what is in flight; the distance to the right from a segment to the ACK line is its"
    " round-trip time. Zoom in until single segments stand apart: each is a bar from its first byte"
    " to its last."
)
WINDOW_NOTE = (
    "As it arrives at the data's sender, window scaling applied. Where bytes in flight reach the"
    " window, the receiver holds the sender back."
)
DELAY_NOTE = (
    "From the capture at one end to the capture at the other. Above the links' own delay a packet"
    " waited in a queue."
)
#: A connection with fewer data packets and a window that never changes has no panel of it.
FEW_PACKETS = 10
#: Stands for the colour of the connection's flow.
FLOW = "flow"


def _look(label: str, kind: str, y: str, color: str, help: str = "", **more: Any) -> dict[str, Any]:
    return {"label": label, "kind": kind, "y": y, "color": color, "help": help, **more}


EDGE = _look(
    "window edge",
    "step",
    "edge",
    "--window",
    "ACK number plus receive window: the sender may send up to here",
    dash=(5, 3),
    width=1.1,
    fit=False,
)
ACKS = _look("ACK line", "step", "ack", "--ink", "The highest byte acknowledged so far", width=1.2)
DATA = _look(
    "data",
    "bars",
    "seq",
    FLOW,
    "A data segment, from its first byte to its last",
    y2="end",
    width=2,
)
AGAIN = _look(
    "retransmission",
    "bars",
    "seq",
    "--alarm",
    "All of its bytes were sent before",
    y2="end",
    width=3,
    marker="R",
)
DUPLICATE = _look(
    "duplicate ACK",
    "points",
    "ack",
    "--reported",
    "The same ACK number again (Wireshark's label)",
    marker="tick",
)
LOST = _look(
    "lost on the way",
    "points",
    "end",
    "--alarm",
    "Captured when it left, never captured at the other end",
    marker="x",
)
ACK_LOST = _look(
    "ACK lost",
    "points",
    "ack",
    "--alarm",
    "An ACK that was captured where it arrived or left at one end only",
    marker="x",
)
SPURIOUS = _look(
    "spurious retransmission",
    "points",
    "end",
    "--alarm",
    "Its bytes had been acknowledged already (Wireshark's label)",
    marker="s",
)
DISORDER = _look(
    "out of order",
    "points",
    "end",
    "--reported",
    "Soon after a segment with later bytes (Wireshark's label)",
    marker="d",
)
ZERO = _look("zero window", "points", "edge", "--window", "The receiver has no room", marker="o")
PROBE = _look("probe", "points", "seq", "--ink", "Zero-window probe or keep-alive", marker="v")
CONTROL = _look(
    "SYN, FIN, RST", "points", "end", "--ink", "Opens, closes or resets the connection", marker="F"
)
CONTROL_BACK = {**CONTROL, "y": "ack"}
RESET_BACK = {**CONTROL, "y": "line"}
FAULT = _look(
    "fault",
    "points",
    "y",
    "--ink",
    "Where the network was told to drop, delay, duplicate or damage a segment",
    marker="^",
)
REVERSE = _look(
    "data the other way",
    "points",
    "ack",
    "--soft",
    "Segments with payload from the receiver, on the ACK line",
    marker="d",
    on=False,
)

WINDOW = _look("advertised window", "step", "win", "--window", "The receive window, scaled")
FLIGHT = _look(
    "bytes in flight",
    "step",
    "flight",
    FLOW,
    "Sent and not yet acknowledged, by Wireshark",
    width=1,
    dash=(3, 2),
)
WINDOW_ZERO = _look(
    "zero window", "points", "win", "--window", "The receiver has no room", marker="o"
)
WINDOW_UPDATE = _look(
    "window update", "points", "win", "--window", "An ACK that only opens the window", marker="^"
)
WINDOW_FULL = _look(
    "window full",
    "points",
    "flight",
    "--window",
    "The sender has used all of the window",
    marker="v",
)
WINDOW_PROBE = _look(
    "probe", "points", "flight", "--ink", "Zero-window probe or keep-alive", marker="d"
)

FORTH = _look("data's direction", "points", "delay", FLOW, marker=".")
BACK = _look("ACKs' direction", "points", "delay", "--ink", marker=".")


def connection_parts(run: RunData, connections: list[Connection], colors: dict[str, str]) -> Parts:
    """Return the tables and the panels of all connections.

    A panel's layers belong to one connection each.
    """
    parts = Parts()
    sequence: list[Layer] = []
    window: list[Layer] = []
    delay: list[Layer] = []
    for connection in connections:
        color = colors.get(connection.flow, NO_FLOW)
        parts.tables.append(packet_table(connection))
        sacks = sack_table(connection)
        if sacks is not None:
            parts.tables.append(sacks)
        sequence += _sequence(connection, color, sacks)
        faults = fault_table(run, connection)
        if faults is not None:
            parts.tables.append(faults)
            sequence.append(Layer(**FAULT, table=faults.name, connection=connection.id))
        window += _window(connection, color)
        delay += _delay(connection, color)
    if connections and not window:
        windows = _all_of(connections, _windows)
        parts.lacks(
            "Receive window", f"each that was advertised {extent_words(windows, size_words)}"
        )
    if connections and not delay:
        parts.lacks(
            "One-way delay", f"that of each packet {extent_words(_all_of(connections, _delays))}"
        )
    parts.panels = [
        Panel(
            "sequence",
            "Time-sequence graph",
            "bytes",
            sequence,
            SEQUENCE_NOTE,
            height=_height(connections),
            zero=False,
            figures=("sequence",),
        ),
        Panel("window", "Receive window", "bytes", window, WINDOW_NOTE, figures=("window",)),
        Panel("delay", "One-way delay", "ns", delay, DELAY_NOTE, height=180),
    ]
    return parts


def _height(connections: list[Connection]) -> int:
    """Return the height of the time-sequence graph: less where there are few segments."""
    most = max((int((part.frame["payload_bytes"] > 0).sum()) for part in connections), default=0)
    return 420 if most >= 3 * FEW_PACKETS else 260 if most else 150


def _rows(mask: pl.Series) -> NDArray[np.int64]:
    rows: NDArray[np.int64] = (
        mask.cast(pl.Boolean).fill_null(False).arg_true().cast(pl.Int64).to_numpy()
    )
    return rows


def _layers(
    connection: Connection, flow: str, wanted: list[tuple[pl.Series, dict[str, Any]]]
) -> list[Layer]:
    """Return one layer per mask of packets; those without any packet are left out.

    ``flow`` is the colour of the connection's flow.
    """
    made = []
    for mask, look in wanted:
        rows = _rows(mask)
        if len(rows):
            color = flow if look["color"] == FLOW else look["color"]
            place = {"table": connection.id, "connection": connection.id, "rows": rows}
            made.append(Layer(**{**place, **look, "color": color}))
    return made


def _sequence(connection: Connection, color: str, sacks: PanelTable | None) -> list[Layer]:
    frame = connection.frame
    out = frame["outgoing"]
    data = out & (frame["payload_bytes"] > 0) & frame["seq_rel"].is_not_null()
    acks = ~out & frame["ack_rel"].is_not_null() & ~_flagged(frame, "R")
    lost = (frame["fate"].fill_null(0) & 1) == 1
    control = _flagged(frame, "[SFR]")
    resets = bare_resets(frame)
    edge = [(acks & frame["window_bytes"].is_not_null(), EDGE)]
    # what was sent lies over what the receiver reports: there may be very much of that
    lines = [
        ((has(frame, "duplicate_ack") == 1) & ~out, DUPLICATE),
        (acks, ACKS),
        (data & ~frame["again"], DATA),
        (data & frame["again"], AGAIN),
    ]
    blocks = (
        [
            Layer(
                **_look(
                    "SACK block",
                    "bars",
                    "left",
                    "--reported",
                    "Bytes that the receiver reports out of order",
                    y2="right",
                    width=1.6,
                ),
                table=sacks.name,
                connection=connection.id,
            )
        ]
        if sacks
        else []
    )
    points = [
        (data & lost, LOST),
        (~out & lost, ACK_LOST),
        (data & (has(frame, "spurious_retransmission") == 1), SPURIOUS),
        (data & (has(frame, "out_of_order") == 1), DISORDER),
        (acks & (has(frame, "zero_window") == 1), ZERO),
        (out & (has(frame, "zero_window_probe", "keep_alive") == 1), PROBE),
        (control & out & frame["seq_rel"].is_not_null(), CONTROL),
        (control & ~out & frame["ack_rel"].is_not_null() & ~resets, CONTROL_BACK),
        (resets, RESET_BACK),
        (~out & (frame["payload_bytes"] > 0) & frame["ack_rel"].is_not_null(), REVERSE),
    ]
    below = [*_layers(connection, color, edge), *blocks]
    return [*below, *_layers(connection, color, lines + points)]


def _flagged(frame: pl.DataFrame, letters: str) -> pl.Series:
    return frame["flags"].fill_null("").str.contains(letters)


def _windows(frame: pl.DataFrame) -> pl.Series:
    """Return the windows that the data's receiver advertised."""
    return frame.filter(_advertised(frame))["window_bytes"]


def _advertised(frame: pl.DataFrame) -> pl.Series:
    return ~frame["outgoing"] & frame["window_bytes"].is_not_null() & ~_flagged(frame, "R")


def _delays(frame: pl.DataFrame) -> pl.Series:
    return frame["delay"].drop_nulls()


def _window(connection: Connection, color: str) -> list[Layer]:
    """Return the layers of the receive window; none where so few packets leave it as it was."""
    frame = connection.frame
    out = frame["outgoing"]
    windows = _advertised(frame)
    flight = out & frame["in_flight_bytes"].is_not_null()
    if flight.sum() < FEW_PACKETS and steady(_windows(frame)):
        return []
    return _layers(
        connection,
        color,
        [
            (windows, WINDOW),
            (flight, FLIGHT),
            (windows & (has(frame, "zero_window") == 1), WINDOW_ZERO),
            (windows & (has(frame, "window_update") == 1), WINDOW_UPDATE),
            (out & (has(frame, "window_full") == 1), WINDOW_FULL),
            (out & (has(frame, "zero_window_probe", "keep_alive") == 1), WINDOW_PROBE),
        ],
    )


def _delay(connection: Connection, color: str) -> list[Layer]:
    """Return the layers of one-way delay; none where all packets took about the same."""
    frame = connection.frame
    if steady(_delays(frame)):
        return []
    arrived = frame["delay"].is_not_null()
    return _layers(
        connection,
        color,
        [(arrived & frame["outgoing"], FORTH), (arrived & ~frame["outgoing"], BACK)],
    )


def _all_of(connections: list[Connection], take: Callable[[pl.DataFrame], pl.Series]) -> pl.Series:
    """Return what all connections have in one column."""
    return pl.concat([take(connection.frame) for connection in connections])
