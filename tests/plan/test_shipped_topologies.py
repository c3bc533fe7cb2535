"""The topologies that ship: what they build, and what they say to parameters that mean nothing."""

from pathlib import Path

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.engine.paths import Paths
from tcpexp.errors import SpecErrors
from tcpexp.paths import topologies_dir
from tcpexp.plan.compile import compile_plan
from tcpexp.plan.explain import explain_plan
from tcpexp.plan.topology import load_class_file, topology_names

MS = 1_000_000
NEW = ("dumbbell", "parking_lot", "chain", "star", "relay", "pairs")


def compiled(folder: Path, topology: str, links: str = "{}"):
    spec = folder / "mine.yaml"
    spec.write_text(f"name: mine\ntopology: {topology}\nlinks: {links}\nduration: 5s\n")
    catalogue = load_catalogue(entry_points=False)
    return compile_plan(load_spec(spec, catalogue), catalogue)


def refused(folder: Path, topology: str) -> str:
    with pytest.raises(SpecErrors) as caught:
        compiled(folder, topology)
    return str(caught.value)


@pytest.mark.parametrize("name", NEW)
@pytest.mark.parametrize("ip", [4, 6])
def test_each_compiles_as_it_is_and_is_drawn(name, ip, tmp_path):
    plan = compiled(tmp_path, f"{{name: {name}, ip: {ip}}}")
    drawn = explain_plan(plan)
    assert all(
        f"[{link.a.node}]" in drawn and f"[{link.b.node}]" in drawn for link in plan.network.links
    )
    assert len(
        {interface.cidr for node in plan.network.nodes for interface in node.interfaces}
    ) == 2 * len(plan.network.links)


def test_round_trip_times_of_a_dumbbells_pairs(tmp_path):
    network = compiled(
        tmp_path, "{name: dumbbell, params: {pairs: 3, rtt: [20ms, 80ms, 10ms]}}"
    ).network
    ways = Paths(network)
    assert [ways.asked_rtt_ns(f"a{number}", f"b{number}") for number in (1, 2, 3)] == [
        20 * MS,
        80 * MS,
        10 * MS,
    ]
    bottleneck = network.link("r1-r2")
    assert bottleneck.base_rtt_ns == 80 * MS
    assert bottleneck.forward.queue.limit_packets == 66  # 10 Mbit/s x 80 ms / 1514 bytes


def test_a_dumbbells_directions_differ(tmp_path):
    network = compiled(
        tmp_path, "{name: dumbbell, params: {backward: {rate: 1mbit, delay: 9ms}}}"
    ).network
    bottleneck = network.link("r1-r2")
    assert (bottleneck.forward.rate_bps, bottleneck.backward.rate_bps) == (10_000_000, 1_000_000)
    assert Paths(network).asked_rtt_ns("a1", "b1") == 40 * MS
    assert (
        compiled(tmp_path, "dumbbell", "{r2->r1: {rate: 1mbit}}")
        .network.link("r1-r2")
        .backward.rate_bps
        == 1_000_000
    )


def test_a_parking_lots_long_pair_crosses_all_bottlenecks_and_each_other_pair_one(tmp_path):
    network = compiled(
        tmp_path, "{name: parking_lot, params: {bottlenecks: 3, rate: [10mbit, 5mbit, 20mbit]}}"
    ).network
    ways = Paths(network)

    def bottlenecks(one: str, other: str) -> list[int]:
        return [
            hop.direction.rate_bps for hop in ways.between(one, other) if hop.direction.rate_bps
        ]

    assert bottlenecks("a0", "b0") == [10_000_000, 5_000_000, 20_000_000]
    assert [bottlenecks(f"a{number}", f"b{number}") for number in (1, 2, 3)] == [
        [10_000_000],
        [5_000_000],
        [20_000_000],
    ]


def test_a_chain_with_one_narrow_link(tmp_path):
    network = compiled(
        tmp_path, "{name: chain, params: {routers: 3, rate: [null, 5mbit, null, null], delay: 3ms}}"
    ).network
    assert [link.forward.rate_bps for link in network.links] == [None, 5_000_000, None, None]
    assert Paths(network).asked_rtt_ns("h1", "h2") == 24 * MS


def test_a_stars_servers_meet_at_the_clients_port(tmp_path):
    network = compiled(
        tmp_path,
        "{name: star, params: {servers: 4, rtt: [1ms, 1ms, 2ms, 2ms], server_rate: 1gbit}}",
    ).network
    ways = Paths(network)
    assert [ways.asked_rtt_ns(f"s{number}", "c1") for number in (1, 2, 3, 4)] == [
        MS,
        MS,
        2 * MS,
        2 * MS,
    ]
    assert ways.between("s1", "c1")[-1].link.name == "r1-c1"
    assert network.link("s1-r1").forward.rate_bps == 1_000_000_000


@pytest.mark.parametrize(("ip", "far"), [(4, "10.0.0.2"), (6, "2001:db8::2")])
def test_a_relay_answers_both_neighbours_at_its_first_address_and_passes_nothing_on(
    ip, far, tmp_path
):
    network = compiled(tmp_path, f"{{name: relay, ip: {ip}}}").network
    relay = network.node("h2")
    assert relay.interfaces[0].address == far
    assert [(route.destination, route.via) for route in network.node("h3").routes] == [
        (far, relay.interfaces[1].address)
    ]
    assert relay.kind == "host"
    assert Paths(network).between("h1", "h3") is None


@pytest.mark.parametrize("ip", [4, 6])
def test_many_pairs_keep_names_and_addresses_apart(ip, tmp_path):
    network = compiled(tmp_path, f"{{name: dumbbell, params: {{pairs: 90}}, ip: {ip}}}").network
    interfaces = [interface for node in network.nodes for interface in node.interfaces]
    assert (
        len({interface.address for interface in interfaces})
        == len({interface.mac for interface in interfaces})
        == len({interface.name for interface in interfaces})
        == 362
    )
    assert max(len(interface.name) for interface in interfaces) <= 15  # IFNAMSIZ


@pytest.mark.parametrize(
    ("topology", "words"),
    [
        (
            "{name: dumbbell, params: {pairs: 0}}",
            "pairs: 0 is out of range (write a number from 1 to 90)",
        ),
        ("{name: dumbbell, params: {pairs: two}}", "'two' is not a whole number"),
        (
            "{name: dumbbell, params: {pairs: 3, rtt: [20ms]}}",
            (
                "rtt: 1 values for 3 pairs (write 3 values, one for each pair, or a single one for"
                " all)"
            ),
        ),
        ("{name: dumbbell, params: {rtt: 5ms}}", "the bottleneck alone takes 10ms there and back"),
        ("{name: dumbbell, params: {rtt: fast}}", "rtt: "),
        ("{name: dumbbell, params: {pair: 3}}", "no parameter 'pair' (did you mean 'pairs'?)"),
        ("{name: dumbbell, params: {backward: 3}}", "backward is a mapping"),
        (
            "{name: parking_lot, params: {bottlenecks: 1, rate: [1mbit, 2mbit]}}",
            "rate: 2 values for 1 bottleneck (write one value)",
        ),
        ("{name: parking_lot, params: {bottlenecks: 41}}", "41 is out of range"),
        ("{name: chain, params: {routers: -1}}", "-1 is out of range"),
        ("{name: star, params: {servers: true}}", "not a whole number"),
        ("{name: pairs, params: {names: [syn, syn]}}", "a list of different names"),
        ("{name: pairs, params: {names: syn}}", "a list of different names"),
        ("{name: pairs, params: {names: [syn, handshake]}}", "'handshake' names no pair"),
        (
            "{name: relay, params: {fast_rate: 1mbit}}",
            "no parameter 'fast_rate' (did you mean 'far_rate'?)",
        ),
    ],
)
def test_a_silly_parameter_is_refused_at_its_place(topology, words, tmp_path):
    text = refused(tmp_path, topology)
    assert words in text
    at = int(text.split("mine.yaml:2:")[1].split(":")[0])
    key = f"topology: {topology}"[at - 1 :].partition(":")[0]
    assert key.isidentifier()
    assert key != "name"
    assert key in text.partition(": ")[2]


@pytest.mark.parametrize("name", ["dumbbell", "parking_lot", "chain", "star", "pairs"])
def test_each_class_is_one_of_mininets_and_can_be_named_to_mn(name):
    from importlib import util

    from mininet.topo import Topo

    path = topologies_dir() / f"{name}.py"
    spec = util.spec_from_file_location(name, path)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    topo = module.topos[name]()
    assert isinstance(topo, Topo)
    graph = load_class_file(path, {})
    assert topo.hosts(sort=False) == list(graph.nodes)
    assert len(topo.links()) == len(graph.links)


def test_pairs_are_joined_by_a_link_of_their_own(tmp_path):
    links = "{syn1-syn2: {delay: 10ms}}"
    plan = compiled(tmp_path, "{name: pairs, params: {names: [syn, win]}}", links)
    assert [link.name for link in plan.network.links] == ["syn1-syn2", "win1-win2"]
    assert [link.base_rtt_ns for link in plan.network.links] == [20 * MS, 0]


def test_they_are_listed():
    assert set(NEW) <= set(topology_names(Path("/")))


def test_captures_at_some_hosts_only(tmp_path):
    plan = compiled(tmp_path, "star", "{}\nrecord: {capture: {hosts: [c1]}}")
    assert [recorder.interface for recorder in plan.recorders if recorder.kind == "capture"] == [
        "c1-eth0"
    ]
    plan = compiled(tmp_path, "dumbbell", "{}\nrecord: {capture: {hosts: ['b*']}}")
    assert [recorder.interface for recorder in plan.recorders if recorder.kind == "capture"] == [
        "b1-eth0",
        "b2-eth0",
    ]
    with pytest.raises(SpecErrors, match="no host 'c9'"):
        compiled(tmp_path, "star", "{}\nrecord: {capture: {hosts: [c9]}}")
