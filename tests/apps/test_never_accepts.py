"""The server that never accepts, as a process on the loopback interface."""

import json
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

import tcpexp.apps

APP = Path(tcpexp.apps.__file__).parent / "never_accepts.py"


def start(stack, *arguments):
    """Start the server; return its process and its port."""
    argv = [sys.executable, str(APP), "--port", "0", "--every", "1ms", *arguments]
    process = stack.enter_context(subprocess.Popen(argv, stdout=subprocess.PIPE, text=True))
    stack.callback(process.kill)
    listening = next_event(process)
    assert listening["event"] == "listening"
    return process, listening["port"]


def next_event(process):
    return json.loads(process.stdout.readline())


def test_the_kernel_connects_clients_that_nobody_accepts():
    with ExitStack() as stack:
        process, port = start(stack, "--backlog", "1")
        for waiting in (1, 2):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            event = next_event(process)
            assert (event["event"], event["waiting"], event["backlog"]) == ("queue", waiting, 1)
        third = stack.enter_context(socket.socket())
        third.settimeout(0.05)
        with pytest.raises(TimeoutError):  # its SYN is dropped, whenever it is repeated
            third.connect(("127.0.0.1", port))


def test_a_server_that_wakes_up_accepts_all_that_wait_and_what_they_sent():
    with ExitStack() as stack:
        process, port = start(stack, "--backlog", "4", "--accept-after", "500ms")
        stays = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        stays.sendall(b"abc")
        with socket.create_connection(("127.0.0.1", port)) as leaves:
            leaves.sendall(b"ab")
        lines = process.stdout.read().splitlines()
        assert process.wait() == 0
    accepted = [json.loads(line) for line in lines if '"accept"' in line]
    assert [(line["bytes"], line["gone"]) for line in accepted] == [(3, False), (2, True)]
    assert lines[-1] == "accepted 2 connections"
