"""Runs inside the guest: measure Mininet's stock TCLink, or an address that is already there, under one CUBIC flow.

    python3 stock_tclink.py stock RATE_MBIT DELAY QUEUE        builds Mininet networks of its own, prints one JSON line each
    python3 stock_tclink.py here ADDRESS SECONDS               measures from this host to ADDRESS, where iperf3 -s listens
"""

import json
import re
import subprocess
import sys
import time


def idle_rtt_ms(run, address):
    """Return the median of five pings."""
    times = re.findall(r"time=([\d.]+) ms", run(["ping", "-c", "5", "-i", "0.2", address]))
    return sorted(map(float, times))[len(times) // 2]


def under_load(start, run, address, seconds):
    """Return goodput in Mbit/s and the largest RTT in ms while one CUBIC flow runs for ``seconds``."""
    ping = start(["ping", "-i", "0.02", "-w", str(seconds - 1), address])
    report = json.loads(run(["iperf3", "-c", address, "-C", "cubic", "-t", str(seconds), "--json"]))
    times = [float(each) for each in re.findall(r"time=([\d.]+) ms", ping.communicate()[0])]
    return report["end"]["sum_received"]["bits_per_second"] / 1e6, max(times)


def here(address, seconds):
    """Measure from this network namespace."""

    def run(argv):
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout

    def start(argv):
        return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)

    idle = idle_rtt_ms(run, address)
    goodput, largest = under_load(start, run, address, seconds)
    print(json.dumps({"idle_rtt_ms": idle, "goodput_mbps": goodput, "largest_rtt_ms": largest}))


def stock(rate, delay, queue, seconds=15):
    """Measure TCLink between two hosts, and with a Linux bridge between them."""
    from mininet.link import Link, TCLink
    from mininet.net import Mininet
    from mininet.node import Node

    for scheme in ("TCLink, hosts joined directly", "TCLink over a bridge, all on one link"):
        net = Mininet(controller=None, link=TCLink, autoSetMacs=True, autoStaticArp=True, build=False)
        a, b = net.addHost("a1", ip="10.77.0.1/24"), net.addHost("a2", ip="10.77.0.2/24")
        shape = {"bw": rate, "delay": delay, "max_queue_size": queue}
        if "bridge" in scheme:
            bridge = net.addHost("br", cls=Node, ip=None)
            net.addLink(a, bridge, **shape)
            net.addLink(bridge, b, cls=Link)
        else:
            net.addLink(a, b, **shape)
        net.build()
        nodes = [a, b]
        if "bridge" in scheme:
            nodes.append(bridge)
            bridge.cmd("ip link add br0 type bridge; ip link set br0 up; for i in br-eth0 br-eth1; do ip link set $i master br0 up; done")
        for host in (a, b):
            host.cmd(f"ethtool -K {host.defaultIntf()} tso off gso off gro off")
        server = b.popen(["iperf3", "-s", "-1"], stdout=subprocess.DEVNULL)
        time.sleep(1)

        def run(argv, host=a):
            return host.popen(argv, stdout=subprocess.PIPE, text=True).communicate()[0]

        def start(argv, host=a):
            return host.popen(argv, stdout=subprocess.PIPE, text=True)

        idle = idle_rtt_ms(run, "10.77.0.2")
        goodput, largest = under_load(start, run, "10.77.0.2", seconds)
        server.wait()
        shown = "".join(node.cmd("tc -s qdisc show") for node in nodes)
        dropped = sum(map(int, re.findall(r"dropped (\d+)", shown)))
        net.stop()
        print(json.dumps({"scheme": scheme, "idle_rtt_ms": idle, "goodput_mbps": goodput, "largest_rtt_ms": largest, "drops": dropped}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "stock":
        stock(float(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
    elif sys.argv[1] == "here":
        here(sys.argv[2], int(sys.argv[3]))
