from __future__ import annotations

import pydantic
import pytest

from tcpexp.checks.packets import Packets
from tests.support.checked_run import CheckedRun, S, packet


def arp(number: int, t_ns: int, source: str = "h1", **more: object) -> dict[str, object]:
    return packet(
        number,
        t_ns,
        source=source,
        target="h2" if source == "h1" else "h1",
        protocol="arp",
        flags=None,
        **more,
    )


@pytest.fixture
def asked(run: CheckedRun) -> CheckedRun:
    """Three ARP requests of h1 at 1, 2 and 3 s, captured at both ends; one answer.

    A TCP segment.
    """
    requests = [arp(number, number * S) for number in (1, 2, 3)]
    copies = [dict(request, capture="h2-eth0", node="h2") for request in requests]
    return run.fill("packets", [*requests, *copies, arp(4, 4 * S, source="h2"), packet(5, 5 * S)])


def test_counted_at_the_sender_by_protocol(asked: CheckedRun) -> None:
    verdict = asked.ask("packets", protocol="arp", from_="h1", equals=3)
    assert verdict.result == "PASS"
    assert (verdict.evidence[0].capture, verdict.evidence[0].packets) == ("h1-eth0", (1, 2, 3))
    assert asked.ask("packets", protocol="arp", from_="h1", equals=2).result == "FAIL"
    assert asked.ask("packets", protocol="tcp", from_="h1", equals=1).result == "PASS"
    assert asked.ask("packets", protocol="icmp", from_="h1", equals=0).result == "PASS"
    assert (
        asked.ask("packets", protocol="arp", from_="h1", between=["1500ms", "3s"], equals=2).result
        == "PASS"
    )


def test_counted_where_they_arrive(asked: CheckedRun) -> None:
    # three questions and the answer
    assert asked.ask("packets", protocol="arp", at_host="h2", equals=4).result == "PASS"
    assert asked.ask("packets", protocol="arp", from_="h1", at_host="h2", equals=3).result == "PASS"
    assert asked.ask("packets", protocol="arp", from_="h2", at_host="h1", equals=1).result == "FAIL"


@pytest.mark.parametrize("spoil", ["dropped", "no table", "failed"])
def test_absence_is_no_proof_without_a_whole_capture(run: CheckedRun, spoil: str) -> None:
    if spoil != "no table":
        run.fill("packets", [])
    if spoil == "dropped":
        run.says(captures={"h1-eth0": {"captured": 10_000, "dropped": 1}})
    if spoil == "failed":
        run.says(status="failed", end_ns=9 * S)
    assert run.ask("packets", protocol="arp", from_="h1", equals=0).result == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"protocol": "arp", "equals": 1}, "neither from: nor at_host:"),
        ({"protocol": "arp", "from": "h1"}, "asks nothing"),
        ({"protocol": "rarp", "from": "h1", "equals": 1}, "arp"),
    ],
)
def test_questions_that_make_no_sense_are_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=message):
        Packets.model_validate(given)
