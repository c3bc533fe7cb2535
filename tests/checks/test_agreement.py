"""The check of two flows' windows, round trip by round trip."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.checked_run import MS, CheckedRun

MSS = 1000


def sender(
    flow: str, port: int, windows: list[int], begin_ms: int = 0, limited: str = "cwnd"
) -> list[dict[str, Any]]:
    """Rows of ``flow_states``, a round trip of 100 ms apart: each finds acknowledged what the one
    before had in flight.
    """
    acked = [MSS * sum(windows[:number]) for number in range(len(windows))]
    return [
        {
            "flow": flow,
            "node": "h1",
            "port": port,
            "t_ns": (begin_ms + 100 * number) * MS,
            "cwnd": cwnd,
            "mss": MSS,
            "in_flight_bytes": cwnd * MSS,
            "acked_bytes": acked[number],
            "limited": limited,
            "srtt_us": 100_000,
        }
        for number, cwnd in enumerate(windows)
    ]


def phase(
    flow: str, port: int, begin_ms: int, end_ms: int, name: str = "congestion_avoidance"
) -> dict[str, Any]:
    return {
        "flow": flow,
        "node": "h1",
        "port": port,
        "from_ns": begin_ms * MS - 1,
        "to_ns": end_ms * MS,
        "phase": name,
    }


def filled(
    run: CheckedRun, one: list[int], two: list[int], *more: dict[str, Any], limited: str = "cwnd"
) -> CheckedRun:
    rows = sender("one", 40000, one) + sender("two", 40001, two, begin_ms=20_000, limited=limited)
    phases = [
        phase("one", 40000, 0, 100 * len(one)),
        phase("two", 40001, 20_000, 20_000 + 100 * len(two)),
        *more,
    ]
    return run.fill("flow_states", rows).fill("phases", phases)


@pytest.mark.parametrize(
    ("two", "result"),
    [
        ([10, 11, 12, 13, 14], "PASS"),
        ([10, 10, 11, 12, 13], "PASS"),
        ([10, 12, 14, 16, 18], "FAIL"),
    ],
)
def test_the_largest_difference_decides(run: CheckedRun, two: list[int], result: str) -> None:
    verdict = filled(run, [10, 11, 12, 13, 14], two).ask(
        "cwnd_agreement", flow="one", like="two", at_most=1
    )
    assert verdict.result == result, verdict.reason
    assert verdict.evidence[0].rows[0] == (
        "phase",
        "round trip",
        "at (one)",
        "cwnd one",
        "cwnd two",
    )


def test_flows_of_different_length_are_compared_as_far_as_both_go(run: CheckedRun) -> None:
    verdict = filled(run, [10, 11, 12, 13, 14, 99, 99], [10, 11, 12, 13]).ask(
        "cwnd_agreement", flow="one", like="two", at_most=0
    )
    assert (verdict.result, verdict.measured) == ("PASS", "0 segments in 4 round trips")


def test_a_flow_may_be_a_round_trip_behind(run: CheckedRun) -> None:
    filled(run, [48, 48, 52, 55, 58], [48, 52, 55, 58, 60])
    assert run.ask("cwnd_agreement", flow="one", like="two", at_most=3).result == "FAIL"
    verdict = run.ask("cwnd_agreement", flow="one", like="two", lag=1, at_most=0)
    assert verdict.result == "PASS" and "1 round trip later" in verdict.title


def test_too_few_round_trips_decide_nothing(run: CheckedRun) -> None:
    assert (
        filled(run, [10, 11, 12], [10, 11, 12])
        .ask("cwnd_agreement", flow="one", like="two", at_most=1)
        .result
        == "INCONCLUSIVE"
    )


def test_windows_that_were_not_used_are_not_compared(run: CheckedRun) -> None:
    filled(run, [10, 11, 12, 13, 14], [10, 11, 12, 13, 14], limited="application")
    assert run.ask("cwnd_agreement", flow="one", like="two", at_most=1).result == "INCONCLUSIVE"


def test_another_number_of_phases_is_another_course(run: CheckedRun) -> None:
    verdict = filled(
        run, [10, 11, 12, 13], [10, 11, 12, 13], phase("two", 40001, 30_000, 31_000)
    ).ask("cwnd_agreement", flow="one", like="two", at_most=1)
    assert verdict.result == "FAIL" and "1 such phase" in verdict.reason


def test_a_phase_that_never_was(run: CheckedRun) -> None:
    filled(run, [10, 11, 12, 13], [10, 11, 12, 13])
    assert (
        run.ask("cwnd_agreement", flow="one", like="two", phase="slow_start", at_most=1).result
        == "INCONCLUSIVE"
    )
    assert (
        run.ask("cwnd_agreement", flow="one", like="two", nth=2, at_most=1).result == "INCONCLUSIVE"
    )
