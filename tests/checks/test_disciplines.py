"""Checks on disciplines, classes, the coupling of dualpi2, spacing and ECN, on hand-made rows."""

from __future__ import annotations

import dataclasses
from typing import Any

import pydantic
import pytest

from tcpexp.checks import BUILTIN
from tcpexp.plan.types import QueuePlan, QueueSetting
from tests.support.checked_run import H1, H2, MS, CheckedRun, S, plan

PLACE = {"link": "h1-h2", "towards": "h2"}


def statistics(**series: list[float]) -> list[dict[str, Any]]:
    """A sample per second of each number."""
    return [
        {"t_ns": t * S, **PLACE, "qdisc": "queue", "kind": "dualpi2", "name": name, "value": value}
        for name, values in series.items()
        for t, value in enumerate(values)
    ]


def judged(run: CheckedRun, check: str, **given: Any) -> tuple[str, str]:
    verdict = run.ask(check, **given)
    return verdict.result, verdict.measured


@pytest.mark.parametrize(
    ("given", "result", "measured"),
    [
        ({"measure": "mean", "equals": 0.2, "tolerance": "1%"}, "PASS", "0.2"),
        ({"measure": "largest", "below": 0.3}, "FAIL", "0.3"),
        ({"measure": "least", "at_least": 0.1}, "PASS", "0.1"),
        ({"measure": "median", "at_least": 0.2}, "PASS", "0.2"),
    ],
)
def test_a_number_of_a_discipline(
    run: CheckedRun, given: dict[str, Any], result: str, measured: str
) -> None:
    run.fill("queue_statistics", statistics(probability=[0.1, 0.2, 0.3] * 3 + [0.2, 0.2]))
    assert judged(run, "discipline", **PLACE, number="probability", **given) == (result, measured)


def test_a_number_that_grows_and_one_that_is_a_time(run: CheckedRun) -> None:
    run.fill("queue_statistics", statistics(marks=[5.0 * t for t in range(11)], delay=[15e6] * 11))
    growth = {"number": "marks", "measure": "growth", "between": ["2s", "8s"]}
    # the samples at 1 s and 9 s belong to it, one interval around the span
    assert judged(run, "discipline", **PLACE, **growth, equals=40)[0] == "PASS"
    assert judged(run, "discipline", **PLACE, number="delay", at_most="15ms")[0] == "PASS"
    with pytest.raises(pydantic.ValidationError, match="wrong unit"):
        BUILTIN.get("discipline")(**PLACE, number="delay", at_most=0.015)
    with pytest.raises(pydantic.ValidationError, match="no discipline counts"):
        BUILTIN.get("discipline")(**PLACE, number="delays", at_most="15ms")


def test_a_number_that_this_discipline_does_not_count(run: CheckedRun) -> None:
    run.fill("queue_statistics", statistics(marks=[0.0] * 11))
    assert judged(run, "discipline", **PLACE, number="delay", at_most="1ms")[0] == "UNSUPPORTED"


def dualpi2(run: CheckedRun, *, marks: int, drops: int, l4s: int = 3) -> CheckedRun:
    """p' is 0.1 all the time; 1000 packets leave either queue per second."""
    settings = (QueueSetting("coupling", 2.0), QueueSetting("l4s", float(l4s)))
    queue = QueuePlan("dualpi2", 100, None, True, (), settings)
    made = plan()
    link = made.network.links[0]
    link = dataclasses.replace(link, forward=dataclasses.replace(link.forward, queue=queue))
    run.plan = dataclasses.replace(made, network=dataclasses.replace(made.network, links=(link,)))
    times = range(11)
    run.fill(
        "queue_statistics",
        statistics(
            probability=[0.1] * 11,
            classic_packets=[1000.0 * t for t in times],
            l4s_packets=[1000.0 * t for t in times],
            coupled_marks=[float(marks * t) for t in times],
            step_marks=[0.0] * 11,
            classic_delay=[15e6] * 11,
        ),
    )
    rows = [
        {"t_ns": t * S, **PLACE, "qdisc": "queue", "drops": drops * t}
        | {"sent_packets": (2000 - drops) * t, "backlog_packets": 0, "backlog_bytes": 0}
        for t in times
    ]
    run.write()
    return run.fill("queues", rows)


def test_the_law_of_the_coupling(run: CheckedRun) -> None:
    dualpi2(run, marks=200, drops=10)
    for measure, value in (("marks", "1"), ("drops", "1"), ("factor", "2")):
        found = judged(
            run, "coupling", **PLACE, measure=measure, equals=float(value), tolerance="1%"
        )
        assert found == ("PASS", value)


def test_a_coupling_that_is_not_the_law(run: CheckedRun) -> None:
    dualpi2(run, marks=100, drops=20)
    given = {"equals": 1, "tolerance": "20%"}
    assert judged(run, "coupling", **PLACE, measure="marks", **given) == ("FAIL", "0.5")
    assert judged(run, "coupling", **PLACE, measure="drops", **given) == ("FAIL", "2")


def test_marks_of_both_queues_cannot_be_told_apart(run: CheckedRun) -> None:
    dualpi2(run, marks=200, drops=10, l4s=1)
    assert judged(run, "coupling", **PLACE, measure="marks", equals=1)[0] == "UNSUPPORTED"


def test_the_rate_of_a_class(run: CheckedRun) -> None:
    rows = [
        {"t_ns": t * S, **PLACE, "class": "web", "sent_bytes": 500_000 * t}
        | {"lends": 3 * t, "borrows": t, "drops": 0}
        for t in range(11)
    ]
    run.fill("classes", rows)
    given = {**PLACE, "class": "web", "between": ["2s", "8s"]}
    assert judged(run, "class_rate", **given, equals="4mbit") == ("PASS", "4 Mbit/s")
    assert judged(run, "class_rate", **given, at_most="3mbit")[0] == "FAIL"
    assert judged(run, "class_rate", **{**given, "class": "mail"}, at_most="3mbit")[0] not in (
        "PASS",
        "FAIL",
    )


def packet(number: int, t_ns: int, **more: Any) -> dict[str, Any]:
    return {
        "capture": "h1-eth0",
        "node": "h1",
        "number": number,
        "t_ns": t_ns,
        "protocol": "tcp",
        "src": H1,
        "dst": H2,
        "src_port": 40000,
        "dst_port": 5201,
        "flow": "one",
        "connection": 0,
        "flags": "A",
        "payload_bytes": 1448,
        **more,
    }


def test_spacing_at_the_sender(run: CheckedRun) -> None:
    # ten times: four packets at once, then a millisecond
    rows = [
        packet(1 + 4 * burst + index, 2 * S + burst * MS)
        for burst in range(10)
        for index in range(4)
    ]
    run.fill("packets", rows)
    given = {"flow": "one", "between": ["1s", "9s"]}
    assert judged(run, "spacing", **given, measure="largest_burst", equals=4) == ("PASS", "4")
    assert judged(run, "spacing", **given, measure="back_to_back", at_least=0.9)[0] == "FAIL"
    assert judged(run, "spacing", **given, measure="back_to_back", at_least=0.7)[0] == "PASS"
    assert judged(run, "spacing", **given, measure="median", at_most="0s")[0] == "PASS"


def ecn_run(run: CheckedRun, answer: str, aces: list[int | None], flags: str = "A") -> CheckedRun:
    """A handshake that asks for accurate ECN, three marked packets, and acknowledgments."""
    syn = [
        packet(1, S, flags="SECe", payload_bytes=0),
        packet(2, S + 1, flags=answer, payload_bytes=0, src=H2, dst=H1),
    ]
    acks = [
        packet(3 + index, 2 * S + index, flags=flags, ace=ace, payload_bytes=0, src=H2, dst=H1)
        for index, ace in enumerate(aces)
    ]
    there = [
        packet(1 + index, 2 * S + index, capture="h2-eth0", node="h2", ecn=3) for index in range(3)
    ]
    return run.fill("packets", [*syn, *acks, *there])


def test_accurate_ecn(run: CheckedRun) -> None:
    ecn_run(run, "SAC", [5, 7, 0])  # 5 at the beginning, then two marks, then one
    assert judged(run, "ecn", flow="one", negotiated="accurate") == ("PASS", "accurate")
    assert judged(run, "ecn", flow="one", measure="told", equals=3) == ("PASS", "3")
    assert judged(run, "ecn", flow="one", measure="told_share", equals=1)[0] == "PASS"


def test_classic_ecn(run: CheckedRun) -> None:
    ecn_run(run, "SAE", [None, None], flags="AE")
    assert judged(run, "ecn", flow="one", negotiated="classic")[0] == "PASS"
    assert judged(run, "ecn", flow="one", measure="told", equals=2)[0] == "PASS"


def test_no_ecn(run: CheckedRun) -> None:
    ecn_run(run, "SA", [None, None])
    assert judged(run, "ecn", flow="one", negotiated="none")[0] == "PASS"
    assert judged(run, "ecn", flow="one", negotiated="accurate") == ("FAIL", "none")


def test_one_question_at_a_time() -> None:
    for given in ({}, {"negotiated": "none", "measure": "told", "equals": 1}, {"measure": "told"}):
        with pytest.raises(pydantic.ValidationError):
            BUILTIN.get("ecn")(flow="one", **given)
