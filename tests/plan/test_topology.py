"""Topologies: Mininet classes, YAML graphs, where they are looked for, and what is
wrong with them.
"""

from pathlib import Path

import pytest

from tcpexp.catalogue import Catalogue
from tcpexp.errors import SpecError
from tcpexp.plan.topology import load_topology, topology_names

TOPO = "from mininet.topo import Topo\n\n\nclass Mine(Topo):\n    def build(self, **params):\n"
GRAPH = (
    "nodes: {h1: host, r1: router, h2: host}\nlinks:\n  - [h1, r1]\n  - [r1, h2, {rate: 10mbit}]\n"
)


def load(folder, name="mine", **params):
    return load_topology(name, params, folder, Catalogue())


def refused(folder, name="mine", **params):
    with pytest.raises(SpecError) as caught:
        load(folder, name, **params)
    return str(caught.value)


def test_the_shipped_ones_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert {"two_host", "three_host_line"} <= set(topology_names(tmp_path))
    graph = load(tmp_path, "two_host")
    assert graph.nodes == {"h1": "host", "h2": "host"}
    assert [link.name for link in graph.links] == ["h1-h2"]


def test_two_host_takes_link_parameters(tmp_path):
    graph = load(tmp_path, "two_host", rate="10mbit", delay="5ms")
    assert graph.links[0].forward.rate == graph.links[0].backward.rate == 10_000_000


def test_three_host_line_has_a_bottleneck_behind_a_router(tmp_path):
    graph = load(tmp_path, "three_host_line", rate="2mbit")
    assert graph.nodes["r1"] == "router"
    rates = {link.name: link.forward.rate for link in graph.links}
    assert rates == {"h1-r1": None, "h2-r1": None, "r1-h3": 2_000_000}
    assert all(link.forward.delay == 5_000_000 for link in graph.links)


def test_a_file_beside_the_spec_comes_first(tmp_path):
    (tmp_path / "two_host.yaml").write_text(GRAPH)
    assert load(tmp_path, "two_host").nodes["r1"] == "router"


@pytest.mark.parametrize("place", ["here/topologies", "topologies"])
def test_topologies_folders_are_searched(tmp_path, place):
    (tmp_path / "here").mkdir()
    folder = tmp_path / place
    folder.mkdir(exist_ok=True)
    (folder / "mine.yaml").write_text(GRAPH)
    assert load(tmp_path / "here").links[1].forward.rate == 10_000_000


def test_a_class_with_a_router_and_one_way_parameters(tmp_path):
    body = (
        TOPO + "        self.addHost('h1')\n        self.addHost('r1', router=True)\n       "
        " self.addLink('r1', 'h1', delay='1ms', forward={'rate': '5mbit'})\n"
    )
    (tmp_path / "mine.py").write_text(body)
    graph = load(tmp_path)
    (link,) = graph.links
    assert graph.nodes == {"h1": "host", "r1": "router"}
    assert (link.name, link.forward.rate, link.backward.rate) == ("r1-h1", 5_000_000, None)
    assert link.backward.delay == 1_000_000


def test_the_order_is_that_of_the_class_not_of_the_alphabet(tmp_path):
    lines = [f"        self.addHost('{name}')\n" for name in ("z", "a", "m")]
    lines += ["        self.addLink('z', 'a')\n", "        self.addLink('m', 'a')\n"]
    (tmp_path / "mine.py").write_text(TOPO + "".join(lines))
    graph = load(tmp_path)
    assert list(graph.nodes) == ["z", "a", "m"]
    assert [link.name for link in graph.links] == ["z-a", "m-a"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("        self.addSwitch('s1')\n", "has a switch, 's1'"),
        (
            "        self.addHost('h1'); self.addHost('h2'); self.addLink('h1', 'h2', bw=10)\n",
            "unknown key 'bw' (write rate, such as rate='10mbit' instead)",
        ),
        (
            "        self.addHost('h1'); self.addHost('h2'); self.addLink('h1', 'h2', rate=10)\n",
            "has no unit",
        ),
        ("        self.addHost('a_very_long_name')\n", "cannot name a node"),
        ("        raise RuntimeError('boom')\n", "fails: RuntimeError: boom"),
        ("        self.addHost('h1'); self.addLink('h1', 'h1')\n", "joins 'h1' with itself"),
    ],
)
def test_mistakes_in_a_class(tmp_path, body, words):
    (tmp_path / "mine.py").write_text(TOPO + body)
    assert words in refused(tmp_path)


def test_a_class_that_takes_no_such_parameter(tmp_path):
    (tmp_path / "mine.py").write_text(TOPO.replace("**params", "") + "        self.addHost('h1')\n")
    assert "topology 'mine' has no parameter 'speed'" in refused(tmp_path, speed="10mbit")


def test_a_python_file_without_a_class(tmp_path):
    (tmp_path / "mine.py").write_text("x = 1\n")
    assert "holds no Topo class" in refused(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n", "a topology is a mapping"),
        ("nodes: {h1: host}\n", "links: is a list"),
        ("links: []\n", "'nodes' is missing"),
        (
            "nodes: {h1: host}\nlinks: []\nnods: 1\n",
            "mine.yaml:3:1: unknown key 'nods' (did you mean 'nodes'?)",
        ),
        (
            "nodes: {h1: switch}\nlinks: []\n",
            "mine.yaml:1:13: node 'h1' is neither host nor router",
        ),
        (
            "nodes: {h1: host, h2: host}\nlinks:\n  - [h1, h3]\n",
            "mine.yaml:3:5: a link ends at 'h3', which is no node",
        ),
        (
            "nodes: {h1: host, h2: host}\nlinks:\n  - h1\n",
            "mine.yaml:3:5: a link is a list of two nodes",
        ),
        (
            "nodes: {h1: host, h2: host}\nlinks:\n  - [h1, h2]\n  - [h2, h1]\n",
            "mine.yaml:4:5: two links join",
        ),
        (
            "nodes: {h1: host, h2: host}\nlinks:\n  - [h1, h2, {rate: 5}]\n",
            "mine.yaml:3:5: rate: the rate '5' has no unit",
        ),
        (
            "nodes: {h1: host, h2: host}\nlinks:\n  - [h1, h2, {rate: $r}]\n",
            "$r is not a parameter",
        ),
    ],
)
def test_mistakes_in_a_graph(tmp_path, text, words):
    (tmp_path / "mine.yaml").write_text(text)
    assert words in refused(tmp_path)


def test_an_unknown_parameter_of_a_graph(tmp_path):
    (tmp_path / "mine.yaml").write_text("params: {rate: 1mbit}\n" + GRAPH)
    assert "has no parameter 'rte' (did you mean 'rate'?)" in refused(tmp_path, rte="5mbit")


@pytest.mark.parametrize("name", ["two_hots", "../two_host", "/etc/passwd", ""])
def test_unknown_names(tmp_path, name):
    assert "unknown topology" in refused(tmp_path, name)


def test_the_suggestion_names_the_near_one(tmp_path):
    assert "did you mean 'two_host'?" in refused(tmp_path, "two_hots")


def test_every_shipped_topology_loads():
    from tcpexp.paths import topologies_dir

    for path in sorted(Path(topologies_dir()).iterdir()):
        if path.suffix in (".py", ".yaml"):
            assert load(Path.cwd(), path.stem).links
