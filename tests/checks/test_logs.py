"""``logged``: events counted and their numbers compared, on logs as the shipped programs write
them.
"""

from __future__ import annotations

import json

import pydantic
import pytest

from tcpexp.checks import BUILTIN
from tests.support.checked_run import CheckedRun, S, process

ZERO = 1_767_225_600_000_000_000


@pytest.fixture
def logged(run: CheckedRun) -> CheckedRun:
    """The action ``get`` with three writes at 1, 2 and 3 s, and lines of other kinds."""
    writes = [
        {"time_ns": ZERO + at * S, "event": "write", "took_us": took, "call": call}
        for at, took, call in ((1, 10, "a"), (2, 2000, "b"), (3, 40, "b"))
    ]
    lines = [
        "listening",
        *(json.dumps(write) for write in writes),
        json.dumps({"time_ns": ZERO, "event": "sent", "note": "x"}),
        "[1, 2]",
        "{broken",
    ]
    return (
        run.fill("events", process("get", 1 * S, 4 * S))
        .log("get.out", "\n".join(lines) + "\n")
        .says(t0_realtime_ns=ZERO)
    )


@pytest.mark.parametrize(
    ("given", "result", "measured"),
    [
        ({"equals": 3}, "PASS", "3 events"),
        ({"equals": 2}, "FAIL", "3 events"),
        ({"where": {"call": "b"}, "equals": 2}, "PASS", "2 events"),
        ({"where": {"call": "b", "took_us": 40}, "equals": 1}, "PASS", "1 event"),
        ({"where": {"absent": 1}, "equals": 0}, "PASS", "0 events"),
        ({"between": ["1500ms", "4s"], "equals": 2}, "PASS", "2 events"),
        ({"field": "took_us", "at_most": 2000}, "PASS", "10 us to 2 ms"),
        ({"field": "took_us", "at_most": 1999}, "FAIL", "10 us to 2 ms"),
        ({"field": "took_us", "measure": "max", "equals": 2000}, "PASS", "2 ms"),
        ({"field": "took_us", "measure": "min", "equals": 10}, "PASS", "10 us"),
        ({"field": "took_us", "measure": "sum", "equals": 2050}, "PASS", "2.05 ms"),
        ({"field": "took_us", "measure": "mean", "above": 683, "below": 684}, "PASS", "683.3 us"),
        ({"field": "took_us", "measure": "first", "equals": 10}, "PASS", "10 us"),
        ({"field": "took_us", "measure": "last", "equals": 10}, "FAIL", "40 us"),
        ({"field": "time", "measure": "first", "equals": 1}, "PASS", "1 s"),
        ({"field": "time", "measure": "last", "at_least": 3.1}, "FAIL", "3 s"),
    ],
)
def test_events(logged: CheckedRun, given: dict[str, object], result: str, measured: str) -> None:
    verdict = logged.ask("logged", action="get", event="write", **given)
    assert (verdict.result, verdict.measured) == (result, measured)


def test_evidence_is_a_table_of_the_events(logged: CheckedRun) -> None:
    evidence = logged.ask("logged", action="get", event="write", equals=3).evidence[0]
    assert evidence.rows[0] == ("time", "took_us", "call")
    assert evidence.rows[2] == ("2.000000 s", "2000", "b")
    assert (evidence.from_ns, evidence.to_ns) == (1 * S, 3 * S)


@pytest.mark.parametrize(
    "spoil", ["no log", "no clock", "not started", "interrupted", "no such event", "no number"]
)
def test_missing_data_pass_nothing(logged: CheckedRun, spoil: str) -> None:
    given: dict[str, object] = {"event": "write", "equals": 3}
    if spoil == "no log":
        (logged.path / "raw" / "logs" / "get.out").unlink()
    if spoil == "no clock":
        logged.says(t0_realtime_ns=None)
    if spoil == "not started":
        logged.fill("events", [])
    if spoil == "interrupted":
        logged.says(status="interrupted", end_ns=5 * S)
    if spoil == "no such event":
        given = {"event": "wrote", "field": "took_us", "at_most": 10**9}
    if spoil == "no number":
        given = {"event": "sent", "field": "note", "at_most": 10**9}
    assert logged.ask("logged", action="get", **given).result == "INCONCLUSIVE"


@pytest.mark.parametrize("given", [{}, {"measure": "max", "at_most": 1}])
def test_questions_that_make_no_sense_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(pydantic.ValidationError):
        BUILTIN["logged"].model_validate({"action": "get", "event": "write", **given})
