"""A whole spec to a plan: pure, complete, and every mistake at its place."""

import pytest

from tcpexp.catalogue import catalogue_for
from tcpexp.plan.explain import explain_plan
from tcpexp.plan.types import RunPlan, from_json, to_json

FLOWS = """
links: {h1-h2: {rate: 10mbit, delay: 20ms, queue: 1bdp}}
actions:
  - {do: flow, from: h1, to: h2, name: one, until: 30s}
  - {do: flow, at: 5s, from: h2, to: h1, name: two, id: back}
  - {do: stop, at: 9s, action: back}
expect:
  - named: {host: h1, flow: one, link: h1-h2, action: back, between: [0s, 30s]}
  - named: [{host: h2}, {flow: two}]
"""


def test_the_same_spec_gives_the_same_plan_byte_for_byte(bench):
    assert to_json(bench.plan(FLOWS)) == to_json(bench.plan(FLOWS))


def test_a_plan_survives_json(bench):
    plan = bench.plan(FLOWS)
    assert from_json(to_json(plan), RunPlan) == plan


def test_steps_flows_and_ports(bench):
    plan = bench.plan(FLOWS)
    assert [step.id for step in plan.setup] == ["a00.server", "back.server"]
    assert [(step.id, step.at_ns // 10**9, step.action) for step in plan.steps] == [
        ("a00", 0, 0),
        ("back", 5, 1),
        ("a02", 9, 2),
    ]
    assert [(flow.name, flow.port, flow.step) for flow in plan.flows] == [
        ("one", 5201, "a00"),
        ("two", 5202, "back"),
    ]
    assert plan.steps[2].do.step == "back"


def test_checks_keep_the_words_of_the_spec(bench):
    plan = bench.plan(FLOWS)
    assert plan.expect[0] == {
        "named": {
            "host": "h1",
            "flow": "one",
            "link": "h1-h2",
            "action": "back",
            "between": ["0s", "30s"],
        }
    }
    assert plan.expect[1:] == ({"named": {"host": "h2"}}, {"named": {"flow": "two"}})


def test_needs(bench):
    needs = bench.plan(FLOWS).needs
    assert needs.tools == ("ip", "iperf3", "ss", "tc", "tcpdump")
    assert needs.qdiscs == ("clsact", "netem", "pfifo", "tbf")
    assert needs.congestion_controls == ("bbr",)


def test_a_plain_network_needs_no_qdisc(bench):
    needs = bench.plan().needs
    assert needs.qdiscs == () and "tc" not in needs.tools


def test_limits_leave_room(bench):
    plan = bench.plan()
    assert plan.virtual_limit_s == 150.0 and plan.wall_limit_s >= 1800


def test_the_seed_can_be_given(bench):
    assert bench.plan("seed: 5").seed == 5
    assert bench.plan("seed: 5", seed=9).seed == 9


def test_plugins_travel_in_the_plan(bench):
    plan = bench.plan(FLOWS)
    assert plan.plugins == ("plug.py",)
    (bench.folder / "plug.py").unlink()
    assert "flow" in catalogue_for(from_json(to_json(plan), RunPlan)).actions


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "{do: flow, from: h3, to: h2, name: x}",
            "6:22: there is no host 'h3' in this network (known: h1, h2)",
        ),
        (
            "{do: flow, from: h1, to: h9, name: x}",
            "6:30: there is no host 'h9' in this network (known: h1, h2)",
        ),
        (
            "{do: flow, at: 40s, from: h1, to: h2, name: x}",
            "6:20: at: 40s is after the end of the experiment, 30s",
        ),
        (
            "{do: flow, from: h1, to: h2, name: x, until: 31s}",
            "6:50: until: 31s is after the end of the experiment, 30s",
        ),
        (
            "{do: flow, at: 5s, until: 4s, from: h1, to: h2, name: x}",
            "until: 4s is not after at: 5s",
        ),
        ("{do: stop, action: nobody}", "6:24: no action above this one is called 'nobody'"),
        (
            "{do: change, link: h1-h3, set: {delay: 1ms}}",
            "6:24: there is no link 'h1-h3' in this network",
        ),
        (
            "{do: flow, from: h1, to: h2, name: x, id: a07}",
            "6:47: ids like 'a07' are kept for actions without one",
        ),
        ("{do: stop, action: x, every: 0s}", "an action cannot repeat every 0s"),
    ],
)
def test_mistakes_carry_their_place(bench, line, expected):
    (error,) = bench.errors(f"actions:\n  - {line}\n")
    assert expected in error


def test_all_failing_actions_are_reported(bench):
    errors = bench.errors("actions:\n  - {do: stop, action: x}\n  - {do: stop, action: y}\n")
    assert [error.split(":")[0] for error in errors] == ["6", "7"]


def test_an_id_or_a_flow_taken_twice(bench):
    lines = "actions:\n" + "  - {do: flow, from: h1, to: h2, name: x, id: one}\n" * 2
    assert "7:47: the id 'one' is taken by actions[0]" in bench.errors(lines)[0]
    lines = "actions:\n" + "  - {do: flow, from: h1, to: h2, name: x}\n" * 2
    assert "the flow 'x' exists already" in bench.errors(lines)[0]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("{host: h3}", "6:19: there is no host 'h3' in this experiment (known: h1, h2)"),
        (
            "{flow: x}",
            "there is no flow 'x' in this experiment (the experiment has no flow with a name)",
        ),
        ("{link: h2-h3}", "there is no link 'h2-h3' in this experiment"),
        ("{action: x}", "there is no action 'x' in this experiment"),
        (
            "{between: [5s, 40s]}",
            "6:27: 40s is after the end of the experiment (the experiment lasts 30s)",
        ),
        ("{between: [5s, 5s]}", "between: ends before it begins"),
    ],
)
def test_checks_name_only_what_is_there(bench, entry, expected):
    (error,) = bench.errors(f"expect:\n  - named: {entry}\n")
    assert expected in error


def test_files_with_one_name_differ(bench):
    from tcpexp.catalogue.reading import load_spec
    from tcpexp.errors import SpecError
    from tcpexp.plan.context import PlanContext, PlanDraft

    plan = bench.plan()
    spec = load_spec(bench.folder / "spec.yaml", bench.catalogue())
    context = PlanContext(
        PlanDraft(plan.network, plan.duration_ns, bench.folder), spec, 0, "a00", ("actions", 0)
    )
    assert context.file("x.txt", "one") == "{dir}/x.txt" == context.file("x.txt", "one")
    for path, content in (("x.txt", "two"), ("../x", "one"), ("/x", "one")):
        with pytest.raises(SpecError):
            context.file(path, content)
    with pytest.raises(SpecError, match=r"no file 'gone.py' beside the spec"):
        context.read_beside("gone.py")
    assert context.substitute("{h2}:{dir}/{x} {h1}") == "10.0.0.2:{dir}/{x} 10.0.0.1"
    assert (
        context.substitute("http://{h1-h2.99}/ {h2-h1.254} {h1-h2} {h1.99}")
        == "http://10.0.0.99/ 10.0.0.254 {h1-h2} {h1.99}"
    )
    for wrong in ("{h1-h9.99}", "{h1-h2.255}", "{h1-h2.0}"):
        with pytest.raises(SpecError):
            context.substitute(wrong)
    context.reserve_port(5201)
    assert [context.port(), context.port()] == [5202, 5203]


def test_explained_in_words(bench):
    text = explain_plan(bench.plan(FLOWS))
    for line in (
        "[h1]==== 10mbit, queue 33 packets, delay 20ms ====[h2]",
        "base RTT 40ms",
        "h1 (host)  h1-eth0 10.0.0.1/24",
        "0s   client, until 30s  [a00]",
        "30s  end",
        "qdisc      every 100ms",
        "congestion controls: bbr",
    ):
        assert line in text


def test_each_direction_is_drawn_when_they_differ(bench):
    text = explain_plan(bench.plan("links: {h1->h2: {rate: 5mbit}}"))
    assert "[h1]---- 5mbit, queue 10 packets --->[h2]" in text
    assert "<--- no limits               ----" in text
