"""Fake run directories with plausible tables: a bottleneck shared by two flows, and one short HTTP
connection.

Nothing here was measured. The numbers follow simple models, so that figures and reports can be
drawn and judged without a run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tcpexp.analysis.resent import build_resent
from tcpexp.plan.types import (
    DirectionPlan,
    FlowPlan,
    InterfacePlan,
    LinkEnd,
    LinkPlan,
    Mark,
    Needs,
    NetworkPlan,
    NodePlan,
    QueuePlan,
    RunPlan,
    Spawn,
    Step,
    to_json,
)
from tcpexp.store.frames import write_table
from tcpexp.store.rundata import RunData
from tests.support.numbered import numbered

SECOND = 1_000_000_000
MSS = 1448


def network(*, shaped: bool = True) -> NetworkPlan:
    """Return h1 and h2 joined by one link of 20 ms each way, at 10 Mbit/s with a queue of 34
    packets when ``shaped``.
    """
    queue = QueuePlan("pfifo", 34, None) if shaped else None
    rate = 10_000_000 if shaped else None
    direction = DirectionPlan(rate_bps=rate, queue=queue, delay_ns=20_000_000)
    nodes = tuple(
        NodePlan(
            name, "host", (InterfacePlan(f"{name}-eth0", f"02:00:00:00:00:0{i}", f"10.0.0.{i}/24"),)
        )
        for i, name in ((1, "h1"), (2, "h2"))
    )
    link = LinkPlan(
        "h1-h2",
        LinkEnd("h1", "h1-eth0"),
        LinkEnd("h2", "h2-eth0"),
        direction,
        direction,
        True,
        shaped,
        True,
        40_000_000,
    )
    return NetworkPlan("two_host", nodes, (link,), ("10.0.0.0/24",))


def make_plan(**more: Any) -> RunPlan:
    """Return a plan of one link and no action, with ``more`` fields replaced."""
    fields: dict[str, Any] = {
        "name": "fake",
        "title": "A fake run",
        "description": "Is this drawn well?\n",
        "references": ("RFC 9293",),
        "seed": 7,
        "duration_ns": 20 * SECOND,
        "network": network(),
        "setup": (),
        "steps": (),
        "recorders": (),
        "flows": (),
        "expect": (),
        "plots": (),
        "explain": "",
        "files": (),
        "needs": Needs(),
    }
    return RunPlan(**{**fields, **more})


def write_run(path: Path, plan: RunPlan, tables: dict[str, pl.DataFrame], **files: Any) -> RunData:
    """Write a run directory: the plan, ``tables``, and JSON ``files`` by name (``engine`` goes to
    ``raw/engine.json``).
    """
    (path / "raw").mkdir(parents=True, exist_ok=True)
    (path / "plan.json").write_text(to_json(plan))
    engine = {
        "status": "complete",
        "where": "guest",
        "end_ns": plan.duration_ns,
        "versions": {"kernel": "6.1.0"},
    }
    for name, value in {"engine": engine, **files}.items():
        target = path / ("raw/engine.json" if name == "engine" else f"{name}.json")
        target.write_text(json.dumps(value))
    for name, frame in tables.items():
        write_table(path, name, numbered(frame))
    if "packets" in tables and "resent" not in tables:
        write_table(path, "resent", build_resent(RunData(path)))
    return RunData(path)


def shared_bottleneck(
    path: Path, seconds: int = 20, plots: tuple[dict[str, Any], ...] = (), **files: Any
) -> RunData:
    """Write a run of two flows: ``cubic`` from the start, ``bbr`` from a quarter of the time on."""
    joined = seconds / 4
    flows = tuple(
        FlowPlan(
            name,
            "h1",
            "h2",
            port,
            "h1",
            "iperf3",
            f"a0{i}",
            "not_first",
            name,
            int(start * SECOND),
            seconds * SECOND,
        )
        for i, (name, port, start) in enumerate((("cubic", 5201, 0.0), ("bbr", 5202, joined)))
    )
    steps = [
        Step(
            flow.step,
            i,
            flow.start_ns,
            Spawn("h1", ("iperf3", "-c", "10.0.0.2", "-p", str(flow.port))),
            f"iperf3 {flow.name} h1 → h2",
        )
        for i, flow in enumerate(flows)
    ]
    steps.append(
        Step("a02", 2, int(seconds * SECOND * 0.6), Mark("halfway and more"), "halfway and more")
    )
    plan = make_plan(
        name="bbr_vs_cubic",
        title="BBR and CUBIC share a bottleneck",
        duration_ns=seconds * SECOND,
        flows=flows,
        steps=tuple(steps),
        plots=plots,
        description=(
            "One CUBIC flow has a 10 Mbit/s, 40 ms path for itself. Later a BBR flow joins. Who"
            " gets how much?\n"
        ),
        explain=(
            "CUBIC grows its window until the queue overflows, then multiplies it by 0.7.\n\n- BBR"
            " paces at the measured rate.\n- It ignores loss.\n"
        ),
    )
    grid = np.arange(0, seconds, 0.002)
    shares = {
        "cubic": np.where(grid < joined, 1.0, 0.35 + 0.1 * np.sin(grid)),
        "bbr": np.where(grid < joined, 0.0, 0.65 - 0.1 * np.sin(grid)),
    }
    phase = (grid % 4.0) / 4.0
    backlog = np.clip(6 + 30 * phase**1.4 + 2 * np.sin(grid * 25), 0, 34).round()
    rtt_ms = 40 + backlog * 1.21
    tables = {
        "events": _events(plan),
        "queues": _queues(grid, backlog),
        "throughput": _throughput(grid, shares, seconds),
        "packets": _bulk_packets(flows, grid, shares, rtt_ms),
        "rtt": _rtt(grid, shares, rtt_ms),
        "tcp_probe": _probe(flows, grid, shares, rtt_ms),
        "counters": _counters(seconds),
        "sockets": _bulk_sockets(flows, seconds, grid, shares, rtt_ms),
    }
    return write_run(path, plan, tables, **files)


def _events(plan: RunPlan) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "t_ns": (step.at_ns or 0) + 1200,
                "planned_ns": step.at_ns,
                "lateness_ns": 1200,
                "event": "mark" if isinstance(step.do, Mark) else "start",
                "step": step.id,
                "action": step.action,
                "kind": step.do.kind,
                "node": getattr(step.do, "node", None),
                "label": step.label,
            }
            for step in plan.steps
        ]
    )


def _throughput(grid: np.ndarray, shares: dict[str, np.ndarray], seconds: int) -> pl.DataFrame:
    rows = []
    for name, share in shares.items():
        per_bin = share.reshape(seconds * 10, -1).mean(axis=1) * 9.57e6 * 0.1 / 8
        for i, value in enumerate(per_bin):
            if value > 0:
                noisy = int(value * (1 + 0.05 * np.sin(i * 1.7)))
                rows.append(
                    {
                        "flow": name,
                        "t_ns": i * SECOND // 10,
                        "interval_ns": SECOND // 10,
                        "packets": noisy // MSS,
                        "wire_bytes": int(noisy * 1.045),
                        "payload_bytes": noisy,
                        "goodput_bytes": noisy,
                    }
                )
    return pl.DataFrame(rows)


def _rtt(grid: np.ndarray, shares: dict[str, np.ndarray], rtt_ms: np.ndarray) -> pl.DataFrame:
    parts = [
        pl.DataFrame(
            {
                "flow": name,
                "t_ns": (grid[share > 0] * 1e9).astype(np.int64),
                "rtt_ns": (rtt_ms[share > 0] * 1e6).astype(np.int64) + 300_000 * k,
            }
        )
        for k, (name, share) in enumerate(shares.items())
    ]
    return pl.concat(parts)


def _queues(grid: np.ndarray, backlog: np.ndarray) -> pl.DataFrame:
    every = slice(None, None, 5)
    full = backlog[every] >= 34
    forward = pl.DataFrame(
        {
            "t_ns": (grid[every] * 1e9).astype(np.int64),
            "backlog_packets": backlog[every].astype(np.int64),
            "drops": np.cumsum(full & (np.arange(len(full)) % 4 == 0)),
        }
    ).with_columns(link=pl.lit("h1-h2"), towards=pl.lit("h2"), qdisc=pl.lit("queue"))
    return pl.concat(
        [
            forward,
            forward.with_columns(
                towards=pl.lit("h1"), backlog_packets=pl.lit(0, pl.Int64), drops=pl.lit(0, pl.Int64)
            ),
        ],
        how="vertical_relaxed",
    )


def _bulk_packets(
    flows: tuple[FlowPlan, ...], grid: np.ndarray, shares: dict[str, np.ndarray], rtt_ms: np.ndarray
) -> pl.DataFrame:
    frames = []
    for stream, flow in enumerate(flows):
        sent = np.cumsum(shares[flow.name] * 9.57e6 * 0.002 / 8 / MSS)
        numbers = np.arange(1, int(sent[-1]))
        t = np.interp(numbers, sent, grid)
        seq = 1 + (numbers - 1) * MSS
        again = (numbers % 400 == 399) & (t > 1)
        seq = np.where(again, np.maximum(seq - 30 * MSS, 1), seq)
        data = pl.DataFrame(
            {"t_ns": (t * 1e9).astype(np.int64), "seq": seq, "seq_rel": seq, "again": again}
        ).with_columns(
            src=pl.lit("10.0.0.1"),
            dst=pl.lit("10.0.0.2"),
            src_port=pl.lit(40000 + stream),
            dst_port=pl.lit(flow.port),
            flags=pl.lit("A"),
            payload_bytes=pl.lit(MSS),
            frame_bytes=pl.lit(MSS + 66),
            ack_rel=pl.lit(1),
            window_bytes=pl.lit(64256),
            in_flight_bytes=pl.lit(50 * MSS),
            labels=pl.when("again")
            .then(pl.lit(["retransmission", "fast_retransmission"]))
            .otherwise(pl.lit([], dtype=pl.List(pl.String))),
        )
        rtt_ns = (np.interp(t, grid, rtt_ms) * 1e6).astype(np.int64)
        acks = (
            pl.DataFrame(
                {
                    "t_ns": (t * 1e9).astype(np.int64) + rtt_ns,
                    "ack_rel": np.maximum.accumulate(seq + MSS),
                    "rtt_ns": rtt_ns,
                    "n": numbers,
                }
            )
            .with_columns(
                src=pl.lit("10.0.0.2"),
                dst=pl.lit("10.0.0.1"),
                src_port=pl.lit(flow.port),
                dst_port=pl.lit(40000 + stream),
                flags=pl.lit("A"),
                payload_bytes=pl.lit(0),
                frame_bytes=pl.lit(66),
                seq_rel=pl.lit(1),
                window_bytes=pl.lit(262144),
                labels=pl.when(pl.col("n") % 400 > 395)
                .then(pl.lit(["duplicate_ack"]))
                .otherwise(pl.lit([], dtype=pl.List(pl.String))),
            )
            .filter(pl.col("n") % 2 == 0)
        )
        frames.append(
            pl.concat([data, acks], how="diagonal_relaxed").with_columns(
                flow=pl.lit(flow.name), stream=pl.lit(stream)
            )
        )
    whole = pl.concat(frames, how="diagonal_relaxed").sort("t_ns")
    return whole.with_columns(
        capture=pl.lit("h1-eth0"),
        node=pl.lit("h1"),
        protocol=pl.lit("tcp"),
        number=pl.int_range(1, pl.len() + 1),
    )


def _window(name: str, share: np.ndarray, rtt_ms: np.ndarray) -> np.ndarray:
    return np.maximum(
        share * rtt_ms / 1000 * 9.57e6 / 8 / MSS * (2.0 if name == "bbr" else 1.0), 4
    ).astype(np.int64)


def _probe(
    flows: tuple[FlowPlan, ...], grid: np.ndarray, shares: dict[str, np.ndarray], rtt_ms: np.ndarray
) -> pl.DataFrame:
    frames = []
    for k, flow in enumerate(flows):
        on = shares[flow.name] > 0
        cwnd = _window(flow.name, shares[flow.name], rtt_ms)[on]
        ssthresh = np.where(
            grid[on] < 1, 0x7FFFFFFF, 25 + 4 * ((grid[on] // 4).astype(np.int64) % 3)
        )
        frames.append(
            pl.DataFrame(
                {"t_ns": (grid[on] * 1e9).astype(np.int64), "cwnd": cwnd, "ssthresh": ssthresh}
            ).with_columns(node=pl.lit("h1"), flow=pl.lit(flow.name), src_port=pl.lit(40000 + k))
        )
    return pl.concat(frames).sort("t_ns")


def _counters(seconds: int) -> pl.DataFrame:
    rows = []
    for t in range(seconds):
        rows += [
            {"t_ns": t * SECOND, "node": "h1", "counter": "Tcp.RetransSegs", "value": 3 * t},
            {"t_ns": t * SECOND, "node": "h1", "counter": "TcpExt.TCPFastRetrans", "value": t},
            {"t_ns": t * SECOND, "node": "h2", "counter": "TcpExt.TCPOFOQueue", "value": 5 * t},
        ]
    return pl.DataFrame(rows)


def _bulk_sockets(
    flows: tuple[FlowPlan, ...],
    seconds: int,
    grid: np.ndarray,
    shares: dict[str, np.ndarray],
    rtt_ms: np.ndarray,
) -> pl.DataFrame:
    rows = []
    for t in np.arange(0.2, seconds, 0.2):
        rows.append(
            {
                "t_ns": int(t * 1e9),
                "node": "h2",
                "state": "listen",
                "local_port": 5201,
                "peer_port": 0,
            }
        )
        for k, flow in enumerate(flows):
            if t * SECOND > flow.start_ns:
                at = int(t / 0.002)
                rows.append(
                    {
                        "t_ns": int(t * 1e9),
                        "node": "h1",
                        "state": "estab",
                        "local_port": 40000 + k,
                        "peer_address": "10.0.0.2",
                        "peer_port": flow.port,
                        "flow": flow.name,
                        "cwnd": int(_window(flow.name, shares[flow.name], rtt_ms)[at]),
                        "ssthresh": 25,
                    }
                )
    return pl.DataFrame(rows)


#: time (ms), sender, flags, seq, ack, payload bytes, window, arrival (ms) or None when lost
_SEGMENTS: tuple[tuple[float, str, str, int, int, int, int, float | None], ...] = (
    (1000.0, "h1", "S", 0, 0, 0, 64240, 1010.1),
    (1010.15, "h2", "SA", 0, 1, 0, 65160, 1020.2),
    (1020.25, "h1", "A", 1, 1, 0, 64256, 1030.3),
    (1020.5, "h1", "PA", 1, 1, 76, 64256, None),
    (1230.0, "h1", "PA", 1, 1, 76, 64256, 1240.1),
    (1240.2, "h2", "A", 1, 77, 0, 65152, 1250.3),
    (1241.0, "h2", "PA", 1, 77, 201, 65152, 1251.1),
    (1241.1, "h2", "FA", 202, 77, 0, 65152, 1251.2),
    (1251.3, "h1", "A", 77, 202, 0, 64128, 1261.4),
    (1252.0, "h1", "FA", 77, 203, 0, 64128, 1262.1),
    (1262.2, "h2", "A", 203, 78, 0, 65152, 1272.3),
)


def one_connection(path: Path, plots: tuple[dict[str, Any], ...] = (), **files: Any) -> RunData:
    """Write a run of one HTTP request over 10 ms each way, whose first data segment is lost once.

    H2 closes first.
    """
    flow = FlowPlan("get", "h1", "h2", 80, "h2", "http", "get", "all", None, SECOND, None)
    step = Step("get", 1, SECOND, Spawn("h1", ("curl", "http://10.0.0.2/")), "curl h1 → h2")
    plan = make_plan(
        name="handshake",
        title="Handshake, one request, teardown",
        duration_ns=65 * SECOND,
        network=network(shaped=False),
        flows=(flow,),
        steps=(step,),
        plots=plots,
    )
    tables = {
        "events": _events(plan),
        "packets": _small_packets(),
        "states": _small_states(),
        "sockets": _small_sockets(),
        "connections": _small_connections(),
    }
    return write_run(path, plan, tables, **files)


def _small_packets() -> pl.DataFrame:
    address, port = {"h1": "10.0.0.1", "h2": "10.0.0.2"}, {"h1": 40000, "h2": 80}
    rows = []
    for index, (at, sender, flags, seq, ack, size, window, arrival) in enumerate(_SEGMENTS):
        other = "h2" if sender == "h1" else "h1"
        packet = {
            "protocol": "tcp",
            "src": address[sender],
            "dst": address[other],
            "src_port": port[sender],
            "dst_port": port[other],
            "flow": "get",
            "stream": 0,
            "ip_id": index,
            "flags": flags,
            "seq": 1000 + seq,
            "ack": 2000 + ack,
            "seq_rel": seq,
            "ack_rel": ack,
            "payload_bytes": size,
            "window_bytes": window,
            "labels": ["retransmission", "rto"] if index == 4 else [],
        }
        rows.append({**packet, "node": sender, "capture": f"{sender}-eth0", "t_ns": int(at * 1e6)})
        if arrival is not None:
            rows.append(
                {**packet, "node": other, "capture": f"{other}-eth0", "t_ns": int(arrival * 1e6)}
            )
    frame = pl.DataFrame(rows).sort("t_ns")
    return frame.with_columns(number=pl.int_range(1, pl.len() + 1).over("capture"))


def _small_states() -> pl.DataFrame:
    def row(ms: float, node: str, old: str, new: str) -> dict[str, Any]:
        mine, peer = (
            ((40000, 80), ("10.0.0.2", "10.0.0.1"))
            if node == "h1"
            else ((80, 40000), ("10.0.0.1", "10.0.0.2"))
        )
        return {
            "t_ns": int(ms * 1e6),
            "node": node,
            "local_address": peer[1],
            "local_port": mine[0],
            "peer_address": peer[0],
            "peer_port": mine[1],
            "old_state": old,
            "new_state": new,
            "flow": "get",
        }

    return pl.DataFrame(
        [
            row(999.9, "h1", "CLOSED", "SYN-SENT"),
            row(1020.22, "h1", "SYN-SENT", "ESTABLISHED"),
            row(1030.31, "h2", "SYN-RECEIVED", "ESTABLISHED"),
            row(1241.09, "h2", "ESTABLISHED", "FIN-WAIT-1"),
            row(1251.22, "h1", "ESTABLISHED", "CLOSE-WAIT"),
            row(1251.99, "h1", "CLOSE-WAIT", "LAST-ACK"),
            row(1261.41, "h2", "FIN-WAIT-1", "FIN-WAIT-2"),
            row(1262.15, "h2", "FIN-WAIT-2", "CLOSED"),
            row(1272.31, "h1", "LAST-ACK", "CLOSED"),
        ]
    )


def _small_sockets() -> pl.DataFrame:
    listening = [
        {
            "t_ns": i * SECOND // 10,
            "node": "h2",
            "state": "listen",
            "local_port": 80,
            "peer_port": 0,
        }
        for i in range(650)
    ]
    waiting = [
        {
            "t_ns": i * SECOND // 10,
            "node": "h2",
            "state": "time-wait",
            "local_address": "10.0.0.2",
            "local_port": 80,
            "peer_address": "10.0.0.1",
            "peer_port": 40000,
        }
        for i in range(13, 626)
    ]
    return pl.DataFrame(listening + waiting, infer_schema_length=None)


def _small_connections() -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "client": "h1",
                "server": "h2",
                "client_address": "10.0.0.1",
                "server_address": "10.0.0.2",
                "client_port": 40000,
                "server_port": 80,
                "flow": "get",
                "capture": "h1-eth0",
                "stream": 0,
                "syn_ns": SECOND,
                "established_ns": 1_020_250_000,
                "first_fin_ns": 1_241_100_000,
                "first_closer": "h2",
                "end_ns": 1_272_300_000,
                "syn_count": 1,
                "synack_count": 1,
                "bytes_to_server": 76,
                "bytes_to_client": 201,
            }
        ]
    )
