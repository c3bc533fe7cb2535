"""The drawing of the network."""

from xml.etree import ElementTree

from tcpexp.plan.types import (
    DirectionPlan,
    InterfacePlan,
    LinkEnd,
    LinkPlan,
    LossPlan,
    NetworkPlan,
    NodePlan,
    QueuePlan,
)
from tcpexp.report.page.network import direction_words, network_svg, place_nodes
from tests.support.fake_run import network

PLAIN = DirectionPlan()


def wire(
    a: str, b: str, forward: DirectionPlan = PLAIN, backward: DirectionPlan = PLAIN
) -> LinkPlan:
    return LinkPlan(
        f"{a}-{b}",
        LinkEnd(a, f"{a}-eth0"),
        LinkEnd(b, f"{b}-eth0"),
        forward,
        backward,
        False,
        False,
        False,
        0,
    )


def graph(*links: LinkPlan) -> NetworkPlan:
    names = dict.fromkeys(end.node for link in links for end in (link.a, link.b))
    nodes = tuple(
        NodePlan(name, "host", (InterfacePlan(f"{name}-eth0", "02:00:00:00:00:01", "10.0.0.1/24"),))
        for name in names
    )
    return NetworkPlan("graph", nodes, links, ("10.0.0.0/24",))


def words(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter("text")]


def test_hosts_addresses_and_both_directions_when_equal():
    texts = words(network_svg(network()))
    assert {
        "h1",
        "h2",
        "10.0.0.1/24",
        "10.0.0.2/24",
        "⇄ 10 Mbit/s, 20 ms",
        "queue 34 packets (pfifo)",
    } <= set(texts)


def test_directions_that_differ_are_both_written():
    texts = words(
        network_svg(
            graph(
                wire(
                    "h1", "h2", DirectionPlan(rate_bps=1_000_000), DirectionPlan(delay_ns=5_000_000)
                )
            )
        )
    )
    assert "→ 1 Mbit/s" in texts and "← 5 ms" in texts


def test_every_setting_of_a_direction_is_in_its_words():
    direction = DirectionPlan(
        rate_bps=2_500_000,
        queue=QueuePlan("fq_codel", None, 64_000, ecn=True),
        delay_ns=70_000_000,
        jitter_ns=10_000_000,
        loss=LossPlan("random", 0.001),
        duplicate=0.01,
        corrupt=0.001,
        reorder=0.05,
    )
    assert (
        direction_words(direction)
        == "2.5 Mbit/s, 70 ms ± 10 ms, queue 64 kB (fq_codel, ECN), loss 0.1 %, duplicate 1 %,"
        " corrupt 0.1 %, reorder 5 %"
    )
    assert direction_words(PLAIN) == "not shaped, no delay"


def test_no_two_nodes_of_a_dumbbell_stand_in_one_place():
    links = [
        wire("h1", "r1"),
        wire("h2", "r1"),
        wire("r1", "r2"),
        wire("r2", "h3"),
        wire("r2", "h4"),
    ]
    places = place_nodes(graph(*links))
    assert len(set(places.values())) == 6
    assert (
        places["h1"][0]
        == places["h2"][0]
        < places["r1"][0]
        < places["r2"][0]
        < places["h3"][0]
        == places["h4"][0]
    )


def test_a_name_is_escaped():
    assert "<x>" not in network_svg(graph(wire("<x>", "h2")))
