"""iperf3's own JSON to the ``iperf3`` table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from tcpexp.store.frames import conform, empty_frame


def load_iperf3(text: str) -> dict[str, Any] | None:
    """Return iperf3's report in a log, or None when the log holds none (another program's, or
    iperf3 was killed).
    """
    start = text.find("{")
    if start < 0:
        return None
    try:
        value, _ = json.JSONDecoder().raw_decode(text[start:])
    except ValueError:
        return None
    return value if isinstance(value, dict) and "intervals" in value and "start" in value else None


def server_port(report: dict[str, Any]) -> int | None:
    """Return the server's port, by which the report belongs to a flow."""
    to = report["start"].get("connecting_to")
    if to is not None:
        return int(to["port"])
    return next((server for _, server in connections_of(report).values()), None)


def side_of(report: dict[str, Any]) -> str:
    """Return who wrote the report: client or server."""
    return "client" if "connecting_to" in report["start"] else "server"


def client_sends(report: dict[str, Any]) -> dict[tuple[int, int], bool]:
    """Return of each data connection, by the client's and the server's port, whether the client
    sends; of those about which the report says it.
    """
    senders = {
        stream.get("socket"): stream.get("sender")
        for interval in report["intervals"]
        for stream in interval.get("streams", [])
    }
    by_client = side_of(report) == "client"
    return {
        ports: bool(senders[socket]) == by_client
        for socket, ports in connections_of(report).items()
        if senders.get(socket) is not None
    }


def connections_of(report: dict[str, Any]) -> dict[Any, tuple[int, int]]:
    """Return the client's and the server's port of each data connection, by the number that the
    report calls its socket.
    """
    client = side_of(report) == "client"
    found = {}
    for connection in report["start"].get("connected", []):
        ports = int(connection["local_port"]), int(connection["remote_port"])
        found[connection.get("socket")] = ports if client else ports[::-1]
    return found


def received_bytes(report: dict[str, Any]) -> dict[tuple[int, int], int]:
    """Return what the writer of a report received in all, by (local, remote) port of each
    connection.

    The report's own total of each connection, not the sum of its intervals: after a stall these
    hold bytes twice. Connections on which it sent are left out. Empty for UDP.
    """
    if report["start"].get("test_start", {}).get("protocol", "TCP") != "TCP":
        return {}
    ports = {
        connection["socket"]: (int(connection["local_port"]), int(connection["remote_port"]))
        for connection in report["start"].get("connected", [])
    }
    totals = [
        stream["receiver"]
        for stream in report.get("end", {}).get("streams", [])
        if "receiver" in stream
    ]
    return {
        ports[stream["socket"]]: int(stream["bytes"])
        for stream in totals
        if stream.get("sender") is False and stream.get("socket") in ports
    }


def last_second(report: dict[str, Any]) -> float:
    """Return when a report's last interval ended, in seconds from the test's beginning."""
    ends = [
        float(stream["end"])
        for interval in report["intervals"]
        for stream in interval.get("streams", [])
    ]
    return max(ends, default=0.0)


def parse_iperf3(
    report: dict[str, Any], carried: Mapping[Any, tuple[int | None, str]], flow: str, start_ns: int
) -> pl.DataFrame:
    """Return one row per stream and interval; ``start_ns`` is when the test began, from t0.

    ``carried`` has the connection and the flow of each stream, by the number that the report calls
    its socket; others are the ``flow``'s.

    ``retransmits``, ``cwnd_bytes`` and ``rtt_us`` are null on the receiving side: iperf3 knows them
    only for what it sends.
    """
    rows = []
    for interval in report["intervals"]:
        for stream in interval.get("streams", []):
            begin, end = float(stream["start"]), float(stream["end"])
            connection, name = carried.get(stream.get("socket"), (None, flow))
            rows.append(
                {
                    "flow": name,
                    "connection": connection,
                    "side": side_of(report),
                    "t_ns": start_ns + round(begin * 1e9),
                    "interval_ns": round((end - begin) * 1e9),
                    "stream": stream.get("socket"),
                    "bytes": stream.get("bytes"),
                    "retransmits": stream.get("retransmits"),
                    "cwnd_bytes": stream.get("snd_cwnd"),
                    "rtt_us": stream.get("rtt"),
                }
            )
    return (
        conform(pl.DataFrame(rows, infer_schema_length=None), "iperf3")
        if rows
        else empty_frame("iperf3")
    )
