from __future__ import annotations

import pydantic
import pytest

from tcpexp.checks.explain import explain_lateness
from tcpexp.checks.segments import Segments
from tcpexp.views.timerwheel import wheel_step_ns
from tests.support.checked_run import MS, CheckedRun, S, packet

#: When a Linux 6.1 guest sent its SYNs, in ms.
LINUX_SYNS = [0, 1010, 3030, 7090, 15_280, 31_410, 63_920]
TIMES = ["0s", "1s", "3s", "7s", "15s", "31s", "63s"]


@pytest.fixture
def long_run(tmp_path) -> CheckedRun:
    return CheckedRun(tmp_path / "long", duration_ns=100 * S)


def syns(run: CheckedRun, times_ms: list[int], flags: str = "S") -> CheckedRun:
    rows = [
        packet(number, 1 * S + t_ms * MS, flags=flags)
        for number, t_ms in enumerate(times_ms, start=1)
    ]
    return run.fill("packets", [*rows, *(dict(row, capture="h2-eth0", node="h2") for row in rows)])


def test_times_within_the_kernels_rounding_pass(long_run: CheckedRun) -> None:
    verdict = syns(long_run, LINUX_SYNS).ask(
        "segments", kind="syn", from_="h1", to="h2", times=TIMES
    )
    assert verdict.result == "PASS", verdict
    assert "timer wheel" in verdict.reason and "2.05 s" in verdict.reason
    table, packets = verdict.evidence
    assert table.rows[0][:3] == ("number", "expected", "measured")
    assert table.rows[7][:3] == ("7", "63 s", "63.92 s")
    assert table.rows[7][5] == "1.016"
    assert (packets.capture, packets.packets) == ("h1-eth0", (1, 2, 3, 4, 5, 6, 7))


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ([0, 1010, 3030, 7090, 15_280, 31_410], "only 6 of 7 were sent"),
        ([*LINUX_SYNS, 80_000], "8 were sent, 7 asked"),
        (
            [0, 1010, 2020, 4040, 8080, 16_160, 32_320],
            "number 3 came only 1.01 s after the one before, 2 s was due",
        ),
        (
            [0, 1040, 3060, 7120, 15_300, 31_500, 64_000],
            "number 2 came 1.04 s after the one before, 1 s was due",
        ),
        ([], "only 0 of 7 were sent"),
    ],
)
def test_other_times_fail(long_run: CheckedRun, sent: list[int], why: str) -> None:
    verdict = syns(long_run, sent).ask("segments", kind="syn", from_="h1", to="h2", times=TIMES)
    assert verdict.result == "FAIL" and why in verdict.reason


def test_more_may_follow_when_allowed(long_run: CheckedRun) -> None:
    run = syns(long_run, LINUX_SYNS)
    assert (
        run.ask("segments", kind="syn", from_="h1", times=TIMES[:4], further=True).result == "PASS"
    )
    assert run.ask("segments", kind="syn", from_="h1", times=TIMES[:4]).result == "FAIL"


def test_late_is_a_share_of_the_gap_or_a_duration(long_run: CheckedRun) -> None:
    run = syns(long_run, LINUX_SYNS)
    assert run.ask("segments", kind="syn", from_="h1", times=TIMES, late="1%").result == "FAIL"
    assert run.ask("segments", kind="syn", from_="h1", times=TIMES, late="300ms").result == "FAIL"
    assert run.ask("segments", kind="syn", from_="h1", times=TIMES, late="600ms").result == "PASS"


def test_a_run_too_short_for_the_next_one_is_inconclusive(run: CheckedRun) -> None:
    verdict = syns(run, [0, 1010, 3030]).ask("segments", kind="syn", from_="h1", times=TIMES[:4])
    assert verdict.result == "FAIL"  # 7 s after the first is still within the 10 s
    verdict = syns(run, [0, 1010, 3030, 7090]).ask("segments", kind="syn", from_="h1", times=TIMES)
    assert verdict.result == "INCONCLUSIVE" and "number 5 was due" in verdict.reason


def test_kinds(run: CheckedRun) -> None:
    flags = ["S", "SA", "A", "PA", "FA", "R", "RA", "A"]
    rows = [
        packet(number, number * MS, flags=flag, payload_bytes=100 * (flag == "PA"))
        for number, flag in enumerate(flags, start=1)
    ]
    run.fill("packets", [*rows, packet(9, 9 * MS, protocol="udp", flags=None)])
    expected = {
        "syn": 1,
        "synack": 1,
        "ack": 2,
        "data": 1,
        "fin": 1,
        "rst": 1,
        "rstack": 1,
        "reset": 2,
        "any": 8,
    }
    for kind, count in expected.items():
        assert run.ask("segments", kind=kind, from_="h1", count=count).result == "PASS", kind
        assert run.ask("segments", kind=kind, from_="h1", count=count + 1).result == "FAIL", kind


def test_counting_is_done_at_the_sender(run: CheckedRun) -> None:
    lost = packet(1, 0, flags="S")
    seen = packet(2, 1 * S, flags="S")
    run.fill("packets", [lost, seen, dict(seen, capture="h2-eth0", node="h2", number=1)])
    assert run.ask("segments", kind="syn", from_="h1", to="h2", count=2).result == "PASS"
    assert run.ask("segments", kind="syn", to="h2", count=1).result == "PASS"
    assert run.ask("segments", kind="syn", from_="h2", at_most=0).result == "PASS"
    assert (
        run.ask("segments", kind="syn", from_="h1", between=["500ms", "2s"], count=1).result
        == "PASS"
    )
    assert run.ask("segments", kind="syn", from_="h1", port=81, count=0).result == "PASS"


def test_forged_sources_count_where_they_arrive(run: CheckedRun) -> None:
    run.fill(
        "packets",
        [
            packet(number, number * MS, source=f"192.0.2.{number}", flags="S", seen_at="h2")
            for number in range(1, 61)
        ],
    )
    verdict = run.ask("segments", kind="syn", to="h2", at_least=60)
    assert verdict.result == "PASS"
    assert (
        len(verdict.evidence[0].packets) == 50 and "the first 50 listed" in verdict.evidence[0].text
    )


@pytest.mark.parametrize("spoil", ["dropped", "no capture", "no table", "failed"])
def test_absence_is_no_proof_without_a_whole_capture(run: CheckedRun, spoil: str) -> None:
    if spoil != "no table":
        run.fill("packets", [])
    if spoil == "dropped":
        run.says(captures={"h1-eth0": {"captured": 10_000, "dropped": 1}})
    if spoil == "no capture":
        run.says(captures={"h2-eth0": {"captured": 1, "dropped": 0}})
    if spoil == "failed":
        run.says(status="failed", end_ns=9 * S)
    assert run.ask("segments", kind="syn", from_="h1", count=0).result == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "syn", "count": 1}, "neither from: nor to:"),
        ({"kind": "syn", "from": "h1"}, "asks nothing"),
        ({"kind": "syn", "from": "h1", "count": 1, "at_least": 1}, "no other comparator"),
        ({"kind": "syn", "from": "h1", "times": ["0s"], "count": 1}, "leave the count out"),
        ({"kind": "syn", "from": "h1", "times": ["1s", "3s"]}, "begins with the first segment"),
        ({"kind": "syn", "from": "h1", "times": ["0s", "3s", "1s"]}, "not in order"),
        ({"kind": "sin", "from": "h1", "count": 1}, "syn"),
        ({"kind": "syn", "from": "h1", "count": -1}, "greater than or equal to 0"),
    ],
)
def test_questions_that_make_no_sense_are_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=message):
        Segments.model_validate(given)


def test_rounding_is_explained_only_where_it_explains() -> None:
    assert (
        wheel_step_ns(200 * MS),
        wheel_step_ns(1 * S),
        wheel_step_ns(8 * S),
        wheel_step_ns(32 * S),
    ) == (4 * MS, 32 * MS, 256 * MS, 2048 * MS)
    assert "256 ms" in (explain_lateness(8 * S, 8_190 * MS) or "")
    assert explain_lateness(8 * S, 8 * S) is None
    assert explain_lateness(8 * S, 9 * S) is None
    assert explain_lateness(8 * S, 7 * S) is None


def test_a_step_of_the_timer_wheel_is_never_too_late(long_run: CheckedRun) -> None:
    # each gap one whole step longer than it should be
    worst = [0, 1032, 3064, 7320, 15_576, 31_832, 65_880]
    assert (
        syns(long_run, worst).ask("segments", kind="syn", from_="h1", times=TIMES).result == "PASS"
    )
    assert (
        syns(long_run, worst).ask("segments", kind="syn", from_="h1", times=TIMES, late="3%").result
        == "FAIL"
    )
    worst[-1] += 10
    assert (
        syns(long_run, worst).ask("segments", kind="syn", from_="h1", times=TIMES).result == "FAIL"
    )
