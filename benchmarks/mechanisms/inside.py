"""Inside the guest: what a data segment costs with a mechanism for faults on its way, in
instructions (ns of virtual time).

Three namespaces of its own: a - m - b. First m is a wire (frames cross by mirroring, as tcpexp's
wires do), then a router. Segments go one at a time, each read before the next is sent, so that
nothing ever waits and all time is work. Started by fault_mechanisms.py.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable

sys.path.insert(0, "/opt/tcpexp")

from tcpexp.engine.faults import rules as layout
from tcpexp.engine.faults.bpf import maps_of_program
from tcpexp.plan.types import SegmentFault

SEGMENTS, SIZE, WARM_UP, NEVER = 2000, 1448, 200, 1_000_000
PORT = 5000
OBJECT = "/opt/tcpexp/tcpexp/engine/faults/segments.bpf.o"
DATA = f"tcp dport {PORT} meta length > 100"
KEY = "ip saddr . tcp sport . tcp sequence"
FORWARD = "type filter hook forward priority 0;"
SIMPLE = (
    f"table ip t {{\n chain c {{ {FORWARD}\n {DATA} numgen inc mod {NEVER} == {NEVER - 1} drop\n"
    " }\n}"
)
TRACKED = f"table ip t {{\n chain c {{ {FORWARD}\n ct state established counter\n }}\n}}"
QUEUE = f"table ip t {{\n chain c {{ {FORWARD}\n {DATA} queue num 7\n }}\n}}"
COUNTERS = """
table netdev t {
 chain in { type filter hook ingress device ma priority 0;
 counter
 }
 chain out { type filter hook egress device mb priority 0;
 counter
 }
}
table inet u {
 chain first { type filter hook prerouting priority 0;
 counter
 }
 chain forward { type filter hook forward priority 0;
 counter
 }
}
"""
_libc = ctypes.CDLL(None, use_errno=True)


def sets(choose: str) -> str:
    """Return a ruleset that knows retransmissions by their sequence number.

    ``choose`` are the rules that choose among new segments.
    """
    declared = "".join(
        f" set {name} {{ typeof {KEY}; size 65535; flags dynamic; }}\n"
        for name in ("seen", "chosen", "again")
    )
    return f"""table ip t {{
{declared} chain c {{ {FORWARD}
 {DATA} jump data
 }}
 chain data {{
 {KEY} @again accept
 {KEY} @chosen add @again {{ {KEY} }} counter drop comment "its first retransmission"
 {KEY} @seen counter accept comment "other retransmissions"
 add @seen {{ {KEY} }}
 {choose} add @chosen {{ {KEY} }} counter drop comment "the chosen segment"
 }}
}}"""


def per_connection(number: int) -> str:
    """Return the ruleset that chooses the 40th data segment of each connection.

    With a ``number`` beyond 41, the same work and never a choice.
    """
    steps = ", ".join([f"{n} : {n + 1}" for n in range(40)] + ["41 : 41"])
    return sets(f"ct mark set ct mark map {{ {steps} }}\n ct mark {number} ct mark set 41")


def run(line: str, given: str | None = None) -> str:
    """Run a shell line and return its output; a failure ends the program."""
    done = subprocess.run(
        ["sh", "-c", line], input=given, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{line}: {done.stderr}")
    return done.stdout


def nft(ruleset: str) -> None:
    """Replace the ruleset in m."""
    run("ip netns exec m nft -f -", f"flush ruleset\n{ruleset}")


def enter(name: str) -> None:
    """Move this thread into a namespace."""
    with open(f"/run/netns/{name}", encoding="ascii") as file:
        if _libc.setns(file.fileno(), 0x40000000):
            raise OSError(ctypes.get_errno(), "setns")


def build() -> None:
    """Make the three namespaces."""
    for name in "amb":
        run(f"ip netns add {name}")
    for name in "ab":
        run(f"ip link add {name}0 netns {name} type veth peer name m{name} netns m")
        for space, device in ((name, f"{name}0"), ("m", f"m{name}")):
            run(
                f"ip -n {space} link set dev {device} up; ip netns exec {space} ethtool -K {device}"
                " tso off gso off gro off"
            )
    for space, address, device in (
        ("a", "10.9.1.1", "a0"),
        ("b", "10.9.2.1", "b0"),
        ("m", "10.9.1.2", "ma"),
        ("m", "10.9.2.2", "mb"),
    ):
        run(f"ip -n {space} addr add {address}/24 dev {device}")
    run(
        "ip -n a route add default via 10.9.1.2 && ip -n b route add default via 10.9.2.2 && ip"
        " netns exec m sysctl -qw net.ipv4.ip_forward=1"
    )


def as_wire() -> None:
    """Let frames cross m by mirroring."""
    hardware = {
        name: run(f"ip netns exec {name} cat /sys/class/net/{name}0/address").strip()
        for name in "ab"
    }
    run(
        f"ip -n a neigh replace 10.9.1.2 lladdr {hardware['b']} dev a0 && ip -n b neigh replace"
        f" 10.9.2.2 lladdr {hardware['a']} dev b0"
    )
    for near, far in ("ab", "ba"):
        run(f"tc -n m qdisc add dev m{near} clsact")
        run(
            f"tc -n m filter add dev m{near} ingress protocol all pref 10 matchall action mirred"
            f" egress mirror dev m{far} drop"
        )


def as_router() -> None:
    """Let m forward packets instead."""
    run(
        "tc -n m qdisc del dev ma clsact && tc -n m qdisc del dev mb clsact && ip -n a neigh del"
        " 10.9.1.2 dev a0 && ip -n b neigh del 10.9.2.2 dev b0"
    )


def connection() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a connection from a to b."""
    enter("b")
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("10.9.2.1", PORT))
        listener.listen()
        enter("a")
        sender = socket.create_connection(("10.9.2.1", PORT))
        sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sender, listener.accept()[0]


def segments(sender: socket.socket, receiver: socket.socket, count: int) -> None:
    """Send segments, each when the one before was read."""
    data = bytes(SIZE)
    for _ in range(count):
        sender.send(data)
        missing = SIZE
        while missing:
            missing -= len(receiver.recv(missing))


def measure(name: str, base: float = 0.0) -> float:
    """Print and return the instructions per segment, the middle of three flows."""
    found = []
    for _ in range(3):
        sender, receiver = connection()
        with sender, receiver:
            segments(sender, receiver, WARM_UP)
            begin = time.monotonic_ns()
            segments(sender, receiver, SEGMENTS)
            found.append((time.monotonic_ns() - begin) / SEGMENTS)
    low, middle, high = sorted(found)
    print(
        f"{name:58s} {middle:8,.0f} {f'{middle - base:+8,.0f}' if base else '':8s}  ({low:,.0f} to"
        f" {high:,.0f})",
        flush=True,
    )
    return middle


def download() -> None:
    """Move 200 kB from a to b."""
    sender, receiver = connection()
    if os.fork() == 0:
        sender.sendall(bytes(200_000))
        os._exit(0)
    sender.close()
    with receiver:
        while receiver.recv(65536):
            pass
    os.wait()


def load_program() -> Callable[[int], None]:
    """Load tcpexp's program into the wire.

    The result sets how many of its two rules (segment 1,000,000 and its retransmission) are in use.
    """
    run(
        "tc -n m filter add dev ma ingress pref 1 protocol all bpf direct-action object-file"
        f" {OBJECT} section tc"
    )
    shown = json.loads(run("tc -n m -j filter show dev ma ingress pref 1"))
    maps = maps_of_program(
        next(one["options"]["prog"]["id"] for one in shown if one.get("options", {}).get("prog"))
    )
    hosts = {"a": 1, "b": 2}
    for name, address in (("a", "10.9.1.1"), ("b", "10.9.2.1")):
        maps["hosts"].write(
            socket.inet_aton(address).ljust(16, b"\0"), struct.pack("=I", hosts[name])
        )
    for index in range(2):
        fault = SegmentFault(
            "wire",
            "b",
            "a",
            "b",
            None,
            PORT,
            None,
            0,
            "data",
            (NEVER,),
            None,
            None,
            (),
            (index + 1,),
            "drop",
        )
        maps["rules"].write(
            struct.pack("=I", index),
            layout.Rule("step", fault, NEVER, NEVER, active=True).pack(hosts),
        )
    enter("m")
    out = socket.if_nametoindex("mb")

    def use(rules: int) -> None:
        maps["settings"].write(
            struct.pack("=I", 0), layout.SETTINGS.pack(rules, out, 0, 0, 0, 0, 0)
        )

    return use


def on_the_wire() -> None:
    """Measure what can stand on a wire, and see whether netfilter's hooks can."""
    as_wire()
    base = measure("wire")
    use = load_program()
    for rules in (1, 2):
        use(rules)
        measure(f"wire, eBPF, rules: {rules}", base)
    run("tc -n m filter del dev ma ingress pref 1")
    nft(COUNTERS)
    download()
    print(
        "netfilter's counters on the wire:",
        [
            line.strip()
            for line in run("ip netns exec m nft list ruleset").splitlines()
            if "packets" in line
        ],
    )
    nft("")


def in_the_router() -> None:
    """Measure what needs a router."""
    as_router()
    base = measure("router")
    for name, ruleset in (
        ("nftables, numgen", SIMPLE),
        ("nftables, sets", sets(f"numgen inc mod {NEVER} == {NEVER - 1}")),
        ("nftables, connection tracking alone", TRACKED),
        ("nftables, N-th segment of a connection", per_connection(99)),
    ):
        nft(ruleset)
        measure(f"router, {name}", base)
    nft(per_connection(40))
    download()
    download()
    print(
        "two downloads:",
        [
            line.split("counter ")[1]
            for line in run("ip netns exec m nft list chain ip t data").splitlines()
            if "packets" in line
        ],
    )
    nft("")
    for name, match in (
        ("statistic", f"statistic --mode nth --every {NEVER} --packet {NEVER - 1}"),
        ("u32", "u32 --u32 '0>>22&0x3C@4=0x12345678'"),
    ):
        run(
            f"ip netns exec m iptables -A FORWARD -p tcp --dport {PORT} -m length --length 100: -m"
            f" {match} -j DROP"
        )
        measure(f"router, iptables {name}", base)
        run("ip netns exec m iptables -F")
    nft(QUEUE)
    for name, argv in (
        ("C", ["./queue"]),
        ("Python, verdicts only", ["python3", "queue_program.py"]),
        ("Python", ["python3", "queue_program.py", "count"]),
    ):
        with subprocess.Popen(
            ["ip", "netns", "exec", "m", *argv], stdout=subprocess.PIPE, text=True
        ) as program:
            assert program.stdout is not None and program.stdout.readline() == "ready\n"
            measure(f"router, NFQUEUE and {name}", base)
            program.kill()


if __name__ == "__main__":
    build()
    on_the_wire()
    in_the_router()
