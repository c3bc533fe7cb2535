"""Conversations written down packet by packet, as ``describe`` gets them: tables ``packets`` and
``connections``.
"""

import tempfile
from pathlib import Path

import polars as pl

from tcpexp.diagnosis.describe import describe
from tcpexp.ingest.accurate import with_ace
from tcpexp.ingest.captures import read_capture
from tcpexp.ingest.connections import (
    attach_flows,
    build_connections,
    describe_streams,
    table_of,
)
from tcpexp.ingest.network import Nodes
from tcpexp.store.frames import conform
from tests.support.crafting import PORT, write_pcap


def tables_of(*talks, snaplen=65535):
    """The tables of a capture with all of the talks, in the order of time."""
    frames = sorted((packet for talk in talks for packet in talk.packets), key=lambda one: one[0])
    with tempfile.TemporaryDirectory() as folder:
        path = write_pcap(Path(folder) / "seen.pcap", frames, snaplen=snaplen)
        packets = read_capture(path, frames[0][0])
    return named(packets)


def named(packets, ports=(PORT,)):
    """``packets`` with the numbers of their connections, and the table of these."""
    nodes = Nodes({}, {}, frozenset())
    streams = describe_streams(packets, nodes, ports).with_columns(
        pl.lit(None, dtype=pl.String).alias("flow")
    )
    connections = build_connections(streams, nodes).with_columns(flow=pl.lit(None, dtype=pl.String))
    whole = conform(with_ace(attach_flows(packets, streams, connections)), "packets")
    return whole, table_of(connections)


def findings_of(*talks, kind=None):
    """What is said of a capture with these talks: of one kind, or all."""
    found = describe(*tables_of(*talks)).findings
    return [finding for finding in found if kind is None or finding.kind == kind]
