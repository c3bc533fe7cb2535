"""The programs in an IPv6 network: they listen where TCPEXP_IP says, and connect to addresses with
colons.
"""

import importlib.util
import ipaddress
import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

APPS = Path(__file__).parents[2] / "tcpexp" / "apps"


def has_ipv6():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(
    not has_ipv6(), reason="this kernel lacks IPv6 on its loopback interface"
)


def start(name, *arguments):
    environment = {**os.environ, "TCPEXP_IP": "6"}
    return subprocess.Popen(
        [sys.executable, "-u", str(APPS / f"{name}.py"), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def event(process, name):
    """Return the first event of that name that the process logs."""
    for line in process.stdout:
        if line.startswith("{") and (found := json.loads(line))["event"] == name:
            return found
    raise AssertionError(f"no event {name}")


@needs_ipv6
def test_a_server_listens_on_ipv6_and_a_client_sends_there():
    with start("slow_reader", "--port", "0", "--read", "4096", "--every", "1us") as reader:
        port = event(reader, "listening")["port"]
        with start(
            "burst_sender", "--to", "::1", "--port", str(port), "--count", "3", "--size", "1000"
        ) as sender:
            assert event(reader, "accept")["peer"].startswith("[::1]:")
            assert event(reader, "end")["bytes"] == 3000
            assert sender.wait(20) == 0


@needs_ipv6
@pytest.mark.parametrize("name", ["http_server", "relay", "never_accepts"])
def test_other_servers_listen_on_ipv6(name):
    more = ["--to", "[::1]:9"] if name == "relay" else []
    with start(name, "--port", "0", *more) as server:
        port = event(server, "listening")["port"]
        socket.create_connection(("::1", port), timeout=20).close()
        server.terminate()


def test_a_forged_syn_over_ipv6_has_a_right_checksum():
    module_spec = importlib.util.spec_from_file_location("syn_flood_app", APPS / "syn_flood.py")
    app = importlib.util.module_from_spec(module_spec)
    module_spec.loader.exec_module(app)
    source, target = (
        ipaddress.ip_address(text).packed for text in ("2001:db8:0:ffff::7", "2001:db8::2")
    )
    packet = app.syn_packet(source, target, 1234, 80, 5)
    assert packet[0] >> 4 == 6
    assert struct.unpack_from("!HBB", packet, 4) == (24, socket.IPPROTO_TCP, 64)
    segment = packet[40:]
    assert struct.unpack_from("!HHI", segment) == (1234, 80, 5)
    assert segment[20:] == b"\x02\x04" + struct.pack("!H", 1440)
    pseudo = source + target + struct.pack("!I3xB", len(segment), socket.IPPROTO_TCP)
    assert app.checksum(pseudo + segment) == 0
