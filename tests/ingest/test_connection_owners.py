"""Whose a connection is: sockets' lifetimes, strangers on the same machine, flows by process, by
program, by time.
"""

import polars as pl
import pytest

from tcpexp.ingest.flows import with_flows, with_openers
from tcpexp.ingest.lifetimes import LIVES, Sockets, read_sockets, with_connections
from tcpexp.ingest.network import Nodes
from tcpexp.ingest.socketnames import name_sockets, socket_spans
from tcpexp.ingest.tcptrace import EXTRA, FORKS, MARKS, Trace
from tcpexp.ingest.witness import Witness
from tcpexp.plan.types import (
    FlowPlan,
    InterfacePlan,
    Needs,
    NetworkPlan,
    NodePlan,
    RunPlan,
    Spawn,
    Step,
)
from tcpexp.store.frames import schema_of

ENGINE, ONE, TWO = 100, "10.0.0.1", "10.0.0.2"
MS = 1_000_000
SPANS = {"local": ("local_address", "local_port"), "peer": ("peer_address", "peer_port")}


def a_flow(name, step=None, start_ms=0, data="all", sender="h2"):
    return FlowPlan(
        name, "h1", "h2", 80, sender, "http", step or name, data, None, start_ms * MS, None
    )


def plan_of(*flows, steps=("small", "big")):
    nodes = tuple(
        NodePlan(name, "host", (InterfacePlan(f"{name}-eth0", "02:00:00:00:00:01", f"{at}/24"),))
        for name, at in (("h1", ONE), ("h2", TWO))
    )
    started = tuple(Step(name, 0, 0, Spawn("h1", ("curl",)), name) for name in steps)
    server = (Step("web", 1, None, Spawn("h2", ("python3",)), "web"),)
    return RunPlan(
        "x",
        "",
        "",
        (),
        1,
        10**9,
        NetworkPlan("none", nodes, (), ()),
        server,
        started,
        (),
        flows,
        (),
        (),
        "",
        (),
        Needs(),
    )


NODES = Nodes.of(plan_of())


def connections(*rows):
    """``rows``: (client's port, time of the SYN in ms), or a mapping of columns.

    Numbered in this order.
    """
    made = []
    for number, row in enumerate(rows, 1):
        given = (
            dict(zip(("client_port", "syn_ns"), row, strict=True))
            if isinstance(row, tuple)
            else row
        )
        ends = {
            "client_address": ONE,
            "server_address": TWO,
            "server_port": 80,
            "bytes_to_server": 0,
            "bytes_to_client": 0,
        }
        made.append({**ends, **given, "syn_ns": int(given["syn_ns"] * MS), "connection": number})
    schema = {
        name: kind
        for name, kind in schema_of("connections").items()
        if name not in ("flow", "step", "flow_source")
    }
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in made], schema=schema)


class Kernel:
    """Writes what the kernel's trace would hold."""

    def __init__(self):
        self.order, self.rows, self.forks, self.marks = 0, [], [], []

    def at(self):
        self.order += 1
        return self.order

    def fork(self, parent, child, step=None):
        self.forks.append((self.at(), parent, child))
        if step:
            self.marks.append((self.at(), parent, step))

    def state(self, t_ms, socket, old, new, task=0, local=("0.0.0.0", 0), peer=("0.0.0.0", 0)):
        ends = {
            "local_address": local[0],
            "local_port": local[1],
            "peer_address": peer[0],
            "peer_port": peer[1],
        }
        self.rows.append(
            {
                "t_ns": int(t_ms * MS),
                "order": self.at(),
                "socket": socket,
                "task": task,
                "old_state": old,
                "new_state": new,
                **ends,
            }
        )

    def connect(self, t_ms, socket, task, port, done=True, to=(TWO, 80), local=ONE):
        """connect() has no port yet when the socket leaves CLOSED."""
        self.state(t_ms, socket, "CLOSED", "SYN-SENT", task, (local, 0), to)
        if done:
            self.state(t_ms + 20, socket, "SYN-SENT", "ESTABLISHED", 0, (local, port), to)

    def accept(self, t_ms, socket, port, local=(TWO, 80), peer=ONE):
        self.state(t_ms, socket, "LISTEN", "SYN-RECEIVED", 0)
        self.state(t_ms, socket, "SYN-RECEIVED", "ESTABLISHED", 0, local, (peer, port))

    def trace(self, **tables):
        schema = {**schema_of("states"), **EXTRA}
        states = pl.DataFrame(
            [{name: row.get(name) for name in schema} for row in self.rows], schema=schema
        )
        forks = pl.DataFrame(self.forks, schema=FORKS, orient="row")
        return Trace(
            {"states": states, **tables},
            0,
            len(self.rows),
            forks,
            pl.DataFrame(self.marks, schema=MARKS, orient="row"),
        )


def sockets_of(trace, found):
    sockets = read_sockets(trace)
    spans = socket_spans(found.with_columns(flow=pl.lit(None, dtype=pl.String)))
    return Sockets(sockets.states, with_connections(sockets.lives, spans), sockets.known)


def named(found, flows, kernel=None, programs=(), sends=None):
    """Return (flow, step, flow_source) of each connection."""
    lives = (
        sockets_of(kernel.trace(), found).lives
        if kernel
        else pl.DataFrame(schema={**LIVES, "connection": pl.Int64})
    )
    written = pl.DataFrame(
        list(programs), schema={"connection": pl.Int64, "step": pl.String}, orient="row"
    )
    opened = with_openers(found, lives, written)
    return (
        with_flows(opened, flows, NODES, sends or {})
        .sort("connection")
        .select("flow", "step", "flow_source")
        .rows()
    )


# -------------------------------------------------------------------------------------------------
# flows


def test_two_that_start_together_are_told_apart_by_their_processes():
    """The one that was started later connects first."""
    kernel = Kernel()
    kernel.fork(ENGINE, 201, "small")
    kernel.fork(ENGINE, 202, "big")
    kernel.connect(1000, 0xB, 202, 40002)
    kernel.connect(1001, 0xA, 201, 40001)
    found = connections((40002, 1000), (40001, 1001))
    assert named(found, [a_flow("small"), a_flow("big")], kernel) == [
        ("big", "big", "process"),
        ("small", "small", "process"),
    ]


def test_what_another_action_opens_carries_no_flow():
    kernel = Kernel()
    kernel.fork(ENGINE, 201, "small")
    kernel.fork(ENGINE, 202, "curl")
    kernel.connect(1000, 0xA, 202, 40001)
    kernel.connect(1001, 0xB, 201, 40002)
    assert named(connections((40001, 1000), (40002, 1001)), [a_flow("small")], kernel) == [
        (None, "curl", "process"),
        ("small", "small", "process"),
    ]


def test_what_a_stranger_opens_from_a_node_is_nobodys():
    kernel = Kernel()
    kernel.fork(ENGINE, 201, "small")
    kernel.connect(1000, 0xA, 999, 40001)
    assert named(connections((40001, 1000)), [a_flow("small")], kernel) == [(None, None, "process")]


def test_each_process_of_iperf3_has_a_control_channel_of_its_own():
    kernel = Kernel()
    for task, port in ((201, 40001), (202, 40003)):
        kernel.fork(ENGINE, task, "bulk")
        kernel.connect(port - 39000, port, task, port)
        kernel.connect(port - 39000 + 0.5, port + 1, task, port + 1)
    found = connections((40001, 1001), (40002, 1001.5), (40003, 1003), (40004, 1003.5))
    assert [flow for flow, *_ in named(found, [a_flow("bulk", data="not_first")], kernel)] == [
        None,
        "bulk",
        None,
        "bulk",
    ]


def both_ways():
    return [
        a_flow("duo", "a00", data="not_first", sender="h1"),
        a_flow("duo-reverse", "a00", data="not_first", sender="h2"),
    ]


def test_both_directions_of_one_program_are_told_apart_by_its_report():
    rows = connections((40000, 0), (40001, 1), (40002, 2))
    assert [
        flow for flow, *_ in named(rows, both_ways(), sends={(40001, 80): False, (40002, 80): True})
    ] == [None, "duo-reverse", "duo"]


def test_without_a_report_the_payload_tells_the_direction():
    """The client's cookie of 37 bytes is on either."""
    more = [
        {"bytes_to_server": 37, "bytes_to_client": 9000},
        {"bytes_to_server": 9000, "bytes_to_client": 0},
        {"bytes_to_server": 37, "bytes_to_client": 0},
    ]
    rows = connections(
        (40000, 0),
        *({"client_port": 40001 + n, "syn_ns": n + 1, **columns} for n, columns in enumerate(more)),
    )
    assert [flow for flow, *_ in named(rows, both_ways())] == [None, "duo-reverse", "duo", None]


def test_a_program_with_its_own_tcp_says_what_it_opened():
    rows = connections((40001, 0), (40002, 0.1))
    flows = [a_flow("one"), a_flow("two")]
    assert named(rows, flows, programs=[(1, "two"), (2, "one")]) == [
        ("two", "two", "program"),
        ("one", "one", "program"),
    ]


def test_where_nobody_knows_the_start_decides_and_the_table_says_so():
    rows = connections((40001, 1000), (40002, 3000))
    assert named(rows, [a_flow("early"), a_flow("late", start_ms=2000)]) == [
        ("early", None, "time"),
        ("late", None, "time"),
    ]


# ------------------------------------------------------------------------------------- the same
# ends again


def reused():
    """Three connections of the same two ends."""
    found = connections((40001, 1000), (40001, 2000), (40001, 3000)).with_columns(
        flow=pl.lit("prog")
    )
    return socket_spans(found)


def rows_at(*times_ms):
    ends = {"local_address": ONE, "local_port": 40001, "peer_address": TWO, "peer_port": 80}
    return pl.DataFrame([{"t_ns": int(at_ms * MS), **ends} for at_ms in times_ms])


def test_a_row_belongs_to_the_connection_whose_syn_came_last_before_it():
    assert name_sockets(rows_at(2500, 1000, 999, 5000, 1999), reused(), **SPANS)[
        "connection"
    ].to_list() == [2, 1, 1, 3, 1]


def test_what_opens_a_connection_stands_before_its_syn():
    """ARP may hold the SYN back; the captures' clock may be a little off."""
    named_rows = name_sockets(rows_at(1500, 2000.5, 3500), reused(), **SPANS, opening=pl.lit(True))
    assert named_rows["connection"].to_list() == [2, 2, 3]


def test_the_server_end_is_the_same_connection():
    back = pl.DataFrame(
        [
            {
                "t_ns": 2100 * MS,
                "local_address": TWO,
                "local_port": 80,
                "peer_address": ONE,
                "peer_port": 40001,
            }
        ]
    )
    assert name_sockets(back, reused(), **SPANS)["connection"].to_list() == [2]


def test_a_socket_keeps_its_connection_to_its_last_row():
    """A server's socket may see the next SYN of the same ends before it is gone."""
    kernel = Kernel()
    kernel.fork(ENGINE, 201, "small")
    kernel.accept(1010, 0xC, 40001)
    kernel.state(2001, 0xC, "ESTABLISHED", "CLOSED", 0, (TWO, 80), (ONE, 40001))
    kernel.accept(2020, 0xC, 40001)
    found = connections((40001, 1000), (40001, 2000))
    rows = Witness.of(
        plan_of(),
        NODES,
        kernel.trace(),
        sockets_of(kernel.trace(), found),
        found,
        frozenset(["h1", "h2"]),
    ).states()
    assert rows["connection"].to_list() == [1, 1, 1, 2, 2]


# -------------------------------------------------------------------------------- strangers on the
# machine


def a_run_and_a_stranger():
    """The run's download and a stranger's, with the same addresses, ports and time, in namespaces
    of their own.
    """
    kernel = Kernel()
    kernel.fork(ENGINE, 200, "web")
    kernel.fork(ENGINE, 201, "small")
    kernel.state(0, 0x50, "CLOSED", "LISTEN", 200, ("0.0.0.0", 80))
    kernel.state(0, 0x51, "CLOSED", "LISTEN", 900, ("0.0.0.0", 80))
    kernel.connect(1000, 0xA, 201, 40001)
    kernel.connect(1005, 0xB, 901, 40001)
    kernel.accept(1020, 0xC, 40001)
    kernel.accept(1026, 0xD, 40001)
    kernel.connect(1100, 0xE, 902, 50000, to=("192.168.1.5", 80), local="192.168.1.4")
    kernel.accept(1200, 0xF, 50001)
    return kernel


def witness_of(kernel, found, captured=("h1", "h2"), **tables):
    trace = kernel.trace(**tables)
    return Witness.of(
        plan_of(a_flow("small")), NODES, trace, sockets_of(trace, found), found, frozenset(captured)
    )


def test_a_strangers_sockets_are_left_out_although_they_have_the_same_ends():
    found = connections({"client_port": 40001, "syn_ns": 1000}).with_columns(
        established_ns=pl.lit(1020 * MS, dtype=pl.Int64)
    )
    rows = witness_of(a_run_and_a_stranger(), found).states()
    assert sorted(rows["socket"].unique()) == [0xA, 0xC, 0x50]
    assert rows.filter(pl.col("socket") == 0x50)["node"].to_list() == ["h2"]
    assert rows.filter(pl.col("new_state") == "SYN-SENT").select(
        "node", "local_port", "connection"
    ).rows() == [("h1", 40001, 1)]


@pytest.mark.parametrize("tells_sockets", [True, False])
def test_other_tracepoints_are_left_out_with_the_socket(tells_sockets):
    found = connections({"client_port": 40001, "syn_ns": 1000}).with_columns(
        established_ns=pl.lit(1020 * MS, dtype=pl.Int64)
    )
    schema = {**schema_of("tcp_probe"), **EXTRA}
    ends = [(ONE, 40001, TWO, 80, 0xA), (ONE, 40001, TWO, 80, 0xB), (TWO, 80, ONE, 50001, 0xF)]
    rows = [
        {
            "t_ns": 1300 * MS,
            "order": 100 + n,
            "src": a,
            "src_port": p,
            "dst": b,
            "dst_port": q,
            "socket": socket_id if tells_sockets else None,
        }
        for n, (a, p, b, q, socket_id) in enumerate(ends)
    ]
    probe = pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)
    kept = witness_of(a_run_and_a_stranger(), found, tcp_probe=probe).rows("tcp_probe")
    # without the socket nothing tells those two apart
    assert kept["order"].to_list() == ([100] if tells_sockets else [100, 101])


def test_loopback_of_a_nodes_own_program_is_the_nodes():
    kernel = Kernel()
    kernel.fork(ENGINE, 200, "web")
    kernel.fork(200, 300)
    kernel.connect(1000, 0xA, 300, 40001, to=("127.0.0.1", 80), local="127.0.0.1")
    kernel.accept(1000, 0xB, 40001, local=("127.0.0.1", 80), peer="127.0.0.1")
    rows = witness_of(kernel, connections((1, 1)).clear()).states()
    assert rows["node"].to_list() == ["h2"] * 4


def test_a_socket_that_was_there_before_the_trace_is_a_strangers():
    kernel = Kernel()
    kernel.fork(ENGINE, 201, "small")
    kernel.state(5, 0x77, "ESTABLISHED", "CLOSED", 0, (ONE, 40009), (TWO, 80))
    assert witness_of(kernel, connections((1, 1)).clear()).states().is_empty()


def test_somebody_who_entered_a_nodes_namespace_is_seen():
    kernel = Kernel()
    kernel.fork(ENGINE, 201, "small")
    kernel.connect(1000, 0xA, 999, 40001)
    assert witness_of(kernel, connections((40001, 1000))).states()["connection"].to_list() == [1, 1]


def test_without_marks_the_address_decides_and_a_listener_goes_by_its_flows_port():
    kernel = Kernel()
    kernel.state(0, 0x50, "CLOSED", "LISTEN", 5, ("0.0.0.0", 80))
    kernel.state(0, 0x51, "CLOSED", "LISTEN", 5, ("192.168.1.4", 80))
    kernel.connect(1000, 0xA, 6, 40001)
    rows = witness_of(kernel, connections((40001, 1000))).states()
    assert rows.select("node", "socket").rows() == [("h2", 0x50), ("h1", 0xA), ("h1", 0xA)]


def test_a_socket_gets_its_port_from_its_own_next_row_on_any_processor():
    """Another socket at the same address in the kernel, later, does not lend it one."""
    kernel = Kernel()
    kernel.connect(1000, 0xA, 201, 40001, done=False)
    kernel.state(2000, 0xA, "SYN-SENT", "CLOSED", 0, (ONE, 40001), (TWO, 80))
    kernel.connect(3000, 0xA, 201, 40002, done=False)
    states = read_sockets(kernel.trace()).states
    assert states.select("life", "local_port").rows() == [(1, 40001), (1, 40001), (2, 0)]
