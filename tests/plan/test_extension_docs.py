"""The examples of docs/reference/topologies.md, docs/reference/recorders.md and
docs/reference/spec.md do what the pages say.
"""

import re
from pathlib import Path

import pytest

from tcpexp.catalogue import Catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.plan.compile import compile_plan
from tcpexp.recorders import BUILTIN
from tcpexp.spec.model import ExperimentSpec

DOCS = Path(__file__).parent.parent.parent / "docs" / "reference"
NAMED_BLOCK = re.compile(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", re.DOTALL)


def unpack(page, folder):
    """Write every block of ``page`` that starts with a file's name to that file below
    ``folder``.
    """
    for name, text in NAMED_BLOCK.findall((DOCS / page).read_text()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def compiled(tmp_path):
    def compile_page(page, spec):
        unpack(page, tmp_path)
        catalogue = Catalogue()
        for name, recorder in BUILTIN.items():
            catalogue.recorders.add(name, recorder)
        return compile_plan(load_spec(tmp_path / spec, catalogue), catalogue)

    return compile_page


def test_the_topo_class(compiled):
    plan = compiled("topologies.md", "use_uplinks.yaml")
    assert len(plan.network.nodes) == 5
    bottleneck = plan.network.link("r1-server")
    assert bottleneck.forward.queue.limit_packets == round(2 * 10e6 * 0.022 / 8 / 1514)
    uplinks = [plan.network.link(f"h{number}-r1") for number in (1, 2, 3)]
    assert [link.forward.rate_bps for link in uplinks] == [1_000_000, 2_000_000, 4_000_000]
    assert uplinks[0].backward.rate_bps is None
    assert uplinks[0].backward.loss.p == 0.001
    assert uplinks[0].forward.loss is None


def test_the_yaml_graph(compiled, tmp_path):
    text = "name: x\ntopology: {name: branch, params: {far: 40ms}}\nduration: 1s\n"
    (tmp_path / "use_branch.yaml").write_text(text)
    plan = compiled("topologies.md", "use_branch.yaml")
    delays = {link.name: link.forward.delay_ns // 10**6 for link in plan.network.links}
    assert delays == {"near-r1": 1, "remote-r1": 40, "r1-server": 1}
    assert plan.network.link("remote-r1").backward.loss.p == 0.001


def test_the_recorder(compiled):
    plan = compiled("recorders.md", "use_neighbours.yaml")
    own = [recorder for recorder in plan.recorders if recorder.kind == "command"]
    assert [
        (recorder.node, recorder.interval_ns, recorder.options["output"]) for recorder in own
    ] == [
        ("h1", 500_000_000, "neighbours-h1.txt"),
        ("h2", 500_000_000, "neighbours-h2.txt"),
    ]


def test_every_key_of_a_spec_is_documented():
    page = (DOCS / "spec.md").read_text()
    assert [name for name in ExperimentSpec.model_fields if f"`{name}`" not in page] == []


def test_every_recorder_is_documented():
    page = (DOCS / "recorders.md").read_text()
    for name, model in BUILTIN.items():
        assert f"| `{name}` | {' '.join(model.__doc__.split())} |" in page
