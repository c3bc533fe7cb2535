"""Addresses, routes, base round-trip times and what a spec's links: change."""

import pytest

LINE = """
nodes: {h1: host, r1: router, r2: router, h2: host, h3: host}
links:
  - [h1, r1, {delay: 1ms}]
  - [r1, r2, {rate: 10mbit, delay: 10ms}]
  - [r2, h2, {delay: 2ms}]
  - [r2, h3, {delay: 30ms}]
"""


def test_two_host_addresses(bench):
    network = bench.plan().network
    h1, h2 = network.nodes
    assert [(interface.name, interface.mac, interface.ipv4) for interface in h1.interfaces] == [
        ("h1-eth0", "00:00:00:00:00:01", "10.0.0.1/24")
    ]
    assert [(interface.name, interface.mac, interface.ipv4) for interface in h2.interfaces] == [
        ("h2-eth0", "00:00:00:00:00:02", "10.0.0.2/24")
    ]
    assert network.subnets == ("10.0.0.0/24",)
    assert h1.routes == ()


def test_a_slot_moves_all_addresses(bench):
    network = bench.plan(slot=7).network
    assert network.nodes[1].interfaces[0].ipv4 == "10.7.0.2/24"
    assert network.subnets == ("10.7.0.0/24",)


def test_routers_forward_and_every_host_reaches_every_subnet(bench):
    bench.write(LINE, "line.yaml")
    network = bench.plan(topology="line").network
    nodes = {node.name: node for node in network.nodes}
    assert nodes["r1"].sysctls == {"net.ipv4.ip_forward": "1"} and nodes["h1"].sysctls == {}
    assert [(route.destination, route.via) for route in nodes["h1"].routes] == [
        ("10.0.1.0/24", "10.0.0.2"),
        ("10.0.2.0/24", "10.0.0.2"),
        ("10.0.3.0/24", "10.0.0.2"),
    ]
    assert [(route.destination, route.via) for route in nodes["r1"].routes] == [
        ("10.0.2.0/24", "10.0.1.2"),
        ("10.0.3.0/24", "10.0.1.2"),
    ]
    assert [interface.name for interface in nodes["r2"].interfaces] == [
        "r2-eth0",
        "r2-eth1",
        "r2-eth2",
    ]


def test_packets_arrive_when_routes_are_followed(bench):
    """Walk every pair hop by hop over the routes alone."""
    bench.write(LINE, "line.yaml")
    network = bench.plan(topology="line").network
    owner = {
        interface.ipv4.split("/")[0]: node
        for node in network.nodes
        for interface in node.interfaces
    }

    def subnet(address):
        return address.rsplit(".", 1)[0] + ".0/24"

    for first in network.nodes:
        for second in network.nodes:
            target = second.interfaces[0].ipv4.split("/")[0]
            at, hops = first, 0
            while at != second:
                local = any(
                    subnet(interface.ipv4.split("/")[0]) == subnet(target)
                    for interface in at.interfaces
                )
                via = (
                    target
                    if local
                    else next(
                        route.via for route in at.routes if route.destination == subnet(target)
                    )
                )
                at, hops = owner[via], hops + 1
                assert hops < 6
                assert at == second or at.kind == "router"


def test_base_rtt_is_that_of_the_longest_path_across_the_link(bench):
    bench.write(LINE, "line.yaml")
    network = bench.plan(topology="line").network
    assert {link.name: link.base_rtt_ns // 10**6 for link in network.links} == {
        "h1-r1": 82,
        "r1-r2": 82,
        "r2-h2": 64,
        "r2-h3": 82,
    }
    assert network.link("r1-r2").forward.queue.limit_packets == round(10e6 * 0.082 / 8 / 1514)


def test_both_directions_and_one(bench):
    (link,) = bench.plan(
        "links: {h1-h2: {rate: 10mbit, delay: 20ms}, h2->h1: {delay: 5ms}}"
    ).network.links
    assert (link.forward.delay_ns, link.backward.delay_ns) == (20_000_000, 5_000_000)
    assert link.forward.rate_bps == link.backward.rate_bps == 10_000_000
    assert link.base_rtt_ns == 25_000_000


def test_the_other_way_round_names_the_same_link(bench):
    (link,) = bench.plan("links: {h2-h1: {rate: 10mbit}}").network.links
    assert link.name == "h1-h2" and link.forward.rate_bps == 10_000_000


def test_the_spec_goes_over_the_topology(bench):
    text = "links: {h1-h2: {delay: 1ms}}"
    (link,) = bench.plan(
        text, topology="{name: two_host, params: {rate: 5mbit, delay: 9ms}}"
    ).network.links
    assert (link.forward.rate_bps, link.forward.delay_ns) == (5_000_000, 1_000_000)


def test_host_settings(bench):
    text = (
        "hosts: {h1: {mtu: 9000B, offloads: true, sysctls: {net.ipv4.tcp_sack: 0}}}\nlinks: {h1-h2:"
        " {rate: 10mbit, delay: 20ms}}"
    )
    network = bench.plan(text).network
    h1, h2 = network.nodes
    assert (
        h1.interfaces[0].mtu == 9000
        and h1.interfaces[0].offloads
        and h1.sysctls == {"net.ipv4.tcp_sack": "0"}
    )
    assert not h2.interfaces[0].offloads
    assert network.links[0].forward.queue.limit_packets == 33  # the smaller MTU counts


def test_wires_only_where_something_is_set(bench):
    plain = bench.plan().network.links[0]
    assert (plain.wire, plain.wire_queue, plain.wire_netem) == (False, False, False)
    rate = bench.plan("links: {h1-h2: {rate: 10mbit}}").network.links[0]
    assert (rate.wire, rate.wire_queue, rate.wire_netem) == (True, True, False)
    loss = bench.plan("links: {h1->h2: {loss: 1%}}").network.links[0]
    assert (loss.wire, loss.wire_queue, loss.wire_netem) == (True, False, True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "links: {h1-h3: {}}",
            "5:9: there is no link 'h1-h3' in this network (did you mean 'h1-h2'?)",
        ),
        ("hosts: {h3: {}}", "5:9: there is no host 'h3' in this network"),
        ("links: {h1-h2: {queue: 5p}}", "5:17: queue means nothing without rate"),
        ("links: {h1-h2: {reorder: 5%}}", "5:17: reorder means nothing without delay"),
        ("links: {h1-h2: {delay: 1ms, jitter: 2ms}}", "5:29: the jitter is larger than the delay"),
        (
            "links: {h1-h2: {rate: 1mbit, queue: 64kB, discipline: pfifo}}",
            "pfifo counts packets, not bytes (write queue: 42p",
        ),
        ("links: {h1-h2: {rate: 1mbit, ecn: true}}", "5:30: pfifo does not mark packets"),
        ("links: {h1-h2: {discipline: red}}", "5:17: discipline means nothing without rate"),
    ],
)
def test_mistakes(bench, text, expected):
    (error,) = bench.errors(text)
    assert expected in error


def test_a_topology_mistake_is_placed_in_the_spec(bench):
    (error,) = bench.errors(topology="two_hots")
    assert error == "2:11: unknown topology 'two_hots' (did you mean 'two_host'?)"
