"""Changes of state from the trace and from ``ss``: what only snapshots show, and how half-open
connections are told apart.
"""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from tcpexp.analysis.transitions import EDGES, FROM_SS, STATES, transitions
from tcpexp.plan.types import Needs, NetworkPlan, Recorder, RunPlan, to_json
from tcpexp.store.frames import schema_of, write_table
from tcpexp.store.rundata import RunData

S = 1_000_000_000
SERVER = {
    "node": "h2",
    "local_address": "10.0.0.2",
    "local_port": 80,
    "peer_address": "10.0.0.1",
    "peer_port": 40000,
    "flow": "get",
}
SYN_RECEIVED, GIVEN_UP = ("LISTEN", "SYN-RECEIVED"), ("SYN-RECEIVED", "CLOSED")


@pytest.fixture
def recorded(tmp_path):
    """Return a function that writes the tables ``states`` and ``sockets`` of a run of 10 s, ss
    every second.
    """
    plan = RunPlan(
        name="fake",
        title="",
        description="",
        references=(),
        seed=1,
        duration_ns=10 * S,
        network=NetworkPlan("none", (), (), ()),
        setup=(),
        steps=(),
        recorders=(Recorder("ss", "h2", None, S),),
        flows=(),
        expect=(),
        plots=(),
        explain="",
        files=(),
        needs=Needs(),
    )
    (tmp_path / "plan.json").write_text(to_json(plan))
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "engine.json").write_text('{"status": "complete", "end_ns": 10000000000}')

    def write(states: list[dict[str, Any]], sockets: list[dict[str, Any]]) -> RunData:
        for name, rows in (("states", states), ("sockets", sockets)):
            schema = schema_of(name)
            write_table(
                tmp_path,
                name,
                pl.DataFrame(
                    [{column: {**SERVER, **row}.get(column) for column in schema} for row in rows],
                    schema=schema,
                ),
            )
        return RunData(tmp_path)

    return write


def seen(*cookies: str | None) -> list[dict[str, Any]]:
    """One snapshot a second from 1 s on, each with a half-open connection of that socket cookie.

    None: without one.
    """
    return [
        {"t_ns": t * S, "state": "syn-recv", "info": f"ino:0 sk:{cookie}"}
        for t, cookie in enumerate(cookies, start=1)
        if cookie
    ]


def edges(run: RunData) -> list[tuple[int, tuple[str, str]]]:
    return [(transition.t_ns // S, transition.edge) for transition in transitions(run)]


def test_a_half_open_connection_ends_with_the_last_snapshot_that_shows_it(recorded):
    assert edges(recorded([], seen("3", "3", "3"))) == [(1, SYN_RECEIVED), (3, GIVEN_UP)]


def test_one_that_lasts_to_the_end_has_not_ended(recorded):
    assert edges(recorded([], seen(*"333333333"))) == [(1, SYN_RECEIVED)]


def test_another_cookie_is_another_half_open_connection_of_the_same_ports(recorded):
    assert edges(recorded([], seen(*"333444"))) == [
        (1, SYN_RECEIVED),
        (3, GIVEN_UP),
        (4, SYN_RECEIVED),
        (6, GIVEN_UP),
    ]


def test_without_cookies_they_cannot_be_told_apart(recorded):
    rows = [{**row, "info": ""} for row in seen(*"333444")]
    assert edges(recorded([], rows)) == [(1, SYN_RECEIVED), (6, GIVEN_UP)]


def test_one_whose_handshake_ended_is_the_traces(recorded):
    states = [
        {"t_ns": 2 * S, "old_state": old, "new_state": new}
        for old, new in (SYN_RECEIVED, ("SYN-RECEIVED", "ESTABLISHED"))
    ]
    run = recorded(states, seen("3"))
    assert edges(run) == [(2, SYN_RECEIVED), (2, ("SYN-RECEIVED", "ESTABLISHED"))]
    assert {(transition.source, transition.flow) for transition in transitions(run)} == {
        ("trace", "get")
    }


def test_every_state_of_ss_is_one_of_the_eleven():
    assert set(FROM_SS.values()) == set(STATES) == {state for edge in EDGES for state in edge}
