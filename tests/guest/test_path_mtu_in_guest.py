"""Path MTUs in the guest, over IPv6 and with a change in the middle: what the router answers, what
TCP sends then, and that the probes fit.
"""

import json
import subprocess

import polars as pl
import pytest

pytestmark = pytest.mark.guest

SPEC = """
name: narrow
topology: {name: chain, params: {routers: 2}, ip: 6}
links: {r1-r2: {mtu: 1400B, rate: 10mbit, delay: 5ms, queue: 100p}}
duration: 4s
actions:
  - {at: 0s, do: iperf3, from: h1, to: h2, flow: up, until: 4s}
  - {at: 2s, do: link, link: r1-r2, mtu: 1280B}
"""
#: What IPv6, TCP and its time stamps take of a packet.
HEADERS = 40 + 20 + 12


@pytest.fixture(scope="module")
def run(run_in_guest):
    return run_in_guest(SPEC)


def test_the_router_says_which_mtu_fits_and_from_the_change_on_the_other_one(run):
    argv = [
        "tshark",
        "-r",
        str(run.path / "raw" / "h1-eth0.pcap"),
        "-Y",
        "icmpv6.type == 2",
        "-T",
        "fields",
        "-e",
        "ipv6.src",
        "-e",
        "icmpv6.mtu",
    ]
    rows = {
        tuple(line.split("\t"))
        for line in subprocess.run(
            argv, capture_output=True, text=True, check=True
        ).stdout.splitlines()
    }
    senders = {interface.address for interface in run.plan.network.node("r1").interfaces}
    assert {source.split(",")[0] for source, _ in rows} <= senders and {mtu for _, mtu in rows} == {
        "1400",
        "1280",
    }


def test_tcp_keeps_to_what_it_was_told(run):
    arrived = run.table("packets").filter(
        (pl.col("node") == "h2") & (pl.col("flow") == "up") & (pl.col("payload_bytes") > 0)
    )
    before, after = (
        arrived.filter(pl.col("t_ns") < 2_000_000_000),
        arrived.filter(pl.col("t_ns") > 2_500_000_000),
    )
    assert (
        before["payload_bytes"].max() == 1400 - HEADERS
        and after["payload_bytes"].max() == 1280 - HEADERS
    )
    assert after.height > 1000


def test_mtus_are_read_back_and_the_probes_fit(run):
    ended = run.table("settings").filter(
        (pl.col("source") == "end") & pl.col("interface").is_not_null()
    )
    mtus = {
        name: json.loads(options)["mtu"]
        for name, options in ended.select("interface", "options").iter_rows()
    }
    assert mtus == {
        "h1-eth0": 1500,
        "r1-eth0": 1500,
        "r1-eth1": 1280,
        "r2-eth0": 1280,
        "r2-eth1": 1500,
        "h2-eth0": 1500,
    }
    assert {probe["frame_bytes"] for probe in run.probes["rates"]} == {1414}
    assert all(
        probe["measured_bps"] == pytest.approx(10_000_000, rel=0.005)
        for probe in run.probes["rates"]
    )
    assert run.certificate["verdict"] == "VALID", run.certificate["reasons"]
