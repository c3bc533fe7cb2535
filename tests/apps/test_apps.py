"""The shipped programs run as processes on the loopback interface, without privileges."""

import hashlib
import importlib.util
import json
import random
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

import tcpexp.apps

APPS = Path(tcpexp.apps.__file__).parent
PROGRAMS = sorted(path for path in APPS.glob("*.py") if path.name != "__init__.py")


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

    def event(self, name):
        """Return the next event of that name."""
        for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] == name:
                return event
        raise AssertionError(f"no event {name}")

    def rest(self):
        """Return what it still prints, and its exit status."""
        text = self.process.stdout.read()
        return text, self.process.wait()


def load_app(name):
    spec = importlib.util.spec_from_file_location(name, APPS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def exchange(port, request):
    """Send ``request`` and return everything until the server closes."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request)
        answer = b""
        while more := connection.recv(65536):
            answer += more
    return answer


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.name)
def test_imports_the_standard_library_only(program):
    code = (
        "import runpy, sys; before = set(sys.modules);"
        " runpy.run_path(sys.argv[1]);print(*{m.partition('.')[0] for m in set(sys.modules) -"
        " before} - set(sys.stdlib_module_names))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_http_server_closes_first_without_keep_alive(tmp_path):
    (tmp_path / "hello").write_text("Hello.\n")
    with Program("http_server.py", "--port", 0, "--file", f"index.html={tmp_path}/hello") as server:
        port = server.event("listening")["port"]
        answer = exchange(port, b"GET /index.html HTTP/1.1\r\nHost: a\r\n\r\n")
        response, close = server.event("response"), server.event("close")
    assert answer.startswith(b"HTTP/1.0 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n")
    assert answer.endswith(b"\r\n\r\nHello.\n")
    assert response["sha256"] == hashlib.sha256(b"Hello.\n").hexdigest()
    assert close["closer"] == "server"


def test_http_server_with_keep_alive_answers_twice_and_lets_the_client_close():
    with Program(
        "http_server.py", "--port", 0, "--keep-alive", "--generate", "big.bin=3000000:5"
    ) as server:
        port = server.event("listening")["port"]
        with socket.create_connection(("127.0.0.1", port)) as connection:
            stream = connection.makefile("rwb")
            for _ in range(2):
                stream.write(b"GET /big.bin HTTP/1.1\r\n\r\n")
                stream.flush()
                assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
                while stream.readline() != b"\r\n":
                    pass
                body = stream.read(3_000_000)
                assert hashlib.sha256(body).hexdigest() == server.event("response")["sha256"]
            stream.close()
        assert server.event("close")["closer"] == "client"
    source = random.Random(5)
    assert body[: 1 << 20] == source.randbytes(1 << 20)


def test_http_server_refuses_what_it_does_not_have():
    with Program("http_server.py", "--port", 0) as server:
        port = server.event("listening")["port"]
        assert exchange(port, b"GET /nothing HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.0 404 ")
        assert exchange(port, b"POST / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.0 405 ")
        assert exchange(port, b"\r\n\r\n").startswith(b"HTTP/1.0 405 ")


def test_burst_sender_to_slow_reader_loses_nothing():
    reader = Program(
        "slow_reader.py", "--port", 0, "--receive-buffer", 1024, "--read", 512, "--every", "1ms"
    )
    with reader:
        listening = reader.event("listening")
        sender = Program(
            "burst_sender.py", "--to", "127.0.0.1", "--port", listening["port"], "--size", 1100
        )
        with sender:
            sent = sender.event("sent")
            end = reader.event("end")
            text, status = reader.rest()
            assert sender.rest()[1] == 0
    assert listening["receive_buffer"] < 4096
    assert (end["bytes"], end["sha256"]) == (11000, sent["sha256"])
    assert (text, status) == ("received 11000 bytes\n", 0)


def test_paced_sender_sends_every_piece():
    with Program("slow_reader.py", "--port", 0, "--read", 4096, "--every", "0.1ms") as reader:
        port = reader.event("listening")["port"]
        pace = ("--size", 50, "--every", "5ms", "--count", 4)
        with Program("paced_sender.py", "--to", "127.0.0.1", "--port", port, *pace) as sender:
            assert [sender.event("write")["number"] for _ in range(4)] == [0, 1, 2, 3]
            assert sender.rest()[1] == 0
        assert reader.event("end")["bytes"] == 200


def test_paced_sender_pauses_between_groups_of_writes():
    due_times = load_app("paced_sender").due_times
    assert due_times(5, 0.5, 2.0, 2) == [0.0, 0.5, 3.0, 3.5, 6.0]
    assert due_times(3, 0.5, 0.0, 1) == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("name", ["slow_reader", "paced_sender"])
def test_durations_need_a_unit(name):
    duration = load_app(name).duration
    assert duration("10ms") == 0.01
    assert duration("1.5s") == 1.5
    with pytest.raises(Exception, match="not a duration"):
        duration("10")


def test_syn_packet_is_a_valid_syn():
    app = load_app("syn_flood")
    source, target = socket.inet_aton("198.18.1.2"), socket.inet_aton("10.0.0.2")
    packet = app.syn_packet(source, target, 1234, 80, 7)
    assert packet[12:16] == source and packet[16:20] == target
    assert app.checksum(packet[:20]) == 0
    segment = packet[20:]
    pseudo = source + target + struct.pack("!BBH", 0, 6, len(segment))
    assert app.checksum(pseudo + segment) == 0
    assert struct.unpack("!HHI", segment[:8]) == (1234, 80, 7)
    assert segment[13] == 0x02
    assert segment[20:] == b"\x02\x04\x05\xb4"


class Collector:
    """Stands for a raw socket and keeps what is sent."""

    def __init__(self):
        self.packets = []

    def sendto(self, packet, address):
        self.packets.append((packet, address))


def parse_flood(monkeypatch, *arguments):
    app = load_app("syn_flood")
    monkeypatch.setattr(sys, "argv", ["syn_flood.py", *map(str, arguments)])
    return app, app.parse_arguments()


def test_syn_flood_is_repeatable_and_bounded_in_count(monkeypatch):
    app, arguments = parse_flood(
        monkeypatch,
        "--to",
        "10.0.0.2",
        "--port",
        80,
        "--network",
        "10.0.0.0/24",
        "--rate",
        10000,
        "--count",
        20,
    )
    runs = []
    for seed in (1, 1, 2):
        collector = Collector()
        assert app.flood(arguments, collector, random.Random(seed)) == 20
        runs.append(collector.packets)
    assert runs[0] == runs[1] != runs[2]
    assert all(
        packet[12:14] == b"\xc6\x12" and address == ("10.0.0.2", 0) for packet, address in runs[0]
    )


def test_syn_flood_is_bounded_in_time(monkeypatch):
    app, arguments = parse_flood(
        monkeypatch,
        "--to",
        "10.0.0.2",
        "--port",
        80,
        "--network",
        "10.0.0.0/24",
        "--rate",
        100,
        "--until",
        0.05,
    )
    assert app.flood(arguments, Collector(), random.Random(1)) <= 5


@pytest.mark.parametrize(
    "arguments",
    [
        ("--to", "8.8.8.8", "--network", "10.0.0.0/24"),
        ("--to", "8.8.8.8", "--network", "0.0.0.0/0"),
        ("--to", "10.0.0.2", "--network", "10.0.0.0/24", "--count", 100_001),
        ("--to", "10.0.0.2"),
    ],
)
def test_syn_flood_refuses(monkeypatch, capsys, arguments):
    with pytest.raises(SystemExit) as refused:
        parse_flood(monkeypatch, "--port", 80, *arguments)
    assert refused.value.code == 2
    assert capsys.readouterr().err
