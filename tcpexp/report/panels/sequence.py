"""Panels of a connection's packets: the time-sequence graph, the receive window, one-way delay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.report.panels.model import Layer, Panel, PanelTable
from tcpexp.report.panels.packets import Connection, fault_table, has, packet_table, sack_table

if TYPE_CHECKING:
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


def _look(label: str, kind: str, y: str, color: str, help: str = "", **more: Any) -> dict[str, Any]:
    return {"label": label, "kind": kind, "y": y, "color": color, "help": help, **more}


EDGE = _look(
    "window edge",
    "step",
    "edge",
    "--s3",
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
    "--s1",
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
    "--s6",
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
    "--s2",
    "Its bytes had been acknowledged already (Wireshark's label)",
    marker="s",
)
DISORDER = _look(
    "out of order",
    "points",
    "end",
    "--s5",
    "Soon after a segment with later bytes (Wireshark's label)",
    marker="d",
)
ZERO = _look("zero window", "points", "edge", "--s2", "The receiver has no room", marker="o")
PROBE = _look("probe", "points", "seq", "--s4", "Zero-window probe or keep-alive", marker="v")
CONTROL = _look(
    "SYN, FIN, RST", "points", "end", "--s2", "Opens, closes or resets the connection", marker="F"
)
CONTROL_BACK = {**CONTROL, "y": "ack"}
FAULT = _look(
    "fault",
    "points",
    "y",
    "--s6",
    "Where the network was told to drop, delay, duplicate or damage a segment",
    marker="^",
)
REVERSE = _look(
    "data the other way",
    "points",
    "ack",
    "--s7",
    "Segments with payload from the receiver, on the ACK line",
    marker="d",
    on=False,
)

WINDOW = _look("advertised window", "step", "win", "--s1", "The receive window, scaled")
FLIGHT = _look(
    "bytes in flight",
    "step",
    "flight",
    "--ink",
    "Sent and not yet acknowledged, by Wireshark",
    width=1,
    dash=(3, 2),
)
WINDOW_ZERO = _look(
    "zero window", "points", "win", "--alarm", "The receiver has no room", marker="o"
)
WINDOW_UPDATE = _look(
    "window update", "points", "win", "--s3", "An ACK that only opens the window", marker="^"
)
WINDOW_FULL = _look(
    "window full", "points", "flight", "--s6", "The sender has used all of the window", marker="v"
)
WINDOW_PROBE = _look(
    "probe", "points", "flight", "--s4", "Zero-window probe or keep-alive", marker="d"
)

FORTH = _look("data's direction", "points", "delay", "--s1", marker=".")
BACK = _look("ACKs' direction", "points", "delay", "--s6", marker=".")


def connection_panels(
    run: RunData, connections: list[Connection]
) -> tuple[dict[str, PanelTable], list[Panel]]:
    """Return the tables and the panels of all connections.

    A panel's layers belong to one connection each.
    """
    tables: dict[str, PanelTable] = {}
    sequence: list[Layer] = []
    window: list[Layer] = []
    delay: list[Layer] = []
    for connection in connections:
        tables[connection.id] = packet_table(connection)
        sacks = sack_table(connection)
        if sacks is not None:
            tables[sacks.name] = sacks
        sequence += _sequence(connection, sacks)
        faults = fault_table(run, connection)
        if faults is not None:
            tables[faults.name] = faults
            sequence.append(Layer(**FAULT, table=faults.name, connection=connection.id))
        window += _window(connection)
        delay += _delay(connection)
    panels = [
        Panel(
            "sequence",
            "Time-sequence graph",
            "bytes",
            sequence,
            SEQUENCE_NOTE,
            height=420,
            zero=False,
            figures=("sequence",),
        ),
        Panel("window", "Receive window", "bytes", window, WINDOW_NOTE, figures=("window",)),
        Panel("delay", "One-way delay", "ns", delay, DELAY_NOTE, height=180),
    ]
    return tables, panels


def _rows(mask: pl.Series) -> NDArray[np.int64]:
    rows: NDArray[np.int64] = (
        mask.cast(pl.Boolean).fill_null(False).arg_true().cast(pl.Int64).to_numpy()
    )
    return rows


def _layers(connection: Connection, wanted: list[tuple[pl.Series, dict[str, Any]]]) -> list[Layer]:
    """Return one layer per mask of packets; those without any packet are left out."""
    made = []
    for mask, look in wanted:
        rows = _rows(mask)
        if len(rows):
            made.append(
                Layer(**{"table": connection.id, "connection": connection.id, "rows": rows, **look})
            )
    return made


def _sequence(connection: Connection, sacks: PanelTable | None) -> list[Layer]:
    frame = connection.frame
    out = frame["outgoing"]
    data = out & (frame["payload_bytes"] > 0) & frame["seq_rel"].is_not_null()
    acks = ~out & frame["ack_rel"].is_not_null() & ~_flagged(frame, "R")
    lost = (frame["fate"].fill_null(0) & 1) == 1
    control = _flagged(frame, "[SFR]")
    lines = [
        (acks & frame["window_bytes"].is_not_null(), EDGE),
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
                    "--s4",
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
        ((has(frame, "duplicate_ack") == 1) & ~out, DUPLICATE),
        (data & lost, LOST),
        (~out & lost, ACK_LOST),
        (data & (has(frame, "spurious_retransmission") == 1), SPURIOUS),
        (data & (has(frame, "out_of_order") == 1), DISORDER),
        (acks & (has(frame, "zero_window") == 1), ZERO),
        (out & (has(frame, "zero_window_probe", "keep_alive") == 1), PROBE),
        (control & out & frame["seq_rel"].is_not_null(), CONTROL),
        (control & ~out & frame["ack_rel"].is_not_null(), CONTROL_BACK),
        (~out & (frame["payload_bytes"] > 0) & frame["ack_rel"].is_not_null(), REVERSE),
    ]
    return [*_layers(connection, lines), *blocks, *_layers(connection, points)]


def _flagged(frame: pl.DataFrame, letters: str) -> pl.Series:
    return frame["flags"].fill_null("").str.contains(letters)


def _window(connection: Connection) -> list[Layer]:
    frame = connection.frame
    out = frame["outgoing"]
    windows = ~out & frame["window_bytes"].is_not_null() & ~_flagged(frame, "R")
    return _layers(
        connection,
        [
            (windows, WINDOW),
            (out & frame["in_flight_bytes"].is_not_null(), FLIGHT),
            (windows & (has(frame, "zero_window") == 1), WINDOW_ZERO),
            (windows & (has(frame, "window_update") == 1), WINDOW_UPDATE),
            (out & (has(frame, "window_full") == 1), WINDOW_FULL),
            (out & (has(frame, "zero_window_probe", "keep_alive") == 1), WINDOW_PROBE),
        ],
    )


def _delay(connection: Connection) -> list[Layer]:
    frame = connection.frame
    arrived = frame["delay"].is_not_null()
    return _layers(
        connection, [(arrived & frame["outgoing"], FORTH), (arrived & ~frame["outgoing"], BACK)]
    )
