"""One CUBIC flow over Mininet's own TCLink, on the kernel and the clock that are here; needs root.

    sudo python benchmarks/stock_tclink.py RATE_MBIT DELAY_MS QUEUE_PACKETS SECONDS

Prints a line of JSON: the instant of the first packet of a connection (UNIX time), wall seconds of
the flow, goodput, packets in the sender's capture, idle RTT and RTT under load. tcpdump records at
both ends, as tcpexp does. Standard library and mininet only, so that it runs anywhere.
"""

from __future__ import annotations

import json
import re
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mininet.link import TCLink
from mininet.net import Mininet

LISTEN_S = 1.0
RECORD = struct.Struct("<IIII")


def measure(rate_mbit: float, delay_ms: float, queue: int, seconds: int, folder: Path) -> dict:
    """Build the network, measure it, remove it."""
    net = Mininet(controller=None, link=TCLink, autoSetMacs=True, autoStaticArp=True, build=False)
    hosts = [net.addHost(name, ip=f"10.77.0.{number}/24") for number, name in enumerate("ab", 1)]
    net.addLink(*hosts, bw=rate_mbit, delay=f"{delay_ms}ms", max_queue_size=queue)
    net.build()
    try:
        for host in hosts:
            host.cmd(f"ethtool -K {host.defaultIntf()} tso off gso off gro off")
        idle = rtts(hosts[0].popen(["ping", "-c", "5", "-i", "0.2", "10.77.0.2"], text=True))
        captures = [record(host, folder) for host in hosts]
        server = hosts[1].popen(["iperf3", "-s", "-1"], stdout=subprocess.DEVNULL)
        time.sleep(LISTEN_S)
        flow = run_flow(hosts[0], seconds)
        server.wait()
        for capture in captures:
            capture.terminate()
            capture.wait()
    finally:
        net.stop()
    times = stamps((folder / "a.pcap").read_bytes())
    # The first connection is iperf3's control connection, as in tcpexp.
    seen = {"first_packet_at_s": times[0], "packets": len(times)}
    return {**seen, **flow, "idle_rtt_ms": statistics.median(idle)}


def record(host, folder: Path):
    """Start tcpdump on a host's interface and wait until it listens."""
    interface = str(host.defaultIntf())
    argv = ["tcpdump", "-i", interface, "-Z", "root", "-s", "128", "-w", f"{folder}/{host}.pcap"]
    process = host.popen([*argv, "tcp"], stderr=subprocess.PIPE, text=True)
    while "listening" not in process.stderr.readline():
        if process.poll() is not None:
            raise SystemExit(f"tcpdump ended on {host}")
    return process


def run_flow(host, seconds: int) -> dict:
    """Run the flow with a ping beside it; return goodput, wall seconds, RTT."""
    began = time.monotonic()
    ping = host.popen(
        ["ping", "-i", "0.02", "-w", str(max(1, seconds - 1)), "10.77.0.2"], text=True
    )
    argv = ["iperf3", "-c", "10.77.0.2", "-C", "cubic", "-t", str(seconds), "--json"]
    report = json.loads(host.popen(argv, text=True).communicate()[0])
    wall = time.monotonic() - began
    loaded = sorted(rtts(ping))
    return {
        "run_s": wall,
        "goodput_mbps": report["end"]["sum_received"]["bits_per_second"] / 1e6,
        "rtt_p50_ms": loaded[len(loaded) // 2],
        "rtt_p95_ms": loaded[len(loaded) * 95 // 100],
    }


def rtts(ping) -> list[float]:
    """Return the round-trip times that a ping prints, in ms."""
    return [float(text) for text in re.findall(r"time=([\d.]+) ms", ping.communicate()[0])]


def stamps(capture: bytes) -> list[float]:
    """Return the UNIX time of each packet of a capture in microseconds (pcap, little-endian)."""
    found, at = [], 24
    while at + RECORD.size <= len(capture):
        seconds, fraction, kept, _ = RECORD.unpack_from(capture, at)
        found.append(seconds + fraction / 1e6)
        at += RECORD.size + kept
    return found


if __name__ == "__main__":
    rate, delay, packets, length = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        row = measure(float(rate), float(delay), int(packets), int(length), Path(name))
    print(json.dumps(row))
