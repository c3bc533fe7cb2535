"""A run on a host, while somebody else uses the same addresses and ports at the same time: the
kernel's trace shows both.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from tcpexp.ingest.tcptrace import read_trace
from tcpexp.runs.options import RunOptions
from tcpexp.runs.runner import run_experiment
from tcpexp.store.rundata import RunData
from tests.support.folders import PROGRAMS

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(
        not Path("/sys/kernel/tracing/events/sock/inet_sock_set_state").is_dir(),
        reason="this kernel lacks sock:inet_sock_set_state",
    ),
]
SPEC = """
name: strangers
topology: two_host
duration: 1500ms
actions:
  - {do: http_server, host: h2, files: {small.bin: {size: 10kB, seed: 1}}}
  - {at: 300ms, do: command, id: same, host: h1,
     argv: [curl, -s, -o, /dev/null, --local-port, "40001", "http://{h2}/small.bin"],
     flow: same, to: h2, port: 80, sender: server}
  - {at: 300ms, do: http_get, id: other, from: h1, to: h2, path: /small.bin}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunData]:
    folder = tmp_path_factory.mktemp("strangers")
    (folder / "spec.yaml").write_text(SPEC)
    stranger = subprocess.Popen(
        [sys.executable, str(PROGRAMS / "stranger.py"), "80", "40001"],
        stdout=subprocess.PIPE,
    )
    try:
        assert stranger.stdout is not None and stranger.stdout.readline() == b"serving\n"
        outcome = run_experiment(
            folder / "spec.yaml", RunOptions(on="host", out=folder / "results")
        )
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
    assert outcome.status == "complete", outcome.problems
    yield RunData(outcome.path)


def test_the_trace_did_see_the_stranger(run: RunData) -> None:
    states = read_trace(run.path / "raw" / "trace", 0).tables["states"]
    mine = run.table("states")
    assert states.height > 3 * mine.height
    assert (
        states.filter(
            (pl.col("new_state") == "SYN-SENT") & (pl.col("local_address") == "10.0.0.1")
        ).height
        > 5
    )


def test_only_the_nodes_sockets_are_left(run: RunData) -> None:
    """Each socket's way from its beginning to CLOSED, and the listener, which closes behind the
    end; the stranger's have the same ends.
    """
    assert sorted(run.table("connections").select("flow", "step", "flow_source").rows()) == [
        ("other", "other", "process"),
        ("same", "same", "process"),
    ]
    states = run.table("states")
    assert states.filter(pl.col("connection").is_null())["new_state"].to_list() == ["LISTEN"]
    for number in run.table("connections")["connection"]:
        own = states.filter(pl.col("connection") == number)
        for node, ends in (("h1", ["CLOSED", "SYN-SENT"]), ("h2", ["LISTEN", "SYN-RECEIVED"])):
            way = own.filter(pl.col("node") == node)
            old, new = way["old_state"].to_list(), way["new_state"].to_list()
            assert [old[0], new[0]] == ends
            assert old[1:] == new[:-1] and new[-1] == "CLOSED", "one socket's way, without a gap"


def test_what_the_sender_knew_is_its_own(run: RunData) -> None:
    if (
        "skaddr"
        not in (run.path / "raw" / "trace" / "formats" / "tcp.tcp_probe.format").read_text()
    ):
        pytest.skip("this kernel lacks the socket in tcp:tcp_probe")
    probe = run.table("tcp_probe").filter(pl.col("flow") == "same")
    assert probe["sock_cookie"].n_unique() == 2, "one of each end"
    acked = run.table("flow_states").filter(pl.col("flow") == "same")["acked_bytes"]
    assert acked.max() is None or 0 <= acked.max() <= 10_100
