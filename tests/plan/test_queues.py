"""Disciplines, classes and policers in a plan."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.errors import SpecErrors
from tcpexp.plan.compile import compile_plan
from tcpexp.plan.links import direction_plan
from tcpexp.plan.queues import ParameterError
from tcpexp.plan.types import DirectionPlan, PolicerPlan, RunPlan, from_json, to_json
from tcpexp.spec.links import LinkParameters

CLASSES = {
    "web": {"rate": "3mbit", "ceil": "5mbit", "match": {"port": 80}},
    "rest": {"rate": "1mbit"},
}


def direction(**more: Any) -> DirectionPlan:
    parameters = LinkParameters.model_validate({"rate": "10mbit", "queue": "100p", **more})
    return direction_plan(parameters, base_rtt_ns=40_000_000, mtu=1500)


def settings(**more: Any) -> dict[str, float]:
    queue = direction(**more).queue
    assert queue is not None
    return {one.name: one.value for one in queue.settings}


def test_a_plan_names_every_setting() -> None:
    assert settings(discipline="pie") == {
        "target": 15e6,
        "tupdate": 16e6,
        "alpha": 2,
        "beta": 20,
        "bytemode": 0,
        "dq_rate_estimator": 0,
    }
    assert settings(discipline={"name": "fq", "maxrate": "1mbit"})["maxrate"] == 1e6
    assert "maxrate" not in settings(discipline="fq")
    assert settings(discipline="fq")["quantum"] == 2 * 1514


def test_what_follows_from_the_queue() -> None:
    assert settings(discipline="choke") == {"min": 8, "max": 25, "probability": 0.02}
    # the kernel lets no more flows be in use than the queue has places
    assert settings(discipline="sfq")["flows"] == 100


@pytest.mark.parametrize(
    ("more", "key", "words"),
    [
        ({"discipline": {"name": "choke", "min": 30, "max": 25}}, "discipline", "min is below"),
        ({"discipline": {"name": "sfq", "divisor": 1000}}, "discipline", "power of two"),
        ({"discipline": "sfq", "queue": "1p"}, "queue", "sfq holds 2 to"),
        ({"discipline": {"name": "sfq", "depth": 1, "flows": 10}}, "queue", "asked 100"),
        ({"discipline": "sfq", "ecn": True}, "ecn", "does not mark"),
        ({"discipline": "dualpi2", "ecn": False}, "ecn", "cannot be told not to"),
        (
            {"discipline": {"name": "htb", "classes": {"rest": {"rate": "11mbit"}}}},
            "discipline",
            "sum to 11mbit",
        ),
        ({"policer": {"rate": "1mbit", "burst": "1000B"}}, "policer", "no full frame"),
        ({"discipline": "pie", "queue": "64kB"}, "queue", "counts packets"),
    ],
)
def test_what_does_not_fit(more: dict[str, Any], key: str, words: str) -> None:
    with pytest.raises(ParameterError) as caught:
        direction(**more)
    assert caught.value.key == key
    assert words in f"{caught.value.message} {caught.value.hint}"


def test_classes_share_what_they_borrow_in_proportion_to_their_rates() -> None:
    queue = direction(discipline={"name": "htb", "classes": CLASSES}).queue
    assert queue is not None
    web, rest = queue.classes
    assert (web.quantum, rest.quantum) == (3 * 1514, 1514)
    assert (web.ceil_bps, rest.ceil_bps) == (5_000_000, None)
    assert web.limit_packets == rest.limit_packets == 100


def test_a_plan_with_classes_and_a_policer_travels() -> None:
    asked = direction(
        discipline={"name": "htb", "classes": CLASSES}, policer={"rate": "5mbit", "burst": "30kB"}
    )
    assert asked.policer == PolicerPlan(5_000_000, 30_000)
    assert from_json(to_json(asked), DirectionPlan) == asked
    assert to_json(from_json(to_json(asked), DirectionPlan)) == to_json(asked)


SPEC = """
name: x
topology: two_host
links:
  h1->h2: {rate: 10mbit, discipline: {name: htb, classes: {own: {rate: 3mbit, match: MATCH},
    rest: {rate: 1mbit}}}}
duration: 5s
actions:
  - {at: 0s, do: iperf3, from: h1, to: h2, flow: up, until: 5s}
"""


def plan_of(text: str) -> RunPlan:
    catalogue = load_catalogue(entry_points=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.yaml"
        path.write_text(text)
        return compile_plan(load_spec(path, catalogue), catalogue)


def filters(match: str) -> list[dict[str, Any]]:
    queue = plan_of(SPEC.replace("MATCH", match)).network.links[0].forward.queue
    assert queue is not None
    return [
        {name: value for name, value in vars(one).items() if value is not None}
        for one in queue.classes[0].filters
    ]


def test_names_become_addresses_and_ports() -> None:
    assert filters("{flow: up}") == [
        {"source": "10.0.0.1", "target": "10.0.0.2", "target_port": 5201, "protocol": "tcp"},
        {"source": "10.0.0.2", "target": "10.0.0.1", "source_port": 5201, "protocol": "tcp"},
    ]
    assert filters("{from: h1, dscp: 46}") == [{"source": "10.0.0.1", "dscp": 46}]
    assert filters("[{port: 80}, {protocol: udp}]") == [
        {"source_port": 80, "protocol": "tcp"},
        {"target_port": 80, "protocol": "tcp"},
        {"protocol": "udp"},
    ]


@pytest.mark.parametrize(("match", "words"), [("{flow: un}", "'un'"), ("{from: h3}", "'h3'")])
def test_names_that_there_are_not(match: str, words: str) -> None:
    with pytest.raises(SpecErrors, match=words):
        filters(match)


def test_a_host_with_fq_needs_it() -> None:
    plan = plan_of(SPEC.replace("MATCH", "{port: 80}") + "hosts: {h1: {discipline: fq}}\n")
    assert plan.network.node("h1").interfaces[0].queue is not None
    assert plan.network.node("h2").interfaces[0].queue is None
    assert {"fq", "htb", "tbf"} <= set(plan.needs.qdiscs)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("policer: {rate: 1mbit, burst: 3kB}", "a policer cannot change"),
        ("discipline: {name: htb, classes: {rest: {rate: 1mbit}}}", "classes cannot come or go"),
    ],
)
def test_what_cannot_change_in_a_run(change: str, words: str) -> None:
    text = SPEC.replace("MATCH", "{port: 80}")
    text += f"  - {{at: 1s, do: link, link: h1-h2, towards: h2, {change}}}\n"
    with pytest.raises(SpecErrors, match=words):
        plan_of(text)
