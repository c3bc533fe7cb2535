"""The variables of a congestion control of one's own: whose they are, and their units."""

from __future__ import annotations

import numpy as np
import polars as pl

from tcpexp.ingest.kernellog import parse_kernel_log
from tcpexp.ingest.network import Nodes
from tcpexp.ingest.trace import parse_format
from tcpexp.ingest.variables import OwnRecords, build_variables, parse_units

#: As the kernel 7.3 writes it for the tracepoint of the template.
FORMAT = """\
name: gentle_window
ID: 1021
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:const void * skaddr;	offset:8;	size:8;	signed:0;
	field:u32 last_max;	offset:16;	size:4;	signed:0;
	field:u32 losses;	offset:20;	size:4;	signed:0;
	field:__data_loc char[] name;	offset:24;	size:4;	signed:0;

print fmt: "last_max=%u segments losses=%u rate: %llu Mbit/s", REC->last_max, REC->losses
"""
NODES = Nodes({"10.0.0.1": "h1", "10.0.0.2": "h2"}, {}, frozenset({"h1", "h2"}))
SPANS = pl.DataFrame(
    {
        "address": ["10.0.0.1", "10.0.0.2"],
        "port": [40000, 5201],
        "peer": ["10.0.0.2", "10.0.0.1"],
        "peer_port": [5201, 40000],
        "since_ns": [0, 0],
        "connection": [2, 2],
        "flow": ["mine", "mine"],
    }
)
LIVES = pl.DataFrame(
    {"socket": [100, 100], "order": [0, 50], "node": ["h1", "h2"], "connection": [2, 3]},
    schema_overrides={"connection": pl.Int64},
)


def records(**columns) -> OwnRecords:
    kind = parse_format(FORMAT)
    made = {name: np.asarray(values, dtype=np.int64) for name, values in columns.items()}
    size = next(iter(made.values())).size
    made |= {name: np.zeros(size, dtype=np.int64) for name in kind.fields if name not in made}
    return OwnRecords(kind, made, parse_units(FORMAT))


def test_units_stand_behind_the_number_in_what_is_printed():
    assert parse_units(FORMAT) == {"last_max": "segments", "rate": "Mbit/s"}
    assert parse_units("name: x\n") == {}


def test_numbers_are_variables_and_addresses_and_texts_are_none():
    own = records(t_ns=[5], order=[1], skaddr=[100], last_max=[133], losses=[1])
    table = build_variables((own,), LIVES, SPANS, NODES)
    assert table.select("variable", "value", "unit").rows() == [
        ("last_max", 133.0, "segments"),
        ("losses", 1.0, ""),
    ]
    assert table["event"].unique().to_list() == ["gentle_window"]


def test_a_socket_tells_whose_they_are_also_when_its_address_is_given_again():
    own = records(t_ns=[5, 90], order=[1, 60], skaddr=[100, 100], last_max=[1, 2], losses=[0, 0])
    table = build_variables((own,), LIVES, SPANS, NODES).filter(variable="last_max")
    assert table.select("node", "connection", "flow").rows() == [
        ("h1", 2, "mine"),
        ("h2", 3, None),
    ]


def test_ports_do_where_only_one_connection_has_them():
    own = records(t_ns=[5], order=[1], sport=[40000], dport=[5201], last_max=[1], losses=[0])
    own.columns.pop("skaddr")
    table = build_variables((own,), LIVES, SPANS, NODES).filter(variable="last_max")
    assert table.select("node", "connection", "flow").rows() == [("h1", 2, "mine")]


def test_a_record_of_nobody_stays_without_a_flow():
    own = records(t_ns=[5], order=[1], skaddr=[7], last_max=[1], losses=[0])
    table = build_variables((own,), LIVES, SPANS, NODES)
    assert table["flow"].null_count() == table.height == 2


def test_the_kernels_lines_are_a_table():
    text = '{"t_ns": -5, "level": "warning", "text": "mine: loaded"}\n'
    assert parse_kernel_log(text, "x").rows() == [(-5, "warning", "mine: loaded")]
    assert parse_kernel_log("", "x").is_empty()
