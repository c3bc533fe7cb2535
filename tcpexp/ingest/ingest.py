"""``raw/`` to ``tables/``: read every source of a run that is there, say which flow each row
belongs to, write Parquet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from tcpexp.errors import DataError
from tcpexp.ingest import connections as conn
from tcpexp.ingest.accurate import with_ace
from tcpexp.ingest.captures import read_captures
from tcpexp.ingest.complaints import read_complaints
from tcpexp.ingest.counters import parse_counters
from tcpexp.ingest.damage import mark_unsent
from tcpexp.ingest.ending import ENDS, SAMPLED, ended_early, until_end
from tcpexp.ingest.events import parse_events
from tcpexp.ingest.faults import parse_faults
from tcpexp.ingest.flows import with_flows, with_openers
from tcpexp.ingest.flowtables import build_rtt, build_throughput
from tcpexp.ingest.iperf3 import (
    client_sends,
    connections_of,
    load_iperf3,
    parse_iperf3,
    server_port,
)
from tcpexp.ingest.journeys import build_journeys
from tcpexp.ingest.kernellog import parse_kernel_log
from tcpexp.ingest.lifetimes import read_sockets, with_connections
from tcpexp.ingest.network import Nodes
from tcpexp.ingest.qdisc import SampledDetails, read_queues
from tcpexp.ingest.rates import parse_rates_log
from tcpexp.ingest.recorded import read_recorded
from tcpexp.ingest.settings import SampledSettings, read_settings
from tcpexp.ingest.socketnames import name_sockets, socket_spans
from tcpexp.ingest.ss import parse_ss
from tcpexp.ingest.subflows import build_subflows, find_subflows, with_joined, without_joined
from tcpexp.ingest.tcptrace import Trace, read_trace
from tcpexp.ingest.utcp import read_utcp
from tcpexp.ingest.variables import build_variables
from tcpexp.ingest.witness import Witness
from tcpexp.plan.paths import Paths
from tcpexp.plan.types import RunPlan
from tcpexp.record import files
from tcpexp.record.tables import ON_REQUEST, TABLES
from tcpexp.store.frames import conform, empty_frame, write_table
from tcpexp.store.rundata import RunData
from tcpexp.telling import Say, say_nothing

_LOCAL_AND_PEER = (("local_address", "local_port"), ("peer_address", "peer_port"))


def ingest_run(run_dir: Path, say: Say | None = None) -> RunData:
    """Write all tables of a run and return the run for reading.

    A source that was not recorded gives a table without rows, one that was cut off gives what came
    before the cut. ``say`` is called with a sentence before each longer step, and for each
    capture that is left to tshark. Raises ``DataError`` naming the file that is damaged,
    ``HostError`` when tshark is needed and missing.
    """
    check_source(run_dir)
    tell = say or say_nothing
    run = RunData(run_dir)
    source = _Source(run)
    tell("reading captures")
    frames = _read_captures(source, tell)
    trace, samples = _read_trace(source), _read_samples(source)
    user_space = _read_user_space(source)
    tell("naming flows")
    captured, connections, subflows, witness = _name_connections(source, frames, trace, user_space)
    packets = until_end(captured, run.end_ns)
    tables = _from_captures(source, packets, captured, subflows)
    tables["subflows"] = build_subflows(
        packets, connections, subflows, source.plan.flows, source.nodes, Paths(source.plan.network)
    )
    spans = socket_spans(connections)
    tables |= _from_trace(source, witness, user_space, spans)
    tables |= {**samples, "sockets": _name_socket_rows(samples["sockets"], spans)}
    tables["faults"] = name_sockets(
        parse_faults(source.text(files.FAULTS)), spans, ("src", "src_port"), ("dst", "dst_port")
    )
    tables["variables"] = build_variables(trace.own, witness.lives, spans, source.nodes)
    log = files.KERNEL_LOG
    tables["kernel_log"] = parse_kernel_log(source.text(log), str(source.raw / log))
    tables["iperf3"] = _from_iperf3(source, connections)
    brought = read_recorded(source.raw, source.plan)
    if asks_for_complaints(source.plan):
        tell("searching for complaints")
        complaints = read_complaints(sorted(source.raw.glob("*.pcap")))
        tables["complaints"] = complaints.join(
            packets, on=["capture", "number"], how="semi", maintain_order="left"
        )
    tell("writing tables")
    tables["packets"] = packets
    tables["connections"] = conn.table_of(connections)
    cut = (*ENDS, *SAMPLED) if ended_early(run) else ENDS
    tables |= {name: until_end(tables[name], run.end_ns) for name in cut if name in tables}
    for name in TABLES:
        if name in tables or name not in ON_REQUEST:  # nobody asked: not the same as none
            write_table(run_dir, name, tables.get(name, empty_frame(name)))
    for schema, frame in brought:
        timed = ended_early(run) and "t_ns" in schema.types
        write_table(run_dir, schema, until_end(frame, run.end_ns) if timed else frame)
    return RunData(run_dir)


def asks_for_complaints(plan: RunPlan) -> bool:
    """Return whether a check of the plan wants the table ``complaints``."""
    return any("complaints" in entry for entry in plan.expect)


class _Source:
    """The raw files of one run and what is needed to read them."""

    def __init__(self, run: RunData) -> None:
        self.run = run
        self.raw = run.path / "raw"
        self.plan = run.plan
        self.nodes = Nodes.of(run.plan)

    def text(self, name: str) -> str:
        """Return a raw file, empty when it was not recorded."""
        path = self.raw / name
        return path.read_text(errors="replace") if path.is_file() else ""

    def per_node(self, folder: str) -> Iterator[tuple[str, str]]:
        """Yield (node, text) of the files of a folder that has one per node."""
        for path in sorted((self.raw / folder).glob("*.txt")):
            yield path.stem, path.read_text(errors="replace")


def _read_captures(source: _Source, tell: Say) -> list[pl.DataFrame]:
    files = sorted(source.raw.glob("*.pcap"))
    t0 = source.run.engine.get("t0_realtime_ns")
    if files and t0 is None:
        t0 = _first_time(files)
    return read_captures(files, int(t0 or 0), tell=tell)


def _name_connections(
    source: _Source, frames: list[pl.DataFrame], trace: Trace, user_space: dict[str, pl.DataFrame]
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, Witness]:
    """Return the packets with ``connection`` and ``flow``, the connections with who opened them,
    which of them are subflows of MPTCP, and what the trace says about the run's own sockets.
    """
    nodes, flows = source.nodes, source.plan.flows
    packets = pl.concat(frames) if frames else empty_frame("packets")
    packets = mark_unsent(packets.with_columns(node=nodes.of_capture()), source.plan, nodes)
    streams = conn.describe_streams(
        until_end(packets, source.run.end_ns), nodes, [flow.port for flow in flows]
    )
    found = conn.build_connections(streams, nodes)
    spans = socket_spans(found.with_columns(flow=pl.lit(None, dtype=pl.String)))
    sockets = read_sockets(trace)
    sockets = replace(sockets, lives=with_connections(sockets.lives, spans))
    subflows = find_subflows(packets, streams, found)
    opened = with_openers(
        without_joined(found, subflows), sockets.lives, _programs(user_space, spans)
    )
    named = with_flows(opened, flows, nodes, _client_sends(source))
    found = with_joined(found, named, subflows)
    packets = with_ace(conn.attach_flows(packets, streams, found)).sort("capture", "number")
    packets = conform(packets, "packets")
    return (
        packets,
        found,
        subflows,
        Witness.of(
            source.plan,
            nodes,
            trace,
            sockets,
            found,
            frozenset(packets["node"].unique().drop_nulls()),
        ),
    )


def _from_captures(
    source: _Source, packets: pl.DataFrame, captured: pl.DataFrame, subflows: pl.DataFrame
) -> dict[str, pl.DataFrame]:
    """Return what follows from the packets until the end.

    Only journeys see the later ones: what was under way at the end was not lost.
    """
    nodes, flows = source.nodes, source.plan.flows
    return {
        "throughput": build_throughput(packets, flows, nodes, source.run.end_ns, subflows),
        "rtt": build_rtt(packets, flows, nodes),
        "journeys": until_end(build_journeys(captured, nodes), source.run.end_ns, "sent_ns"),
    }


def _first_time(files: list[Path]) -> int:
    """Return the earliest packet's time when the engine left no t0 (it was killed before it could):
    then t_ns counts from there.
    """
    times = [frame["t_ns"].min() for frame in read_captures(files, 0) if frame.height]
    return min((int(time) for time in times if isinstance(time, int)), default=0)


def _read_trace(source: _Source) -> Trace:
    t0 = source.run.engine.get("t0_monotonic_ns")
    return read_trace(source.raw / "trace", int(t0)) if t0 is not None else Trace()


def _read_user_space(source: _Source) -> dict[str, pl.DataFrame]:
    """Return what programs of the user-space TCP wrote, by table."""
    t0 = source.run.engine.get("t0_realtime_ns")
    return read_utcp(source.raw, int(t0)) if t0 is not None else {}


def _programs(user_space: dict[str, pl.DataFrame], spans: pl.DataFrame) -> pl.DataFrame:
    """Return (connection, step) of the connections that a program of the user-space TCP opened."""
    events = user_space.get("tcp_events", empty_frame("tcp_events"))
    opened = events.filter(
        (pl.col("event") == "state_changed")
        & (pl.col("old_state") == "CLOSED")
        & (pl.col("new_state") == "SYN-SENT")
    )
    named = name_sockets(opened, spans, *_LOCAL_AND_PEER, opening=pl.lit(True))
    return named.filter(pl.col("connection").is_not_null()).select("connection", "step")


def _from_trace(
    source: _Source, trace: Witness, user_space: dict[str, pl.DataFrame], spans: pl.DataFrame
) -> dict[str, pl.DataFrame]:
    """Return the tables that the kernel's trace fills, and to which programs of the user-space TCP
    add what they wrote.
    """
    nodes = source.nodes
    result = {}
    for name in ("tcp_probe", "retransmits", "ca_states"):
        kernel = trace.rows(name).with_columns(node=nodes.of_address("src"))
        frame = pl.concat(
            [
                conform(kernel, name),
                user_space.get(name, empty_frame(name)).with_columns(node=nodes.of_address("src")),
            ]
        )
        frame = frame.filter(pl.col("node").is_not_null()).sort("t_ns", maintain_order=True)
        result[name] = name_sockets(frame, spans, ("src", "src_port"), ("dst", "dst_port"))
    events = user_space.get("tcp_events", empty_frame("tcp_events")).with_columns(
        node=nodes.of_address("local_address")
    )
    result["tcp_events"] = _name_socket_rows(events, spans)
    states = user_space.get("states", empty_frame("states")).with_columns(
        node=nodes.of_address("local_address")
    )
    opening = (pl.col("old_state") == "CLOSED") & (pl.col("new_state") == "SYN-SENT")
    named = conform(name_sockets(states, spans, *_LOCAL_AND_PEER, opening=opening), "states")
    flows = spans.select("connection", "flow").unique("connection")
    kernel = (
        trace.states()
        .drop("flow", strict=False)
        .join(flows, on="connection", how="left", maintain_order="left")
    )
    result["states"] = pl.concat([conform(kernel, "states"), named]).sort(
        "t_ns", maintain_order=True
    )
    return result


def _name_socket_rows(frame: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    return name_sockets(frame, spans, *_LOCAL_AND_PEER)


def _read_samples(source: _Source) -> dict[str, pl.DataFrame]:
    sockets = [parse_ss(text, node) for node, text in source.per_node("ss")]
    counters = [parse_counters(text, node) for node, text in source.per_node("counters")]
    events = source.run.path / files.EVENTS
    told, details = SampledSettings(), SampledDetails()
    queues = read_queues(source.raw, told, details)
    return {
        "sockets": pl.concat([empty_frame("sockets"), *sockets]),
        "counters": pl.concat([empty_frame("counters"), *counters]),
        "queues": queues,
        **details.frames(),
        "settings": read_settings(source.raw, told.finish()),
        "link_rates": parse_rates_log(source.text(files.RATES), str(source.raw / files.RATES)),
        "events": parse_events(
            events.read_text(errors="replace") if events.is_file() else "", str(events)
        ),
    }


def _reports(source: _Source) -> Iterator[dict[str, Any]]:
    """Yield every log that is an iperf3 report and whose port is a flow's."""
    ports = {flow.port for flow in source.plan.flows}
    for path in sorted((source.raw / "logs").glob("*.out")):
        report = load_iperf3(path.read_text(errors="replace"))
        if report is not None and server_port(report) in ports:
            yield report


def _client_sends(source: _Source) -> dict[tuple[int, int], bool]:
    """Return of each data connection, by the client's and the server's port, whether iperf3 says
    that its client sends.
    """
    return {
        ports: sends for report in _reports(source) for ports, sends in client_sends(report).items()
    }


def _from_iperf3(source: _Source, connections: pl.DataFrame) -> pl.DataFrame:
    """Return the intervals of all reports.

    The time zero of each is when its first data connection began.
    """
    parts = [empty_frame("iperf3")]
    carrying = connections.filter(pl.col("flow").is_not_null())
    for report in _reports(source):
        flow = next(flow for flow in source.plan.flows if flow.port == server_port(report))
        known = {
            (row["client_port"], row["server_port"]): row for row in carrying.iter_rows(named=True)
        }
        rows = {
            socket: known[pair] for socket, pair in connections_of(report).items() if pair in known
        }
        begin = min(
            (row["established_ns"] for row in rows.values() if row["established_ns"] is not None),
            default=flow.start_ns,
        )
        parts.append(
            parse_iperf3(
                report,
                {socket: (row["connection"], row["flow"]) for socket, row in rows.items()},
                flow.name,
                begin,
            )
        )
    return pl.concat(parts)


def check_source(run_dir: Path) -> None:
    """Raise ``DataError`` when ``run_dir`` has nothing that can be read."""
    if not (run_dir / "plan.json").is_file():
        raise DataError(f"{run_dir}: no plan.json", hint="not a run directory?")
    if not (run_dir / "raw").is_dir():
        raise DataError(f"{run_dir}: no raw/ folder", hint="nothing was recorded")
