"""Over TUN with this machine's kernel, in namespaces of the test's own: 10 MB each way on a bad path, and every way to begin and end a connection.

The bad path is an impairment in the adapter, so that a kernel without netem serves as well; a capture of the kernel's interface is read by tshark.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.root
TEN_MEGABYTES = 10_000_000
#: What the impairment explains; anything else that tshark calls a warning or an error is a fault of ours.
EXPECTED = ("retransmission", "duplicate ack", "out-of-order", "not captured", "d-sack", "previous segment", "keep-alive", "zero", "window")

#: Both ends run in one throw-away network namespace: the kernel has 10.9.0.1 (fd00::1), the user-space TCP 10.9.0.2 (fd00::2) on device u0.
HEAD = """
import hashlib, json, socket, subprocess, sys, threading, time
from tcpexp.tcp import Config
from tcpexp.tcp.adapters.host import Host
from tcpexp.tcp.adapters.impaired import ImpairedNetwork
from tcpexp.tcp.adapters.tun import TunNetwork
from tcpexp.tcp.services.protocols import generate
from tcpexp.tcp.services.words import make_link
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
VERSION, OUT, IN, CAPTURE = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
KERNEL, USER, PEER = ("10.9.0.1", "10.9.0.2", "10.9.0.1/24") if VERSION == 4 else ("fd00::1", "fd00::2", "fd00::1/64")
FAMILY = socket.AF_INET if VERSION == 4 else socket.AF_INET6
network = TunNetwork("u0", USER).set_up(PEER)
capture = subprocess.Popen(["tcpdump", "-i", "u0", "-U", "-s", "0", "-w", CAPTURE, "-B", "16384"], stderr=subprocess.PIPE) if CAPTURE != "-" else None
if capture:
    capture.stderr.readline()
links = [make_link(text) if text != "-" else None for text in (OUT, IN)]
config = Config(rto_min_ns=200_000_000, rto_initial_ns=300_000_000, msl_ns=1_000_000, trace=False)
host = Host(ImpairedNetwork(network, *links) if any(links) else network, config)
found = {}

def kernel_listener(port):
    listener = socket.socket(FAMILY)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((KERNEL, port))
    listener.listen()
    listener.settimeout(60)
    return listener

def in_background(work):
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread

def drive(condition, seconds=60):
    return host.run_until(condition, seconds)

def state(name):
    return lambda: any(each.state.label == name for each in host.stack.connections.values())
"""
TAIL = """
host.drain(10, time_wait=True)
time.sleep(0.2)
if capture:
    capture.terminate()
    capture.wait()
found["discarded"] = network.discarded
print(json.dumps(found))
"""


def run_inside(body: str, *, version: int = 4, out: str = "-", into: str = "-", capture: Path | None = None) -> dict[str, Any]:
    """Run ``body`` between HEAD and TAIL in a namespace of its own; return what it found."""
    program = HEAD + textwrap.dedent(body) + TAIL
    arguments = [str(version), out, into, str(capture or "-")]
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    argv = ["unshare", "--net", sys.executable, "-c", program, *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, env=path, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


UPLOAD = """
data = generate(%d, 1)
listener = kernel_listener(5000)
def read():
    sock, _ = listener.accept()
    digest = hashlib.sha256()
    while piece := sock.recv(1 << 20):
        digest.update(piece)
    found["hash"] = digest.hexdigest()
    sock.close()
thread = in_background(read)
with host.connect(KERNEL, 5000, timeout=30) as sock:
    sock.timeout = 60
    sock.sendall(data)
    sock.shutdown()
    sock.recv(1)
drive(lambda: not thread.is_alive())
"""
DOWNLOAD = """
data = generate(%d, 1)
listener = host.listen(6000)
def write():
    with socket.create_connection((USER, 6000), timeout=60) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        sock.recv(1)
thread = in_background(write)
listener.timeout = 30
with listener.accept() as sock:
    sock.timeout = 60
    digest = hashlib.sha256()
    while piece := sock.recv(1 << 20):
        digest.update(piece)
found["hash"] = digest.hexdigest()
drive(lambda: not thread.is_alive())
"""


def complaints(capture: Path, user: str) -> list[str]:
    """Return what tshark calls malformed, a wrong checksum, or a warning that no impairment explains, of segments that the user-space TCP sent.

    A reset without ACK is the answer to a segment for a connection that is over (RFC 9293 section 3.10.7.1), such as an ACK that was overtaken by the
    last one; in the middle of a transfer it would cost the data.
    """
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed: apt install tshark")
    field = "ipv6.src" if ":" in user else "ip.src"
    bad = f"{field} == {user} && (_ws.malformed || tcp.checksum.status == 0 || ip.checksum.status == 0 || _ws.expert.severity >= 6291456)"
    bad += " && !(tcp.flags.reset == 1 && tcp.flags.ack == 0)"
    words = ["-d", "tcp.port==1-65535,data", "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]  # random octets are no protocol
    words += ["-Y", bad, "-T", "fields", "-e", "frame.number", "-e", "_ws.expert.message"]
    done = subprocess.run(["tshark", "-r", str(capture), *words], capture_output=True, text=True, check=True, timeout=300)
    return [line for line in done.stdout.splitlines() if not any(word in line.lower() for word in EXPECTED)]


PATHS = [
    pytest.param("-", "-", id="clean"),
    pytest.param("loss=1%,seed=1", "loss=1%,seed=2", id="loss1"),
    pytest.param("loss=5%,seed=1", "loss=5%,seed=2", id="loss5", marks=pytest.mark.full),
    pytest.param("reorder=2%,reorder_delay=2ms,seed=3", "reorder=2%,reorder_delay=2ms,seed=4", id="reordering"),
    pytest.param("duplicate=2%,seed=5", "duplicate=2%,seed=6", id="duplication"),
]


@pytest.mark.parametrize(("out", "into"), PATHS)
@pytest.mark.parametrize("body", [pytest.param(UPLOAD, id="to-kernel"), pytest.param(DOWNLOAD, id="from-kernel")])
def test_ten_megabytes(body: str, out: str, into: str, tmp_path: Path) -> None:
    capture = tmp_path / "u0.pcap"
    found = run_inside(body % TEN_MEGABYTES, out=out, into=into, capture=capture)
    assert found["hash"] == hashlib.sha256(content(TEN_MEGABYTES)).hexdigest()
    assert set(found["discarded"]) <= {"not TCP", "not for this address"}, "the kernel's own IPv6 chatter is all that is thrown away"
    assert complaints(capture, "10.9.0.2") == []


@pytest.mark.parametrize("body", [pytest.param(UPLOAD, id="to-kernel"), pytest.param(DOWNLOAD, id="from-kernel")])
def test_over_ipv6(body: str, tmp_path: Path) -> None:
    if not Path("/proc/sys/net/ipv6").is_dir():
        pytest.skip("this kernel lacks IPv6")
    capture = tmp_path / "u0.pcap"
    found = run_inside(body % 1_000_000, version=6, out="loss=1%,seed=1", into="loss=1%,seed=2", capture=capture)
    assert found["hash"] == hashlib.sha256(content(1_000_000)).hexdigest()
    assert complaints(capture, "fd00::2") == []


def content(size: int) -> bytes:
    from tcpexp.tcp.services.protocols import generate

    return generate(size, 1)


def test_refused_by_either_side() -> None:
    found = run_inside("""
        try:
            host.connect(KERNEL, 5999, timeout=10)
        except ConnectionRefusedError:
            found["by_kernel"] = True
        def knock():
            try:
                socket.create_connection((USER, 6999), timeout=10)
            except ConnectionRefusedError:
                found["by_user"] = True
        thread = in_background(knock)
        drive(lambda: not thread.is_alive())
    """)
    assert found["by_kernel"] and found["by_user"]


def test_either_side_closes_first() -> None:
    found = run_inside("""
        listener, mine = kernel_listener(5000), host.listen(6000)
        sock = host.connect(KERNEL, 5000, timeout=10)
        theirs, _ = listener.accept()
        sock.close()
        drive(state("FIN-WAIT-2"))
        found["user_first"] = theirs.recv(1) == b""
        theirs.close()
        found["time_wait"] = drive(lambda: sock.progress.closed == "closed", 10)
        def visit():
            theirs = socket.create_connection((USER, 6000), timeout=10)
            theirs.shutdown(socket.SHUT_WR)
            found["answer"] = theirs.recv(10).decode()
            found["end"] = theirs.recv(10).decode()
            theirs.close()
        thread = in_background(visit)
        mine.timeout = 10
        sock = mine.accept()
        found["kernel_first"] = sock.recv(10) == b""
        sock.sendall(b"late")
        sock.close()
        drive(lambda: not thread.is_alive())
        found["last_ack"] = drive(lambda: sock.progress.closed == "closed", 10)
    """)
    assert all(found[key] for key in ("user_first", "time_wait", "kernel_first", "last_ack"))
    assert (found["answer"], found["end"]) == ("late", "")


def test_a_reset_by_either_side() -> None:
    found = run_inside("""
        import struct
        listener = kernel_listener(5000)
        sock = host.connect(KERNEL, 5000, timeout=10)
        theirs, _ = listener.accept()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        try:
            sock.timeout = 10
            sock.recv(1)
        except ConnectionResetError:
            found["by_kernel"] = True
        sock = host.connect(KERNEL, 5000, timeout=10)
        theirs, _ = listener.accept()
        sock.abort()
        theirs.settimeout(10)
        try:
            theirs.recv(1)
        except ConnectionResetError:
            found["by_user"] = True
    """)
    assert found["by_kernel"] and found["by_user"]


def test_a_closed_window_on_either_side() -> None:
    """The reader stops until the writer has seen a zero window, and then reads everything."""
    found = run_inside("""
        data = generate(2_000_000, 1)
        listener = kernel_listener(5000)
        go = threading.Event()
        def read_late():
            theirs, _ = listener.accept()
            go.wait()
            total = 0
            while piece := theirs.recv(1 << 20):
                total += len(piece)
            found["kernel_read"] = total
            theirs.close()
        thread = in_background(read_late)
        sock = host.connect(KERNEL, 5000, timeout=10)
        tcb, sent, left = sock.connection.tcb, 0, data
        while tcb.snd_wnd or tcb.probes < 1:
            if sock.connection.writable and left:
                taken = sock.send(left)
                left = left[taken:]
            drive(lambda: sock.connection.writable > 0 or (tcb.snd_wnd == 0 and tcb.probes > 0), 0.2)
        found["probes"] = tcb.probes
        go.set()
        sock.timeout = 30
        sock.sendall(left)
        sock.shutdown()
        sock.recv(1)
        drive(lambda: not thread.is_alive())

        mine = host.listen(6000)
        def write():
            theirs = socket.create_connection((USER, 6000), timeout=60)
            theirs.sendall(data)
            theirs.shutdown(socket.SHUT_WR)
            theirs.recv(1)
            theirs.close()
        thread = in_background(write)
        mine.timeout = 10
        sock = mine.accept()
        drive(lambda: sock.connection.readable >= 262_144 - 1460, 10)
        drive(lambda: False, 1.0)
        total = 0
        sock.timeout = 30
        while piece := sock.recv(65_536):
            total += len(piece)
        found["user_read"] = total
        sock.close()
        drive(lambda: not thread.is_alive())
    """)
    assert found["probes"] and (found["kernel_read"], found["user_read"]) == (2_000_000, 2_000_000)


def test_simultaneous_close() -> None:
    """Both FINs cross: the kernel closes while this end's FIN is still on its way."""
    found = run_inside("""
        listener = kernel_listener(5000)
        sock = host.connect(KERNEL, 5000, timeout=10)
        theirs, _ = listener.accept()
        theirs.settimeout(10)
        seen = set()
        host.network.network.send, hold = (lambda *words: held.append(words)), host.network.network.send
        held = []
        sock.shutdown()
        theirs.shutdown(socket.SHUT_WR)
        drive(state("CLOSING"), 10)
        found["states"] = sorted({each.state.label for each in host.stack.connections.values()})
        host.network.network.send = hold
        for words in held:
            hold(*words)
        found["end"] = theirs.recv(1) == b""
        found["closed"] = drive(lambda: sock.progress.closed == "closed", 10)
    """, out="delay=0ms")
    assert found["states"] == ["CLOSING"] and found["end"] and found["closed"]
