"""A run's TCP connections as qlog 0.3, the version that qvis reads.

qlog is made for QUIC: draft-ietf-quic-qlog-main-schema-05 for the file, and the events of
draft-ietf-quic-qlog-quic-events-04. For TCP nothing is standardised. What is kept and what is bent
is said in docs/guides/export.md. A trace is one connection as one of its hosts saw it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp import __version__
from tcpexp.exports.acked import ranges_of
from tcpexp.exports.endpoints import Direction, directions_of
from tcpexp.late import polars as pl
from tcpexp.store.rundir import write_atomic

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

VERSION = "0.3"
#: TCP's flags as bits of its header, by their letters in the table of packets.
FLAG_BITS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32, "E": 64, "C": 128, "e": 256}
#: Of an Ethernet frame: what stands before the IP packet, bytes.
ETHERNET = 14
#: Why a segment was sent again, in qlog's words; another reason means no loss.
TRIGGERS = {
    "fast_retransmit": "reordering_threshold",
    "lost_retransmission": "reordering_threshold",
    "timeout": "pto_expired",
    "after_timeout": "pto_expired",
}

Event = tuple[int, int, dict[str, Any]]


def export_qlog(run: RunData, folder: Path) -> list[Path]:
    """Write ``<experiment>.qlog`` into ``folder`` and return it."""
    path = folder / f"{run.plan.name}.qlog"
    write_atomic(path, json.dumps(qlog_of(run), separators=(",", ":"), ensure_ascii=False) + "\n")
    return [path]


def qlog_of(run: RunData) -> dict[str, Any]:
    """Return the file's content: a trace for each connection and each of its hosts that was
    recorded.
    """
    plan = run.plan
    traces = [
        trace
        for row in run.table("connections").iter_rows(named=True)
        for trace in _traces(run, row)
    ]
    return {
        "qlog_version": VERSION,
        "qlog_format": "JSON",
        "title": plan.title or plan.name,
        "description": f"TCP as tcpexp {__version__} recorded it: run {run.path.name}",
        "traces": traces or [{"error_description": "the run has no TCP connection"}],
    }


def _traces(run: RunData, row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the traces of one connection: the client's, then the server's."""
    packets = run.table("packets").filter(pl.col("connection") == row["connection"])
    to_server, to_client = directions_of(row, packets, run.table("journeys"))
    name = row["flow"] or f"port {row['server_port']}"
    for kind, node, sent, received in (
        ("client", row["client"], to_server, to_client),
        ("server", row["server"], to_client, to_server),
    ):
        if node is None or not (sent.sent or received.received):
            continue
        events = [
            *_started(row, sent),
            *_packets(sent, received),
            *_metrics(run, row["connection"], node),
            *_losses(run, row["connection"], node, sent),
            *_states(run, row["connection"], node),
        ]
        events.sort(key=lambda event: event[:2])
        yield {
            "title": f"{name} at {node}",
            "description": (
                f"{row['client_address']}:{row['client_port']} to"
                f" {row['server_address']}:{row['server_port']}"
            ),
            "vantage_point": {"name": node, "type": kind},
            "configuration": {"time_offset": 0.0, "original_uris": []},
            "common_fields": {
                "protocol_type": ["TCP"],
                "group_id": f"connection {row['connection']}",
                "time_format": "relative",
                "reference_time": int(run.engine.get("t0_realtime_ns") or 0) / 1e6,
            },
            "events": [event for _, _, event in events],
        }


def _event(t_ns: int, rank: int, name: str, data: dict[str, Any]) -> Event:
    """Return an event with what orders it: its time, and its rank among those of one time."""
    return t_ns, rank, {"time": t_ns / 1e6, "name": name, "data": data}


def _started(row: dict[str, Any], sent: Direction) -> Iterator[Event]:
    first = min((packet.t_ns for packet in sent.sent), default=row["syn_ns"])
    if first is None:
        return
    data = {
        "ip_version": "v6" if ":" in row["client_address"] else "v4",
        "src_ip": row["client_address"],
        "dst_ip": row["server_address"],
        "protocol": "TCP",
        "src_port": row["client_port"],
        "dst_port": row["server_port"],
    }
    at = row["syn_ns"] if row["syn_ns"] is not None else first
    yield _event(min(at, first), 0, "connectivity:connection_started", data)


def _packets(sent: Direction, received: Direction) -> Iterator[Event]:
    """Yield what left and what came, each with the packets that it acknowledges."""
    covered = received.acked_by(sent.acks_as_sent())
    for packet in sent.sent:
        data = _packet_data(packet.row, packet.number, covered.get(packet.number))
        yield _event(packet.t_ns, 3, "transport:packet_sent", data)
    covered = sent.acked_by(received.acks_as_received())
    for arrived in received.received:
        acked = None if arrived.number is None else covered.get(arrived.number)
        data = _packet_data(arrived.row, arrived.number, acked)
        yield _event(arrived.t_ns, 3, "transport:packet_received", data)


def _packet_data(
    row: dict[str, Any], number: int | None, acked: list[int] | None
) -> dict[str, Any]:
    flags = row["flags"] or ""
    header: dict[str, Any] = {"packet_type": "1RTT"}
    if number is not None:
        header["packet_number"] = number
    header["flags"] = sum(FLAG_BITS.get(letter, 0) for letter in flags)
    frames: list[dict[str, Any]] = []
    if row["payload_bytes"] and row["seq_rel"] is not None:
        frame = {"frame_type": "stream", "stream_id": 0}
        frame |= {"offset": max(row["seq_rel"] - 1, 0), "length": row["payload_bytes"]}
        frames.append(frame | ({"fin": True} if "F" in flags else {}))
    if acked:
        frames.append({"frame_type": "ack", "acked_ranges": ranges_of(acked)})
    tcp = {
        "flags": flags,
        "seq": row["seq_rel"],
        "ack": row["ack_rel"] if "A" in flags else None,
        "window": row["window_bytes"],
        "sack_blocks": row["sack_blocks"],
        "ce": True if row["ecn"] == 3 else None,
        "frame": f"{row['capture']} {row['number']}",
    }
    return {
        "header": header,
        "frames": frames,
        "raw": {
            "length": row["frame_bytes"] - ETHERNET,
            "payload_length": row["payload_bytes"] or 0,
        },
        "tcp": {name: value for name, value in tcp.items() if value is not None},
    }


def _metrics(run: RunData, connection: int, node: str) -> Iterator[Event]:
    """Yield the sender's state, each time what has changed."""
    rows = run.table("flow_states").filter(
        (pl.col("connection") == connection) & (pl.col("node") == node)
    )
    told: dict[str, Any] = {}
    for row in rows.sort("t_ns", maintain_order=True).iter_rows(named=True):
        mss = row["mss"]
        now = {
            "congestion_window": _product(row["cwnd"], mss),
            "ssthresh": _product(row["ssthresh"], mss),
            "bytes_in_flight": row["in_flight_bytes"],
            "smoothed_rtt": None if row["srtt_us"] is None else row["srtt_us"] / 1e3,
            "rtt_variance": None if row["rttvar_us"] is None else row["rttvar_us"] / 1e3,
            "pacing_rate": None if row["pacing_rate_bps"] is None else int(row["pacing_rate_bps"]),
        }
        changed = {
            name: value
            for name, value in now.items()
            if value is not None and told.get(name) != value
        }
        told |= changed
        if changed:
            yield _event(row["t_ns"], 1, "recovery:metrics_updated", changed)


def _product(segments: int | None, mss: int | None) -> int | None:
    return None if segments is None or mss is None else segments * mss


def _losses(run: RunData, connection: int, node: str, sent: Direction) -> Iterator[Event]:
    """Yield a loss for each segment that the sender sent again because it took the last one for
    lost, at the moment when it did.
    """
    rows = run.table("resent").filter(
        (pl.col("connection") == connection)
        & (pl.col("node") == node)
        & (pl.col("kind") == "data")
        & pl.col("by").is_in(list(TRIGGERS))
    )
    for row in rows.iter_rows(named=True):
        number = sent.last_before(row["seq_rel"], row["capture"], row["number"])
        if number is not None:
            data = {
                "header": {"packet_type": "1RTT", "packet_number": number},
                "trigger": TRIGGERS[row["by"]],
            }
            yield _event(row["t_ns"], 2, "recovery:packet_lost", data)


def _states(run: RunData, connection: int, node: str) -> Iterator[Event]:
    """Yield changes of the congestion state, and retransmission timers that ran out."""
    here = (pl.col("connection") == connection) & (pl.col("node") == node)
    old: str | None = None
    for row in run.table("ca_states").filter(here).sort("t_ns").iter_rows(named=True):
        data = {"new": row["ca_state"]} | ({"old": old} if old is not None else {})
        old = row["ca_state"]
        yield _event(row["t_ns"], 2, "recovery:congestion_state_updated", data)
    for row in run.table("timeouts").filter(here).iter_rows(named=True):
        data = {"timer_type": "pto", "event_type": "expired"}
        yield _event(row["t_ns"], 1, "recovery:loss_timer_updated", data)
