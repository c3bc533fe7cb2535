"""Runs inside the guest: measure Mininet's stock TCLink, or an address that is already there, under one CUBIC flow.

    python3 stock_tclink.py stock RATE_MBIT DELAY QUEUE [SECONDS [TIMES [SCHEME]]]
        builds Mininet networks of its own, prints one JSON line each; SCHEME: direct, bridge or both (default both, once, 15 s)
    python3 stock_tclink.py here ADDRESS SECONDS
        measures from this host to ADDRESS, where iperf3 -s listens
"""

import json
import re
import subprocess
import sys
import time

SCHEMES = {"direct": "TCLink, hosts joined directly", "bridge": "TCLink over a bridge, all on one link"}


def idle_rtt_ms(run, address):
    """Return the median of five pings."""
    times = re.findall(r"time=([\d.]+) ms", run(["ping", "-c", "5", "-i", "0.2", address]))
    return sorted(map(float, times))[len(times) // 2]


def under_load(start, run, address, seconds):
    """Return goodput in Mbit/s and median, 95th percentile and largest RTT in ms while one CUBIC flow runs for ``seconds``."""
    ping = start(["ping", "-i", "0.02", "-w", str(seconds - 1), address])
    report = json.loads(run(["iperf3", "-c", address, "-C", "cubic", "-t", str(seconds), "--json"]))
    times = sorted(float(each) for each in re.findall(r"time=([\d.]+) ms", ping.communicate()[0]))
    return {
        "goodput_mbps": report["end"]["sum_received"]["bits_per_second"] / 1e6,
        "rtt_p50_ms": times[len(times) // 2],
        "rtt_p95_ms": times[len(times) * 95 // 100],
        "largest_rtt_ms": times[-1],
    }


def here(address, seconds):
    """Measure from this network namespace."""

    def run(argv):
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout

    def start(argv):
        return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)

    idle = idle_rtt_ms(run, address)
    print(json.dumps({"idle_rtt_ms": idle, **under_load(start, run, address, seconds)}))


def stock(rate, delay, queue, seconds=15, times=1, which="both"):
    """Measure TCLink between two hosts, and with a Linux bridge between them, each ``times`` over."""
    for scheme in SCHEMES if which == "both" else (which,):
        for _ in range(times):
            print(json.dumps({"scheme": SCHEMES[scheme], **stock_once(rate, delay, queue, seconds, scheme)}), flush=True)


def stock_once(rate, delay, queue, seconds, scheme):
    """Build one network, measure it, remove it."""
    from mininet.link import Link, TCLink
    from mininet.net import Mininet
    from mininet.node import Node

    net = Mininet(controller=None, link=TCLink, autoSetMacs=True, autoStaticArp=True, build=False)
    a, b = net.addHost("a1", ip="10.77.0.1/24"), net.addHost("a2", ip="10.77.0.2/24")
    shape = {"bw": rate, "delay": delay, "max_queue_size": queue}
    nodes = [a, b]
    if scheme == "bridge":
        bridge = net.addHost("br", cls=Node, ip=None)
        net.addLink(a, bridge, **shape)
        net.addLink(bridge, b, cls=Link)
        nodes.append(bridge)
    else:
        net.addLink(a, b, **shape)
    net.build()
    if scheme == "bridge":
        bridge.cmd("ip link add br0 type bridge; ip link set br0 up; for i in br-eth0 br-eth1; do ip link set $i master br0 up; done")
    for host in (a, b):
        host.cmd(f"ethtool -K {host.defaultIntf()} tso off gso off gro off")
    server = b.popen(["iperf3", "-s", "-1"], stdout=subprocess.DEVNULL)
    time.sleep(1)

    def run(argv):
        return a.popen(argv, stdout=subprocess.PIPE, text=True).communicate()[0]

    def start(argv):
        return a.popen(argv, stdout=subprocess.PIPE, text=True)

    idle = idle_rtt_ms(run, "10.77.0.2")
    measured = under_load(start, run, "10.77.0.2", seconds)
    server.wait()
    shown = "".join(node.cmd("tc -s qdisc show") for node in nodes)
    dropped = sum(map(int, re.findall(r"dropped (\d+)", shown)))
    net.stop()
    return {"idle_rtt_ms": idle, **measured, "drops": dropped}


if __name__ == "__main__":
    given = sys.argv[2:]
    if sys.argv[1] == "stock":
        stock(float(given[0]), given[1], int(given[2]), *map(int, given[3:5]), *given[5:6])
    elif sys.argv[1] == "here":
        here(given[0], int(given[1]))
