"""How fast is the TCP in user space on a network? To and from this machine's kernel over TUN, and
beside aioquic's QUIC.

    sudo python benchmarks/utcp_network.py tun [--megabytes N] [--rounds N] [--beside N]
    [--one-core] [--profile]
    python benchmarks/utcp_network.py quic [--megabytes N] [--rounds N]

The second needs aioquic, and openssl for a certificate.

``tun``, in a throw-away network namespace: bulk transfers between this TCP (a process) and a kernel
socket (another process), clean path. Each line has Mbit/s of wall time, best and median of the
rounds; Mbit/s of the processor time of the process that runs this TCP (best), which is what a core
of its own gives; where its wall time went: running, ready but waiting for a processor (from the
scheduler's own record, /proc/thread-self/schedstat), asleep because nothing had arrived; and what
was lost: packets for which the device had no room, segments that the kernel sent again. Writing to
the device runs the kernel's TCP too: its share of the work counts as this process's. ``--beside N``
runs N busy loops meanwhile, as on a shared machine; ``--one-core`` puts both processes on one core.
``quic``: both ends in one process, datagrams handed over in memory, no loss: octets per second of
processor time, of aioquic (which also encrypts) and of this TCP with real bytes and checksums, in
turns, best and median of the rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import json
import multiprocessing
import os
import pstats
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tcpexp.tcp import Config
from tcpexp.tcp.adapters.host import Host
from tcpexp.tcp.adapters.tun import TunNetwork
from tcpexp.tcp.simulator.link import LinkConfig
from tcpexp.tcp.simulator.simulation import transfer

KERNEL, USER, DEVICE = "10.9.0.1", "10.9.0.2", "bench0"
CONFIG = Config(
    congestion_control="cubic",
    trace=False,
    receive_buffer=1 << 20,
    send_buffer=1 << 20,
    rto_min_ns=200_000_000,
    msl_ns=1_000_000,
)
# the network namespace, and a listening socket, are inherited
FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Reading:
    """What is read before and after a transfer: nanoseconds of this thread, and counts."""

    wall_ns: int
    running_ns: int
    ready_ns: int
    no_room: int
    sent_again: int


def take_reading() -> Reading:
    """Read clocks and counters.

    Linux, Documentation/scheduler/sched-stats.rst: time on a processor, time waiting for one.
    """
    ready_ns = int(Path("/proc/thread-self/schedstat").read_text().split()[1])
    link = json.loads(
        subprocess.run(
            ["ip", "-s", "-j", "link", "show", DEVICE], capture_output=True, check=True
        ).stdout
    )[0]
    names, values = (
        line.split()
        for line in Path("/proc/net/snmp").read_text().splitlines()
        if line.startswith("Tcp:")
    )
    sent_again = int(values[names.index("RetransSegs")])
    return Reading(
        time.perf_counter_ns(),
        time.thread_time_ns(),
        ready_ns,
        link["stats64"]["tx"]["dropped"],
        sent_again,
    )


def read_all(listener: socket.socket) -> None:
    """Accept one connection and read as fast as possible."""
    sock, _ = listener.accept()
    while sock.recv(1 << 20):
        pass
    sock.close()


def write_all(size: int) -> None:
    """Connect and write as fast as possible."""
    with socket.create_connection((USER, 6000)) as sock:
        sock.sendall(bytes(size))


def spin() -> None:
    """Keep a processor busy."""
    while True:
        pass


@contextlib.contextmanager
def beside(work: Callable[..., None], *words: object, stop: bool = False) -> Iterator[None]:
    """Run ``work`` in a process of its own; wait for its end, or with ``stop`` end it."""
    process = FORK.Process(target=work, args=words, daemon=True)
    process.start()
    try:
        yield
    finally:
        if stop:
            process.terminate()
        process.join(30)


def to_kernel(host: Host, size: int) -> tuple[Reading, Reading]:
    """Send ``size`` octets to a kernel socket that reads as fast as it can."""
    with (
        socket.create_server((KERNEL, 5000)) as listener,
        beside(read_all, listener),
        host.connect(KERNEL, 5000, timeout=10) as sock,
    ):
        begin = take_reading()
        sock.sendall(bytes(size))
        sock.shutdown()
        sock.recv(1)
        return begin, take_reading()


def from_kernel(host: Host, size: int) -> tuple[Reading, Reading]:
    """Read ``size`` octets from a kernel socket that writes as fast as it can."""
    listener = host.listen(6000)
    with beside(write_all, size):
        with listener.accept() as sock:
            begin = take_reading()
            while sock.recv(1 << 18):
                pass
            end = take_reading()
        listener.close()
        host.drain(5)
    return begin, end


def measure_tun(size: int, rounds: int, profile: bool) -> None:
    """Print a line for each direction; the rounds go through both in turn."""
    host = Host(TunNetwork(DEVICE, USER).set_up(f"{KERNEL}/24"), CONFIG)
    works = {"user space to kernel": to_kernel, "kernel to user space": from_kernel}
    found: dict[str, list[tuple[Reading, Reading]]] = {name: [] for name in works}
    if profile:
        for name, work in works.items():
            profiler = cProfile.Profile()
            profiler.runcall(work, host, size)
            print(name)
            pstats.Stats(profiler).sort_stats("tottime").print_stats(22)
        return
    for _ in range(rounds):
        for name, work in works.items():
            found[name].append(work(host, size))
    host.close()
    print(
        f"{size // 1_000_000} MB, {rounds} rounds, load average {os.getloadavg()[0]:.1f} on"
        f" {os.cpu_count()} processors"
    )
    for name, pairs in found.items():
        print(f"{name:<21} {describe(size, pairs)}")


def describe(size: int, pairs: list[tuple[Reading, Reading]]) -> str:
    """Return a line about the transfers of ``size`` octets between these readings."""
    walls = [end.wall_ns - begin.wall_ns for begin, end in pairs]
    runs = [end.running_ns - begin.running_ns for begin, end in pairs]
    running = sum(runs) / sum(walls)
    ready = sum(end.ready_ns - begin.ready_ns for begin, end in pairs) / sum(walls)
    rates = [size * 8e3 / wall for wall in walls]
    return (
        f"{max(rates):6.1f} Mbit/s of wall time (median {statistics.median(rates):.1f}),"
        f" {size * 8e3 / min(runs):6.1f} of processor time; running {running:.0%}, waiting for a"
        f" processor {ready:.0%}, asleep {max(0.0, 1 - running - ready):.0%}; no room for"
        f" {sum(end.no_room - begin.no_room for begin, end in pairs)}, sent again"
        f" {sum(end.sent_again - begin.sent_again for begin, end in pairs)}"
    )


def processor_seconds(work: Callable[[], object]) -> float:
    """Return the processor time of ``work``."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def quic_transfer(size: int, certificate: Path, key: Path) -> None:
    """Send ``size`` octets on one stream between two aioquic connections in memory."""
    from aioquic.quic.configuration import QuicConfiguration
    from aioquic.quic.connection import QuicConnection
    from aioquic.quic.events import StreamDataReceived

    limits = {"max_data": 1 << 30, "max_stream_data": 1 << 30}
    client = QuicConnection(
        configuration=QuicConfiguration(is_client=True, verify_mode=ssl.CERT_NONE, **limits)
    )
    settings = QuicConfiguration(is_client=False, **limits)
    settings.load_cert_chain(certificate, key)
    server = QuicConnection(
        configuration=settings,
        original_destination_connection_id=client.original_destination_connection_id,
    )
    now, received, sent = 0.0, 0, False
    client.connect(("127.0.0.1", 4433), now=now)
    while received < size:
        now += 0.005
        for source, sink, address in (
            (client, server, ("127.0.0.1", 1)),
            (server, client, ("127.0.0.1", 4433)),
        ):
            timer = source.get_timer()
            if timer is not None and timer <= now:
                source.handle_timer(now)
            for data, _ in source.datagrams_to_send(now):
                sink.receive_datagram(data, address, now)
        while (event := server.next_event()) is not None:
            received += len(event.data) if isinstance(event, StreamDataReceived) else 0
        while client.next_event() is not None:
            pass
        if not sent:
            client.send_stream_data(
                client.get_next_available_stream_id(), bytes(size), end_stream=True
            )
            sent = True


def measure_quic(size: int, rounds: int) -> None:
    """Print both side by side."""
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Path(folder) / "cert.pem", Path(folder) / "key.pem"
        words = [
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            "/CN=bench",
            "-days",
            "2",
        ]
        subprocess.run(
            ["openssl", "req", "-x509", *words, "-keyout", key, "-out", certificate],
            check=True,
            capture_output=True,
        )
        config = Config(
            congestion_control="newreno", trace=False, receive_buffer=1 << 20, send_buffer=1 << 20
        )
        works: dict[str, Callable[[], object]] = {
            "aioquic (encrypts)": lambda: quic_transfer(size, certificate, key),
            "tcpexp.tcp (checksums)": lambda: transfer(
                size,
                config,
                LinkConfig(delay_ns=5_000_000),
                data=bytes(size),
                wire=True,
                keep_log=False,
            ),
        }
        found: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(rounds):
            for name, work in works.items():
                found[name].append(size / processor_seconds(work) / 1e6)
    for name, rates in found.items():
        print(
            f"{name:<24} {max(rates):6.2f} MB per second of processor time, both ends (median"
            f" {statistics.median(rates):.2f})"
        )


def main() -> None:
    """Parse the command line; ``tun`` runs itself again in a network namespace of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("tun", "quic"))
    parser.add_argument("--megabytes", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--beside", type=int, default=0)
    parser.add_argument("--one-core", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    size = arguments.megabytes * 1_000_000
    if arguments.what == "quic":
        measure_quic(size, arguments.rounds)
    elif arguments.inside:
        with contextlib.ExitStack() as loops:
            for _ in range(arguments.beside):
                loops.enter_context(beside(spin, stop=True))
            if arguments.one_core:
                os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
            measure_tun(size, arguments.rounds, arguments.profile)
    else:
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv, "--inside"])


if __name__ == "__main__":
    main()
