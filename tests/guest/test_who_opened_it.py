"""Whose each connection is, in whole runs: the cases that were wrong, and programs that open
connections in every way.
"""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tcpexp.store.rundata import RunData

pytestmark = [pytest.mark.guest, pytest.mark.xdist_group("who")]
CASES = Path(__file__).parent / "cases"
#: What http_server puts before a file of that size: its head.
HEAD_BYTES = range(60, 80)

MIXED = """
name: mixed
topology: two_host
links:
  h1-h2: {rate: 10mbit, delay: 10ms}
duration: 2s
actions:
  - {do: http_server, host: h2, files: {small.bin: {size: 10kB, seed: 1}}}
  - {at: 200ms, do: python, id: prog, host: h1, script: script_several_connections.py,
     args: ["{h2}"], flow: prog, to: h2, port: 80, sender: server}
  - {at: 200ms, do: command, id: shell, host: h1,
     shell: "curl -s -o /dev/null http://{h2}/small.bin; curl -s -o /dev/null http://{h2}/small.bin",
     flow: shell, to: h2, port: 80, sender: server}
  - {at: 200ms, do: http_get, id: get, from: h1, to: h2, path: /small.bin}
  - {at: 200ms, do: command, id: stranger, host: h1, argv: [curl, -s, -o, /dev/null, "http://{h2}/small.bin"]}
  - {at: 1s, do: command, id: inside, host: h2, shell: "curl -s -o /dev/null http://127.0.0.1/small.bin"}
"""


def owners(run: RunData) -> dict[str | None, list[str]]:
    """Return the flows by the step that opened their connections.

    Every one is known from a process.
    """
    rows = run.table("connections")
    assert rows["flow_source"].unique().to_list() == ["process"]
    found: dict[str | None, list[str]] = {}
    for step, flow in rows.select("step", "flow").iter_rows():
        found.setdefault(step, []).append(flow)
    return found


def timeouts(run: RunData) -> int:
    rows = run.table("counters").filter(pl.col("counter") == "TcpExt.TCPTimeouts")
    return sum(
        int(counter["value"][-1] - counter["value"][0])
        for counter in rows.sort("t_ns").partition_by("node")
    )


def seen_timeouts(run: RunData, flow: str) -> int:
    found = run.metrics["flows"][flow]["timeouts"]
    return 0 if found is None else int(found["count"])


@pytest.fixture(scope="module")
def two_gets(run_in_guest: Callable[..., RunData]) -> RunData:
    return run_in_guest((CASES / "two_gets.yaml").read_text())


def test_each_download_has_exactly_its_own_connections(two_gets: RunData) -> None:
    assert owners(two_gets) == {"small": ["small"], "big": ["big"], "many": ["many"] * 20}
    got = dict(two_gets.table("connections").group_by("flow").agg("bytes_to_client").iter_rows())
    for flow, file_bytes in (("small", 10_000), ("big", 1_000_000), ("many", 10_000)):
        assert all(size - file_bytes in HEAD_BYTES for size in got[flow]), got
    goodput = two_gets.table("throughput").group_by("flow").agg(pl.col("goodput_bytes").sum())
    assert dict(goodput.iter_rows()) == {flow: sum(sizes) for flow, sizes in got.items()}


def test_no_timeout_is_seen_where_the_kernel_counts_none(two_gets: RunData) -> None:
    assert timeouts(two_gets) == 0
    assert [seen_timeouts(two_gets, name) for name in ("small", "big", "many")] == [0, 0, 0]


def test_each_connection_has_a_slow_start_of_its_own(two_gets: RunData) -> None:
    first = (
        two_gets.table("phases").sort("from_ns").group_by("connection", maintain_order=True).first()
    )
    assert first.height == 22
    assert first["phase"].unique().to_list() == ["slow_start"]
    assert two_gets.metrics["flows"]["many"]["phases"]["slow_start"]["count"] == 20


def test_both_directions_of_iperf3_are_flows_of_their_own(
    run_in_guest: Callable[..., RunData],
) -> None:
    """5 Mbit/s each way, less headers and the other direction's ACKs: 3.9 to 4.8 Mbit/s from 1 s to
    3 s.
    """
    run = run_in_guest((CASES / "both.yaml").read_text())
    assert owners(run) == {"a00": [None, "duo", "duo-reverse"]}
    sent = (
        run.table("connections")
        .select("flow", "bytes_to_server", "bytes_to_client")
        .rows_by_key("flow", unique=True)
    )
    assert sent["duo"][0] > 1_000_000 and sent["duo"][1] == 0
    assert sent["duo-reverse"][1] > 1_000_000 and sent["duo-reverse"][0] == 37  # iperf3's cookie
    late = run.table("throughput").filter(pl.col("t_ns").is_between(1_000_000_000, 2_900_000_000))
    rates = dict(late.group_by("flow").agg(pl.col("goodput_bytes").sum() * 8 / 2).iter_rows())
    assert all(3_900_000 <= rates[flow] <= 4_800_000 for flow in ("duo", "duo-reverse")), rates
    reported = dict(
        run.table("iperf3")
        .filter(pl.col("side") == "server")
        .group_by("flow")
        .agg(pl.col("connection").unique())
        .iter_rows()
    )
    assert reported == {"duo": [2], "duo-reverse": [3]}


def test_what_is_known_of_a_download_mirrors_an_upload(
    run_in_guest: Callable[..., RunData],
) -> None:
    """Both connections of the download have the server's port as their sender's."""
    run = run_in_guest((CASES / "rev2.yaml").read_text())
    assert owners(run) == {"a00": [None, "upload", "upload"], "a01": [None, "download", "download"]}
    counters = run.metrics["counters"]
    events = run.table("loss_events")
    for flow, sender in (("upload", "a1"), ("download", "b2")):
        mine = events.filter(pl.col("flow") == flow)
        assert mine["connection"].n_unique() == 2
        assert mine["retransmissions"].sum() == counters[sender]["Tcp.RetransSegs"]
        assert set(mine["noticed_by"]) <= {"sack", "rack"}
        assert not mine["spurious"].any()
        assert seen_timeouts(run, flow) == 0
        assert run.table("flow_states").filter(pl.col("flow") == flow)["connection"].n_unique() == 2
    assert timeouts(run) == 0
    up, down = (events.filter(pl.col("flow") == flow).height for flow in ("upload", "download"))
    assert abs(up - down) <= 1 and up > 4


def test_programs_that_open_several_connections(run_in_guest: Callable[..., RunData]) -> None:
    """A port used again, threads, an orphaned grandchild, a shell's children.

    What carries no flow is named by its action.
    """
    run = run_in_guest(MIXED)
    assert owners(run) == {
        "prog": ["prog"] * 6,
        "shell": ["shell"] * 2,
        "get": ["get"],
        "stranger": [None],
    }
    again = run.table("connections").filter(pl.col("client_port") == 40001)
    assert again.height == 3
    for number, begin in again.select("connection", "syn_ns").iter_rows():
        states = run.table("states").filter(pl.col("connection") == number)
        assert states.filter(pl.col("node") == "h1")["new_state"].to_list()[:2] == [
            "SYN-SENT",
            "ESTABLISHED",
        ]
        assert states["t_ns"].min() <= begin
        probed = run.table("tcp_probe").filter(pl.col("connection") == number)["t_ns"]
        assert begin < probed.min() and probed.max() <= states["t_ns"].max()
    loopback = run.table("states").filter(pl.col("local_address") == "127.0.0.1")
    assert loopback["node"].unique().to_list() == ["h2"]
    assert loopback["connection"].null_count() == loopback.height
