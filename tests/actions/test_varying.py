"""``link_steps`` and ``link_trace``: what they compile to, and what they refuse."""

import pytest

from tcpexp.errors import SpecErrors
from tcpexp.plan.types import LinkChange, LinkRates

S, MS = 1_000_000_000, 1_000_000
HEAD = """\
name: probe
topology: two_host
links: {h1-h2: {rate: 5mbit, delay: 10ms, queue: 40p}}
duration: 60s
"""


def steps(plan):
    return [
        (step.at_ns / S, step.do.direction.rate_bps, step.do.direction.delay_ns // MS)
        for step in plan.steps
        if isinstance(step.do, LinkChange)
    ]


def test_each_step_holds_until_the_next_and_all_is_put_back(compile_actions):
    plan = compile_actions(
        "{at: 10s, do: link_steps, link: h1-h2, towards: h2, steps: [{after: 0s, rate: 2mbit},"
        " {after: 5s, delay: 40ms}, {after: 8s, rate: 8mbit}], until: 20s}",
        head=HEAD,
    )
    assert steps(plan) == [
        (10, 2_000_000, 10),
        (15, 2_000_000, 40),
        (18, 8_000_000, 40),
        (20, 5_000_000, 10),
    ]
    assert all(step.do.direction.queue.limit_packets == 40 for step in plan.steps)
    assert all(step.do.towards == "h2" for step in plan.steps)


def test_steps_in_rounds(compile_actions):
    action = (
        "{do: link_steps, link: h1-h2, towards: h2, steps: [{after: 0s, rate: 1mbit}, {after: 1s,"
        " rate: 9mbit}], every: 2s, until: 5s}"
    )
    plan = compile_actions(action, head=HEAD)
    assert steps(plan) == [
        (0, 1e6, 10),
        (1, 9e6, 10),
        (2, 1e6, 10),
        (3, 9e6, 10),
        (4, 1e6, 10),
        (5, 5e6, 10),
    ]


def test_a_trace_of_rates(compile_actions, tmp_path):
    (tmp_path / "train.csv").write_text("0,5mbit\n2,0\n3,1mbit\n100,9mbit\n")
    plan = compile_actions(
        "{at: 10s, do: link_trace, link: h1-h2, file: train.csv, until: 30s}", head=HEAD
    )
    assert [step.do for step in plan.steps] == [
        LinkRates(
            "h1-h2", towards, (0, 2 * S, 3 * S), (5_000_000, 0, 1_000_000), "rates of train.csv"
        )
        for towards in ("h2", "h1")
    ]
    assert (
        plan.steps[0].label
        == "h1-h2 towards h2: rate follows train.csv, 0bit to 5mbit, mean 1.35mbit"
    )
    assert (plan.steps[0].at_ns, plan.steps[0].until_ns) == (10 * S, 30 * S)


def test_a_trace_of_opportunities_counts_full_frames_of_the_links_mtu(compile_actions, tmp_path):
    (tmp_path / "lte.trace").write_text("".join(f"{ms}\n" for ms in range(1, 1001)))
    plan = compile_actions(
        "{do: link_trace, link: h1-h2, towards: h2, file: lte.trace, window: 50ms}",
        head=HEAD + "hosts: {h1: {mtu: 1000B}}\n",
    )
    assert plan.steps[0].do.rates_bps == (1014 * 8 * 1000,)
    assert "windows of 50ms: at most 0.0 packets" in plan.steps[0].do.source


def test_delay_may_change_while_a_trace_sets_the_rate(compile_actions, tmp_path):
    (tmp_path / "x.csv").write_text("0,5mbit\n2,1mbit\n")
    plan = compile_actions(
        "{do: link_trace, link: h1-h2, file: x.csv}",
        "{at: 5s, do: netem, link: h1-h2, delay: 80ms}",
        head=HEAD,
    )
    assert len(plan.steps) == 4


@pytest.mark.parametrize(
    ("actions", "words"),
    [
        (
            ["{do: link_trace, link: h1-h2, file: no.csv}"],
            "probe.yaml:6:41: there is no file 'no.csv' beside the spec",
        ),
        (["{do: link_trace, link: h1-h2, file: bad.csv}"], "bad.csv:2:1: the rate '5' has no unit"),
        (["{do: link_trace, link: h1-h2, file: bad.trace}"], "bad.trace:1:1: 'x' is not a time"),
        (["{do: link_trace, link: h1-h2, file: x.csv, towards: h3}"], "does not lead to 'h3'"),
        (
            ["{do: link_trace, link: h1-h2, file: x.csv, window: 5ms}"],
            "whole milliseconds, at least 10ms",
        ),
        (
            ["{do: link_trace, link: h1-h2, file: slow.csv}"],
            "'slow.csv' has a rate of 1kbit (write 0, or 8kbit or more)",
        ),
        (
            [
                "{do: link_trace, link: h1-h2, file: x.csv}",
                "{at: 5s, do: link, link: h1-h2, rate: 1mbit}",
            ],
            "probe.yaml:7:43: a trace sets the rate",
        ),
        (
            [
                "{do: link_trace, link: h1-h2, file: x.csv}",
                "{at: 5s, do: link_trace, link: h1-h2, file: x.csv}",
            ],
            "another trace is at work",
        ),
        (["{do: link_steps, link: h1-h2, steps: []}"], "probe.yaml:6:42: this is empty"),
        (
            ["{do: link_steps, link: h1-h2, steps: [{after: 1s, rate: 1mbit}]}"],
            "write after: 0s first",
        ),
        (
            [
                "{do: link_steps, link: h1-h2, steps: [{after: 0s, rate: 1mbit}, {after: 0s, rate:"
                " 2mbit}]}"
            ],
            "not in the order of their times",
        ),
        (["{do: link_steps, link: h1-h2, steps: [{after: 0s}]}"], "a step changes nothing"),
        (
            ["{do: link_steps, link: h1-h2, steps: [{after: 0s, rat: 1mbit}]}"],
            "did you mean 'rate'?",
        ),
        (
            [
                "{do: link_steps, link: h1-h2, steps: [{after: 0s, rate: 1mbit}, {after: 3s, rate:"
                " 2mbit}], every: 3s}"
            ],
            "begins again before the last step",
        ),
        (
            ["{do: link_steps, link: h1-h2, steps: [{after: 0s, rate: 1mbit}], every: 10ms}"],
            "write a file and use do: link_trace",
        ),
        (
            ["{do: link_steps, link: h1-h2, steps: [{after: 0s, discipline: codel}]}"],
            "discipline cannot change",
        ),
    ],
)
def test_what_is_refused(compile_actions, tmp_path, actions, words):
    for name, text in (
        ("x.csv", "0,5mbit\n"),
        ("bad.csv", "0,5mbit\n1,5\n"),
        ("slow.csv", "0,1kbit\n"),
        ("bad.trace", "x\n"),
    ):
        (tmp_path / name).write_text(text)
    with pytest.raises(SpecErrors) as caught:
        compile_actions(*actions, head=HEAD)
    assert words in str(caught.value)


def test_a_trace_needs_a_bottleneck(compile_actions, tmp_path):
    (tmp_path / "x.csv").write_text("0,5mbit\n")
    with pytest.raises(SpecErrors, match="has no bottleneck"):
        compile_actions("{do: link_trace, link: h1-h2, file: x.csv}")


def test_iperf3_pairs_starts_a_flow_for_each_pair(compile_actions):
    head = "name: probe\ntopology: {name: dumbbell, params: {pairs: 12}}\nduration: 60s\n"
    plan = compile_actions(
        "{at: 1s, do: iperf3_pairs, from: a, to: b, flow: g, distance: 100ms, congestion_control:"
        " reno, until: 50s}",
        head=head,
    )
    assert [(flow.name, flow.client, flow.server) for flow in plan.flows] == [
        (f"g{n}", f"a{n}", f"b{n}") for n in range(1, 13)
    ]
    assert [flow.start_ns for flow in plan.flows] == [S + n * 100 * MS for n in range(12)]
    assert len({flow.port for flow in plan.flows}) == 12
    one = compile_actions(
        "{do: iperf3_pairs, from: s, to: c1}", head="name: probe\ntopology: star\nduration: 9s\n"
    )
    assert {flow.server for flow in one.flows} == {"c1"}


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("{do: iperf3_pairs, from: x, to: b}", "no hosts x1, x2"),
        ("{do: iperf3_pairs, from: a, to: c}", "no host 'c1'"),
        ("{do: iperf3_pairs, from: a, to: b, distance: 40s}", "a2 would start"),
    ],
)
def test_iperf3_pairs_that_make_no_sense(compile_actions, action, words):
    with pytest.raises(SpecErrors) as caught:
        compile_actions(action, head="name: probe\ntopology: dumbbell\nduration: 30s\n")
    assert words.replace("a2", "f2") in str(caught.value)


STAR = "name: probe\ntopology: {name: star, params: {servers: 3}}\nduration: 9s\n"


def test_incast_starts_a_server_on_each_and_one_client(compile_actions):
    plan = compile_actions(
        "{at: 1s, do: incast, to: c1, from: s, block: 32kB, rto_min: 10ms, congestion_control:"
        " reno, until: 5s}",
        head=STAR,
    )
    assert [(flow.name, flow.client, flow.sender, flow.port) for flow in plan.flows] == [
        (f"s{n}", "c1", f"s{n}", 5201) for n in (1, 2, 3)
    ]
    (client,) = plan.steps
    assert client.do.argv[5:] == (
        "--from",
        "10.0.0.1:5201",
        "--from",
        "10.0.1.1:5201",
        "--from",
        "10.0.2.1:5201",
        "--block",
        "32000",
        "--seconds",
        "4",
    )
    routes = [step.do for step in plan.setup if "route" in step.id]
    assert len(routes) == 3
    assert (
        routes[0].argv[2].startswith("ip -4 route replace 10.0.3.2 via 10.0.0.2 rto_min 10ms && ")
    )
    assert all(route.expect_status == 0 and not route.background for route in routes)


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("{do: incast, to: c1, from: x, block: 1kB}", "no hosts x1, x2"),
        ("{do: incast, to: c2, from: s, block: 1kB}", "no host 'c2'"),
        ("{do: incast, to: c1, from: s, block: 0B}", "block"),
        ("{do: incast, to: c1, from: s, block: 1kB, rto_min: 1us}", "rto_min"),
    ],
)
def test_incast_that_makes_no_sense(compile_actions, action, words):
    with pytest.raises(SpecErrors) as caught:
        compile_actions(action, head=STAR)
    assert words.replace("block", "1").replace("rto_min", "1") in str(caught.value)
