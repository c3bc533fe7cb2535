from __future__ import annotations

import dataclasses

import pydantic
import pytest
from checked_run import MS, CheckedRun, S, packet, socket, throughput


@pytest.fixture
def two_flows(run: CheckedRun) -> CheckedRun:
    """Flow one: 8 Mbit/s, from 5 s on 3; flow two: from 5 s on 6."""
    rows = throughput("one", 8_000_000, 0, 5 * S) + throughput("one", 3_000_000, 5 * S, 10 * S)
    return run.fill("packets", []).fill("throughput", rows + throughput("two", 6_000_000, 5 * S, 10 * S))


def test_goodput(two_flows: CheckedRun) -> None:
    verdict = two_flows.ask("goodput", flow="one", between=["1s", "5s"], equals="8mbit")
    assert verdict.result == "PASS" and verdict.measured == "8 Mbit/s"
    assert verdict.evidence[0].capture == "h2-eth0"
    assert two_flows.ask("goodput", flow="one", between=["5s", "10s"], at_least="8mbit").result == "FAIL"


def test_goodput_is_the_mean_of_whole_intervals(two_flows: CheckedRun) -> None:
    verdict = two_flows.ask("goodput", flow="one", between=["1.05s", "1.99s"], equals="8mbit")
    assert verdict.result == "PASS"
    assert (verdict.evidence[0].from_ns, verdict.evidence[0].to_ns) == (1_100 * MS, 1_900 * MS)
    assert two_flows.ask("goodput", flow="one", between=["1.01s", "1.15s"], at_least="1mbit").result == "INCONCLUSIVE"


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
    assert two_flows.ask("goodput", flow="one", between=between, at_least="1bit").result == "INCONCLUSIVE"


def test_a_span_that_ended_before_the_interruption_is_judged(two_flows: CheckedRun) -> None:
    two_flows.says(status="interrupted", end_ns=9 * S)
    assert two_flows.ask("goodput", flow="one", between=["1s", "5s"], at_least="7mbit").result == "PASS"


def test_share(two_flows: CheckedRun) -> None:
    verdict = two_flows.ask("share", flow="two", between=["5s", "10s"], at_least=0.6)
    assert (verdict.result, verdict.measured) == ("PASS", "0.667")
    assert two_flows.ask("share", flow="one", of=["one", "two"], between=["5s", "10s"], at_least="50%").result == "FAIL"


def test_share_needs_every_flow(two_flows: CheckedRun) -> None:
    two_flows.fill("throughput", throughput("one", 8_000_000, 0, 10 * S))
    assert two_flows.ask("share", flow="one", at_least=0.5).result == "INCONCLUSIVE"
    two_flows.fill("throughput", throughput("one", 0, 0, 10 * S) + throughput("two", 0, 0, 10 * S))
    assert two_flows.ask("share", flow="one", at_least=0).result == "INCONCLUSIVE"


def test_share_refuses_a_flow_outside_its_list() -> None:
    from tcpexp.checks.flows import Share

    with pytest.raises(pydantic.ValidationError, match="does not name the flow 'one' itself"):
        Share.model_validate({"flow": "one", "of": ["two", "three"], "at_least": 0.5})


def test_jain(two_flows: CheckedRun) -> None:
    verdict = two_flows.ask("jain", between=["5s", "10s"], equals=0.9, tolerance=0.001)
    assert verdict.result == "PASS", verdict
    assert two_flows.ask("jain", flows=["one", "two"], between=["0s", "5s"], at_least=0.6).result == "FAIL"
    two_flows.fill("throughput", [])
    assert two_flows.ask("jain", at_least=0).result == "INCONCLUSIVE"


@pytest.fixture
def sampled(run: CheckedRun) -> CheckedRun:
    """RTT samples of flow one: 1, 2, ... 100 ms."""
    rows = [{"flow": "one", "t_ns": index * 90 * MS, "rtt_ns": index * MS} for index in range(1, 101)]
    return run.fill("packets", []).fill("rtt", rows)


@pytest.mark.parametrize(
    ("given", "measured"),
    [({"percentile": 99}, "99 ms"), ({"measure": "max"}, "100 ms"), ({"measure": "min"}, "1 ms"), ({"measure": "mean"}, "50.5 ms")],
)
def test_rtt(sampled: CheckedRun, given: dict[str, object], measured: str) -> None:
    verdict = sampled.ask("rtt", flow="one", at_most="100ms", **given)
    assert (verdict.result, verdict.measured) == ("PASS", measured)
    assert "100 ms, at 9 s" in verdict.evidence[0].text
    assert sampled.ask("rtt", flow="one", at_most="900us", **given).result == "FAIL"


def test_rtt_without_samples_is_inconclusive(sampled: CheckedRun) -> None:
    assert sampled.ask("rtt", flow="two", at_most="1h").result == "INCONCLUSIVE"
    assert sampled.ask("rtt", flow="one", between=["9.5s", "10s"], at_most="1h").result == "INCONCLUSIVE"
    sampled.says(captures={"h2-eth0": {"captured": 1, "dropped": 0}})
    assert sampled.ask("rtt", flow="one", at_most="1h").result == "INCONCLUSIVE"


@pytest.fixture
def repaired(run: CheckedRun) -> CheckedRun:
    """Two retransmissions for the kernel, three repeated segments in the capture, of which Wireshark labels one."""
    labels = {4: ["retransmission"]}
    packets = [
        packet(number, number * S, flow="one", payload_bytes=100, seq_rel=seq, labels=labels.get(number, []))
        for number, seq in enumerate((1, 1, 101, 1, 101), start=1)
    ]
    kernel = [{"t_ns": t_ns, "node": "h1", "flow": "one"} for t_ns in (1 * S, 2 * S)]
    return run.fill("packets", packets).fill("throughput", throughput("one", 8_000, 0, 10 * S)).fill("retransmits", kernel)


def test_retransmissions_by_the_kernel(repaired: CheckedRun) -> None:
    verdict = repaired.ask("retransmissions", flow="one", equals=2)
    assert verdict.result == "PASS" and "tcp_retransmit_skb" in verdict.reason
    assert repaired.ask("retransmissions", flow="one", between=["1.5s", "3s"], equals=0).result == "FAIL"


@pytest.mark.parametrize("trace", [{"events": [], "missing": ["tcp:tcp_retransmit_skb"]}, {"events": [], "missing": [], "overrun": 3}])
def test_retransmissions_by_sequence_number_where_the_kernel_cannot_say(repaired: CheckedRun, trace: dict[str, object]) -> None:
    verdict = repaired.says(trace=trace).ask("retransmissions", flow="one", equals=3)
    assert verdict.result == "PASS" and "sequence number" in verdict.reason
    assert (verdict.evidence[0].capture, verdict.evidence[0].packets) == ("h1-eth0", (2, 4, 5))


def test_no_retransmission_of_a_flow_that_never_was_is_no_pass(repaired: CheckedRun) -> None:
    assert repaired.ask("retransmissions", flow="two", equals=0).result == "INCONCLUSIVE"
    repaired.says(trace={"missing": ["tcp_retransmit_skb"]}, captures={"h1-eth0": {"captured": 9, "dropped": 1}})
    assert repaired.ask("retransmissions", flow="one", at_least=0).result == "INCONCLUSIVE"


@pytest.fixture
def switched(run: CheckedRun) -> CheckedRun:
    """Flow one runs cubic until 5 s and bbr from then on."""
    rows = [socket(t * S, "h1", "estab", flow="one", congestion_control="cubic" if t < 5 else "bbr") for t in range(1, 11)]
    return run.fill("sockets", rows).snapshots("h1", [t * S for t in range(11)])


def test_congestion_control(switched: CheckedRun) -> None:
    assert switched.ask("congestion_control", flow="one", at="4s", is_="cubic").result == "PASS"
    assert switched.ask("congestion_control", flow="one", between=["6s", "10s"], is_="bbr").result == "PASS"
    verdict = switched.ask("congestion_control", flow="one", is_="bbr")
    assert (verdict.result, verdict.measured) == ("FAIL", "cubic, bbr")
    assert verdict.evidence[0].from_ns == 1 * S


def test_congestion_control_without_a_socket_is_inconclusive(switched: CheckedRun) -> None:
    assert switched.ask("congestion_control", flow="two", is_="bbr").result == "INCONCLUSIVE"
    assert switched.ask("congestion_control", flow="one", at="0s", is_="cubic").result == "INCONCLUSIVE"
    switched.plan = dataclasses.replace(switched.plan, recorders=())
    switched.write()
    assert switched.ask("congestion_control", flow="one", at="4s", is_="cubic").result == "INCONCLUSIVE"
