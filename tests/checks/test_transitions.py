"""The checks ``transition`` and ``visited``: edges of the state diagram, from the trace and from
what only ``ss`` shows.
"""

from __future__ import annotations

import itertools

import pytest

from tests.support.checked_run import MS, CheckedRun, S, change, socket

CLIENT = ["CLOSED", "SYN-SENT", "ESTABLISHED", "FIN-WAIT-1", "CLOSING", "CLOSED"]
SERVER = ["LISTEN", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "CLOSING", "CLOSED"]


@pytest.fixture
def traced(run: CheckedRun) -> CheckedRun:
    """A simultaneous close as Linux traces it: at h1 ss sees TIME-WAIT to the end, at
    h2 until 7 s.
    """
    rows = [
        change(t * S + offset, host, old, new)
        for host, states, offset in (("h1", CLIENT, 0), ("h2", SERVER, MS))
        for t, (old, new) in enumerate(itertools.pairwise(states), start=1)
    ]
    waits = [socket(t * S, "h1", "time-wait") for t in range(6, 11)] + [
        socket(t * S, "h2", "time-wait") for t in (6, 7)
    ]
    return run.fill("states", rows).fill("sockets", waits)


def test_an_edge_is_counted_on_all_hosts_or_on_one(traced: CheckedRun) -> None:
    verdict = traced.ask("transition", from_="FIN-WAIT-1", to="CLOSING", equals=2)
    assert verdict.result == "PASS" and verdict.measured == "2 transitions"
    assert [shown.from_ns for shown in verdict.evidence] == [4 * S, 4 * S + MS]
    assert (
        traced.ask("transition", from_="FIN-WAIT-1", to="CLOSING", host="h2", equals=1).result
        == "PASS"
    )
    assert traced.ask("transition", from_="FIN-WAIT-1", to="CLOSING", equals=1).result == "FAIL"
    assert traced.ask("transition", from_="FIN-WAIT-1", to="CLOSING", port=81).result == "FAIL"


def test_an_edge_that_nobody_took_fails_unless_none_is_asked(traced: CheckedRun) -> None:
    assert traced.ask("transition", from_="ESTABLISHED", to="CLOSE-WAIT").result == "FAIL"
    assert traced.ask("transition", from_="ESTABLISHED", to="CLOSE-WAIT", equals=0).result == "PASS"
    # TIME-WAIT came in between
    assert traced.ask("transition", from_="CLOSING", to="CLOSED", equals=0).result == "PASS"


def test_time_wait_comes_from_ss_and_ends_where_ss_no_longer_sees_it(traced: CheckedRun) -> None:
    verdict = traced.ask("transition", from_="CLOSING", to="TIME-WAIT", equals=2)
    assert verdict.result == "PASS" and "as ss shows it" in verdict.evidence[0].text
    ended = traced.ask("transition", from_="TIME-WAIT", to="CLOSED", equals=1)
    assert ended.result == "PASS" and ended.evidence[0].from_ns == 7 * S
    traced.fill("sockets", [])
    assert traced.ask("transition", from_="CLOSING", to="TIME-WAIT").result == "FAIL"
    assert traced.ask("transition", from_="CLOSING", to="CLOSED", equals=2).result == "PASS"


def test_an_orphan_stays_in_fin_wait_2_though_the_trace_says_closed(run: CheckedRun) -> None:
    states = ["ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSED"]
    run.fill(
        "states",
        [
            change(1 * S + t, "h1", old, new)
            for t, (old, new) in enumerate(itertools.pairwise(states))
        ],
    )
    run.fill("sockets", [socket(t * S, "h1", "fin-wait-2") for t in (2, 3, 4)])
    timeout = run.ask("transition", from_="FIN-WAIT-2", to="CLOSED", equals=1)
    assert timeout.result == "PASS" and timeout.evidence[0].from_ns == 4 * S
    run.fill("sockets", [socket(2 * S, "h1", "fin-wait-2"), socket(3 * S, "h1", "time-wait")])
    closed = run.ask("transition", from_="FIN-WAIT-2", to="TIME-WAIT", equals=1)
    assert closed.result == "PASS" and closed.evidence[0].from_ns == 3 * S
    assert run.ask("transition", from_="FIN-WAIT-2", to="CLOSED", equals=0).result == "PASS"


def test_states_that_were_reached_and_those_that_were_not(traced: CheckedRun) -> None:
    verdict = traced.ask(
        "visited", states=["CLOSED", "LISTEN", "SYN-RECEIVED", "CLOSING", "TIME-WAIT"]
    )
    assert verdict.result == "PASS" and verdict.measured == "5 of 5"
    assert ("CLOSING", "2", "4 s", "h1 10.0.0.1:40000 - 10.0.0.2:80") in verdict.evidence[0].rows
    missed = traced.ask("visited", states=["CLOSING", "LAST-ACK"])
    assert (
        missed.result == "FAIL"
        and missed.measured == "1 of 2"
        and "never: LAST-ACK" in missed.reason
    )
    assert traced.ask("visited", states=["SYN-RECEIVED"], host="h1").result == "FAIL"


def test_a_half_open_connection_that_was_never_completed_is_seen_by_ss(traced: CheckedRun) -> None:
    traced.fill("sockets", [socket(t * S, "h2", "syn-recv", 41000) for t in (2, 3, 4)])
    assert traced.ask("transition", from_="LISTEN", to="SYN-RECEIVED", equals=2).result == "PASS"


@pytest.mark.parametrize(
    "given",
    [
        ("transition", {"from_": "CLOSED", "to": "LISTEN", "equals": 0}),
        ("visited", {"states": ["LAST-ACK"]}),
    ],
)
def test_without_a_whole_trace_nothing_is_decided(
    traced: CheckedRun, given: tuple[str, dict[str, object]]
) -> None:
    check, parameters = given
    traced.says(trace={"events": [], "missing": ["sock:inet_sock_set_state"]})
    assert traced.ask(check, **parameters).result == "UNSUPPORTED"
    traced.says(trace={"events": [], "missing": [], "overrun": 3})
    assert traced.ask(check, **parameters).result == "INCONCLUSIVE"
    traced.says(trace={"events": [], "missing": []}, status="interrupted", end_ns=9 * S)
    assert traced.ask(check, **parameters).result == "INCONCLUSIVE"


def test_a_socket_that_waits_to_the_end_is_not_said_to_have_closed(traced) -> None:
    path = ["CLOSING", "TIME-WAIT", "CLOSED"]
    assert traced.ask("states", host="h1", path=path[:2]).result == "PASS"
    assert traced.ask("states", host="h1", path=path).result == "FAIL"
    assert traced.ask("states", host="h2", path=path).result == "PASS"
