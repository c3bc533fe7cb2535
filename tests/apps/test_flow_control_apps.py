"""The typed list, echo, datagrams, the relay and the client that never reads, on the loopback
interface.
"""

import argparse
import hashlib
import importlib.util
import json
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

import tcpexp.apps

APPS = Path(tcpexp.apps.__file__).parent
LOOPBACK = [
    "127.0.0.1",
    pytest.param("::1", marks=pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")),
]


def load_app(name):
    spec = importlib.util.spec_from_file_location(name, APPS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


class Program:
    """A running app whose events can be read one by one."""

    def __init__(self, name, *arguments):
        argv = [sys.executable, str(APPS / name), *map(str, arguments)]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def until(self, name):
        """Return all events up to the next one of that name."""
        events = []
        for line in self.process.stdout:
            events.append(json.loads(line))
            if events[-1]["event"] == name:
                return events
        raise AssertionError(f"no event {name} after {events}")

    def event(self, name):
        return self.until(name)[-1]


def run_app(name, *arguments):
    """Run an app to its end; return its events and its exit status."""
    argv = [sys.executable, str(APPS / name), *map(str, arguments)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    return [json.loads(line) for line in done.stdout.splitlines()], done.returncode


# ------------------------------------------------------------------------------------------------
# linked_list.py


@pytest.fixture(scope="module", params=LOOPBACK)
def lists(request):
    """A list server on IPv4 or IPv6: (the program, its address, its port)."""
    with Program("linked_list.py", "serve", "--address", request.param, "--port", 0) as server:
        yield server, request.param, server.event("listening")["port"]


def send_bytes(address, port, content):
    """Send raw bytes as a list; return the server's answer."""
    with socket.create_connection((address, port), timeout=30) as connection:
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(4096), b"")).decode()


def test_header_is_laid_out_as_a_c_compiler_does():
    app = load_app("linked_list")
    header = app.HEADER.pack(1, 2, 3, 4, b"title", 5)
    assert len(header) == 276
    assert header[:18] == struct.pack("!iih", 1, 2, 3) + bytes(2) + struct.pack("!I", 4) + b"ti"
    assert header[16:271].rstrip(b"\0") == b"title"
    assert header[272:] == struct.pack("!I", 5)


def test_ten_nodes_are_12764_bytes_and_come_back_whole(lists):
    server, address, port = lists
    events, status = run_app(
        "linked_list.py", "send", "--to", address, "--port", port, "--nodes", 10
    )
    seen = server.until("list")
    nodes = [line for line in seen if line["event"] == "node"]
    assert status == 0
    assert [line["bytes"] for line in events if line["event"] == "sent"] == [12764]
    assert (seen[-1]["bytes"], seen[-1]["nodes"]) == (12764, 10)
    assert [node["id"] for node in nodes] == list(range(10))
    assert [node["next_id"] for node in nodes] == [*range(1, 10), -1]
    assert [(node["rating"], node["price"], node["title"]) for node in nodes] == [
        (2 * i, 3 * i, f"Book by {i}") for i in range(10)
    ]
    assert {node["content"] for node in nodes} == {"a" * 1000}
    app = load_app("linked_list")
    assert seen[-1]["sha256"] == hashlib.sha256(app.encode(app.make_list(10, 1000))).hexdigest()


@pytest.mark.parametrize(
    ("lie", "why"),
    [
        (
            "truncate",
            (
                "truncated: the content of node 3 of 3 has 1000 bytes, and the data ends after 500"
                " of them"
            ),
        ),
        (
            "count",
            "truncated: the header of node 4 of 4 has 276 bytes, and the data ends after 0 of them",
        ),
        ("huge-count", "the list claims 4294967295 nodes; at most 100000 are taken"),
        (
            "content",
            (
                "truncated: the content of node 3 of 3 has 1001 bytes, and the data ends after 1000"
                " of them"
            ),
        ),
        (
            "huge-content",
            "node 3 of 3 claims 4294967295 bytes of content; at most 1000000 are taken",
        ),
        ("twice", "two nodes have the id 0"),
        ("loop", "the list runs in a circle: node 0 follows a second time"),
        ("nowhere", "a node is followed by 9999, which is not in the list"),
        ("tail", "4 bytes or more follow the last of 3 nodes"),
        ("title", "the title of node 3 of 3 is not UTF-8 text"),
    ],
)
def test_a_lying_list_is_refused_with_the_reason(lists, lie, why):
    server, address, port = lists
    events, status = run_app(
        "linked_list.py", "send", "--to", address, "--port", port, "--nodes", 3, "--lie", lie
    )
    assert status == 1
    assert events[-1]["text"] == f"refused: {why}"
    assert server.event("refused")["why"] == why


def test_every_way_to_lie_is_tested():
    listed = {
        mark.args[1][number][0]
        for mark in test_a_lying_list_is_refused_with_the_reason.pytestmark
        for number in range(len(mark.args[1]))
    }
    assert listed == set(load_app("linked_list").LIES)


def test_every_truncation_is_refused(lists):
    _, address, port = lists
    app = load_app("linked_list")
    whole = app.encode(app.make_list(2, 10))
    assert send_bytes(address, port, whole).startswith("ok nodes=2 bytes=576 ")
    for length in (0, 1, 3, 4, 5, 279, 280, 289, 290, 291, 566, 575):
        assert send_bytes(address, port, whole[:length]).startswith("refused: truncated: "), length


def test_nodes_that_no_link_reaches_are_refused():
    app = load_app("linked_list")
    nodes = [app.Node(0, -1, 0, 0, "", b""), app.Node(1, -1, 0, 0, "", b"")]
    with pytest.raises(app.ListError, match="1 of 2 nodes are linked to nothing"):
        app.link(nodes)
    assert app.link([]) == []


def test_the_list_follows_its_links_not_the_order_on_the_wire():
    app = load_app("linked_list")
    nodes = [
        app.Node(7, 9, 0, 0, "", b""),
        app.Node(8, -1, 0, 0, "", b""),
        app.Node(9, 8, 0, 0, "", b""),
    ]
    assert [node.id for node in app.link(nodes)] == [7, 9, 8]


def test_a_list_of_which_nothing_comes_is_refused():
    with Program(
        "linked_list.py", "serve", "--address", "127.0.0.1", "--port", 0, "--timeout", "50ms"
    ) as server:
        port = server.event("listening")["port"]
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(b"\0\0")
            assert connection.recv(4096) == b"refused: nothing came for 0.05 s\n"


def test_writes_that_block_are_logged():
    slow = ("--read", 65536, "--pause", "20ms", "--brief")
    with Program("linked_list.py", "serve", "--address", "127.0.0.1", "--port", 0, *slow) as server:
        port = server.event("listening")["port"]
        events, status = run_app(
            "linked_list.py",
            "send",
            "--to",
            "127.0.0.1",
            "--port",
            port,
            "--nodes",
            8000,
            "--chunk",
            1000000,
        )
        assert server.event("list")["nodes"] == 8000
    sent = next(line for line in events if line["event"] == "sent")
    writes = [line for line in events if line["event"] == "write"]
    assert status == 0
    assert sent["blocked"] == len(writes) >= 1
    assert sent["first_blocked_offset"] == writes[0]["offset"]
    assert sent["longest_us"] == max(write["took_us"] for write in writes)


# --------------------------------------------------------------------------------------------------
# echo.py


@pytest.mark.parametrize("address", LOOPBACK)
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_echo_logs_every_call(address, protocol):
    with Program(
        "echo.py", "serve", "--protocol", protocol, "--address", address, "--port", 0
    ) as server:
        port = server.event("listening")["port"]
        events, status = run_app(
            "echo.py",
            "send",
            "--protocol",
            protocol,
            "--to",
            address,
            "--port",
            port,
            "--timeout",
            "20s",
        )
        calls = [line["call"] for line in events if line["event"] == "call"]
        served = [server.event("call") for _ in range(8 if protocol == "tcp" else 6)]
    assert status == 0
    assert events[-1] | {"time_ns": 0} == {"time_ns": 0, "event": "end", "sent": 3, "same": 3}
    if protocol == "tcp":
        assert calls == ["socket", "connect", *["sendall", "recv"] * 3, "close"]
        assert [line["call"] for line in served] == ["accept", *["recv", "sendall"] * 3, "recv"]
        assert served[-1]["bytes"] == 0  # the client's FIN
    else:
        assert calls == ["socket", "connect", *["send", "recv"] * 3, "close"]
        assert [line["call"] for line in served] == ["recvfrom", "sendto"] * 3


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_echo_where_nobody_listens_is_refused(protocol):
    with socket.socket(
        socket.AF_INET, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    ) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        if protocol == "udp":
            taken.close()
        events, status = run_app(
            "echo.py",
            "send",
            "--protocol",
            protocol,
            "--to",
            "127.0.0.1",
            "--port",
            port,
            "--timeout",
            "20s",
        )
    assert status == 1
    assert "Connection refused" in next(line for line in events if line["event"] == "failed")["why"]


def test_udp_echo_that_is_lost_is_given_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        arguments = ("--to", "127.0.0.1", "--port", silent.getsockname()[1], "--timeout", "10ms")
        events, status = run_app("echo.py", "send", "--protocol", "udp", *arguments)
    assert status == 1
    assert [line["same"] for line in events if line["event"] == "echo"] == [False, False, False]


# --------------------------------------------------------------------------------------------------
# datagrams.py


@pytest.mark.parametrize("address", LOOPBACK)
def test_a_slow_datagram_reader_loses_what_does_not_fit(address):
    slow = ("--receive-buffer", 8192, "--every", "20ms", "--silence", "500ms")
    with Program("datagrams.py", "receive", "--address", address, "--port", 0, *slow) as reader:
        port = reader.event("listening")["port"]
        _, status = run_app("datagrams.py", "send", "--to", address, "--port", port, "--count", 200)
        end = reader.event("end")
    assert status == 0
    assert 0 < end["datagrams"] < 200
    assert end["bytes"] == 1000 * end["datagrams"]
    assert end["missing_below"] == end["highest"] + 1 - end["datagrams"]


def test_a_quick_datagram_reader_gets_everything():
    with Program(
        "datagrams.py",
        "receive",
        "--address",
        "127.0.0.1",
        "--port",
        0,
        "--every",
        "0s",
        "--silence",
        "1s",
    ) as reader:
        port = reader.event("listening")["port"]
        run_app(
            "datagrams.py",
            "send",
            "--to",
            "127.0.0.1",
            "--port",
            port,
            "--count",
            20,
            "--every",
            "5ms",
        )
        end = reader.event("end")
    assert (end["datagrams"], end["missing_below"], end["first_missing"]) == (20, 0, [])


# --------------------------------------------------------------------------------------------------
# relay.py


@pytest.mark.parametrize("address", LOOPBACK)
def test_relay_copies_both_ways_and_takes_servers_in_turn(address):
    def one(port):
        with socket.create_connection((address, port), timeout=30) as user:
            user.sendall(b"ping")
            user.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: user.recv(4096), b""))

    bracketed = f"[{address}]" if ":" in address else address
    echo = ("echo.py", "serve", "--protocol", "tcp", "--address", address, "--port", 0)
    with Program(*echo) as first, Program(*echo) as second:
        ports = [program.event("listening")["port"] for program in (first, second)]
        to = [word for port in ports for word in ("--to", f"{bracketed}:{port}")]
        with Program("relay.py", "--address", address, "--port", 0, *to) as relay:
            port = relay.event("listening")["port"]
            assert [one(port), one(port)] == [b"ping", b"ping"]
            taken = [relay.event("relay")["server"] for _ in range(2)]
            assert [address.rpartition(":")[2] for address in taken] == [
                str(port) for port in ports
            ]


def test_relay_holds_a_server_back_when_the_user_does_not_read():
    listener = socket.create_server(("127.0.0.1", 0))
    to = f"127.0.0.1:{listener.getsockname()[1]}"
    with Program(
        "relay.py",
        "--address",
        "127.0.0.1",
        "--port",
        0,
        "--to",
        to,
        "--receive-buffer",
        8192,
        "--send-buffer",
        8192,
    ) as relay:
        port = relay.event("listening")["port"]
        user = socket.create_connection(("127.0.0.1", port), timeout=30)
        server, _ = listener.accept()
        server.settimeout(0.5)
        with pytest.raises(TimeoutError):
            server.sendall(bytes(50_000_000))  # far more than all buffers on the way
        user.close()
        assert relay.event("broken")["copied"] < 50_000_000
        server.close()
    listener.close()


def test_relay_says_when_the_server_is_not_there():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        to = f"127.0.0.1:{taken.getsockname()[1]}"
    with Program("relay.py", "--address", "127.0.0.1", "--port", 0, "--to", to) as relay:
        port = relay.event("listening")["port"]
        with socket.create_connection(("127.0.0.1", port), timeout=30) as user:
            assert user.recv(10) == b""
        assert relay.event("unreachable")["why"] == "Connection refused"


@pytest.mark.parametrize("text", ["10.0.0.1", "host:80", "10.0.0.1:http"])
def test_relay_refuses_what_is_no_endpoint(text):
    app = load_app("relay")
    assert app.endpoint("10.0.0.1:80") == ("10.0.0.1", 80)
    assert app.endpoint("[::1]:80") == ("::1", 80)
    with pytest.raises(argparse.ArgumentTypeError):
        app.endpoint(text)


# ------------------------------------------------------------------------------------------------
# never_reads.py


def test_never_reads_holds_until_the_server_gives_up():
    server = (
        "--port",
        0,
        "--address",
        "127.0.0.1",
        "--keep-alive",
        "--generate",
        "big.bin=20000000:1",
        "--user-timeout",
        "500ms",
    )
    with Program("http_server.py", *server) as web:
        port = web.event("listening")["port"]
        with Program(
            "never_reads.py",
            "--to",
            "127.0.0.1",
            "--port",
            port,
            "--connections",
            2,
            "--hold",
            "20s",
        ) as client:
            assert client.event("holding")["connections"] == 2
            closes = [web.event("close")["closer"] for _ in range(2)]
    assert all("timed out" in close for close in closes), closes


@pytest.mark.parametrize(
    "arguments",
    [("--to", "8.8.8.8"), ("--to", "example.org"), ("--to", "127.0.0.1", "--connections", 1001)],
)
def test_never_reads_refuses(arguments):
    argv = [sys.executable, str(APPS / "never_reads.py"), "--port", "80", *map(str, arguments)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr


@pytest.mark.parametrize("name", ["linked_list", "echo", "datagrams", "never_reads", "http_server"])
def test_durations_need_a_unit(name):
    duration = load_app(name).duration
    assert duration("10ms") == 0.01
    assert duration("1.5s") == 1.5
    with pytest.raises(argparse.ArgumentTypeError, match="not a duration"):
        duration("10")
