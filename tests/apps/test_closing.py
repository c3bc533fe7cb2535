"""The two ends of ``closing.py`` on the loopback interface: what each was told to send and how each
was told to close.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

import tcpexp.apps

APP = Path(tcpexp.apps.__file__).parent / "closing.py"


def load_app():
    spec = importlib.util.spec_from_file_location("closing", APP)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class End:
    """One running end of a connection."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, APP, *map(str, arguments)], stdout=subprocess.PIPE, text=True
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def event(self, name):
        for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] == name:
                return event
        raise AssertionError(f"no event {name}")

    def rest(self):
        """Return the events that still come, by name, and the exit status."""
        events = {
            event["event"]: event
            for event in map(json.loads, self.process.stdout.read().splitlines())
        }
        return events, self.process.wait()


def talk(server_steps, client_steps):
    """Let two ends talk to their end; return (events, status) of server and client."""
    with End("--listen", 0, *server_steps) as server:
        port = server.event("listening")["port"]
        with End("--to", "127.0.0.1", "--port", port, *client_steps) as client:
            return server.rest(), client.rest()


def test_after_a_half_close_data_still_flows_back():
    (server, server_status), (client, client_status) = talk(
        ["30ms:send:50kB", "60ms:send:50kB", "90ms:close"], ["0ms:send:10B", "10ms:shutdown"]
    )
    assert (server_status, client_status) == (0, 0)
    assert server["end_of_data"]["bytes"] == 10
    assert client["end_of_data"]["bytes"] == 100_000
    assert client["end_of_data"]["sha256"] == server["sent"]["sha256"]
    assert client["shutdown"]["time_ns"] < server["close"]["time_ns"] <= client["close"]["time_ns"]


def test_a_full_close_gives_up_what_is_still_to_come():
    (server, server_status), (client, client_status) = talk(
        ["50ms:send:1kB", "100ms:send:1kB", "150ms:send:1kB"], ["0ms:close"]
    )
    assert (server_status, server["error"]["name"]) in ((1, "EPIPE"), (1, "ECONNRESET"))
    assert client_status == 0 and "end_of_data" not in client


def test_both_ends_count_from_the_clients_connection():
    (server, _), (client, _) = talk(["100ms:close"], ["100ms:close"])
    assert server["accept"]["zero_ns"] == client["connected"]["zero_ns"]
    for end in (server, client):
        assert end["close"]["time_ns"] - client["connected"]["zero_ns"] >= 100_000_000 - 1_000_000
        assert end["close"]["after_ms"] >= 99


def test_a_reset_is_an_error_at_the_other_end():
    (server, server_status), (_, client_status) = talk([], ["20ms:reset"])
    assert (server_status, server["error"]["name"], client_status) == (1, "ECONNRESET", 0)


def test_who_holds_does_not_close_when_the_peer_has():
    with End("--listen", 0, "--hold", "1ms:send:5B") as server:
        port = server.event("listening")["port"]
        with End("--to", "127.0.0.1", "--port", port, "10ms:shutdown") as client:
            assert server.event("end_of_data")["bytes"] == 0
            assert client.event("received")["bytes"] == 5
            assert server.process.poll() is None and client.process.poll() is None


def test_a_client_that_is_refused_says_so():
    with End("--to", "127.0.0.1", "--port", 1) as client:
        events, status = client.rest()
    assert (status, events["error"]["name"]) == (1, "ECONNREFUSED")


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("1.5s:send:20kB", (1.5, "send", 20_000)),
        ("10ms:close", (0.01, "close", 0)),
        ("0s:send:7B", (0.0, "send", 7)),
    ],
)
def test_steps(text, means):
    assert load_app().step(text) == means


@pytest.mark.parametrize(
    "text", ["close", "1:close", "1s:send", "1s:send:20", "1s:wait", "1s:close:5B", "1s:shut"]
)
def test_steps_that_make_no_sense_are_refused(text):
    with pytest.raises(argparse.ArgumentTypeError):
        load_app().step(text)
