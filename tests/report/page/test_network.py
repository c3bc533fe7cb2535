"""The drawing of the network."""

import itertools
from xml.etree import ElementTree

import pytest

from tcpexp.catalogue.reading import load_plan
from tcpexp.plan.types import (
    DirectionPlan,
    FlowPlan,
    InterfacePlan,
    LinkEnd,
    LinkPlan,
    LossPlan,
    NetworkPlan,
    NodePlan,
    QueuePlan,
)
from tcpexp.plots.kit.svgparts import text_points
from tcpexp.report.page.network import (
    Drawing,
    direction_words,
    network_html,
    network_svg,
    phone_svg,
)
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


def flow(sender: str, receiver: str) -> FlowPlan:
    return FlowPlan(
        f"{sender}-{receiver}", sender, receiver, 80, sender, "iperf3", "a", "all", None, 0, None
    )


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


def columns_of(places: dict) -> list[list[str]]:
    """Names by column, from left to right."""
    lefts = sorted({x for x, _ in places.values()})
    return [sorted(name for name in places if places[name][0] == left) for left in lefts]


def test_a_dumbbell_looks_like_one_whichever_end_comes_first():
    links = [
        wire("r1", "r2"),
        wire("h4", "r2"),
        wire("h1", "r1"),
        wire("r2", "h3"),
        wire("h2", "r1"),
    ]
    places = Drawing.of(graph(*links), [flow("h1", "h3"), flow("h2", "h4")]).places
    assert columns_of(places) == [["h1", "h2"], ["r1"], ["r2"], ["h3", "h4"]]
    assert places["r1"][1] == places["r2"][1]
    assert places["h1"][1] < places["r1"][1] < places["h2"][1] != places["h1"][1]


def test_senders_stand_left_of_the_router_and_receivers_right():
    links = [wire(name, "r1") for name in ("c1", "s1", "s2", "s3")]
    places = Drawing.of(graph(*links), [flow("s1", "c1"), flow("s2", "c1")]).places
    assert columns_of(places)[0][:2] == ["s1", "s2"] and columns_of(places)[2] == ["c1"]


def test_a_row_of_nodes_keeps_its_order_whoever_sends():
    links = [wire("h1", "r1"), wire("r1", "h2")]
    places = Drawing.of(graph(*links), [flow("h2", "h1")]).places
    assert columns_of(places) == [["h1"], ["r1"], ["h2"]]


#: Topologies as a spec writes them: all of ours, and two that are none of them.
TOPOLOGIES = {
    "two_host": "two_host",
    "two_hosts_router": "two_hosts_router",
    "three_host_line": "three_host_line",
    "three_pairs": "three_pairs",
    "relay": "relay",
    "dumbbell": "{name: dumbbell, params: {pairs: 4, backward: {rate: 1mbit}}}",
    "dumbbell over IPv6": "{name: dumbbell, ip: 6}",
    "star": "star",
    "chain": "{name: chain, params: {routers: 3}}",
    "parking lot": "{name: parking_lot, params: {bottlenecks: 3}}",
    "ring": "{name: ring}",
    "triangle": "{name: triangle}",
}
#: Those that are files beside the spec.
BESIDE = {
    "ring": "nodes: {a: host, r1: router, r2: router, r3: router, r4: router, b: host, c: host}\n"
    "links: [[a, r1], [r1, r2], [r2, r4, {rate: 1mbit, delay: 5ms}], [r1, r3],\n"
    "  [r3, r4, {loss: 1%, rate: 2mbit}], [r4, b], [c, r3]]\n",
    "triangle": "nodes: {a: host, b: host, c: host}\n"
    "links: [[a, b], [b, c, {rate: 1mbit}], [a, c]]\n",
}
#: Who sends to whom in those that have several of both.
FLOWS = {
    "dumbbell": [("a1", "b1"), ("a2", "b2")],
    "star": [("s1", "c1"), ("s2", "c1")],
    "parking lot": [("a0", "b0"), ("a1", "b1"), ("a2", "b2"), ("a3", "b3")],
}


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_nothing_overlaps_and_nothing_is_cut(name, tmp_path):
    path = tmp_path / "drawn.yaml"
    if name in BESIDE:
        (tmp_path / f"{name}.yaml").write_text(f"description: A {name}.\n{BESIDE[name]}")
    actions = "".join(
        f"  - {{do: iperf3, from: {a}, to: {b}, flow: f{index}}}\n"
        for index, (a, b) in enumerate(FLOWS.get(name, ()))
    )
    path.write_text(
        f"name: drawn\nduration: 5s\ntopology: {TOPOLOGIES[name]}\n"
        + (f"actions:\n{actions}" if actions else "")
    )
    plan = load_plan(path)
    root = ElementTree.fromstring(network_svg(plan.network, plan.flows))
    width, height = (float(number) for number in root.attrib["viewBox"].split()[2:])
    boxes = [
        tuple(float(box.attrib[key]) for key in ("x", "y", "width", "height"))
        for box in root.iter("rect")
    ]
    assert len(boxes) == len(plan.network.nodes)
    texts = [text_box(text) for text in root.iter("text") if text.attrib["class"] == "label"]
    for box in [*boxes, *texts]:
        assert (
            box[0] >= 0 and box[1] >= 0 and box[0] + box[2] <= width and box[1] + box[3] <= height
        )
    for one, other in itertools.combinations([*boxes, *texts], 2):
        assert not overlap(one, other), (one, other)
    phone = ElementTree.fromstring(phone_svg(plan.network, plan.flows))
    assert len({(box.attrib["x"], box.attrib["y"]) for box in phone.iter("rect")}) == len(boxes)


def text_box(text: ElementTree.Element) -> tuple[float, float, float, float]:
    """Where the letters of a label are; all are 12 points high and set in the middle or left."""
    wide = text_points(text.text or "", 12.0)
    x, y = float(text.attrib["x"]), float(text.attrib["y"])
    return (x if "start" in text.attrib.get("style", "") else x - wide / 2, y - 9, wide, 11)


def overlap(one, other) -> bool:
    """Whether two boxes (left, top, width, height) have a point in common."""
    return (
        one[0] < other[0] + other[2]
        and other[0] < one[0] + one[2]
        and one[1] < other[1] + other[3]
        and other[1] < one[1] + one[3]
    )


def test_a_phone_reads_the_links_below_the_drawing(tmp_path):
    path = tmp_path / "drawn.yaml"
    path.write_text(
        "name: drawn\nduration: 5s\ntopology: star\nlinks: {r1->c1: {rate: 10mbit, delay: 5ms}}\n"
    )
    html = network_html(load_plan(path))
    assert "s1 – r1, s2 – r1" in html
    assert "<strong>r1 – c1</strong> → 10 Mbit/s, 5 ms" in html


def test_a_name_is_escaped():
    assert "<x>" not in network_svg(graph(wire("<x>", "h2")))
