from __future__ import annotations

import pydantic
import pytest

from tests.support.checked_run import MS, CheckedRun, S, throughput


@pytest.fixture
def two_flows(run: CheckedRun) -> CheckedRun:
    """Flow one: 8 Mbit/s, from 5 s on 3; flow two: from 5 s on 6."""
    rows = throughput("one", 8_000_000, 0, 5 * S) + throughput("one", 3_000_000, 5 * S, 10 * S)
    return run.fill("packets", []).fill(
        "throughput", rows + throughput("two", 6_000_000, 5 * S, 10 * S)
    )


def test_goodput(two_flows: CheckedRun) -> None:
    verdict = two_flows.ask("goodput", flow="one", between=["1s", "5s"], equals="8mbit")
    assert verdict.result == "PASS" and verdict.measured == "8 Mbit/s"
    assert verdict.evidence[0].capture == "h2-eth0"
    assert (
        two_flows.ask("goodput", flow="one", between=["5s", "10s"], at_least="8mbit").result
        == "FAIL"
    )


def test_goodput_is_the_mean_of_whole_intervals(two_flows: CheckedRun) -> None:
    verdict = two_flows.ask("goodput", flow="one", between=["1.05s", "1.99s"], equals="8mbit")
    assert verdict.result == "PASS"
    assert (verdict.evidence[0].from_ns, verdict.evidence[0].to_ns) == (1_100 * MS, 1_900 * MS)
    assert (
        two_flows.ask("goodput", flow="one", between=["1.01s", "1.15s"], at_least="1mbit").result
        == "INCONCLUSIVE"
    )


def test_a_flow_that_paused_has_a_goodput_of_zero(two_flows: CheckedRun) -> None:
    verdict = two_flows.ask("goodput", flow="two", between=["0s", "5s"], at_most="1mbit")
    assert (verdict.result, verdict.measured) == ("PASS", "0 bit/s")


@pytest.mark.parametrize("spoil", ["no flow", "no capture", "dropped", "interrupted", "too short"])
def test_goodput_without_data_is_inconclusive(two_flows: CheckedRun, spoil: str) -> None:
    between = ["0s", "10s"]
    if spoil == "no flow":
        two_flows.fill("throughput", throughput("two", 6_000_000, 0, 10 * S))
    elif spoil == "no capture":
        two_flows.says(captures={})
    elif spoil == "dropped":
        two_flows.says(captures={"h2-eth0": {"captured": 900, "dropped": 100}})
    elif spoil == "interrupted":
        two_flows.says(status="interrupted", end_ns=9 * S)
    else:
        between = ["0s", "11s"]
    assert (
        two_flows.ask("goodput", flow="one", between=between, at_least="1bit").result
        == "INCONCLUSIVE"
    )


def test_a_span_that_ended_before_the_interruption_is_judged(two_flows: CheckedRun) -> None:
    two_flows.says(status="interrupted", end_ns=9 * S)
    assert (
        two_flows.ask("goodput", flow="one", between=["1s", "5s"], at_least="7mbit").result
        == "PASS"
    )


def test_share(two_flows: CheckedRun) -> None:
    verdict = two_flows.ask("share", flow="two", between=["5s", "10s"], at_least=0.6)
    assert (verdict.result, verdict.measured) == ("PASS", "0.667")
    assert (
        two_flows.ask(
            "share", flow="one", of=["one", "two"], between=["5s", "10s"], at_least="50%"
        ).result
        == "FAIL"
    )


def test_share_needs_every_flow(two_flows: CheckedRun) -> None:
    two_flows.fill("throughput", throughput("one", 8_000_000, 0, 10 * S))
    assert two_flows.ask("share", flow="one", at_least=0.5).result == "INCONCLUSIVE"
    two_flows.fill("throughput", throughput("one", 0, 0, 10 * S) + throughput("two", 0, 0, 10 * S))
    assert two_flows.ask("share", flow="one", at_least=0).result == "INCONCLUSIVE"


def test_share_refuses_a_flow_outside_its_list() -> None:
    from tcpexp.checks.share import Share

    with pytest.raises(pydantic.ValidationError, match="does not name the flow 'one' itself"):
        Share.model_validate({"flow": "one", "of": ["two", "three"], "at_least": 0.5})


def test_jain(two_flows: CheckedRun) -> None:
    verdict = two_flows.ask("jain", between=["5s", "10s"], equals=0.9, tolerance=0.001)
    assert verdict.result == "PASS", verdict
    assert (
        two_flows.ask("jain", flows=["one", "two"], between=["0s", "5s"], at_least=0.6).result
        == "FAIL"
    )
    two_flows.fill("throughput", [])
    assert two_flows.ask("jain", at_least=0).result == "INCONCLUSIVE"
