"""What a plan finds lacking in a guest."""

from __future__ import annotations

import dataclasses
import json

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.errors import DataError
from tcpexp.places.inventory import Inventory, find_lacking, load_inventory
from tcpexp.plan.compile import compile_plan

SPEC = """
name: asks
title: Asks for much
topology: two_host
hosts:
  h1: {sysctls: {net.ipv4.tcp_sack: 0, net.ipv4.tcp_fack: 1}}
duration: 1s
actions:
  - {at: 0s, do: iperf3, from: h1, to: h2, flow: a, congestion_control: bbr, until: 1s}
  - {at: 0s, do: command, host: h1, argv: [netwox, "1"]}
"""


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "asks.yaml"
    path.write_text(SPEC)
    catalogue = load_catalogue()
    return compile_plan(load_spec(path, catalogue), catalogue)


def test_programs_controls_and_settings_are_named(plan):
    has = Inventory(
        frozenset(set(plan.needs.tools) - {"netwox"}),
        frozenset({"net.ipv4.tcp_sack"}),
        frozenset({"reno"}),
    )
    lacks = find_lacking(plan, has)
    assert [lack.what for lack in lacks] == [
        "program netwox",
        "congestion control bbr",
        "sysctl net.ipv4.tcp_fack",
    ]
    assert "reno" in lacks[1].remedy
    assert "net.ipv4.tcp_sack" in lacks[2].remedy


def test_a_plan_that_needs_what_is_there_lacks_nothing(plan):
    has = Inventory(
        frozenset(plan.needs.tools),
        frozenset({"net.ipv4.tcp_sack", "net.ipv4.tcp_fack"}),
        frozenset({"bbr"}),
    )
    assert find_lacking(plan, has) == ()


def test_settings_of_an_interface_cannot_be_known_beforehand(plan):
    node = dataclasses.replace(
        plan.network.nodes[0], sysctls={"net.ipv4.conf.h1-eth0.rp_filter": "1"}
    )
    nodes = (node, *plan.network.nodes[1:])
    changed = dataclasses.replace(plan, network=dataclasses.replace(plan.network, nodes=nodes))
    has = Inventory(frozenset(plan.needs.tools), frozenset(), frozenset({"bbr"}))
    assert find_lacking(changed, has) == ()


def test_a_damaged_inventory_says_which_file(tmp_path):
    path = tmp_path / "inventory.json"
    path.write_text(json.dumps({"programs": []}))
    with pytest.raises(DataError, match=r"inventory\.json is damaged"):
        load_inventory(path)
