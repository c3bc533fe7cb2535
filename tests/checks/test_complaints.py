"""The check ``complaints`` on made-up remarks."""

from __future__ import annotations

import pytest

from tests.support.checked_run import CheckedRun, S, packet


@pytest.fixture
def remarked(run: CheckedRun) -> CheckedRun:
    """Four packets of h1, seen at both ends, and one of h2.

    At h1 two have remarks, at h2 one has.
    """
    sent = [
        packet(number, number * S, flow="one" if number < 4 else "two") for number in (1, 2, 3, 4)
    ]
    arrived = [dict(row, capture="h2-eth0", node="h2") for row in sent]
    run.fill("packets", [*sent, *arrived, packet(5, 5 * S, source="h2", target="h1", seen_at="h1")])
    remarks = [
        {
            "capture": "h1-eth0",
            "number": 2,
            "level": "warning",
            "text": "This frame is a (suspected) out-of-order segment",
        },
        {
            "capture": "h1-eth0",
            "number": 4,
            "level": "error",
            "text": "Bad checksum [should be 0x8f6c]",
        },
        {"capture": "h1-eth0", "number": 5, "level": "warning", "text": "Connection reset (RST)"},
        {
            "capture": "h2-eth0",
            "number": 3,
            "level": "warning",
            "text": "Previous segment(s) not captured (common at capture start)",
        },
    ]
    return run.fill("complaints", remarks)


def test_packets_of_one_host_are_counted(remarked: CheckedRun) -> None:
    verdict = remarked.ask("complaints", from_="h1")
    assert verdict.result == "FAIL"
    assert verdict.measured == "2 packets"
    assert verdict.evidence[0].packets == (2, 4)
    assert "Bad checksum" in verdict.reason
    assert remarked.ask("complaints", from_="h1", equals=2).result == "PASS"
    assert remarked.ask("complaints", from_="h2", seen_at="h1").measured == "1 packet"


def test_what_something_explains_does_not_count(remarked: CheckedRun) -> None:
    assert remarked.ask("complaints", from_="h1", besides=["Out-of-Order"]).measured == "1 packet"
    assert (
        remarked.ask("complaints", from_="h1", besides=["out-of-order", "checksum"]).result
        == "PASS"
    )
    assert (
        remarked.ask("complaints", from_="h1", besides=["out-of-order"], flow="one").result
        == "PASS"
    )
    assert (
        remarked.ask("complaints", from_="h1", besides=["out-of-order"], flow="two").result
        == "FAIL"
    )
    assert (
        remarked.ask("complaints", from_="h1", seen_at="h2", besides=["not captured"]).result
        == "PASS"
    )
    assert remarked.ask("complaints", from_="h1", between=["2500ms", "3500ms"]).result == "PASS"


def test_what_was_not_looked_at_is_not_right(run: CheckedRun) -> None:
    run.fill("packets", [packet(1, S)])
    assert run.ask("complaints", from_="h1").result == "INCONCLUSIVE"
    run.fill("complaints", [])
    assert run.ask("complaints", from_="h1").result == "PASS"
    assert run.ask("complaints", from_="h1", flow="two").result == "INCONCLUSIVE"
