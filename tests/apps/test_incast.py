"""Barrier-synchronised reads, as processes on the loopback interface."""

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import tcpexp.apps

APP = Path(tcpexp.apps.__file__).parent / "incast.py"


def server(stack):
    """Start a server; return its process and its port."""
    argv = [sys.executable, "-u", str(APP), "serve", "--address", "127.0.0.1", "--port", "0"]
    process = stack.enter_context(subprocess.Popen(argv, stdout=subprocess.PIPE, text=True))
    stack.callback(process.kill)
    return process, json.loads(process.stdout.readline())["port"]


def read(ports, *options):
    """Read from servers; return the program's status and its lines."""
    sources = [word for port in ports for word in ("--from", f"127.0.0.1:{port}")]
    done = subprocess.run(
        [sys.executable, str(APP), "read", *sources, *options],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_every_round_brings_a_block_from_every_server():
    with ExitStack() as stack:
        ports = [server(stack)[1] for _ in range(3)]
        status, lines, _ = read(ports, "--block", "100000", "--rounds", "4")
    assert status == 0
    assert lines[0]["servers"] == 3
    assert [line["number"] for line in lines if line["event"] == "round"] == [1, 2, 3, 4]
    assert (lines[-1]["rounds"], lines[-1]["bytes"]) == (4, 1_200_000)


def test_no_round_begins_after_the_time():
    with ExitStack() as stack:
        status, lines, _ = read([server(stack)[1]], "--block", "1000", "--seconds", "0.05")
    assert status == 0
    assert lines[-1]["rounds"] == len(lines) - 2 > 0


def test_a_server_that_goes_away_ends_it_with_an_error():
    with ExitStack() as stack:
        process, port = server(stack)
        process.kill()
        process.wait()
        status, _, errors = read([port], "--block", "1000")
    assert status != 0
    assert "refused" in errors
    assert read([port], "--block", "0")[0] == 2
