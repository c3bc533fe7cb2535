from __future__ import annotations

import dataclasses
import itertools

import pydantic
import pytest

from tcpexp.checks.socket import Socket
from tests.support.checked_run import CheckedRun, S, change, plan, socket

ALL = [t * S for t in range(11)]


@pytest.fixture
def half_open(run: CheckedRun) -> CheckedRun:
    """On h2: two half-open connections from 2 s to 6 s, a third from 4 s to 6 s.

    Snapshots every second.
    """
    rows = [
        socket(t * S, "h2", "syn-recv", port)
        for port, begin in ((1, 2), (2, 2), (3, 4))
        for t in range(begin, 7)
    ]
    return run.fill("sockets", rows).snapshots("h1", ALL).snapshots("h2", ALL)


def test_a_socket_in_every_snapshot_of_a_span(half_open: CheckedRun) -> None:
    verdict = half_open.ask("socket", host="h2", state="syn-recv", between=["2s", "6s"])
    assert (verdict.result, verdict.measured) == ("PASS", "2 to 3 sockets")
    verdict = half_open.ask("socket", host="h2", state="syn-recv", between=["2s", "8s"])
    assert verdict.result == "FAIL" and "first missed at 7 s with 0" in verdict.reason


def test_how_many_at_once(half_open: CheckedRun) -> None:
    assert (
        half_open.ask("socket", host="h2", state="syn-recv", between=["4s", "6s"], equals=3).result
        == "PASS"
    )
    assert (
        half_open.ask("socket", host="h2", state="syn-recv", between=["3s", "6s"], equals=3).result
        == "FAIL"
    )
    assert (
        half_open.ask("socket", host="h2", state="syn-recv", at_most=3).measured
        == "3 sockets at once"
    )
    assert half_open.ask("socket", host="h2", state="syn-recv", at_most=2).result == "FAIL"
    assert (
        half_open.ask("socket", host="h2", state="syn-recv", at="3.4s", equals=2).result == "PASS"
    )
    assert half_open.ask("socket", host="h2", state="syn-recv", at="4s", equals=2).result == "FAIL"


def test_absence(half_open: CheckedRun) -> None:
    assert half_open.ask("socket", host="h1", state="estab", absent=True).result == "PASS"
    assert half_open.ask("socket", host="h2", state="syn-recv", absent=True).result == "FAIL"
    assert (
        half_open.ask(
            "socket", host="h2", state="syn-recv", between=["7s", "10s"], absent=True
        ).result
        == "PASS"
    )
    assert (
        half_open.ask("socket", host="h2", state="syn-recv", port=81, absent=True).result == "PASS"
    )


def test_the_queues_of_a_listening_socket(run: CheckedRun) -> None:
    rows = [socket(t, "h2", "listen", recv_q=2 if t >= 5 * S else 0, send_q=1) for t in ALL]
    run.fill("sockets", rows).snapshots("h2", ALL)
    assert (
        run.ask(
            "socket", host="h2", state="listen", port=80, recv_q=2, send_q=1, between=["5s", "10s"]
        ).result
        == "PASS"
    )
    assert (
        run.ask(
            "socket", host="h2", state="listen", port=80, recv_q=2, between=["4s", "10s"]
        ).result
        == "FAIL"
    )


@pytest.mark.parametrize(
    "spoil", ["no table", "no snapshots", "a gap", "late start", "interrupted", "not recorded"]
)
def test_absence_is_no_proof_without_snapshots(run: CheckedRun, spoil: str) -> None:
    if spoil != "no table":
        run.fill("sockets", [])
    times = {
        "a gap": [0, 1 * S, 8 * S, 9 * S, 10 * S],
        "late start": [5 * S, 6 * S, 7 * S, 8 * S, 9 * S, 10 * S],
    }.get(spoil, ALL)
    if spoil != "no snapshots":
        run.snapshots("h1", times)
    if spoil == "interrupted":
        run.says(status="interrupted", end_ns=9 * S)
    if spoil == "not recorded":
        run.plan = dataclasses.replace(run.plan, recorders=())
        run.write()
    assert run.ask("socket", host="h1", state="estab", absent=True).result == "INCONCLUSIVE"


@pytest.fixture
def waiting(tmp_path) -> CheckedRun:
    """h1 in TIME-WAIT, seen from 2 s to 63 s in snapshots every second."""
    run = CheckedRun(tmp_path / "waiting", **{"duration_ns": 70 * S, "recorders": plan().recorders})
    run.fill("sockets", [socket(t * S, "h1", "time-wait") for t in range(2, 64)])
    return run.snapshots("h1", [t * S for t in range(71)])


@pytest.mark.parametrize(
    ("given", "result"),
    [
        ({"lasts": "61s"}, "PASS"),
        ({"lasts": "60s"}, "PASS"),  # 3 % late
        ({"lasts": "60s", "late": "2.5s"}, "PASS"),
        ({"lasts": "60s", "late": "0s"}, "FAIL"),  # seen for 61 s
        ({"lasts": "63s"}, "PASS"),  # between 61 s and 63 s
        ({"lasts": "64s"}, "FAIL"),
        ({"lasts": "64s", "early": "2%"}, "PASS"),
        ({"lasts": "30s"}, "FAIL"),
    ],
)
def test_how_long_a_state_lasts(waiting: CheckedRun, given: dict[str, str], result: str) -> None:
    verdict = waiting.ask("socket", host="h1", state="time-wait", **given)
    assert verdict.result == result, verdict
    assert verdict.measured == "61 s to 63 s"
    assert "snapshots every 1 s add this much" in verdict.reason


def test_a_stay_cut_by_the_end_of_the_run_is_inconclusive(waiting: CheckedRun) -> None:
    waiting.fill("sockets", [socket(t * S, "h1", "time-wait") for t in range(20, 71)])
    assert waiting.ask("socket", host="h1", state="time-wait", lasts="60s").result == "INCONCLUSIVE"
    assert waiting.ask("socket", host="h1", state="time-wait", lasts="30s").result == "FAIL"


def test_a_state_never_seen_lasts_not(waiting: CheckedRun) -> None:
    assert waiting.ask("socket", host="h1", state="fin-wait-2", lasts="60s").result == "FAIL"
    waiting.says(status="interrupted", end_ns=69 * S)
    assert (
        waiting.ask("socket", host="h1", state="fin-wait-2", lasts="60s").result == "INCONCLUSIVE"
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"at": "1s", "between": ["1s", "2s"]}, "exclude each other"),
        ({"absent": True, "at_least": 1}, "there is none"),
        ({"lasts": "60s", "at_least": 1}, "make it two checks"),
        ({"state": "established"}, "estab"),
    ],
)
def test_questions_that_make_no_sense_are_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=message):
        Socket.model_validate({"host": "h1", "state": "estab", **given})


@pytest.fixture
def traced(run: CheckedRun) -> CheckedRun:
    """One connection as Linux traces it: h1 opens and closes first."""
    client = ["CLOSED", "SYN-SENT", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSED"]
    server = ["LISTEN", "SYN-RECEIVED", "ESTABLISHED", "CLOSE-WAIT", "LAST-ACK", "CLOSED"]
    rows = [
        change(t * S, host, old, new)
        for host, states in (("h1", client), ("h2", server))
        for t, (old, new) in enumerate(itertools.pairwise(states), start=1)
    ]
    return run.fill("states", rows).fill("sockets", [])


def test_the_way_of_a_socket(traced: CheckedRun) -> None:
    verdict = traced.ask("states", host="h1", path=["CLOSED", "SYN-SENT", "ESTABLISHED", "CLOSED"])
    assert verdict.result == "PASS"
    assert verdict.measured == "CLOSED → SYN-SENT → ESTABLISHED → FIN-WAIT-1 → FIN-WAIT-2 → CLOSED"
    assert verdict.evidence[0].rows[2] == ("SYN-SENT", "1 s")
    assert (
        traced.ask("states", host="h2", path=["SYN-RECEIVED", "ESTABLISHED"], port=80).result
        == "PASS"
    )


def test_another_way_fails(traced: CheckedRun) -> None:
    verdict = traced.ask("states", host="h1", path=["ESTABLISHED", "SYN-SENT"])
    assert verdict.result == "FAIL" and "FIN-WAIT-2" in verdict.measured
    assert traced.ask("states", host="h1", path=["CLOSING"]).result == "FAIL"
    assert traced.ask("states", host="h1", path=["SYN-SENT"], port=81).result == "FAIL"


def test_time_wait_comes_from_ss(traced: CheckedRun) -> None:
    path = ["FIN-WAIT-2", "TIME-WAIT", "CLOSED"]
    assert traced.ask("states", host="h1", path=path).result == "FAIL"
    traced.fill("sockets", [socket(6 * S, "h1", "time-wait"), socket(7 * S, "h1", "time-wait")])
    verdict = traced.ask("states", host="h1", path=path)
    assert verdict.result == "PASS" and "TIME-WAIT as ss shows it" in verdict.reason


def test_two_sockets_do_not_add_up_to_one_way(traced: CheckedRun) -> None:
    rows = [
        change(1 * S, "h1", "CLOSED", "SYN-SENT", 1),
        change(2 * S, "h1", "SYN-SENT", "ESTABLISHED", 2),
    ]
    traced.fill("states", rows)
    # the second one alone
    assert traced.ask("states", host="h1", path=["SYN-SENT", "ESTABLISHED"]).result == "PASS"
    assert (
        traced.ask("states", host="h1", path=["CLOSED", "SYN-SENT", "ESTABLISHED"]).result == "FAIL"
    )


def test_a_port_used_again_begins_a_new_way(traced: CheckedRun) -> None:
    first = [change(1 * S, "h1", "CLOSED", "SYN-SENT"), change(2 * S, "h1", "SYN-SENT", "CLOSED")]
    again = [
        change(3 * S, "h1", "CLOSED", "SYN-SENT"),
        change(4 * S, "h1", "SYN-SENT", "ESTABLISHED"),
    ]
    traced.fill("states", first + again)
    assert traced.ask("states", host="h1", path=["SYN-SENT", "SYN-SENT"]).result == "FAIL"


def test_without_the_tracepoint_ss_can_confirm_but_not_refute(traced: CheckedRun) -> None:
    traced.fill("states", []).says(trace={"events": [], "missing": ["sock:inet_sock_set_state"]})
    assert traced.ask("states", host="h1", path=["SYN-SENT", "ESTABLISHED"]).result == "UNSUPPORTED"
    traced.fill(
        "sockets",
        [
            socket(1 * S, "h1", "syn-sent"),
            socket(2 * S, "h1", "estab"),
            socket(3 * S, "h1", "fin-wait-2"),
        ],
    )
    verdict = traced.ask("states", host="h1", path=["SYN-SENT", "ESTABLISHED"])
    assert verdict.result == "PASS" and "as ss shows it" in verdict.reason
    assert traced.ask("states", host="h1", path=["SYN-SENT", "CLOSING"]).result == "UNSUPPORTED"


@pytest.mark.parametrize("spoil", ["overrun", "not planned", "interrupted", "no table"])
def test_states_without_a_whole_trace_are_inconclusive(traced: CheckedRun, spoil: str) -> None:
    if spoil == "overrun":
        traced.says(trace={"events": [], "missing": [], "overrun": 12})
    if spoil == "not planned":
        traced.plan = dataclasses.replace(traced.plan, recorders=())
        traced.write()
    if spoil == "interrupted":
        traced.says(status="interrupted", end_ns=9 * S)
    if spoil == "no table":
        (traced.path / "tables" / "states.parquet").unlink()
    assert traced.ask("states", host="h1", path=["CLOSING"]).result == "INCONCLUSIVE"
