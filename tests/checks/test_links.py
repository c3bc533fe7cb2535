from __future__ import annotations

import dataclasses

import pydantic
import pytest

from tcpexp.checks import BUILTIN
from tcpexp.plan.types import LinkChange, Step
from tests.support.checked_run import MS, ONE_WAY, CheckedRun, S, plan, two_hosts


@pytest.fixture
def queued(run: CheckedRun) -> CheckedRun:
    """The queue towards h2, every second: 0, 10, 20 ...

    100 packets of 1250 bytes (1 ms each), one drop per second from 5 s on.
    """
    rows = [
        {
            "t_ns": t * S,
            "link": "h1-h2",
            "towards": "h2",
            "qdisc": "queue",
            "backlog_packets": 10 * t,
            "backlog_bytes": 12_500 * t,
            "drops": max(0, t - 5),
            "ecn_mark": 0,
        }
        for t in range(11)
    ]
    return run.fill("queues", rows)


@pytest.mark.parametrize(
    ("measure", "given", "measured", "result"),
    [
        ("max_packets", {"at_most": 100}, "100", "PASS"),
        ("max_packets", {"at_most": 99}, "100", "FAIL"),
        ("mean_packets", {"equals": 50}, "50", "PASS"),
        ("max_delay", {"equals": "100ms"}, "100 ms", "PASS"),
        ("max_delay", {"below": "100ms"}, "100 ms", "FAIL"),
        ("mean_delay", {"equals": "50ms"}, "50 ms", "PASS"),
        ("max_delay", {"between": ["0s", "5s"], "equals": "50ms"}, "50 ms", "PASS"),
        ("drops", {"equals": 5}, "5", "PASS"),
        ("drops", {"between": ["8s", "10s"], "equals": 2}, "2", "PASS"),
        ("drops", {"between": ["0s", "5s"], "at_least": 1}, "0", "FAIL"),
        ("marks", {"equals": 0}, "0", "PASS"),
    ],
)
def test_queue(
    queued: CheckedRun, measure: str, given: dict[str, object], measured: str, result: str
) -> None:
    verdict = queued.ask("queue", link="h1-h2", towards="h2", measure=measure, **given)
    assert (verdict.result, verdict.measured) == (result, measured)


def test_the_delay_follows_the_rate(queued: CheckedRun) -> None:
    change = LinkChange("h1-h2", "h2", dataclasses.replace(ONE_WAY, rate_bps=20_000_000))
    queued.plan = dataclasses.replace(
        queued.plan, steps=(*queued.plan.steps, Step("faster", 3, 6 * S, change, "faster"))
    )
    queued.write()
    assert (
        queued.ask(
            "queue",
            link="h1-h2",
            towards="h2",
            measure="max_delay",
            between=["7s", "10s"],
            equals="50ms",
        ).result
        == "PASS"
    )
    assert (
        queued.ask(
            "queue",
            link="h1-h2",
            towards="h2",
            measure="max_delay",
            between=["0s", "5s"],
            equals="50ms",
        ).result
        == "PASS"
    )


@pytest.mark.parametrize(
    "spoil", ["other direction", "samples end", "not recorded", "no rate", "no marks"]
)
def test_queue_without_samples_is_inconclusive(queued: CheckedRun, spoil: str) -> None:
    towards, measure, limit = "h2", "max_packets", {"at_most": 1_000_000}
    if spoil == "other direction":
        towards = "h1"
    if spoil == "samples end":
        rows = queued.data().table("queues").filter(t_ns=0).to_dicts()
        queued.fill("queues", rows)
    if spoil == "not recorded":
        queued.plan = dataclasses.replace(queued.plan, recorders=())
    if spoil == "no rate":
        network = two_hosts()
        free = dataclasses.replace(
            network.links[0], forward=dataclasses.replace(ONE_WAY, rate_bps=None, queue=None)
        )
        queued.plan = dataclasses.replace(
            queued.plan, network=dataclasses.replace(network, links=(free,))
        )
        measure, limit = "max_delay", {"at_most": "1h"}
    if spoil == "no marks":
        rows = [{**row, "ecn_mark": None} for row in queued.data().table("queues").to_dicts()]
        queued.fill("queues", rows)
        measure = "marks"
    queued.write()
    assert (
        queued.ask("queue", link="h1-h2", towards=towards, measure=measure, **limit).result
        == "INCONCLUSIVE"
    )


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("queue", {"measure": "max_delay", "at_most": 42}),
        ("queue", {"measure": "drops", "at_most": "42ms"}),
        ("measured", {"what": "loss", "at_most": "20ms"}),
        ("measured", {"what": "delay", "at_most": "1%"}),
    ],
)
def test_a_wrong_unit_is_refused(name: str, given: dict[str, object]) -> None:
    with pytest.raises(pydantic.ValidationError, match="has the wrong unit"):
        BUILTIN[name].model_validate({"link": "h1-h2", "towards": "h2", **given})


@pytest.fixture
def crossed(run: CheckedRun) -> CheckedRun:
    """100 packets from h1 to h2, 20 ms on the way (every 2nd one 22 ms): 4 lost, 3 doubled, 2 late,
    1 damaged.
    """
    rows = [
        {
            "from_node": "h1",
            "to_node": "h2",
            "sent_ns": index * 50 * MS,
            "received_ns": index * 50 * MS + (20 + 2 * (index % 2)) * MS,
            "copies": 0 if index < 4 else (2 if index < 7 else 1),
            "late": index in (10, 11),
            "changed": index == 20,
            "frame_bytes": 1514,
        }
        for index in range(100)
    ]
    return run.fill("packets", []).fill("journeys", rows)


@pytest.mark.parametrize(
    ("what", "given", "result"),
    [
        ("loss", {"equals": "4%"}, "PASS"),
        ("loss", {"at_most": "3%"}, "FAIL"),
        ("duplicate", {"equals": "3.125%"}, "PASS"),
        ("late", {"equals": 0.02, "tolerance": "5%"}, "PASS"),
        ("corrupt", {"above": 0}, "PASS"),
        ("corrupt", {"equals": 0}, "FAIL"),
        ("delay", {"equals": "21ms", "tolerance": "5%"}, "PASS"),
        ("delay", {"at_most": "20.5ms"}, "FAIL"),
        ("jitter", {"equals": "1ms", "tolerance": "2%"}, "PASS"),
        ("loss", {"between": ["1s", "5s"], "equals": 0}, "PASS"),
    ],
)
def test_measured(crossed: CheckedRun, what: str, given: dict[str, object], result: str) -> None:
    verdict = crossed.ask("measured", link="h1-h2", towards="h2", what=what, **given)
    assert verdict.result == result, verdict


def test_what_the_full_queue_dropped_is_no_loss(crossed: CheckedRun) -> None:
    rows = [
        {"t_ns": t * S, "link": "h1-h2", "towards": "h2", "qdisc": "queue", "drops": 4 if t else 0}
        for t in (0, 5)
    ]
    crossed.fill("queues", rows)
    assert (
        crossed.ask("measured", link="h1-h2", towards="h2", what="loss", equals=0).result == "PASS"
    )


def test_reordering_is_what_netem_let_pass(crossed: CheckedRun) -> None:
    network = two_hosts()
    odd = dataclasses.replace(network.links[0], forward=dataclasses.replace(ONE_WAY, reorder=0.05))
    crossed.plan = dataclasses.replace(
        crossed.plan, network=dataclasses.replace(network, links=(odd,))
    )
    crossed.write()
    rows = [
        {
            "from_node": "h1",
            "to_node": "h2",
            "sent_ns": index * MS,
            "received_ns": index * MS + (20 * MS if index % 20 else 0),
            "copies": 1,
            "late": False,
            "changed": False,
        }
        for index in range(400)
    ]
    crossed.fill("journeys", rows)
    assert (
        crossed.ask(
            "measured", link="h1-h2", towards="h2", what="reorder", equals="5%", tolerance="5%"
        ).result
        == "PASS"
    )
    assert (
        crossed.ask("measured", link="h1-h2", towards="h2", what="reorder", at_most="1%").result
        == "FAIL"
    )


@pytest.mark.parametrize("spoil", ["nothing crossed", "dropped", "headers only", "not asked"])
def test_measured_without_both_ends_is_inconclusive(crossed: CheckedRun, spoil: str) -> None:
    towards, what = "h2", "corrupt"
    if spoil == "nothing crossed":
        towards = "h1"
    if spoil == "dropped":
        crossed.says(
            captures={
                "h1-eth0": {"captured": 90, "dropped": 10},
                "h2-eth0": {"captured": 90, "dropped": 0},
            }
        )
    if spoil == "headers only":
        crossed.plan = dataclasses.replace(crossed.plan, recorders=plan(snaplen=128).recorders)
        crossed.write()
    if spoil == "not asked":
        what = "reorder"
    assert (
        crossed.ask("measured", link="h1-h2", towards=towards, what=what, at_least=0).result
        == "INCONCLUSIVE"
    )
