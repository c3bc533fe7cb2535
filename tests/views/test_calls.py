"""Socket calls beside packets: what the programs' logs become, and where labels stand."""

import json

import polars as pl
import pytest

from tcpexp.errors import SpecError
from tcpexp.plan.types import Spawn, Step
from tcpexp.plots.calls import Calls, label_rows
from tcpexp.plots.run import plot_run
from tcpexp.store.frames import conform, schema_of
from tcpexp.views.calls import crossings, logged_calls, packet_text
from tests.support.fake_run import SECOND, make_plan, one_connection, write_run

ZERO = 1_767_225_600_000_000_000
CLIENT = [
    {"event": "call", "call": "socket", "took_us": 15, "at": 1.0},
    {"event": "call", "call": "connect", "port": 7, "took_us": 20_000, "at": 1.02},
    {"event": "call", "call": "recv", "bytes": 100, "took_us": 20_000, "at": 1.05},
    {"event": "echo", "number": 0, "took_us": 20_100, "at": 1.05},
    {"event": "write", "number": 0, "bytes": 200, "took_us": 17, "at": 1.06},
    {
        "event": "call",
        "call": "connect",
        "error": "[Errno 111] Connection refused",
        "took_us": 10,
        "at": 1.07,
    },
]


def run_of(path, **plots):
    one_connection(path)
    steps = (
        Step("client", 0, SECOND, Spawn("h1", ("python3",)), "client"),
        Step("server", 1, 0, Spawn("h2", ("python3",)), "server"),
    )
    run = write_run(
        path,
        make_plan(steps=steps, plots=({"calls": plots},)),
        {},
        engine={"status": "complete", "t0_realtime_ns": ZERO, "end_ns": 20 * SECOND},
    )
    (path / "raw/logs").mkdir()
    lines = [
        json.dumps(
            {
                "time_ns": ZERO + round(call["at"] * SECOND),
                **{key: value for key, value in call.items() if key != "at"},
            }
        )
        for call in CLIENT
    ]
    (path / "raw/logs/client.out").write_text("\n".join(lines) + "\nno JSON\n")
    (path / "raw/logs/server.out").write_text(lines[2] + "\n")
    return run


def test_a_call_lasts_from_its_making_to_its_return(tmp_path):
    calls = logged_calls(run_of(tmp_path), "client")
    assert [call.text for call in calls] == [
        "connect",
        "recv 100 B",
        "write 200 B",
        "connect: Connection refused",
    ]
    assert (calls[0].from_ns, calls[0].to_ns) == (SECOND, round(1.02 * SECOND))
    assert [call.failed for call in calls] == [False, False, False, True]


def test_an_action_that_logged_nothing_has_no_calls(tmp_path):
    assert logged_calls(run_of(tmp_path), "other") == []


def test_packets_fly_from_one_capture_to_the_other(tmp_path):
    run = one_connection(tmp_path)
    first = run.table("packets").filter(pl.col("node") == "h1").row(0, named=True)
    ends = {
        "from_node": "h1",
        "to_node": "h2",
        "sent_ns": first["t_ns"],
        "sent_number": first["number"],
        "received_ns": first["t_ns"] + 10,
    }
    (tmp_path / "run").mkdir()
    schema = schema_of("journeys")
    journeys = conform(
        pl.DataFrame([{name: ends.get(name) for name in schema}], schema=schema), "journeys"
    )
    copy = write_run(
        tmp_path / "run", run.plan, {"packets": run.table("packets"), "journeys": journeys}
    )
    (flight,) = crossings(copy, "h1", "h2", (0, 20 * SECOND))
    assert (flight.to_right, flight.text, flight.received_ns) == (True, "SYN", first["t_ns"] + 10)
    assert len(crossings(copy, "h1", "h2", (0, 20 * SECOND), [first["flow"]])) == 1
    assert crossings(copy, "h1", "h2", (0, 20 * SECOND), ["another"]) == []


@pytest.mark.parametrize(
    ("protocol", "flags", "payload", "text"),
    [
        ("tcp", "SA", 0, "SYN+ACK"),
        ("tcp", "A", 0, "ACK"),
        ("tcp", "FA", 0, "FIN"),
        ("tcp", "PA", 1448, "1,448 B"),
        ("udp", None, 100, "100 B"),
        ("icmp", None, None, "ICMP"),
    ],
)
def test_a_packet_in_a_few_letters(protocol, flags, payload, text):
    assert packet_text({"protocol": protocol, "flags": flags, "payload_bytes": payload}) == text


def test_the_figure_shows_both_programs(tmp_path):
    (figure,) = plot_run(run_of(tmp_path, actions=["client", "server"]))
    svg = (tmp_path / figure.svg).read_text()
    for words in ("connect: Connection refused", "recv 100 B", ">h1<", ">h2<", "client and server"):
        assert words in svg, words


@pytest.mark.parametrize("actions", [["client"], "client", [1, 2]])
def test_wrong_actions_are_refused(actions):
    with pytest.raises(SpecError, match="actions cannot be"):
        Calls.resolve({"actions": actions})


def test_an_action_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SpecError, match="no action 'nobody'"):
        plot_run(run_of(tmp_path, actions=["client", "nobody"]))


def test_labels_at_one_place_stand_in_rows_of_their_own():
    assert label_rows(
        [(1.0, "connect"), (1.0, "send 100 B"), (1.0, "recv 100 B"), (5.0, "close")], 8.0
    ) == [0, 1, 2, 0]
