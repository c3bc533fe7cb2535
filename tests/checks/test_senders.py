"""What a flow's sender does: round-trip times, bytes in flight, retransmissions, congestion
control.
"""

from __future__ import annotations

import dataclasses

import pytest

from tests.support.checked_run import MS, CheckedRun, S, packet, socket, throughput


@pytest.fixture
def sampled(run: CheckedRun) -> CheckedRun:
    """RTT samples of flow one: 1, 2, ... 100 ms."""
    rows = [
        {"flow": "one", "t_ns": index * 90 * MS, "rtt_ns": index * MS} for index in range(1, 101)
    ]
    return run.fill("packets", []).fill("rtt", rows)


@pytest.mark.parametrize(
    ("given", "measured"),
    [
        ({"percentile": 99}, "99 ms"),
        ({"measure": "max"}, "100 ms"),
        ({"measure": "min"}, "1 ms"),
        ({"measure": "mean"}, "50.5 ms"),
    ],
)
def test_rtt(sampled: CheckedRun, given: dict[str, object], measured: str) -> None:
    verdict = sampled.ask("rtt", flow="one", at_most="100ms", **given)
    assert (verdict.result, verdict.measured) == ("PASS", measured)
    assert "100 ms, at 9 s" in verdict.evidence[0].text
    assert sampled.ask("rtt", flow="one", at_most="900us", **given).result == "FAIL"


def test_rtt_without_samples_is_inconclusive(sampled: CheckedRun) -> None:
    assert sampled.ask("rtt", flow="two", at_most="1h").result == "INCONCLUSIVE"
    assert (
        sampled.ask("rtt", flow="one", between=["9.5s", "10s"], at_most="1h").result
        == "INCONCLUSIVE"
    )
    sampled.says(captures={"h2-eth0": {"captured": 1, "dropped": 0}})
    assert sampled.ask("rtt", flow="one", at_most="1h").result == "INCONCLUSIVE"


@pytest.fixture
def repaired(run: CheckedRun) -> CheckedRun:
    """Three packets that the sender sent again, one of them of two segments before it was cut.

    Wireshark labels one.
    """
    labels = {4: ["retransmission"]}
    packets = [
        packet(
            number,
            number * S,
            flow="one",
            payload_bytes=100,
            seq_rel=seq,
            labels=labels.get(number, []),
        )
        for number, seq in enumerate((1, 1, 101, 1, 101), start=1)
    ]
    again = [
        {
            "t_ns": number * S,
            "node": "h1",
            "flow": "one",
            "capture": "h1-eth0",
            "number": number,
            "segments": 1 + (number == 5),
        }
        for number in (2, 4, 5)
    ]
    again.append({**again[0], "node": "h2", "capture": "h2-eth0"})
    return (
        run.fill("packets", packets)
        .fill("throughput", throughput("one", 8_000, 0, 10 * S))
        .fill("resent", again)
    )


def test_retransmissions_are_segments_that_the_sender_sent_again(repaired: CheckedRun) -> None:
    verdict = repaired.ask("retransmissions", flow="one", equals=4)
    assert verdict.result == "PASS" and "capture" in verdict.reason
    assert (verdict.evidence[0].capture, verdict.evidence[0].packets) == ("h1-eth0", (2, 4, 5))
    assert (
        repaired.ask("retransmissions", flow="one", between=["1.5s", "3s"], equals=0).result
        == "FAIL"
    )


def test_no_retransmission_of_a_flow_that_never_was_is_no_pass(repaired: CheckedRun) -> None:
    assert repaired.ask("retransmissions", flow="two", equals=0).result == "INCONCLUSIVE"
    repaired.says(
        trace={"missing": ["tcp_retransmit_skb"]},
        captures={"h1-eth0": {"captured": 9, "dropped": 1}},
    )
    assert repaired.ask("retransmissions", flow="one", at_least=0).result == "INCONCLUSIVE"


@pytest.fixture
def switched(run: CheckedRun) -> CheckedRun:
    """Flow one runs cubic until 5 s and bbr from then on."""
    rows = [
        socket(t * S, "h1", "estab", flow="one", congestion_control="cubic" if t < 5 else "bbr")
        for t in range(1, 11)
    ]
    return run.fill("sockets", rows).snapshots("h1", [t * S for t in range(11)])


def test_congestion_control(switched: CheckedRun) -> None:
    assert switched.ask("congestion_control", flow="one", at="4s", is_="cubic").result == "PASS"
    assert (
        switched.ask("congestion_control", flow="one", between=["6s", "10s"], is_="bbr").result
        == "PASS"
    )
    verdict = switched.ask("congestion_control", flow="one", is_="bbr")
    assert (verdict.result, verdict.measured) == ("FAIL", "cubic, bbr")
    assert verdict.evidence[0].from_ns == 1 * S


def test_congestion_control_without_a_socket_is_inconclusive(switched: CheckedRun) -> None:
    assert switched.ask("congestion_control", flow="two", is_="bbr").result == "INCONCLUSIVE"
    assert (
        switched.ask("congestion_control", flow="one", at="0s", is_="cubic").result
        == "INCONCLUSIVE"
    )
    switched.plan = dataclasses.replace(switched.plan, recorders=())
    switched.write()
    assert (
        switched.ask("congestion_control", flow="one", at="4s", is_="cubic").result
        == "INCONCLUSIVE"
    )


@pytest.fixture
def sending(run: CheckedRun) -> CheckedRun:
    """Flow one with 1, 2, 3, 4 segments of 1000 bytes in flight, an ACK, and what h2 saw of it."""
    rows = [
        packet(number, number * S, flow="one", payload_bytes=1000, in_flight_bytes=number * 1000)
        for number in range(1, 5)
    ]
    ack = packet(5, 5 * S, "h2", "h1", flow="one", in_flight_bytes=90_000, seen_at="h1")
    late = packet(6, 6 * S, flow="one", payload_bytes=1000, in_flight_bytes=90_000, seen_at="h2")
    return run.fill("packets", [*rows, ack, late])


@pytest.mark.parametrize(("measure", "size"), [("max", 4000), ("min", 1000), ("median", 3000)])
def test_bytes_in_flight_are_those_of_the_senders_data_segments(
    sending: CheckedRun, measure: str, size: int
) -> None:
    verdict = sending.ask("in_flight", flow="one", measure=measure, equals=size)
    assert (verdict.result, verdict.measured) == ("PASS", f"{size} bytes")
    assert (verdict.evidence[0].capture, verdict.evidence[0].packets) == ("h1-eth0", (4,))
    assert sending.ask("in_flight", flow="one", measure=measure, at_most=size - 1).result == "FAIL"


def test_bytes_in_flight_within_a_span(sending: CheckedRun) -> None:
    assert (
        sending.ask("in_flight", flow="one", between=["1s", "2500ms"], equals=2000).result == "PASS"
    )
    assert (
        sending.ask("in_flight", flow="one", between=["7s", "9s"], at_most=1).result
        == "INCONCLUSIVE"
    )
    assert sending.ask("in_flight", flow="two", at_most=1).result == "INCONCLUSIVE"
