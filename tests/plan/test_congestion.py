"""Congestion controls by name, and what DCTCP needs: a client that asks for ECN, a server that
agrees, a queue that marks.
"""

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.errors import SpecErrors
from tcpexp.plan.compile import compile_plan

SPEC = """\
name: x
topology: two_host
links:
  h1->h2: {{rate: 10mbit, delay: 1ms, queue: 50p, {queue}}}
  h2->h1: {{rate: 10mbit, delay: 1ms}}
hosts: {{{hosts}}}
duration: 9s
actions:
  - {{do: iperf3, id: flow, from: h1, to: h2, flow: f, congestion_control: {control}, {more}}}
  - {other}
"""
DEFAULT = "net.ipv4.tcp_congestion_control"
MARK = "{do: mark, at: 1s, text: x}"


@pytest.fixture
def plan_of(tmp_path):
    def compiled(control="dctcp", queue="mark_at: 10p", hosts="", direction="forward", other=MARK):
        path = tmp_path / "x.yaml"
        path.write_text(
            SPEC.format(
                control=control,
                queue=queue,
                hosts=hosts,
                more=f"direction: {direction}",
                other=other,
            )
        )
        catalogue = load_catalogue()
        return compile_plan(load_spec(path, catalogue), catalogue)

    return compiled


def test_the_client_of_a_dctcp_flow_asks_for_ecn(plan_of):
    plan = plan_of()
    assert plan.network.node("h1").sysctls["net.ipv4.tcp_ecn"] == "1"
    assert "net.ipv4.tcp_ecn" not in plan.network.node("h2").sysctls
    assert "dctcp" in plan.needs.congestion_controls


def test_others_are_left_as_they_are(plan_of):
    assert "net.ipv4.tcp_ecn" not in plan_of(control="cubic").network.node("h1").sysctls


def test_what_the_spec_says_itself_is_kept(plan_of):
    plan = plan_of(
        hosts="h1: {sysctls: {net.ipv4.tcp_ecn: 1}}, h2: {sysctls: {net.ipv4.tcp_ecn: 1}}"
    )
    assert [plan.network.node(name).sysctls["net.ipv4.tcp_ecn"] for name in ("h1", "h2")] == [
        "1",
        "1",
    ]


@pytest.mark.parametrize(
    "queue",
    ["mark_at: 10p", "discipline: fq_codel, ecn: true", "discipline: red, ecn: true", "ecn: false"],
)
def test_queues_that_mark_or_are_meant_not_to(plan_of, queue):
    assert plan_of(queue=queue).flows[0].congestion_control == "dctcp"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"queue": "discipline: pfifo"},
            (
                r"x\.yaml:9:\d+: no queue from h1 to h2 marks packets, and without marks dctcp is"
                r" Reno \(add mark_at: 20p"
            ),
        ),
        ({"direction": "reverse"}, "no queue from h2 to h1 marks packets"),
        (
            {"hosts": "h1: {sysctls: {net.ipv4.tcp_ecn: 2}}"},
            "with tcp_ecn = 2, h1 does not ask for ECN",
        ),
        ({"hosts": "h2: {sysctls: {net.ipv4.tcp_ecn: 0}}"}, "with tcp_ecn = 0, h2 refuses ECN"),
        (
            {
                "control": "cubic",
                "queue": "",
                "other": "{do: congestion_control, at: 2s, flow: f, algorithm: dctcp}",
            },
            r"x\.yaml:10:\d+: no queue from h1",
        ),
        (
            {
                "other": "{do: iperf3, from: h1, to: h2, flow: g}",
                "hosts": f"h1: {{sysctls: {{{DEFAULT}: dctcp}}}}",
            },
            "h2 does not, which then refuses",
        ),
        (
            {"control": "dtcp"},
            "unknown congestion control 'dtcp'.*did you mean 'dctcp'.*the kernel has bbr, bic, cdg",
        ),
        ({"control": "zzz"}, "unknown congestion control 'zzz' .the kernel has bbr"),
        (
            {"other": "{do: congestion_control, at: 2s, flow: f, algorithm: vega}"},
            "did you mean 'vegas'",
        ),
        (
            {"other": f"{{do: sysctl, at: 2s, host: h1, key: {DEFAULT}, value: cubik}}"},
            r"x\.yaml:10:\d+: unknown congestion control 'cubik'",
        ),
        (
            {"hosts": "h2: {sysctls: {net.ipv4.tcp_congestion_control: hstcp}}"},
            r"x\.yaml:6:\d+: unknown congestion control 'hstcp'",
        ),
    ],
)
def test_mistakes(plan_of, arguments, message):
    with pytest.raises(SpecErrors, match=message):
        plan_of(**arguments)


def test_hosts_that_both_use_dctcp_by_default_need_nothing_else(plan_of):
    dctcp = "{sysctls: {net.ipv4.tcp_congestion_control: dctcp}}"
    plan = plan_of(
        control="cubic",
        hosts=f"h1: {dctcp}, h2: {dctcp}",
        other="{do: iperf3, from: h1, to: h2, flow: g}",
    )
    assert "dctcp" in plan.needs.congestion_controls
