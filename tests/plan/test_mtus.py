"""MTUs of links: both ends get them, ends that differ are refused or noted, they change in the
middle, and queues fit a frame.
"""

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.errors import SpecErrors
from tcpexp.plan.compile import compile_plan
from tcpexp.plan.explain import explain_plan
from tcpexp.plan.links import direction_plan
from tcpexp.plan.queues import ParameterError
from tcpexp.plan.types import LinkChange, LinkMtu, RunPlan, from_json, to_json
from tcpexp.spec.links import LinkParameters

ROUTER = "two_hosts_router"


class Specs:
    """Compiles specs of 20 s with all built-in actions."""

    def __init__(self, folder):
        self.folder = folder

    def write(self, text, name):
        (self.folder / name).write_text(text)

    def plan(self, text="", topology="two_host"):
        self.write(f"name: one\ntopology: {topology}\nduration: 20s\n{text}\n", "spec.yaml")
        catalogue = load_catalogue(entry_points=False)
        return compile_plan(load_spec(self.folder / "spec.yaml", catalogue), catalogue)

    def refused(self, text="", topology="two_host"):
        with pytest.raises(SpecErrors) as caught:
            self.plan(text, topology)
        return [str(mistake) for mistake in caught.value.errors]


@pytest.fixture
def bench(tmp_path):
    return Specs(tmp_path)


def mtus(plan):
    return {
        interface.name: interface.mtu
        for node in plan.network.nodes
        for interface in node.interfaces
    }


def test_a_links_mtu_holds_at_both_its_ends_and_nowhere_else(bench):
    plan = bench.plan("links: {h1-r1: {mtu: 1300B}}", topology=ROUTER)
    assert mtus(plan) == {"h1-eth0": 1300, "r1-eth0": 1300, "r1-eth1": 1500, "h2-eth0": 1500}
    assert "MTU 1300" in explain_plan(plan) and plan.notes == ()


def test_a_links_mtu_goes_over_the_hosts(bench):
    plan = bench.plan(
        "hosts: {h1: {mtu: 9000B}, r1: {mtu: 9000B}, h2: {mtu: 9000B}}\nlinks: {r1-h2: {mtu: 1400B,"
        " rate: 10mbit, queue: 20p}}",
        topology=ROUTER,
    )
    assert mtus(plan) == {"h1-eth0": 9000, "r1-eth0": 9000, "r1-eth1": 1400, "h2-eth0": 1400}
    assert (
        plan.network.link("h1-r1").largest_mtu == 9000
        and plan.network.link("r1-h2").largest_mtu == 1400
    )


def test_a_links_queue_in_bdps_counts_its_own_full_frames(bench):
    plan = bench.plan("links: {h1-h2: {mtu: 9000B, rate: 100mbit, delay: 20ms, queue: 1bdp}}")
    assert plan.network.links[0].forward.queue.limit_packets == round(100e6 * 0.04 / 8 / 9014)


@pytest.mark.parametrize(
    "hosts",
    [
        "{h1: {mtu: 9000B}, h2: {mtu: 9000B}, r1: {mtu: 1500B}}",
        "{h1: {mtu: 9000B}, h2: {mtu: 9000B}}",
        "{r1: {mtu: 1300B}}",
        "{h2: {mtu: 1300B}}",
    ],
)
def test_ends_that_differ_at_a_router_are_refused_where_the_spec_says_so(bench, hosts):
    error, *_ = bench.refused(f"hosts: {hosts}", topology=ROUTER)
    assert (
        "differ in MTU" in error
        and "spec.yaml:" in error
        and "mtu: 1" in error
        and "sets both ends" in error
    )


def test_each_link_that_differs_is_named_at_once(bench):
    errors = bench.refused("hosts: {h1: {mtu: 9000B}, h2: {mtu: 9000B}}", topology=ROUTER)
    assert len(errors) == 2 and "h1-r1" in errors[0] and "r1-h2" in errors[1]


def test_between_hosts_ends_may_differ_and_a_note_says_what_happens(bench):
    (note,) = bench.plan("hosts: {h1: {mtu: 1400B}}").notes
    assert "h1 1400 bytes, h2 1500 bytes" in note and "h2 sends vanishes at h1" in note


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("links: {h1->h2: {mtu: 1300B}}", "an MTU belongs to both ends"),
        ("links: {h1-h2: {mtu: 100B}}", "an MTU of 100 bytes is out of range"),
        (
            "actions: [{at: 1s, do: link, link: h1-h2, towards: h2, mtu: 1300B}]",
            "an MTU belongs to both ends",
        ),
        (
            "actions: [{at: 1s, do: netem, link: h1-h2, mtu: 1300B}]",
            "'mtu' is not a parameter of netem",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(bench, text, words):
    assert words in "\n".join(bench.refused(text))


def test_a_topology_may_have_mtus(bench):
    bench.write(
        "nodes: {h1: host, r1: router, h2: host}\ndefaults: {delay: 1ms}\nlinks: [[h1, r1, {mtu:"
        " 1400B}], [r1, h2]]",
        "narrow.yaml",
    )
    assert mtus(bench.plan(topology="narrow")) == {
        "h1-eth0": 1400,
        "r1-eth0": 1400,
        "r1-eth1": 1500,
        "h2-eth0": 1500,
    }
    bench.write(
        "nodes: {h1: host, h2: host}\nlinks: [[h1, h2, {forward: {mtu: 1400B}}]]", "odd.yaml"
    )
    assert "different MTUs" in "\n".join(bench.refused(topology="odd"))


def changes(plan):
    return [
        (step.at_ns // 10**9, step.do.a_mtu, step.do.b_mtu)
        for step in plan.steps
        if isinstance(step.do, LinkMtu)
    ]


def test_an_mtu_changes_in_the_middle_and_comes_back(bench):
    plan = bench.plan("actions: [{at: 5s, do: link, link: h1-h2, mtu: 1300B, until: 8s}]")
    assert changes(plan) == [(5, 1300, 1300), (8, 1500, 1500)]
    assert (
        not any(isinstance(step.do, LinkChange) for step in plan.steps)
        and not plan.network.links[0].wire
    )
    assert from_json(to_json(plan), RunPlan) == plan


def test_changes_of_an_mtu_overlap_and_each_ends_by_itself(bench):
    text = (
        "actions: [{at: 2s, do: link, link: h1-h2, mtu: 1300B, until: 8s}, {at: 4s, do: link, link:"
        " h1-h2, mtu: 9000B, delay: 5ms, until: 12s}]"
    )
    plan = bench.plan(text)
    assert changes(plan) == [(2, 1300, 1300), (4, 9000, 9000), (8, 9000, 9000), (12, 1500, 1500)]
    assert plan.network.links[0].largest_mtu == 9000 and plan.network.links[0].wire_netem
    assert len({step.id for step in plan.steps}) == len(plan.steps)


def test_steps_of_a_link_may_change_its_mtu(bench):
    text = (
        "actions: [{at: 2s, do: link_steps, link: h1-h2, steps: [{after: 0s, mtu: 1300B}, {after:"
        " 2s, mtu: 1000B}], until: 8s}]"
    )
    assert changes(bench.plan(text)) == [(2, 1300, 1300), (4, 1000, 1000), (8, 1500, 1500)]


def test_over_ipv6_no_link_goes_below_its_least_mtu(bench):
    for text in (
        "links: {h1-h2: {mtu: 1200B}}",
        "actions: [{at: 1s, do: link, link: h1-h2, mtu: 1200B}]",
        "hosts: {h1: {mtu: 1200B}}",
    ):
        assert "IPv6 needs an MTU of 1280 bytes or more" in "\n".join(
            bench.refused(text, topology="{name: two_host, ip: 6}")
        )


def test_a_queue_in_bytes_below_one_frame_is_refused():
    def refused(mtu=1500, **parameters):
        with pytest.raises(ParameterError) as caught:
            direction_plan(LinkParameters.model_validate(parameters), base_rtt_ns=10**7, mtu=mtu)
        return str(caught.value)

    assert "never holds a full frame, which has 1514" in refused(rate="10mbit", queue="1000B")
    assert "which has 9014" in refused(9000, rate="10mbit", queue="5kB", discipline="red")
    assert (
        direction_plan(
            LinkParameters.model_validate({"rate": "10mbit", "queue": "1000B"}),
            base_rtt_ns=10**7,
            mtu=900,
        ).queue.limit_bytes
        == 1000
    )


def test_a_queue_in_time_or_bdps_below_one_frame_is_said(bench):
    forward, backward = bench.plan("links: {h1-h2: {rate: 1mbit, delay: 1ms, queue: 1bdp}}").notes
    assert (
        forward
        == "h1-h2 towards h2: queue 1bdp is 250 bytes, less than a full frame of 1514: it holds one"
        " frame instead"
    )
    assert backward.startswith("h1-h2 towards h1")
    assert bench.plan("links: {h1-h2: {rate: 1mbit, delay: 50ms, queue: 1bdp}}").notes == ()
