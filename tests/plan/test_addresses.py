"""Addresses that a spec chooses: what they become, and what is refused, at its place."""

from __future__ import annotations

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.errors import SpecErrors
from tcpexp.plan.compile import compile_plan


@pytest.fixture
def network(tmp_path):
    def compile_hosts(hosts, topology="two_host", **options):
        path = tmp_path / "probe.yaml"
        path.write_text(f"name: probe\ntopology: {topology}\nduration: 1s\nhosts: {hosts}\n")
        catalogue = load_catalogue(entry_points=False)
        return compile_plan(load_spec(path, catalogue), catalogue, **options).network

    return compile_hosts


def cidrs(network):
    return {
        interface.name: interface.cidr for node in network.nodes for interface in node.interfaces
    }


def test_a_host_has_the_address_and_its_neighbour_one_of_the_same_subnet(network):
    made = network("{h2: {address: 192.168.100.144}}")
    assert cidrs(made) == {"h1-eth0": "192.168.100.1/24", "h2-eth0": "192.168.100.144/24"}
    assert made.subnets == ("192.168.100.0/24",)


def test_both_ends_and_a_prefix(network):
    made = network("{h1: {address: 172.16.5.9/29}, h2: {address: 172.16.5.10/29}}")
    assert cidrs(made) == {"h1-eth0": "172.16.5.9/29", "h2-eth0": "172.16.5.10/29"}


def test_the_neighbour_gives_way(network):
    assert cidrs(network("{h2: {address: 192.168.7.1}}")) == {
        "h1-eth0": "192.168.7.2/24",
        "h2-eth0": "192.168.7.1/24",
    }


def test_a_subnet_of_two_addresses(network):
    assert cidrs(network("{h2: {address: 192.168.7.0/31}}")) == {
        "h1-eth0": "192.168.7.1/31",
        "h2-eth0": "192.168.7.0/31",
    }


def test_ipv6(network):
    made = network('{h2: {address: "2001:db8:100::144"}}', "{name: two_host, ip: 6}")
    assert cidrs(made) == {"h1-eth0": "2001:db8:100::1/64", "h2-eth0": "2001:db8:100::144/64"}


def test_routes_lead_to_the_subnet_that_was_chosen(network):
    made = network("{h2: {address: 192.168.100.144}}", "two_hosts_router")
    routes = {
        node.name: [(route.destination, route.via) for route in node.routes] for node in made.nodes
    }
    (router,) = [node for node in made.nodes if node.kind == "router"]
    assert routes["h1"] == [("192.168.100.0/24", "10.0.0.2")]
    assert routes["h2"] == [
        (
            "10.0.0.0/24",
            "192.168.100.2" if router.interfaces[1].address.endswith(".2") else "192.168.100.1",
        )
    ]


def test_a_router_has_an_address_on_each_link(network):
    made = network("{r1: {address: {h1-r1: 10.9.0.254, r1-h2: 10.8.0.254}}}", "two_hosts_router")
    assert {cidr for name, cidr in cidrs(made).items() if name.startswith("r1")} == {
        "10.9.0.254/24",
        "10.8.0.254/24",
    }


@pytest.mark.parametrize(
    ("hosts", "topology", "message"),
    [
        (
            "{h2: {address: 192.168.100.300}}",
            "two_host",
            r"probe.yaml:4:\d+: '192.168.100.300' is not an address",
        ),
        (
            "{h2: {address: 192.168.100.0}}",
            "two_host",
            "192.168.100.0 is that of the subnet itself",
        ),
        ("{h2: {address: 192.168.100.255}}", "two_host", "the subnet's broadcast address"),
        ("{h2: {address: 224.0.0.1}}", "two_host", "cannot be a host's address"),
        ("{h2: {address: 127.0.0.1}}", "two_host", "cannot be a host's address"),
        ("{h2: {address: 192.168.100.1/32}}", "two_host", "leaves no address for the other end"),
        (
            '{h2: {address: "2001:db8:1::1"}}',
            "two_host",
            "is an address of IPv6, and the network speaks IPv4",
        ),
        (
            "{h2: {address: 192.168.1.1}}",
            "{name: two_host, ip: 6}",
            "is an address of IPv4, and the network speaks IPv6",
        ),
        (
            "{h1: {address: 192.168.1.1}, h2: {address: 192.168.1.1}}",
            "two_host",
            "192.168.1.1 is the address of h1 already",
        ),
        (
            "{h1: {address: 192.168.1.1}, h2: {address: 192.168.2.1}}",
            "two_host",
            r"192.168.2.1/24 is not in the subnet of link h1-h2, 192.168.1.0/24",
        ),
        (
            "{h1: {address: 192.168.1.1}, h2: {address: 192.168.1.2/25}}",
            "two_host",
            "is not in the subnet of link h1-h2",
        ),
        ("{h2: {address: 10.0.0.9}}", "two_hosts_router", "overlaps that of link"),
        (
            "{r1: {address: 10.9.0.9}}",
            "two_hosts_router",
            r"r1 has 2 links, and an address on each",
        ),
        ("{h1: {address: {h1-h9: 10.9.0.9}}}", "two_host", "h1 has no link 'h1-h9'"),
    ],
)
def test_what_does_not_fit_is_refused(network, hosts, topology, message):
    with pytest.raises(SpecErrors, match=message):
        network(hosts, topology)


def test_a_placeholder_is_the_chosen_address(tmp_path):
    path = tmp_path / "probe.yaml"
    path.write_text(
        "name: probe\ntopology: two_host\nduration: 1s\nhosts: {h2: {address:"
        ' 192.168.100.150/28}}\nactions: [{do: command, host: h1, argv: [ping, "{h2}",'
        ' "{h1-h2.14}"]}]\n'
    )
    catalogue = load_catalogue(entry_points=False)
    (step,) = compile_plan(load_spec(path, catalogue), catalogue).steps
    assert step.do.argv == ("ping", "192.168.100.150", "192.168.100.158")
