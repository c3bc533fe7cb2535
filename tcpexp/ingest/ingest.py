"""``raw/`` to ``tables/``: read every source of a run that is there, say which flow each row belongs to, write Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from tcpexp.errors import DataError
from tcpexp.ingest import connections as conn
from tcpexp.ingest.captures import read_captures
from tcpexp.ingest.complaints import read_complaints
from tcpexp.ingest.counters import parse_counters
from tcpexp.ingest.cpu import parse_cpu
from tcpexp.ingest.ending import ENDS, until_end
from tcpexp.ingest.events import parse_events
from tcpexp.ingest.faults import parse_faults
from tcpexp.ingest.flowtables import build_rtt, build_throughput
from tcpexp.ingest.iperf3 import load_iperf3, parse_iperf3, ports_of, server_port
from tcpexp.ingest.journeys import build_journeys
from tcpexp.ingest.network import Nodes
from tcpexp.ingest.qdisc import read_queues
from tcpexp.ingest.rates import parse_rates_log
from tcpexp.ingest.ss import parse_ss
from tcpexp.ingest.tcptrace import Trace, read_trace
from tcpexp.ingest.utcp import read_utcp
from tcpexp.plan.types import RunPlan
from tcpexp.store.frames import empty_frame, write_table
from tcpexp.store.rundata import RunData
from tcpexp.store.tables import TABLES

Progress = Callable[[str], None]


def ingest_run(run_dir: Path, progress: Progress | None = None) -> RunData:
    """Write all tables of a run and return the run for reading.

    A source that was not recorded gives a table without rows, one that was cut off gives what came before the cut.
    ``progress`` is called with a sentence before each longer step, and for each capture that is left to tshark. Raises ``DataError``
    naming the file that is damaged, ``HostError`` when tshark is needed and missing.
    """
    check_source(run_dir)
    tell = progress or (lambda text: None)
    run = RunData(run_dir)
    source = _Source(run)
    tell("reading captures")
    frames = _read_captures(source, tell)
    trace, samples = _read_trace(source), _read_samples(source)
    tell("naming flows")
    packets, tables = _from_captures(source, frames, run.end_ns)
    tuples = conn.four_tuples(tables["connections"])
    tables |= _from_trace(source, _with_user_space(source, trace), tuples)
    tables |= {**samples, "sockets": _name_socket_rows(samples["sockets"], tuples)}
    tables["faults"] = conn.name_sockets(parse_faults(source.text("faults.json")), tuples, ("src", "src_port"), ("dst", "dst_port"))
    tables["iperf3"] = _from_iperf3(source, tables)
    if asks_for_complaints(source.plan):
        tell("searching for complaints")
        complaints = read_complaints(sorted(source.raw.glob("*.pcap")))
        tables["complaints"] = complaints.join(packets, on=["capture", "number"], how="semi", maintain_order="left")
    tell("writing tables")
    tables["packets"] = packets
    tables["connections"] = conn.table_of(tables["connections"])
    tables |= {name: until_end(tables[name], run.end_ns) for name in ENDS}
    for name in TABLES:
        if name in tables or name != "complaints":  # nobody asked: not the same as none
            write_table(run_dir, name, tables.get(name, empty_frame(name)))
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


def _read_captures(source: _Source, tell: Progress) -> list[pl.DataFrame]:
    files = sorted(source.raw.glob("*.pcap"))
    t0 = source.run.engine.get("t0_realtime_ns")
    if files and t0 is None:
        t0 = _first_time(files)
    return read_captures(files, int(t0 or 0), tell=tell)


def _from_captures(source: _Source, frames: list[pl.DataFrame], end_ns: int) -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
    """Return the packets until the end, and what follows from them. Only journeys see later ones: what was under way at the end was not lost."""
    nodes, flows = source.nodes, source.plan.flows
    captured = pl.concat(frames) if frames else empty_frame("packets")
    captured = captured.with_columns(node=nodes.of_capture())
    streams = conn.describe_streams(until_end(captured, end_ns), nodes, [flow.port for flow in flows])
    found = conn.build_connections(streams, flows, nodes)
    captured = conn.attach_flows(captured, streams, found).sort("capture", "number")
    packets = until_end(captured, end_ns)
    tables = {
        "connections": found,
        "throughput": build_throughput(packets, flows, nodes, end_ns),
        "rtt": build_rtt(packets, flows, nodes),
        "journeys": until_end(build_journeys(captured, nodes), end_ns, "sent_ns"),
    }
    return packets, tables


def _first_time(files: list[Path]) -> int:
    """Return the earliest packet's time when the engine left no t0 (it was killed before it could): then t_ns counts from there."""
    times = [frame["t_ns"].min() for frame in read_captures(files, 0) if frame.height]
    return min((int(time) for time in times if isinstance(time, int)), default=0)


def _read_trace(source: _Source) -> Trace:
    t0 = source.run.engine.get("t0_monotonic_ns")
    return read_trace(source.raw / "trace", int(t0)) if t0 is not None else Trace()


def _with_user_space(source: _Source, trace: Trace) -> Trace:
    """Add what programs of the user-space TCP wrote to what the kernel's trace holds."""
    t0 = source.run.engine.get("t0_realtime_ns")
    if t0 is not None:
        for name, frame in read_utcp(source.raw, int(t0)).items():
            both = [trace.tables[name], frame] if name in trace.tables else [frame]
            trace.tables[name] = pl.concat(both).sort("t_ns", maintain_order=True)
    return trace


def _from_trace(source: _Source, trace: Trace, tuples: pl.DataFrame) -> dict[str, pl.DataFrame]:
    result = {}
    for name in ("tcp_probe", "retransmits", "ca_states"):
        frame = trace.tables.get(name, empty_frame(name)).with_columns(node=source.nodes.of_address("src"))
        result[name] = conn.name_sockets(frame, tuples, ("src", "src_port"), ("dst", "dst_port"))
    events = trace.tables.get("tcp_events", empty_frame("tcp_events")).with_columns(node=source.nodes.of_address("local_address"))
    result["tcp_events"] = _name_socket_rows(events, tuples)
    states = trace.tables.get("states", empty_frame("states"))
    servers = _servers(source.plan)
    by_port = pl.col("local_port").replace_strict(servers, default=None, return_dtype=pl.String)
    states = states.with_columns(node=pl.coalesce(source.nodes.of_address("local_address"), by_port))
    result["states"] = _name_socket_rows(states, tuples)
    return result


def _servers(plan: RunPlan) -> dict[int, str]:
    """Return the node that listens on each flow's port: a listening socket has no address by which to tell where it is."""
    found: dict[int, set[str]] = {}
    for flow in plan.flows:
        found.setdefault(flow.port, set()).add(flow.server)
    return {port: names.pop() for port, names in found.items() if len(names) == 1}


def _name_socket_rows(frame: pl.DataFrame, tuples: pl.DataFrame) -> pl.DataFrame:
    return conn.name_sockets(frame, tuples, ("local_address", "local_port"), ("peer_address", "peer_port"))


def _read_samples(source: _Source) -> dict[str, pl.DataFrame]:
    sockets = [parse_ss(text, node) for node, text in source.per_node("ss")]
    counters = [parse_counters(text, node) for node, text in source.per_node("counters")]
    events = source.run.path / "events.jsonl"
    return {
        "sockets": pl.concat([empty_frame("sockets"), *sockets]),
        "counters": pl.concat([empty_frame("counters"), *counters]),
        "queues": read_queues(source.raw),
        "link_rates": parse_rates_log(source.text("rates.jsonl"), str(source.raw / "rates.jsonl")),
        "cpu": parse_cpu(source.text("cpu.jsonl"), str(source.raw / "cpu.jsonl")),
        "events": parse_events(events.read_text(errors="replace") if events.is_file() else "", str(events)),
    }


def _from_iperf3(source: _Source, tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Read every log that is an iperf3 report and whose port is a flow's; its time zero is when its first data connection began."""
    parts = [empty_frame("iperf3")]
    for path in sorted((source.raw / "logs").glob("*.out")):
        report = load_iperf3(path.read_text(errors="replace"))
        port = server_port(report) if report else None
        flow = next((flow for flow in source.plan.flows if flow.port == port), None)
        if report is None or flow is None:
            continue
        own = tables["connections"].filter(pl.col("flow") == flow.name)
        ports = {port for pair in ports_of(report) for port in pair}
        begin = own.filter(pl.col("client_port").is_in(sorted(ports)))["established_ns"].min()
        parts.append(parse_iperf3(report, flow.name, begin if isinstance(begin, int) else flow.start_ns))
    return pl.concat(parts)


def check_source(run_dir: Path) -> None:
    """Raise ``DataError`` when ``run_dir`` has nothing that can be read."""
    if not (run_dir / "plan.json").is_file():
        raise DataError(f"{run_dir}: no plan.json", hint="not a run directory?")
    if not (run_dir / "raw").is_dir():
        raise DataError(f"{run_dir}: no raw/ folder", hint="nothing was recorded")
