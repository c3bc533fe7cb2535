"""Paths follow the routes: no short cut through a host, both directions, ties alike everywhere, and
whatever routes a plan holds.
"""

import ast
import dataclasses
from pathlib import Path

import pytest

import tcpexp
from tcpexp.plan.paths import Paths
from tcpexp.plan.types import RoutePlan

#: h1 and h2 are two routers apart, and both are neighbours of the host x: a way of two links that
#: nobody forwards on.
SHORT_CUT = """
nodes: {h1: host, r1: router, r2: router, h2: host, x: host}
links:
  - [h1, r1, {delay: 1ms}]
  - [r1, r2, {delay: 10ms}]
  - [r2, h2, {delay: 2ms}]
  - [h1, x, {delay: 100ms}]
  - [x, h2, {delay: 100ms}]
"""
#: The same with the short cut's links first, so that h1's and h2's first addresses are on it.
SHORT_CUT_FIRST = """
nodes: {h1: host, x: host, r1: router, r2: router, h2: host}
links:
  - [h1, x, {delay: 100ms}]
  - [x, h2, {delay: 100ms}]
  - [h1, r1, {delay: 1ms}]
  - [r1, r2, {delay: 10ms}]
  - [r2, h2, {delay: 2ms}]
"""
#: Two ways of equal length between r1 and r4.
TIE = """
nodes: {h1: host, r1: router, r2: router, r3: router, r4: router, h2: host}
links: [[h1, r1], [r1, r3], [r1, r2], [r2, r4], [r3, r4], [r4, h2]]
"""


def names(hops):
    return None if hops is None else [hop.link.name for hop in hops]


@pytest.fixture
def network(bench):
    def build(text):
        bench.write(text, "mine.yaml")
        return bench.plan(topology="mine").network

    return build


@pytest.mark.parametrize("text", [SHORT_CUT, SHORT_CUT_FIRST])
def test_no_packet_passes_through_a_host(network, text):
    plan = network(text)
    way = Paths(plan).way("h1", "h2")
    assert names(way.there) == ["h1-r1", "r1-r2", "r2-h2"] and names(way.back) == [
        "r2-h2",
        "r1-r2",
        "h1-r1",
    ]
    assert way.delay_ns == 26_000_000
    assert names(Paths(plan).between("h1", "x")) == ["h1-x"]
    assert plan.link("r1-r2").base_rtt_ns == 26_000_000


@pytest.mark.parametrize("text", [SHORT_CUT, SHORT_CUT_FIRST, TIE])
def test_every_address_of_every_host_is_reached_by_every_other(network, text):
    plan = network(text)
    paths = Paths(plan)
    reached_from_all = [node for node in plan.nodes if node.name in ("h1", "h2")]
    for source in reached_from_all:
        for target in reached_from_all:
            for interface in target.interfaces:
                hops = paths.to_address(source.name, interface.address)
                assert hops is not None and all(hop.towards.startswith("r") for hop in hops[:-1])


def test_ties_are_broken_alike_from_run_to_run_and_by_the_topologys_order(network):
    found = [names(Paths(network(TIE)).between("h1", "h2")) for _ in range(2)]
    assert found[0] == found[1] == ["h1-r1", "r1-r3", "r3-r4", "r4-h2"]
    assert names(Paths(network(TIE)).between("h2", "h1")) == ["r4-h2", "r2-r4", "r1-r2", "h1-r1"]


def test_routes_decide_even_where_a_shorter_way_exists_and_each_direction_has_its_own(network):
    plan = network(TIE)
    by_r2 = next(interface.address for interface in plan.node("r2").interfaces)
    routes = tuple(
        RoutePlan(route.destination, by_r2) if route.destination == "10.0.5.0/24" else route
        for route in plan.node("r1").routes
    )
    nodes = tuple(
        dataclasses.replace(node, routes=routes) if node.name == "r1" else node
        for node in plan.nodes
    )
    changed = Paths(dataclasses.replace(plan, nodes=nodes))
    assert names(changed.way("h1", "h2").there) == ["h1-r1", "r1-r2", "r2-r4", "r4-h2"]
    default = tuple(
        (
            dataclasses.replace(node, routes=(RoutePlan("default", "10.0.0.2"),))
            if node.name == "h1"
            else node
        )
        for node in plan.nodes
    )
    assert names(Paths(dataclasses.replace(plan, nodes=default)).between("h1", "h2")) == [
        "h1-r1",
        "r1-r3",
        "r3-r4",
        "r4-h2",
    ]


def test_routes_that_go_in_circles_or_nowhere_are_no_path(network):
    plan = network(TIE)
    back = RoutePlan(
        "10.0.5.0/24", next(interface.address for interface in plan.node("h1").interfaces)
    )
    circle = tuple(
        dataclasses.replace(node, routes=(back,)) if node.name == "r1" else node
        for node in plan.nodes
    )
    assert Paths(dataclasses.replace(plan, nodes=circle)).between("h1", "h2") is None
    none = tuple(
        dataclasses.replace(node, routes=()) if node.name == "r1" else node for node in plan.nodes
    )
    assert Paths(dataclasses.replace(plan, nodes=none)).between("h1", "h2") is None


def test_no_other_module_searches_the_graph():
    """A second search would be a second opinion: who needs a path imports this one.

    ``plan/network.py`` decides the routes themselves.
    """
    package = Path(tcpexp.__file__).parent
    # the second places nodes in a drawing
    allowed = {"plan/network.py", "report/page/networkplaces.py"}
    searching = set()
    for path in package.rglob("*.py"):
        calls = {
            ast.unparse(node)
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call)
        }
        if (
            any(call.endswith((".popleft()", ".pop()", ".pop(0)")) for call in calls)
            and "network.links" in path.read_text()
        ):
            searching.add(str(path.relative_to(package)))
    assert searching <= allowed
