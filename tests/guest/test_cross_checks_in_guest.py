"""Runs in the guest whose numbers the kernel knows too: retransmissions, timeouts, the window
during a back-off.
"""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from tcpexp.analysis.crosschecks import differing
from tcpexp.store.rundata import RunData

pytestmark = pytest.mark.guest
S = 1_000_000_000

#: A burst of slow start overflows the queue; one buffer that is sent again holds several segments.
OVERFLOW = """
name: overflow
topology: two_host
links:
  h1-h2: {rate: 45mbit, delay: 50ms, queue: 100p}
duration: 4s
actions:
  - {at: 0s, do: iperf3, from: h1, to: h2, flow: up, until: 4s}
"""
#: Two downloads at once and then twenty, one after the other, from one server.
DOWNLOADS = """
name: downloads
topology: two_host
links:
  h1-h2: {rate: 10mbit, delay: 10ms}
duration: 5s
actions:
  - {do: http_server, host: h2, files:
      {small.bin: {size: 10kB, seed: 1}, big.bin: {size: 1MB, seed: 2}}}
  - {at: 1s, do: http_get, id: small, from: h1, to: h2, path: /small.bin}
  - {at: 1s, do: http_get, id: big, from: h1, to: h2, path: /big.bin}
  - {at: 3s, do: http_get, id: many, from: h1, to: h2, path: /small.bin, every: 50ms, until: 4s}
"""
#: The same two connections up and down.
BOTH_WAYS = """
name: both_ways_of_two
topology: three_pairs
links:
  a1-b1: {rate: 5mbit, delay: 20ms, queue: 30p}
  a2-b2: {rate: 5mbit, delay: 20ms, queue: 30p}
duration: 6s
actions:
  - {at: 0s, do: iperf3, from: a1, to: b1, flow: upload, parallel: 2, until: 6s}
  - {at: 0s, do: iperf3, from: a2, to: b2, flow: download, direction: reverse,
     parallel: 2, until: 6s}
"""
#: Seven seconds without a packet, then the flow goes on; connections that are tried meanwhile
#: repeat their SYN.
BLACKOUT = """
name: blackout
topology: two_host
links:
  h1-h2: {rate: 10mbit, delay: 20ms}
duration: 14s
actions:
  - {do: http_server, host: h2, files: {small.bin: {size: 10kB, seed: 1}}}
  - {at: 0s, do: iperf3, from: h1, to: h2, flow: up, parallel: 2, until: 14s}
  - {at: 3s, do: link, link: h1-h2, loss: 100%, until: 10s}
  - {at: 4s, do: http_get, id: get, from: h1, to: h2, path: /small.bin}
"""


@pytest.fixture(scope="module")
def runs(run_in_guest: Any) -> dict[str, RunData]:
    """Each experiment run once."""
    return {
        spec.split()[1]: run_in_guest(spec) for spec in (OVERFLOW, DOWNLOADS, BOTH_WAYS, BLACKOUT)
    }


def grown(run: RunData, node: str, *counters: str) -> int:
    """By how much counters of the kernel grew in the run."""
    return sum(run.metrics["counters"].get(node, {}).get(counter, 0) for counter in counters)


def test_nothing_differs_in_any_of_them(runs: dict[str, RunData]) -> None:
    for name, run in runs.items():
        assert differing(run) == [], name
        checks = run.table("cross_checks")
        assert {"segments sent again", "timeouts", "delivered bytes", "lost packets"} <= set(
            checks.filter(pl.col("verdict") == "ok")["check"]
        ), name


def test_a_buffer_of_several_segments_counts_as_so_many(runs: dict[str, RunData]) -> None:
    """151 by the kernel's counter, the queue's drops and the capture.

    The tracepoint has fewer rows.
    """
    run = runs["overflow"]
    sent_again = run.metrics["flows"]["up"]["retransmissions"]
    assert (
        sent_again
        == grown(run, "h1", "Tcp.RetransSegs")
        == run.table("resent").filter(pl.col("node") == "h1").height
        > 100
    )
    assert sent_again == sum(queue["drops"] or 0 for queue in run.metrics["queues"])
    assert run.table("retransmits").height < sent_again


def test_downloads_from_one_server_have_no_timeouts(runs: dict[str, RunData]) -> None:
    run = runs["downloads"]
    assert grown(run, "h2", "TcpExt.TCPTimeouts") == run.table("timeouts").height == 0
    assert {
        run.metrics["flows"][name]["timeouts"]["count"] for name in ("small", "big", "many")
    } == {0}
    content = run.table("cross_checks").filter(pl.col("check") == "downloaded content")
    assert dict(content.select("subject", "measured").iter_rows()) == {
        "small": 10_000,
        "big": 1_000_000,
        "many": 200_000,
    }


@pytest.mark.parametrize(("flow", "sender"), [("upload", "a1"), ("download", "b2")])
def test_up_and_down_are_counted_alike(runs: dict[str, RunData], flow: str, sender: str) -> None:
    run = runs["both_ways_of_two"]
    again = run.metrics["flows"][flow]["retransmissions"]
    assert again == grown(run, sender, "Tcp.RetransSegs") > 0
    recoveries = (
        run.table("ca_states")
        .filter((pl.col("node") == sender) & (pl.col("ca_state") == "Recovery"))
        .height
    )
    assert recoveries == grown(run, sender, "TcpExt.TCPSackRecovery", "TcpExt.TCPRenoRecovery")


def test_every_timeout_of_a_blackout_is_counted(runs: dict[str, RunData]) -> None:
    run = runs["blackout"]
    rows = run.table("timeouts").filter(pl.col("node") == "h1")
    assert rows.height == grown(run, "h1", "TcpExt.TCPTimeouts") > 8
    assert set(rows["kind"]) == {"data", "syn"}
    assert (
        run.metrics["flows"]["up"]["timeouts"]["count"]
        == rows.filter(pl.col("flow") == "up").height
    )


def test_the_window_is_one_while_the_timer_backs_off(runs: dict[str, RunData]) -> None:
    """As ``ss`` shows it from the second timeout on, although no ACK arrives by which the
    tracepoint would tell.
    """
    run = runs["blackout"]
    states = run.table("flow_states").filter(pl.col("flow") == "up")
    during = states.filter(pl.col("t_ns").is_between(5 * S, 10 * S))
    shown = run.table("sockets").filter(
        (pl.col("flow") == "up")
        & (pl.col("node") == "h1")
        & pl.col("t_ns").is_between(5 * S, 10 * S)
    )
    assert set(during["cwnd"]) == set(shown["cwnd"]) == {1}
    assert set(during.filter(pl.col("source") == "ss")["ssthresh"]) == set(shown["ssthresh"])
    assert set(during.filter(pl.col("source") == "ss")["rto_ms"]) == set(shown["rto_ms"])
    assert run.metrics["flows"]["up"]["cwnd"]["min"] == 1
    recovery = run.table("phases").filter(
        (pl.col("flow") == "up") & (pl.col("phase") == "rto_recovery")
    )
    assert recovery.height >= 2
    assert set(recovery["cwnd_from"]) == {1}
