"""Packets of captures to the tables that a run has: connections, flows, throughput, round-trip
times, what was sent again.

A single capture stands where it was made. What was sent again is shown wherever a capture saw it
twice; round-trip times are taken only where the capture was made beside the data's sender, because
elsewhere they are those of a part of the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tcpexp.analysis.resent import build_resent
from tcpexp.analysis.timeouts import build_timeouts
from tcpexp.explain.again import deciding_packets
from tcpexp.explain.casting import Cast
from tcpexp.explain.hosts import Vantage, find_vantage, hosts_of
from tcpexp.explain.plan import Stand, flows_of
from tcpexp.ingest import connections as conn
from tcpexp.ingest.accurate import with_ace
from tcpexp.ingest.flowtables import build_rtt, build_throughput
from tcpexp.ingest.network import Nodes
from tcpexp.ingest.subflows import build_subflows, find_subflows
from tcpexp.plan.flows import receiver_of
from tcpexp.plan.paths import Paths
from tcpexp.plan.types import FlowPlan, RunPlan
from tcpexp.store.frames import conform, empty_frame, write_table
from tcpexp.store.rundata import RunData

#: The columns of ``packets`` by which connections are told.
_OF_STREAMS = (
    "capture", "number", "node", "t_ns", "protocol", "src", "dst", "src_port", "dst_port", "stream",
    "flags", "seq", "payload_bytes", "checksum_bad",
)  # fmt: skip
#: Those that throughput and what was sent again are made of: fewer columns, less memory.
_OF_FLOWS = (*_OF_STREAMS, "flow", "connection", "frame_bytes", "seq_rel", "dsn", "mptcp")
_OF_RESENT = (
    *_OF_STREAMS, "flow", "connection", "frame_bytes", "ack", "window", "seq_rel", "mss", "ts_val",
    "ts_ecr", "sack_blocks", "damaged",
)  # fmt: skip


@dataclass(frozen=True)
class Named:
    """Packets and connections with their names.

    ``packets`` and ``connections`` are the tables, ``subflows`` is what
    :func:`tcpexp.ingest.subflows.find_subflows` found, ``flows`` are for the plan, ``vantage`` says
    where each connection was captured, ``stands`` has the hosts by name. ``end_ns`` is behind the
    last packet.
    """

    packets: pl.DataFrame
    connections: pl.DataFrame
    subflows: pl.DataFrame
    nodes: Nodes
    flows: tuple[FlowPlan, ...]
    vantage: Vantage
    stands: dict[str, Stand]
    end_ns: int


def name_packets(
    packets: pl.DataFrame, cast: Cast | None = None, sides: pl.DataFrame | None = None
) -> Named:
    """Return packets with ``node``, ``connection`` and ``flow``, and what they are named after.

    With a ``cast`` hosts and flows are those of its spec, and times count from its zero. ``sides``
    is what :meth:`tcpexp.explain.joining.Alignment.places` returns.
    """
    if cast is not None:
        packets = packets.with_columns(t_ns=pl.col("t_ns") - cast.zero_ns)
    nodes = hosts_of(packets, {} if cast is None else cast.hosts)
    streams = conn.describe_streams(believed(packets.select(_OF_STREAMS)), nodes)
    found = conn.build_connections(streams, nodes)
    flows = flows_of(found) if cast is None else cast.flows
    found = _with_largest(found, flows) if cast is None else cast.named(found)
    vantage = find_vantage(packets, streams, sides)
    where = vantage.nodes(streams, _senders(streams, found, flows), nodes)
    whole = conform(with_ace(_with_names(packets, streams, found, where)), "packets")
    subflows = find_subflows(whole, streams, found)
    last = whole["t_ns"].max()
    end_ns = int(last) + 1 if isinstance(last, int) else 1
    return Named(
        whole, found, subflows, nodes, flows, vantage, vantage.stands(streams, nodes), end_ns
    )


def _with_names(
    packets: pl.DataFrame, streams: pl.DataFrame, found: pl.DataFrame, where: pl.DataFrame
) -> pl.DataFrame:
    """Return packets with ``connection``, ``flow`` and ``node``; no other column is copied."""
    place = ["capture", "stream"]
    own = conn.attach_flows(packets.select(place), streams, found).join(
        where, on=place, how="left", maintain_order="left"
    )
    return packets.with_columns(
        own["connection"], own["flow"], node=own["node"].fill_null(own["capture"])
    )


def believed(packets: pl.DataFrame) -> pl.DataFrame:
    """Return packets for counting bytes: ``checksum_bad`` only of those that were damaged on the
    way, not of those whose checksums the sender's card computed behind the capture.
    """
    return packets.with_columns(
        node=pl.coalesce("node", "capture"), checksum_bad=conn.damaged_of(packets)
    )


def _with_largest(connections: pl.DataFrame, flows: tuple[FlowPlan, ...]) -> pl.DataFrame:
    """Return connections with ``flow``: each of the flows is one of them."""
    names = {int(flow.name.rpartition(" ")[2]): flow.name for flow in flows}
    return connections.with_columns(
        flow=pl.col("connection").replace_strict(names, default=None, return_dtype=pl.String),
        step=pl.lit(None, dtype=pl.String),
        flow_source=pl.lit(None, dtype=pl.String),
    )


def _senders(
    streams: pl.DataFrame, connections: pl.DataFrame, flows: tuple[FlowPlan, ...]
) -> pl.DataFrame:
    """Return ``capture``, ``stream`` and ``from_client``: whether the client sends the data that a
    connection carries, as its flow says, or else as most of the payload does.
    """
    planned = {flow.name: flow.sender == flow.client for flow in flows}
    named = connections.select(*conn.KEY, "flow")
    rows = streams.drop("flow", strict=False).join(named, on=conn.KEY, how="left", nulls_equal=True)
    told = pl.col("flow").replace_strict(planned, default=None, return_dtype=pl.Boolean)
    more = pl.col("bytes_to_server") >= pl.col("bytes_to_client")
    return rows.select("capture", "stream", from_client=pl.coalesce(told, more))


def write_tables(run_dir: Path, named: Named, plan: RunPlan) -> None:
    """Write the tables that packets and connections alone fill."""
    both = at_both_ends(_nearest_receiver(named), named.nodes)
    tables = {
        "packets": named.packets,
        "connections": conn.table_of(named.connections),
        "throughput": build_throughput(
            both, named.flows, named.nodes, named.end_ns, named.subflows
        ),
        "rtt": build_rtt(named.packets, named.flows, named.nodes),
        "subflows": build_subflows(
            both, named.connections, named.subflows, plan.flows, named.nodes, Paths(plan.network)
        ),
    }
    for name, frame in tables.items():
        write_table(run_dir, name, frame)


def write_resent(run_dir: Path, resent: pl.DataFrame) -> None:
    """Write ``resent``, and ``timeouts`` by it."""
    run = RunData(run_dir)
    write_table(run_dir, "resent", resent)
    # what only the kernel knows of timers is in no packet: what was sent again is enough
    nothing = _OneCapture(run, empty_frame("packets"))
    write_table(run_dir, "timeouts", build_timeouts(nothing, resent))


def at_both_ends(packets: pl.DataFrame, nodes: Nodes) -> pl.DataFrame:
    """Return each TCP packet twice, as its sender and as its receiver would have captured it at
    this very moment: for what asks for one end's own capture where there is only one.
    """
    tcp = packets.filter(pl.col("protocol") == "tcp")
    within = pl.col("src") == pl.col("dst")  # one host speaks to itself
    ends = (("src", tcp), ("dst", tcp.filter(~within)))
    return pl.concat([part.with_columns(node=nodes.of_address(end)) for end, part in ends])


def _nearest_receiver(named: Named) -> pl.DataFrame:
    """Return the packets of flows, each connection's from one capture: that of the data's receiver,
    or else the sender's, or else any.
    """
    receivers = {flow.name: receiver_of(flow) for flow in named.flows}
    senders = {flow.name: flow.sender for flow in named.flows}
    own = believed(named.packets.select(_OF_FLOWS)).filter(pl.col("flow").is_not_null())
    at = pl.col("node")
    to, of = (
        pl.col("flow").replace_strict(ends, default=None, return_dtype=pl.String)
        for ends in (receivers, senders)
    )
    rank = pl.when(at == to).then(0).when(at == of).then(1).otherwise(2)
    nearest = (
        own.select("connection", "capture", rank=rank)
        .unique()
        .sort("rank", "capture")
        .unique("connection", keep="first", maintain_order=True)
    )
    return own.join(nearest, on=["connection", "capture"], how="semi", maintain_order="left")


class _OneCapture(RunData):
    """A run whose packets are those of one capture, as if it had been made at both ends."""

    def __init__(self, run: RunData, packets: pl.DataFrame) -> None:
        super().__init__(run.path)
        self._packets = packets

    def table(self, name: str) -> pl.DataFrame:
        """Return a table of the run, the packets those of the one capture."""
        return self._packets if name == "packets" else super().table(name)


def resent_of(
    run: RunData, packets: pl.DataFrame, copies: pl.DataFrame, nodes: Nodes
) -> pl.DataFrame:
    """Return ``resent``: what the sender's own capture shows as sent again, and where there is none
    what another capture saw twice; ``node`` is where it was captured.

    ``packets`` may be those of some connections, with ``damaged``. ``copies`` has the ``capture``
    and the ``number`` of packets that the capture merely has twice: these are none. A segment that
    fills a hole was sent again only if the capture is the sender's: elsewhere it may be one that
    was overtaken.
    """
    parts = []
    tcp = packets.select(_OF_RESENT).filter(pl.col("protocol") == "tcp")
    captures = (
        [tcp]
        if tcp["capture"].n_unique() == 1
        else tcp.partition_by("capture", maintain_order=True)
    )
    for part in captures:
        once = part
        if copies.height:
            once = part.join(copies, on=["capture", "number"], how="anti", maintain_order="left")
        whole = at_both_ends(deciding_packets(once), nodes)
        rows = build_resent(_OneCapture(run, whole))
        where = conn.with_new_bytes(part.select(*_OF_STREAMS, "damaged")).select(
            "capture", "number", "new_bytes", at="node"
        )
        rows = rows.join(where, on=["capture", "number"], how="left", maintain_order="left")
        parts.append(rows.with_columns(own=pl.col("node") == pl.col("at"), node="at").drop("at"))
    if not parts:
        return empty_frame("resent")
    rows = pl.concat(parts)
    sender = nodes.of_address("src")
    seen = tcp.filter(pl.col("node") == sender).select("connection", "src")
    beside = seen.unique().with_columns(beside=pl.lit(True))
    rows = rows.join(beside, on=["connection", "src"], how="left", maintain_order="left")
    twice = pl.col("beside").is_null() & ((pl.col("kind") != "data") | (pl.col("new_bytes") == 0))
    return conform(rows.filter(pl.col("own") | twice), "resent")
