"""The list of congestion controls against the guest's kernel, a flow of each, and DCTCP at a queue
that marks.
"""

import json

import polars as pl
import pytest

from tcpexp.spec.congestion import BUILT_IN, CONGESTION_CONTROLS

pytestmark = [pytest.mark.guest, pytest.mark.xdist_group("congestion")]

NAMES = list(CONGESTION_CONTROLS)
LOOK = (
    "for f in /lib/modules/$(uname -r)/kernel/net/ipv4/tcp_*.ko*; do modprobe $(basename $f .ko);"
    " done; "
)
LOOK += "cat /proc/sys/net/ipv4/tcp_available_congestion_control"
FLOWS = "\n".join(
    f"  - {{at: {number}s, do: iperf3, from: h1, to: h2, flow: {name}, congestion_control: {name},"
    f" until: {number}.9s}}"
    for number, name in enumerate(NAMES)
)
CHECKS = "\n".join(f"  - congestion_control: {{flow: {name}, is: {name}}}" for name in NAMES)
SPEC = f"""\
name: controls
topology: two_host
links:
  h1->h2: {{rate: 10mbit, delay: 2ms, queue: 50p, mark_at: 10p}}
  h2->h1: {{rate: 10mbit, delay: 2ms}}
hosts:
  h2: {{sysctls: {{net.ipv4.tcp_congestion_control: vegas}}}}
record: {{ss: 200ms, trace: off}}
plots: []
duration: {len(NAMES) + 4}s
actions:
{FLOWS}
  - {{at: {len(NAMES)}s, do: iperf3, from: h1, to: h2, flow: marked,
     congestion_control: dctcp, until: {len(NAMES) + 3}s}}
  - at: {len(NAMES) + 3}s
    do: command
    id: look
    host: h1
    shell: {LOOK!r}
expect:
{CHECKS}
  - queueing_delay: {{flow: marked, between: [{len(NAMES) + 1}s, {len(NAMES) + 3}s],
      percentile: 95, at_most: 15ms}}
"""


@pytest.fixture(scope="module")
def run(run_in_guest):
    return run_in_guest(SPEC)


def test_the_list_is_the_kernels(run):
    names = (run.path / "raw" / "logs" / "look.out").read_text().split()
    assert sorted(names) == sorted(CONGESTION_CONTROLS)
    assert set(BUILT_IN) <= set(names)


def test_each_is_used_and_dctcp_keeps_the_queue_at_its_threshold(run):
    verdicts = json.loads((run.path / "checks.json").read_text())["verdicts"]
    assert [
        (verdict["title"], verdict["measured"])
        for verdict in verdicts
        if verdict["result"] != "PASS"
    ] == []


def test_marks_and_no_drop(run):
    last = (
        run.table("queues")
        .filter(qdisc="queue", towards="h2")
        .sort("t_ns")
        .tail(1)
        .row(0, named=True)
    )
    first = (
        run.table("queues")
        .filter(pl.col("t_ns") <= len(NAMES) * 10**9, qdisc="queue", towards="h2")
        .sort("t_ns")
        .tail(1)
        .row(0, named=True)
    )
    assert last["ecn_mark"] - first["ecn_mark"] > 50
    assert last["drops"] == first["drops"]
