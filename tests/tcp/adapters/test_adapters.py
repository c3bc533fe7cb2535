"""Networks, the event loop and sockets: two hosts of this process over UDP on the loopback
interface, and packets as bytes.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tcpexp.tcp import Config, Endpoint, Segment, encode_segment
from tcpexp.tcp.adapters.host import Host, Recorder
from tcpexp.tcp.adapters.impaired import ImpairedNetwork
from tcpexp.tcp.adapters.ip import Packet, PacketError, decode_icmp, decode_packet, encode_packet
from tcpexp.tcp.adapters.network import IpHeader, NetworkError, NetworkTrouble, choose_address
from tcpexp.tcp.adapters.record import JsonRecorder
from tcpexp.tcp.adapters.sockets import TcpSocket
from tcpexp.tcp.adapters.tun import TunNetwork, refuse_own_namespace
from tcpexp.tcp.adapters.udp import UdpNetwork
from tcpexp.tcp.core import events
from tcpexp.tcp.core.checksum import ones_complement_sum
from tcpexp.tcp.core.connection import Connection
from tcpexp.tcp.core.segment import SYN
from tcpexp.tcp.services.client import Opening, ask_calculator, ask_dns, download
from tcpexp.tcp.services.dns import load_zone
from tcpexp.tcp.services.protocols import CalculatorService, DnsService, FileService, generate
from tcpexp.tcp.services.server import Server
from tcpexp.tcp.services.words import make_link

QUICK = Config(rto_min_ns=50_000_000, rto_initial_ns=100_000_000, msl_ns=1_000_000)
FILES = {"small": generate(2000, 1), "large": generate(300_000, 2)}
FILE_PORT, CALCULATOR_PORT, DNS_PORT = 7000, 7001, 7053


class Running:
    """A server in a thread of its own."""

    def __init__(self, address: str = "127.0.0.1", config: Config = QUICK) -> None:
        self.network = UdpNetwork(address)
        self.host = Host(self.network, config)
        self.server = Server(self.host, lambda *words, **facts: self.log.append((words[0], facts)))
        self.log: list[tuple[str, dict[str, object]]] = []
        self.stop = False
        self.server.offer(FILE_PORT, "files", lambda: FileService(FILES))
        self.server.offer(CALCULATOR_PORT, "calculator", CalculatorService)
        self.server.offer(
            DNS_PORT, "dns", lambda: DnsService(load_zone("web.lab.test. IN A 192.0.2.80"))
        )
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        while not self.stop:
            self.server.run(self.server.served + 1, timeout=0.02)

    def end(self) -> None:
        self.stop = True
        self.thread.join()
        self.host.close()

    def client(
        self,
        faults_out: str = "",
        faults_in: str = "",
        recorder: Recorder | None = None,
        config: Config = QUICK,
    ) -> Host:
        network = UdpNetwork(self.network.address, server=(self.network.address, self.network.port))
        links = [make_link(text) if text else None for text in (faults_out, faults_in)]
        return Host(
            ImpairedNetwork(network, *links) if any(links) else network, config, recorder=recorder
        )


@pytest.fixture
def running() -> Iterator[Running]:
    server = Running()
    yield server
    server.end()


def test_several_requests_on_one_connection(running: Running) -> None:
    host = running.client()
    with host.connect("127.0.0.1", FILE_PORT, timeout=10) as sock:
        found = list(download(sock, ["small", "none", "large"]))
    assert [(answer.content, answer.error, answer.intact) for answer in found] == [
        (FILES["small"], "", True),
        (b"", "there is no file none", False),
        (FILES["large"], "", True),
    ]
    assert host.drain(10)
    host.close()


def test_calculator_and_dns(running: Running) -> None:
    host = running.client()
    with host.connect("127.0.0.1", CALCULATOR_PORT, timeout=10) as sock:
        assert list(ask_calculator(sock, ["1+1", "1/0"])) == [
            ("1+1", "2", ""),
            ("1/0", "", "division by zero"),
        ]
    with host.connect("127.0.0.1", DNS_PORT, timeout=10) as sock:
        answers = [
            (name, answer.rcode, [record.value for record in answer.records])
            for name, answer in ask_dns(sock, ["web.lab.test", "x.test"], "A")
        ]
    assert answers == [("web.lab.test", 0, ["192.0.2.80"]), ("x.test", 3, [])]
    host.close()


class Syns:
    """Keeps how many octets go with each SYN."""

    def __init__(self) -> None:
        self.lengths: list[int] = []

    def arriving(self, connection: Connection, segment: Segment, now: int) -> None: ...

    def happened(self, connection: Connection, event: events.Event) -> None:
        if isinstance(event, events.SegmentSent) and event.segment.flags & SYN:
            self.lengths.append(len(event.segment.payload))


@pytest.mark.parametrize(("fast_open", "lengths"), [(True, [0, 4, 300]), (False, [0, 0, 0])])
def test_a_request_goes_with_the_syn_once_there_is_a_cookie(
    fast_open: bool, lengths: list[int]
) -> None:
    config = replace(QUICK, rto_initial_ns=20 * 10**9, fast_open=fast_open, send_buffer=300)
    running = Running(config=config)
    syns = Syns()
    host = running.client(config=config, recorder=syns)

    def connect(data: bytes) -> TcpSocket:
        return host.connect("127.0.0.1", CALCULATOR_PORT, timeout=10, data=data)

    long = "+".join(["1"] * 400)  # more than the send buffer takes
    try:
        for expression, value in (("1+1", "2"), ("2+2", "4"), (long, "400")):
            with Opening(connect) as sock:
                assert sock.recv(9) == b"", "nothing was asked yet"
                assert list(ask_calculator(sock, [expression])) == [(expression, value, "")]
    finally:
        host.close()
        running.end()
    assert syns.lengths == lengths


def test_two_connections_of_one_host_at_once(running: Running) -> None:
    host = running.client()
    socks = [host.connect("127.0.0.1", FILE_PORT, timeout=10) for _ in range(2)]
    received = [0, 0]
    order = []
    for sock in socks:
        sock.sendall(b"GET large\n")
    while min(received) < 300_000:
        for sock in host.wait(socks, timeout=10):
            number = socks.index(sock)  # type: ignore[arg-type]
            received[number] += len(socks[number].recv(16_384))
            order.append(number)
    assert order != sorted(order), "the server gave one client everything first"
    for sock in socks:
        sock.close()
    host.close()


@pytest.mark.parametrize(
    ("out", "into"),
    [
        ("loss=5%,seed=1", "loss=5%,seed=2"),
        ("reorder=10%,reorder_delay=5ms,seed=3", "duplicate=10%,seed=4"),
        ("drop=1+3", "drop=1+5,reorder_at=9,duplicate_at=11"),
    ],
)
def test_a_bad_path_delivers_everything(running: Running, out: str, into: str) -> None:
    host = running.client(out, into)
    with host.connect("127.0.0.1", FILE_PORT, timeout=20) as sock:
        sock.timeout = 20
        (found,) = download(sock, ["large"])
    assert found.content == FILES["large"]
    host.close()


def test_an_impairment_by_index_takes_those_segments(running: Running) -> None:
    host = running.client("drop=1")
    assert isinstance(host.network, ImpairedNetwork) and host.network.outgoing is not None
    host.connect("127.0.0.1", FILE_PORT, timeout=10).close()
    host.drain(10)
    assert host.network.outgoing.lost == 1
    host.close()


def test_a_closed_port_refuses(running: Running) -> None:
    host = running.client()
    with pytest.raises(ConnectionRefusedError, match="port 9 refused"):
        host.connect("127.0.0.1", 9, timeout=10)
    host.close()


def test_nobody_there_times_out() -> None:
    host = Host(UdpNetwork("127.0.0.1", server=("127.0.0.1", 9)), QUICK)
    with pytest.raises(TimeoutError, match="no answer"):
        host.connect("127.0.0.1", 7000, timeout=0.1)
    assert not host.stack.connections
    host.close()


def test_an_abort_resets_the_peer_and_time_outs_leave_the_connection(running: Running) -> None:
    host = running.client()
    sock = host.connect("127.0.0.1", CALCULATOR_PORT, timeout=10)
    sock.timeout = 0.01
    with pytest.raises(TimeoutError, match="nothing received"):
        sock.recv(10)
    sock.timeout = 10
    assert list(ask_calculator(sock, ["6*7"])) == [("6*7", "42", "")]
    sock.abort()
    assert wait_for(
        lambda: any(event == "broken" and "reset" in str(facts) for event, facts in running.log)
    )
    with pytest.raises(ConnectionAbortedError):
        sock.recv(1)
    host.close()


def wait_for(condition: Callable[[], bool]) -> bool:
    ticks = threading.Event()
    for _ in range(500):
        if condition():
            return True
        ticks.wait(0.01)
    return False


def test_over_ipv6() -> None:
    try:
        server = Running("::1")
    except NetworkError:
        pytest.skip("this kernel lacks IPv6 on the loopback interface")
    host = server.client()
    with host.connect("::1", FILE_PORT, timeout=10) as sock:
        assert [part.intact for part in download(sock, ["large"])] == [True]
    host.close()
    server.end()


def test_events_are_written_as_lines_of_json(running: Running, tmp_path: Path) -> None:
    recorder = JsonRecorder(tmp_path / "tcp.jsonl", offset_ns=0)
    host = running.client("drop=4", recorder=recorder)
    with host.connect("127.0.0.1", FILE_PORT, timeout=10) as sock:
        list(download(sock, ["small"]))
    host.drain(10)
    host.close()
    recorder.close()
    lines = [json.loads(line) for line in (tmp_path / "tcp.jsonl").read_text().splitlines()]
    assert lines[0]["event"] == "connection" and lines[0]["peer_port"] == FILE_PORT
    assert [line["new"] for line in lines if line["event"] == "state_changed"][:2] == [
        "SYN-SENT",
        "ESTABLISHED",
    ]
    assert [line["seq"] for line in lines if line["event"] == "segment_sent"][:3] == [0, 1, 1]
    assert {line["event"] for line in lines} >= {
        "probe",
        "segment_received",
        "timer_changed",
        "rtt_sampled",
        "congestion_changed",
    }


@pytest.mark.parametrize(
    ("source", "destination"), [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")]
)
def test_packets_as_bytes(source: str, destination: str) -> None:
    payload = encode_segment(Segment(1, 2, 3, 4, 16, 5, b"hello"), source, destination)
    data = encode_packet(source, destination, payload, 77)
    assert decode_packet(data + b"padding") == Packet(source, destination, 6, payload)
    if source == "10.0.0.1":
        assert ones_complement_sum(data[:20]) == 0
    for broken in (b"", data[:10], data[:30], b"\x10" + data[1:]):
        with pytest.raises(PacketError):
            decode_packet(broken)


def test_what_a_connection_says_about_its_ip_header() -> None:
    """RFC 2474 section 3: the code point is the upper six bits of the field.

    The lower two are ECN's.
    """
    header = IpHeader(dscp=46, hop_limit=7)
    v4 = encode_packet("10.0.0.1", "10.0.0.2", b"x" * 20, 5, header)
    assert (v4[1], v4[8], ones_complement_sum(v4[:20])) == (46 << 2, 7, 0)
    v6 = encode_packet("2001:db8::1", "2001:db8::2", b"x" * 20, 0, header)
    assert ((int.from_bytes(v6[:2], "big") >> 4) & 0xFF, v6[7]) == (46 << 2, 7)
    assert decode_packet(v4).payload == decode_packet(v6).payload == b"x" * 20


def test_ip_options_are_ignored() -> None:
    plain = bytearray(encode_packet("10.0.0.1", "10.0.0.2", b"x" * 20))
    data = plain[:20] + b"\x01\x01\x01\x00" + plain[20:]  # no-operation thrice, end of list
    data[0], data[2:4], data[10:12] = 0x46, len(data).to_bytes(2, "big"), b"\0\0"
    data[10:12] = (0xFFFF - ones_complement_sum(bytes(data[:24]))).to_bytes(2, "big")
    assert decode_packet(bytes(data)) == decode_packet(bytes(plain))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_over_udp_the_datagram_has_the_header(address: str) -> None:
    family, level, receive, kind = (
        (
            socket.AF_INET6,
            socket.IPPROTO_IPV6,
            (socket.IPV6_RECVTCLASS, socket.IPV6_RECVHOPLIMIT),
            {socket.IPV6_TCLASS, socket.IPV6_HOPLIMIT},
        )
        if ":" in address
        else (
            socket.AF_INET,
            socket.IPPROTO_IP,
            (socket.IP_RECVTOS, 12),
            {socket.IP_TOS, socket.IP_TTL},
        )
        # 12 is Linux's IP_RECVTTL
    )
    with socket.socket(family, socket.SOCK_DGRAM) as peer:
        peer.bind((address, 0))
        for option in receive:
            peer.setsockopt(level, option, 1)
        network = UdpNetwork(address, server=(address, peer.getsockname()[1]))
        network.headers[1000, Endpoint(address, 80)] = IpHeader(46, 7)
        network.send(
            Endpoint(address, 1000), Endpoint(address, 80), Segment(1000, 80, 1, 0, 2, 5), 0
        )
        network.send(
            Endpoint(address, 1001), Endpoint(address, 80), Segment(1001, 80, 1, 0, 2, 5), 0
        )
        found = []
        for _ in range(2):
            _, ancillary, _, _ = peer.recvmsg(100, 200)
            found.append(
                tuple(
                    int.from_bytes(data, "little")
                    for _, name, data in sorted(ancillary, key=lambda message: message[1])
                    if name in kind
                )
            )
        network.close()
    assert set(found[0]) == {46 << 2, 7}
    assert set(found[1]) & {46 << 2, 7} == set()


def test_a_socket_sets_its_ip_header_and_leaves_nothing_behind(running: Running) -> None:
    host = running.client(config=Config(rto_min_ns=50_000_000, msl_ns=1_000_000, dscp=10))
    assert host.network.header == IpHeader(10, 64)
    with host.connect(running.network.address, FILE_PORT, timeout=5) as sock:
        assert host.network.headers == {}
        sock.set_ip(46, 7)
        assert host.network.headers == {(sock.local.port, sock.remote): IpHeader(46, 7)}
        with pytest.raises(ValueError, match="0 to 63"):
            sock.set_ip(64, 7)
    host.drain(5, time_wait=True)
    assert host.network.headers == {}
    host.close()


def test_ip_chooses_the_local_address() -> None:
    assert choose_address("127.0.0.1") == "127.0.0.1"


def test_fragments_and_wrong_headers_are_refused() -> None:
    data = bytearray(encode_packet("10.0.0.1", "10.0.0.2", b"x" * 20))
    data[8] ^= 1
    with pytest.raises(PacketError, match="checksum"):
        decode_packet(bytes(data))
    data[8] ^= 1
    data[6:8] = b"\x20\x00"  # more fragments instead of DF: 0x2000 less in the sum
    data[10:12] = ((int.from_bytes(data[10:12], "big") + 0x2000) % 0xFFFF).to_bytes(2, "big")
    with pytest.raises(PacketError, match="fragment"):
        decode_packet(bytes(data))


def test_an_icmp_error_names_the_segment() -> None:
    quoted = encode_packet(
        "10.0.0.1",
        "10.0.0.2",
        encode_segment(Segment(50000, 80, 1234, 0, 2, 5), "10.0.0.1", "10.0.0.2"),
    )[:28]
    body = b"\x03\x01\x00\x00\x00\x00\x00\x00" + quoted
    body = body[:2] + (0xFFFF - ones_complement_sum(body)).to_bytes(2, "big") + body[4:]
    trouble = NetworkTrouble("host unreachable", 50000, Endpoint("10.0.0.2", 80), 1234)
    assert decode_icmp(Packet("10.0.0.9", "10.0.0.1", 1, body), "10.0.0.1") == trouble
    assert decode_icmp(Packet("10.0.0.9", "10.0.0.1", 1, body), "10.0.0.7") is None, (
        "about somebody else's segment"
    )
    assert decode_icmp(Packet("10.0.0.9", "10.0.0.1", 1, b"\x08" + body[1:]), "10.0.0.1") is None, (
        "a ping"
    )
    assert decode_icmp(Packet("10.0.0.9", "10.0.0.1", 1, body[:20]), "10.0.0.1") is None


def test_no_device_in_the_machines_own_namespace() -> None:
    try:
        refuse_own_namespace()
    except NetworkError:
        with pytest.raises(NetworkError, match="namespace"):
            TunNetwork("t0", "10.9.0.2")
        return
    pytest.skip("not root: process 1 hides its network namespace, or has another one")
