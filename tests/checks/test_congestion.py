"""Checks of phases, loss events, delay and convergence, on hand-made tables."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.checked_run import MS, CheckedRun, S, packet


def phase(name: str, begin_s: float, end_s: float, **more: Any) -> dict[str, Any]:
    return {
        "flow": "one",
        "node": "h1",
        "port": 40000,
        "from_ns": round(begin_s * S),
        "to_ns": round(end_s * S),
        "phase": name,
        "ended_by": "loss",
        "cwnd_from": 10,
        "cwnd_to": 20,
        "acks": 5,
        **more,
    }


def event(at_s: float, **more: Any) -> dict[str, Any]:
    row = {
        "flow": "one",
        "node": "h1",
        "port": 40000,
        "noticed_ns": round(at_s * S),
        "repaired_ns": round(at_s * S) + 100 * MS,
        "notice_delay_ns": 50 * MS,
        "repair_delay_ns": 100 * MS,
        "noticed_by": "sack",
        "lost_packets": 1,
        "retransmissions": 1,
        "cwnd_before": 40,
        "ssthresh_after": 28,
        "backoff": 0.7,
        "spurious": False,
    }
    return {**row, **more}


@pytest.fixture
def traced(run: CheckedRun) -> CheckedRun:
    rows = [
        phase("slow_start", 0, 1, ended_by="hystart_delay", growth_per_rtt=1.9),
        phase("congestion_avoidance", 1, 3, growth_per_rtt=0.9),
        phase("fast_recovery", 3, 3.2, ended_by="repaired"),
        phase("congestion_avoidance", 3.2, 8, growth_per_rtt=1.3, ended_by="end"),
    ]
    return run.fill("phases", rows).fill(
        "loss_events",
        [
            event(3),
            event(5, noticed_by="rto", backoff=0.65, spurious=True, notice_delay_ns=300 * MS),
        ],
    )


def test_a_phase_is_seen(traced: CheckedRun) -> None:
    assert traced.ask("phase", flow="one", phase="fast_recovery").result == "PASS"
    assert traced.ask("phase", flow="one", phase="rto_recovery").result == "FAIL"
    assert traced.ask("phase", flow="one", phase="congestion_avoidance", equals=2).result == "PASS"
    assert (
        traced.ask(
            "phase", flow="one", phase="congestion_avoidance", between=["0s", "2s"], equals=1
        ).result
        == "PASS"
    )


def test_how_a_phase_ended(traced: CheckedRun) -> None:
    assert traced.ask("phase", flow="one", phase="slow_start", ended_by="hystart").result == "PASS"
    assert (
        traced.ask("phase", flow="one", phase="slow_start", ended_by="hystart_train").result
        == "FAIL"
    )
    verdict = traced.ask("phase", flow="one", phase="slow_start", ended_by="loss")
    assert verdict.result == "FAIL" and "hystart_delay" in verdict.reason


def test_how_long_phases_last(traced: CheckedRun) -> None:
    assert (
        traced.ask("phase_time", flow="one", phase="congestion_avoidance", equals="6.8s").result
        == "PASS"
    )
    assert (
        traced.ask(
            "phase_time", flow="one", phase="congestion_avoidance", measure="longest", equals="4.8s"
        ).result
        == "PASS"
    )
    assert (
        traced.ask(
            "phase_time",
            flow="one",
            phase="congestion_avoidance",
            between=["2s", "4s"],
            equals="1.8s",
        ).result
        == "PASS"
    )
    assert traced.ask("phase_time", flow="one", phase="rto_recovery", at_most="0s").result == "PASS"
    assert (
        traced.ask(
            "phase_time", flow="one", phase="rto_recovery", measure="first", at_most="1s"
        ).result
        == "INCONCLUSIVE"
    )


def test_growth(traced: CheckedRun) -> None:
    assert (
        traced.ask("growth", flow="one", phase="slow_start", equals=2.0, tolerance="10%").result
        == "PASS"
    )
    assert (
        traced.ask(
            "growth",
            flow="one",
            phase="congestion_avoidance",
            which="each",
            equals=1.0,
            tolerance="10%",
        ).result
        == "FAIL"
    )
    assert (
        traced.ask(
            "growth",
            flow="one",
            phase="congestion_avoidance",
            which="first",
            equals=1.0,
            tolerance="10%",
        ).result
        == "PASS"
    )
    assert (
        traced.ask(
            "growth", flow="one", phase="slow_start", between=["5s", "9s"], at_least=1.0
        ).result
        == "INCONCLUSIVE"
    )


def test_loss_events(traced: CheckedRun) -> None:
    assert traced.ask("loss_event", flow="one", equals=2).result == "PASS"
    assert (
        traced.ask("loss_event", flow="one", noticed_by="rto", spurious=True, equals=1).result
        == "PASS"
    )
    assert traced.ask("loss_event", flow="one", noticed_by="rack").result == "FAIL"
    unknown = traced.fill("loss_events", [event(3, spurious=None)])
    assert unknown.ask("loss_event", flow="one", spurious=False).result == "INCONCLUSIVE"


def test_backoff(traced: CheckedRun) -> None:
    assert traced.ask("backoff", flow="one", equals=0.7, tolerance="1%").result == "FAIL"
    assert (
        traced.ask("backoff", flow="one", which="first", equals=0.7, tolerance="1%").result
        == "PASS"
    )
    assert (
        traced.ask("backoff", flow="one", between=["6s", "9s"], equals=0.7).result == "INCONCLUSIVE"
    )


def test_repair_time_is_of_the_slowest_event(traced: CheckedRun) -> None:
    assert traced.ask("repair_time", flow="one", measure="notice", equals="300ms").result == "PASS"
    assert traced.ask("repair_time", flow="one", measure="both", at_most="399ms").result == "FAIL"


@pytest.mark.parametrize("check", ["phase", "loss_event"])
def test_a_flow_that_was_not_traced_is_inconclusive(run: CheckedRun, check: str) -> None:
    given = {"phase": "slow_start"} if check == "phase" else {}
    assert run.ask(check, flow="one", **given).result == "INCONCLUSIVE"


def test_a_kernel_without_the_tracepoint_is_unsupported(traced: CheckedRun) -> None:
    traced.says(trace={"events": [], "missing": ["tcp:tcp_cong_state_set"], "overrun": 0})
    assert traced.ask("phase", flow="one", phase="slow_start").result == "UNSUPPORTED"


def test_initial_window(run: CheckedRun) -> None:
    """A small request first.

    Then three full segments, of which the first is acknowledged before the fourth is sent.
    """
    sent = [packet(1, 10, payload_bytes=37, seq_rel=1, flow="one", ack_rel=1)]
    sent += [
        packet(
            number,
            100 * number,
            payload_bytes=1448,
            seq_rel=38 + 1448 * (number - 2),
            flow="one",
            ack_rel=1,
        )
        for number in (2, 3, 4)
    ]
    acks = [
        packet(5, 500, "h2", "h1", seen_at="h1", ack_rel=38),
        packet(6, 600, "h2", "h1", seen_at="h1", ack_rel=38 + 2896),
    ]
    late = packet(7, 700, payload_bytes=1448, seq_rel=38 + 3 * 1448, flow="one", ack_rel=1)
    rows = [{**row, "flow": "one"} for row in (*sent, *acks, late)]
    assert run.fill("packets", rows).ask("initial_window", flow="one", equals=3).result == "PASS"
    assert run.ask("initial_window", flow="one", equals=10).result == "FAIL"


def journey(at_s: float, waits_ms: int, **more: Any) -> dict[str, Any]:
    return {
        "flow": "one",
        "from_node": "h1",
        "to_node": "h2",
        "sent_ns": round(at_s * S),
        "sent_capture": "h1-eth0",
        "sent_number": 1,
        "payload_bytes": 1448,
        "queueing_ns": waits_ms * MS,
        **more,
    }


def test_queueing_delay(run: CheckedRun) -> None:
    rows = [journey(number, 10 * number) for number in range(1, 10)] + [
        journey(1, 10**6, payload_bytes=0),
        journey(1, 10**6, from_node="h2"),
    ]
    run.fill("packets", []).fill("journeys", rows)
    assert run.ask("queueing_delay", flow="one", equals="50ms").result == "PASS"
    assert run.ask("queueing_delay", flow="one", percentile=100, at_most="80ms").result == "FAIL"
    assert (
        run.ask(
            "queueing_delay", flow="one", percentile=100, between=["0s", "8s"], at_most="80ms"
        ).result
        == "PASS"
    )
    assert (
        run.ask("queueing_delay", flow="one", between=["9.5s", "10s"], at_most="80ms").result
        == "INCONCLUSIVE"
    )


def fairness(indexes: list[float]) -> list[dict[str, Any]]:
    return [
        {
            "t_ns": number * S // 10,
            "interval_ns": S,
            "towards": "h2",
            "flows": 2,
            "jain_index": index,
            "goodput_bps": 1.0,
        }
        for number, index in enumerate(indexes)
    ]


def test_convergence(run: CheckedRun) -> None:
    run.fill("packets", []).fill(
        "fairness", fairness([0.6] * 20 + [0.95] * 5 + [0.7] * 5 + [0.96] * 40)
    )
    # at 3 s, and the second before it: 4 s
    assert run.ask("convergence", towards="h2", begin="0s", at_most="4s").result == "PASS"
    assert run.ask("convergence", towards="h2", begin="0s", at_most="3.9s").result == "FAIL"
    assert (
        run.ask("convergence", towards="h2", begin="0s", hold="300ms", equals="3s").result == "PASS"
    )
    assert (
        run.ask("convergence", towards="h2", begin="0s", index=0.99, at_most="10s").measured
        == "never"
    )
    assert run.ask("convergence", towards="h2", begin="9s", at_most="10s").result == "INCONCLUSIVE"
