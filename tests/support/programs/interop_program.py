"""One conversation of the user-space TCP with the kernel's over a TUN device: a program for a
network namespace of its own, on this machine or in the guest.

    python interop_program.py CASE [--ip 4|6] [--out FAULTS] [--into FAULTS] [--size N] [--capture
    FILE] [--path FOLDER]

The kernel has 10.9.0.1 (fd00::1), the user-space TCP 10.9.0.2 (fd00::2) on device u0. The faults
stand in the adapter, so that a kernel without netem serves as well. What was found is printed as
one line of JSON, beside it the kernel's own counters: what its TCP thought of the segments that it
got.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

if "--path" in sys.argv:  # where the package lies in the guest
    sys.path.insert(0, sys.argv[sys.argv.index("--path") + 1])

from tcpexp.tcp import Config
from tcpexp.tcp.adapters.host import Host
from tcpexp.tcp.adapters.impaired import ImpairedNetwork
from tcpexp.tcp.adapters.sockets import TcpSocket
from tcpexp.tcp.adapters.tun import TunNetwork
from tcpexp.tcp.services.protocols import generate
from tcpexp.tcp.services.words import make_link

ENDS = {4: ("10.9.0.1", "10.9.0.2", "10.9.0.1/24"), 6: ("fd00::1", "fd00::2", "fd00::1/64")}
CASES: dict[str, Callable[[Bench], None]] = {}
#: What the kernel counts of segments that it could not take; all are zero when both ends understand
#: each other.
COUNTERS = (
    "Tcp.InErrs",
    "Tcp.InCsumErrors",
    "TcpExt.PAWSEstab",
    "TcpExt.TCPChallengeACK",
    "TcpExt.TCPSYNChallenge",
    "TcpExt.TCPACKSkippedSeq",
)


class Bench:
    """The device, the user-space host, what the case found, and a few verbs."""

    def __init__(self, settings: argparse.Namespace) -> None:
        self.kernel, self.user, peer = ENDS[settings.ip]
        self.family = socket.AF_INET if settings.ip == 4 else socket.AF_INET6
        self.size = settings.size
        self.found: dict[str, Any] = {}
        self.device = TunNetwork("u0", self.user).set_up(peer)
        links = [make_link(text) if text else None for text in (settings.out, settings.into)]
        config = Config(
            rto_min_ns=200_000_000, rto_initial_ns=300_000_000, msl_ns=1_000_000, trace=False
        )
        self.host = Host(
            ImpairedNetwork(self.device, *links) if any(links) else self.device, config
        )

    def kernel_listener(self, port: int) -> socket.socket:
        """Let the kernel listen."""
        listener = socket.socket(self.family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.kernel, port))
        listener.listen()
        listener.settimeout(60)
        return listener

    def kernel_socket(self, port: int) -> socket.socket:
        """Let the kernel begin to connect to the user-space TCP; it goes on by itself."""
        sock = socket.socket(self.family)
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            sock.connect((self.user, port))
        return sock

    def pair(self, opener: str) -> tuple[TcpSocket, socket.socket]:
        """Return both ends of a connection that ``user`` or ``kernel`` has opened."""
        if opener == "user":
            with self.kernel_listener(5000) as listener:
                mine = self.host.connect(self.kernel, 5000, timeout=10)
                theirs, _ = listener.accept()
        else:
            waiting = self.host.listen(6000)
            waiting.timeout = 10
            theirs = self.kernel_socket(6000)
            mine = waiting.accept()
            waiting.close()
        mine.timeout = 10
        theirs.settimeout(10)
        return mine, theirs

    def drive(self, condition: Callable[[], bool], seconds: float = 60) -> bool:
        """Run this end's loop."""
        return self.host.run_until(condition, seconds)

    def state(self, name: str) -> bool:
        """Wait until a connection is in this state."""
        return self.drive(
            lambda: any(
                connection.state.label == name
                for connection in self.host.stack.connections.values()
            ),
            10,
        )

    def beside(self, work: Callable[[], None]) -> Callable[[], bool]:
        """Run blocking calls of the kernel's sockets in a thread; return what waits for its end."""
        thread = threading.Thread(target=work, daemon=True)
        thread.start()

        def wait() -> bool:
            ends = time.monotonic() + 60
            while thread.is_alive() and time.monotonic() < ends:
                # the loop sleeps until something arrives, which its end is not
                self.drive(lambda: not thread.is_alive(), 0.05)
            return not thread.is_alive()

        return wait

    @contextlib.contextmanager
    def holding(self) -> Any:
        """Hold back what this end sends; it leaves when the block is over."""
        held: list[tuple[Any, ...]] = []
        send = self.device.send
        self.device.send = lambda *words: held.append(words)  # type: ignore[method-assign]
        try:
            yield held
        finally:
            self.device.send = send  # type: ignore[method-assign]
            for words in held:
                send(*words)


def case(work: Callable[[Bench], None]) -> Callable[[Bench], None]:
    """Put a case into the table, by its name."""
    CASES[work.__name__] = work
    return work


@case
def upload(bench: Bench) -> None:
    """The user-space TCP sends."""
    digest = hashlib.sha256()
    listener = bench.kernel_listener(5000)

    def read() -> None:
        theirs, _ = listener.accept()
        while piece := theirs.recv(1 << 20):
            digest.update(piece)
        theirs.close()

    done = bench.beside(read)
    with bench.host.connect(bench.kernel, 5000, timeout=30) as sock:
        sock.timeout = 60
        sock.sendall(generate(bench.size, 1))
        sock.shutdown()
        sock.recv(1)
    done()
    bench.found["hash"] = digest.hexdigest()


@case
def download(bench: Bench) -> None:
    """The kernel sends."""
    listener = bench.host.listen(6000)
    listener.timeout = 30

    def write() -> None:
        with socket.create_connection((bench.user, 6000), timeout=60) as theirs:
            theirs.sendall(generate(bench.size, 1))
            theirs.shutdown(socket.SHUT_WR)
            theirs.recv(1)

    done = bench.beside(write)
    digest = hashlib.sha256()
    with listener.accept() as sock:
        sock.timeout = 60
        while piece := sock.recv(1 << 20):
            digest.update(piece)
    done()
    bench.found["hash"] = digest.hexdigest()


def error_of(call: Callable[[], object]) -> str:
    """Return the class of the error that a call raises, empty when it raises none."""
    try:
        call()
    except OSError as error:
        return type(error).__name__
    return ""


@case
def refused(bench: Bench) -> None:
    """Nobody listens, at either end."""
    bench.found["by_kernel"] = error_of(lambda: bench.host.connect(bench.kernel, 5999, timeout=10))
    bench.beside(
        lambda: bench.found.update(
            by_user=error_of(lambda: socket.create_connection((bench.user, 6999), timeout=10))
        )
    )()


def close_in_order(bench: Bench, opener: str, first: str) -> None:
    """One end closes its stream, the other one answers with its last words and closes.

    Every state on the way is waited for.
    """
    mine, theirs = bench.pair(opener)
    if first == "user":
        mine.shutdown()
        bench.found["ended"] = theirs.recv(10) == b"" and bench.state("FIN-WAIT-2")
        theirs.sendall(b"late")
        theirs.close()
        bench.found["late"] = mine.recv(10).decode()
        bench.found["state"] = bench.state("TIME-WAIT")
    else:
        theirs.shutdown(socket.SHUT_WR)
        bench.found["ended"] = mine.recv(10) == b"" and bench.state("CLOSE-WAIT")
        mine.sendall(b"late")
        with bench.holding():
            mine.close()
            bench.found["state"] = bench.state("LAST-ACK")
        bench.drive(lambda: False, 0.1)
        bench.found["late"] = theirs.recv(10).decode()
        bench.found["ended"] = bench.found["ended"] and theirs.recv(10) == b""
        theirs.close()
    bench.found["closed"] = bench.drive(lambda: mine.heard.closed == "closed", 10)


for _opener in ("user", "kernel"):
    for _first in ("user", "kernel"):
        CASES[f"{_opener}_opens_{_first}_closes"] = partial(
            close_in_order, opener=_opener, first=_first
        )


@case
def resets(bench: Bench) -> None:
    """Either end drops a connection, whoever opened it."""
    for opener in ("user", "kernel"):
        mine, theirs = bench.pair(opener)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        bench.found[f"{opener}_opened_by_kernel"] = error_of(lambda: mine.recv(1))  # noqa: B023 (called at once)
        mine, theirs = bench.pair(opener)
        mine.abort()
        bench.found[f"{opener}_opened_by_user"] = error_of(lambda: theirs.recv(1))  # noqa: B023


@case
def closed_windows(bench: Bench) -> None:
    """The reader stops until the writer has seen a zero window and probed it, and then reads
    everything; both ways.
    """
    data = generate(2_000_000, 1)
    mine, theirs = bench.pair("user")
    tcb, left = mine.connection.tcb, data
    while tcb.snd_wnd or tcb.probes < 1:
        if mine.connection.writable and left:
            left = left[mine.send(left) :]
        bench.drive(
            lambda: mine.connection.writable > 0 or (tcb.snd_wnd == 0 and tcb.probes > 0), 0.2
        )
    bench.found["probes"] = tcb.probes
    total: list[int] = []
    done = bench.beside(lambda: total.extend(iter(lambda: len(theirs.recv(1 << 20)), 0)))
    mine.timeout = 30
    mine.sendall(left)
    mine.shutdown()
    done()
    theirs.close()
    bench.found["kernel_read"] = sum(total)

    mine, theirs = bench.pair("kernel")
    theirs.settimeout(60)

    def write() -> None:
        theirs.sendall(data)
        theirs.close()

    done = bench.beside(write)
    own = mine.connection.tcb
    bench.found["window_closed"] = bench.drive(lambda: own.rcv_adv - own.rcv_nxt < 1460, 10)
    bench.drive(lambda: False, 1.0)  # long enough for a probe of the kernel's
    mine.timeout = 30
    bench.found["user_read"] = sum(iter(lambda: len(mine.recv(65_536)), 0))
    mine.close()
    done()


@case
def simultaneous_close(bench: Bench) -> None:
    """Both FINs cross: the kernel closes while this end's is still on its way."""
    mine, theirs = bench.pair("user")
    with bench.holding():
        mine.shutdown()
        theirs.shutdown(socket.SHUT_WR)
        bench.found["state"] = bench.state("CLOSING")
    bench.found["ended"] = theirs.recv(1) == b""
    bench.found["closed"] = bench.drive(lambda: mine.heard.closed == "closed", 10)


@case
def simultaneous_open(bench: Bench) -> None:
    """Both SYNs cross: the kernel connects from the port to which this end's SYN is on its way."""
    theirs = socket.socket(bench.family)
    theirs.bind((bench.kernel, 5002))  # a port without a connection in TIME-WAIT
    theirs.setblocking(False)
    with bench.holding():
        mine = bench.host.begin_connect(bench.kernel, 5002, local_port=6000)
        with contextlib.suppress(BlockingIOError):
            theirs.connect((bench.user, 6000))
        bench.found["state"] = bench.state("SYN-RECEIVED")
    bench.found["established"] = bench.drive(lambda: mine.heard.established, 10)
    theirs.settimeout(10)
    theirs.sendall(b"both")
    mine.timeout = 10
    bench.found["heard"] = mine.recv(10).decode()
    mine.close()
    theirs.close()
    bench.drive(lambda: mine.heard.closed is not None, 10)


@case
def keepalives(bench: Bench) -> None:
    """Each end asks an idle connection whether the other one is there, and is answered."""
    mine, theirs = bench.pair("user")
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, seconds in (
        (socket.TCP_KEEPIDLE, 1),
        (socket.TCP_KEEPINTVL, 1),
        (socket.TCP_KEEPCNT, 2),
    ):
        theirs.setsockopt(socket.IPPROTO_TCP, option, seconds)
    arrived = mine.connection.tcb.last_arrival_ns
    bench.drive(lambda: False, 4.5)  # the kernel would have given up after three seconds
    bench.found["asked_by_kernel"] = mine.connection.tcb.last_arrival_ns > arrived
    theirs.sendall(b"here")
    bench.found["kernel_holds_on"] = mine.recv(10).decode()
    mine.close()
    theirs.close()
    with bench.kernel_listener(5001) as listener:
        config = Config(
            keepalive=True,
            keepalive_idle_ns=500_000_000,
            keepalive_interval_ns=500_000_000,
            keepalive_probes=2,
            msl_ns=1_000_000,
            trace=False,
        )
        mine = bench.host.begin_connect(bench.kernel, 5001, config=config)
        bench.drive(lambda: mine.heard.established, 10)
        theirs, _ = listener.accept()
    bench.drive(lambda: False, 2.5)
    bench.found["user_holds_on"] = mine.heard.closed is None
    mine.close()
    theirs.close()


@case
def cookies(bench: Bench) -> None:
    """Each end listens with SYN cookies, and the other one gets in."""
    path = Path("/proc/sys/net/ipv4/tcp_syncookies")
    path.write_text("2")  # always
    mine, theirs = bench.pair("user")
    theirs.sendall(b"kernel's")
    bench.found["kernel"] = mine.recv(20).decode()
    mine.close()
    theirs.close()
    listener = bench.host.listen(
        6001, config=Config(syn_cookies="always", msl_ns=1_000_000, trace=False)
    )
    listener.timeout = 10
    theirs = bench.kernel_socket(6001)
    bench.drive(lambda: listener.listener.cookies_sent > 0, 10)
    theirs.settimeout(10)
    bench.drive(lambda: False, 0.1)
    theirs.sendall(b"user's")
    mine = listener.accept()
    mine.timeout = 10
    bench.found["user"] = mine.recv(20).decode()
    bench.found["cookies_accepted"] = listener.listener.cookies_accepted
    mine.close()
    theirs.close()


def kernel_counters() -> dict[str, int]:
    """Return those of ``COUNTERS`` that are not zero. proc(5)."""
    found: dict[str, int] = {}
    for name in ("snmp", "netstat"):
        lines = Path(f"/proc/net/{name}").read_text().splitlines()
        for heads, values in zip(lines[::2], lines[1::2], strict=True):
            group = heads.split(":")[0]
            found |= {
                f"{group}.{key}": int(value)
                for key, value in zip(heads.split()[1:], values.split()[1:], strict=True)
            }
    return {name: found[name] for name in COUNTERS if found[name]}


def main() -> None:
    """Run one case, while the device is captured if asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=sorted(CASES))
    parser.add_argument("--ip", type=int, choices=(4, 6), default=4)
    parser.add_argument("--out", default="")
    parser.add_argument("--into", default="")
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--capture")
    parser.add_argument("--path")
    settings = parser.parse_args()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    bench = Bench(settings)
    capture = None
    if settings.capture:
        argv = ["tcpdump", "-i", "u0", "-U", "-s", "0", "-w", settings.capture, "-B", "16384"]
        capture = subprocess.Popen(argv, stderr=subprocess.PIPE)
        assert capture.stderr is not None
        capture.stderr.readline()  # it listens
    CASES[settings.case](bench)
    bench.host.drain(10, time_wait=True)
    time.sleep(0.2)
    if capture is not None:
        capture.terminate()
        capture.wait()
    print(
        json.dumps(
            {**bench.found, "discarded": bench.device.discarded, "counters": kernel_counters()}
        )
    )


if __name__ == "__main__":
    main()
