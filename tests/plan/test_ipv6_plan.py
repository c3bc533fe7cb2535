"""``ip: 6`` on a topology: addresses, routes, what actions compile to, and the reviewed plans of a
few experiments over IPv6.
"""

from pathlib import Path

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.errors import SpecErrors
from tcpexp.paths import find_spec, shipped_specs
from tcpexp.plan.compile import compile_plan
from tcpexp.plan.types import Firewall, Spawn, from_json, to_json
from tests.support.reviewed import assert_reviewed, written

GOLDEN = Path(__file__).parent / "golden" / "ipv6"
REVIEWED = ("dead_host", "relay_zero_window", "syn_flood", "syn_scan")

SPEC = """
name: six
topology: {name: two_hosts_router, ip: 6}
duration: 5s
actions:
"""


def over_ipv6(name, slot=0):
    catalogue = load_catalogue(entry_points=False)
    return compile_plan(
        load_spec(find_spec(name), catalogue, overrides=["topology.ip=6"]),
        catalogue,
        slot=slot,
    )


def plan_of(tmp_path, *actions, spec=SPEC, slot=0):
    path = tmp_path / "six.yaml"
    path.write_text(
        spec + "".join(f"  - {action}\n" for action in actions or ("{at: 1s, do: mark, text: x}",))
    )
    catalogue = load_catalogue(entry_points=False)
    return compile_plan(load_spec(path, catalogue), catalogue, slot=slot)


@pytest.mark.parametrize("name", REVIEWED)
def test_the_plan_is_the_reviewed_one(name):
    assert_reviewed(written(over_ipv6(name)), GOLDEN / f"{name}.yaml")


@pytest.mark.parametrize("path", shipped_specs(), ids=lambda path: path.stem)
def test_every_experiment_compiles_over_ipv6_without_any_ipv4_address(path):
    plan = over_ipv6(path.stem)
    assert plan.network.ip == 6
    assert all(
        interface.ipv4 is None and interface.ipv6
        for node in plan.network.nodes
        for interface in node.interfaces
    )
    told = [
        word
        for step in (*plan.setup, *plan.steps)
        if isinstance(step.do, Spawn)
        for word in step.do.argv
    ]
    assert not [word for word in told if "10.0." in word]


def test_addresses_and_routes(tmp_path):
    network = plan_of(tmp_path, slot=26).network
    h1, r1, h2 = network.nodes
    assert [face.cidr for node in (h1, r1, h2) for face in node.interfaces] == [
        "2001:db8:1a::1/64",
        "2001:db8:1a::2/64",
        "2001:db8:1a:1::1/64",
        "2001:db8:1a:1::2/64",
    ]
    assert [(route.destination, route.via) for route in h1.routes] == [
        ("2001:db8:1a:1::/64", "2001:db8:1a::2")
    ]
    assert r1.sysctls == {"net.ipv6.conf.all.forwarding": "1"}
    assert network.subnets == ("2001:db8:1a::/64", "2001:db8:1a:1::/64")


def test_a_plan_without_a_version_is_ipv4():
    """A plan that was written before there was a choice."""
    catalogue = load_catalogue(entry_points=False)
    plan = compile_plan(load_spec(find_spec("nagle"), catalogue), catalogue)
    text = to_json(plan).replace('"ip": 4,\n', "").replace('"ipv6": null,\n', "")
    assert '"ipv6"' not in text
    assert from_json(text, type(plan)) == plan


def test_programs_learn_the_version_and_addresses_get_brackets_where_a_port_or_a_url_needs_them(
    tmp_path,
):
    plan = plan_of(
        tmp_path,
        '{at: 1s, do: command, host: h1, argv: [x, "{h2}", "{h2}:80", "http://{h2}/a",'
        ' "http://{h1-r1.99}:81/", "-{ip}", "{dir}"]}',
        "{at: 1s, do: http_get, from: h1, to: h2, port: 8080, tool: wget}",
    )
    command, get = (step.do for step in plan.steps)
    assert command.argv[1:] == (
        "2001:db8:0:1::2",
        "[2001:db8:0:1::2]:80",
        "http://[2001:db8:0:1::2]/a",
        "http://[2001:db8::63]:81/",
        "-6",
        "{dir}",
    )
    assert command.environment == {"TCPEXP_IP": "6"}
    assert "http://[2001:db8:0:1::2]:8080/index.html" in get.argv


def test_a_firewall_uses_ip6tables_and_icmpv6(tmp_path):
    plan = plan_of(
        tmp_path,
        "{at: 1s, do: firewall, host: r1, chain: FORWARD, reject: {to: h2}, reject_with:"
        " icmp-host-unreachable}",
        "{at: 1s, do: firewall, host: h2, drop: {protocol: icmp, from: h1}}",
    )
    reject, drop = (step.do for step in plan.steps if isinstance(step.do, Firewall))
    assert reject.rule == (
        "-d",
        "2001:db8:0:1::2/128",
        "-j",
        "REJECT",
        "--reject-with",
        "icmp6-addr-unreachable",
    )
    assert drop.rule == ("-s", "2001:db8::1/128", "-p", "icmpv6", "-j", "DROP")
    assert {"ip6tables", "ipv6"} <= set(plan.needs.features)
    assert "iptables" not in plan.needs.tools


def test_forged_sources_stay_in_the_experiments_own_prefix(tmp_path):
    plan = plan_of(tmp_path, "{at: 1s, do: syn_flood, from: h1, to: h2, until: 2s}", slot=3)
    routes = [step.do.argv for step in plan.setup]
    assert routes == [
        ("ip", "route", "replace", "2001:db8:3:ffff::/64", "via", "2001:db8:3:1::1"),
        ("ip", "route", "replace", "2001:db8:3:ffff::/64", "via", "2001:db8:3::1"),
        ("ip", "route", "replace", "blackhole", "2001:db8:3:ffff::/64"),
    ]
    (flood,) = (step.do.argv for step in plan.steps)
    assert flood[flood.index("--sources") + 1] == "2001:db8:3:ffff::/64"


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (
            "{at: 1s, do: syn_flood, from: h1, to: h2, until: 2s, sources: 198.18.0.0/16}",
            "the network speaks IPv6, the forged sources 198.18.0.0/16 are IPv4",
        ),
        (
            "{at: 1s, do: syn_flood, from: h1, to: h2, until: 2s, sources: '2001:db8:0:1::/64'}",
            "overlap the experiment's own network",
        ),
        (
            "{at: 1s, do: syn_flood, from: h1, to: h2, until: 2s, sources: '2000::/3'}",
            "is too large",
        ),
    ],
)
def test_other_forged_sources_are_refused(tmp_path, action, message):
    with pytest.raises(SpecErrors, match=message):
        plan_of(tmp_path, action)


def test_an_mtu_below_ipv6s_least_is_refused(tmp_path):
    spec = SPEC.replace("actions:", "hosts: {h1: {mtu: 1000B}}\nactions:")
    with pytest.raises(SpecErrors, match="IPv6 needs an MTU of 1280 bytes or more"):
        plan_of(tmp_path, spec=spec)


def test_another_version_is_refused(tmp_path):
    with pytest.raises(SpecErrors, match="'5' is not one of 4, 6"):
        plan_of(tmp_path, spec=SPEC.replace("ip: 6", "ip: 5"))


def test_a_version_in_quotes_is_a_text(tmp_path):
    with pytest.raises(
        SpecErrors, match=r"3:40: '6' in quotes is a text, not a number \(write 6 without quotes\)"
    ):
        plan_of(tmp_path, spec=SPEC.replace("ip: 6", 'ip: "6"'))


@pytest.mark.parametrize(
    ("ip", "action", "message"),
    [
        (
            6,
            "{do: command, host: h1, argv: [ping, 10.0.1.2]}",
            r"6:42.* 10.0.1.2 is an address of IPv4, and the network speaks IPv6 \(write {h2}",
        ),
        (
            6,
            "{do: command, host: h1, shell: 'curl http://10.0.1.2:80/'}",
            r"6:36.* 10.0.1.2 is an address of IPv4",
        ),
        (
            6,
            "{do: command, host: h1, argv: [ping, 10.0.1.1]}",
            r"10.0.1.1 is an address of IPv4.* \(r1 has 2001:db8:0:1::1",
        ),
        (
            4,
            "{do: command, host: h1, argv: [curl, 'http://[2001:DB8:0:1::2]/']}",
            r"2001:db8:0:1::2 is an address of IPv6.* \(write {h2}",
        ),
        (
            6,
            "{do: command, host: h1, argv: [ping, '{h1-r1.1000}']}",
            r"6:42.* {h1-r1.1000} is not a host's address \(write a number from 1 to 254",
        ),
        (
            6,
            "{do: command, host: h1, argv: [ping, '{h1-r9.7}']}",
            r"6:42.* there is no link 'h1-r9'",
        ),
    ],
)
def test_an_address_that_nobody_has_is_refused_where_it_stands(tmp_path, ip, action, message):
    with pytest.raises(SpecErrors, match=message):
        plan_of(tmp_path, action, spec=SPEC.replace("ip: 6", f"ip: {ip}"))


@pytest.mark.parametrize(
    "word",
    [
        "10.0.1.254",
        "110.0.1.2",
        "10.0.1.22",
        "10.0.1.2.5",
        "127.0.0.1",
        "2001:db8:0:1::2",
        "{h2}",
        "{x} {y9}",
        "${h9}",
        "{print}",
    ],
)
def test_other_words_pass(tmp_path, word):
    plan_of(tmp_path, f"{{do: command, host: h1, argv: [echo, '{word}']}}")
