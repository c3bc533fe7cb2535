"""How fast is the TCP in user space on a network? To and from this machine's kernel over TUN, and beside aioquic's QUIC.

    sudo python benchmarks/utcp_network.py tun [--megabytes N] [--rounds N] [--profile]     in a throw-away network namespace
    python benchmarks/utcp_network.py quic [--megabytes N] [--rounds N]                     needs aioquic, and openssl for a certificate

``tun``: Mbit/s of wall time, and of processor time of the thread that runs the TCP (what a core of its own would give); the kernel's end has another thread.
``quic``: both ends in one process, datagrams handed over in memory, no loss: octets per second of processor time, of aioquic (which also encrypts) and of this
TCP with real bytes and checksums.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tcpexp.tcp import Config
from tcpexp.tcp.adapters.host import Host
from tcpexp.tcp.adapters.tun import TunNetwork
from tcpexp.tcp.simulator.link import LinkConfig
from tcpexp.tcp.simulator.simulation import transfer

KERNEL, USER = "10.9.0.1", "10.9.0.2"
CONFIG = Config(congestion_control="cubic", trace=False, receive_buffer=1 << 20, send_buffer=1 << 20, rto_min_ns=200_000_000, msl_ns=1_000_000)


def to_kernel(host: Host, size: int) -> None:
    """Send ``size`` octets to a kernel socket that reads as fast as it can."""
    listener = socket.create_server((KERNEL, 5000))

    def read() -> None:
        sock, _ = listener.accept()
        while sock.recv(1 << 20):
            pass
        sock.close()
        listener.close()

    thread = threading.Thread(target=read)
    thread.start()
    with host.connect(KERNEL, 5000, timeout=10) as sock:
        sock.sendall(bytes(size))
        sock.shutdown()
        sock.recv(1)
    thread.join()


def from_kernel(host: Host, size: int) -> None:
    """Read ``size`` octets from a kernel socket that writes as fast as it can."""
    listener = host.listen(6000)

    def write() -> None:
        with socket.create_connection((USER, 6000)) as sock:
            sock.sendall(bytes(size))

    thread = threading.Thread(target=write)
    thread.start()
    with listener.accept() as sock:
        while sock.recv(1 << 18):
            pass
    listener.close()
    host.drain(5)
    thread.join()


def measure_tun(size: int, rounds: int, profile: bool) -> None:
    """Print the best of the rounds for each direction."""
    host = Host(TunNetwork("bench0", USER).set_up(f"{KERNEL}/24"), CONFIG)
    for name, work in (("user space to kernel", to_kernel), ("kernel to user space", from_kernel)):
        best_wall = best_cpu = 0.0
        profiler = cProfile.Profile()
        for _ in range(1 if profile else rounds):
            wall, cpu = time.perf_counter(), time.thread_time()
            profiler.runcall(work, host, size) if profile else work(host, size)
            best_wall = max(best_wall, size * 8e-6 / (time.perf_counter() - wall))
            best_cpu = max(best_cpu, size * 8e-6 / (time.thread_time() - cpu))
        print(f"{name:<22} {best_wall:7.1f} Mbit/s of wall time {best_cpu:7.1f} Mbit/s of its processor time")
        if profile:
            pstats.Stats(profiler).sort_stats("tottime").print_stats(22)
    host.close()


def processor_seconds(work: Callable[[], None], rounds: int) -> float:
    """Return the least processor time of the rounds."""
    best = float("inf")
    for _ in range(rounds):
        begin = time.process_time()
        work()
        best = min(best, time.process_time() - begin)
    return best


def quic_transfer(size: int, certificate: Path, key: Path) -> None:
    """Send ``size`` octets on one stream between two aioquic connections in memory."""
    from aioquic.quic.configuration import QuicConfiguration
    from aioquic.quic.connection import QuicConnection
    from aioquic.quic.events import StreamDataReceived

    limits = {"max_data": 1 << 30, "max_stream_data": 1 << 30}
    client = QuicConnection(configuration=QuicConfiguration(is_client=True, verify_mode=ssl.CERT_NONE, **limits))
    settings = QuicConfiguration(is_client=False, **limits)
    settings.load_cert_chain(certificate, key)
    server = QuicConnection(configuration=settings, original_destination_connection_id=client.original_destination_connection_id)
    now, received, sent = 0.0, 0, False
    client.connect(("127.0.0.1", 4433), now=now)
    while received < size:
        now += 0.005
        for source, sink, address in ((client, server, ("127.0.0.1", 1)), (server, client, ("127.0.0.1", 4433))):
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
            client.send_stream_data(client.get_next_available_stream_id(), bytes(size), end_stream=True)
            sent = True


def measure_quic(size: int, rounds: int) -> None:
    """Print both side by side."""
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Path(folder) / "cert.pem", Path(folder) / "key.pem"
        words = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=bench", "-days", "2"]
        subprocess.run(["openssl", "req", "-x509", *words, "-keyout", key, "-out", certificate], check=True, capture_output=True)
        quic = processor_seconds(lambda: quic_transfer(size, certificate, key), rounds)
    config = Config(congestion_control="newreno", trace=False, receive_buffer=1 << 20, send_buffer=1 << 20)
    own = processor_seconds(lambda: void(transfer(size, config, LinkConfig(delay_ns=5_000_000), data=bytes(size), wire=True)), rounds)
    for name, seconds in (("aioquic (encrypts)", quic), ("tcpexp.tcp (checksums)", own)):
        print(f"{name:<24} {size / seconds / 1e6:6.2f} MB per second of processor time, both ends")


def void(value: object) -> None:
    """Drop a value."""


def main() -> None:
    """Parse the command line; ``tun`` runs itself again in a network namespace of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("tun", "quic"))
    parser.add_argument("--megabytes", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    size = arguments.megabytes * 1_000_000
    if arguments.what == "quic":
        measure_quic(size, arguments.rounds)
    elif arguments.inside:
        measure_tun(size, arguments.rounds, arguments.profile)
    else:
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv, "--inside"])


if __name__ == "__main__":
    main()
