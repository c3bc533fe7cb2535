"""The examples on the page of actions and the own action of docs/guides/extending.md compile."""

import re
from pathlib import Path

import pytest

from tcpexp.actions import BUILTIN
from tcpexp.errors import SpecErrors
from tcpexp.plan.types import LinkState

DOCS = Path(__file__).parent.parent.parent / "docs"
MS = 1_000_000


#: What the examples of some actions need: a topology, a bottleneck, files beside the spec.
HEADS = {
    "iperf3_pairs": "name: probe\ntopology: dumbbell\nduration: 60s\n",
    "mptcp": "name: probe\ntopology: two_paths\nduration: 60s\n",
    "incast": "name: probe\ntopology: star\nduration: 60s\n",
    "link_trace": "name: probe\ntopology: two_host\nlinks: {h1-h2: {rate: 5mbit}}\nduration: 60s\n",
}
FILES = {"train.csv": "seconds,Mbit/s\n0,5\n2.5,0\n", "cellular.trace": "3\n7\n100\n"}


@pytest.mark.parametrize("name", list(BUILTIN))
def test_the_example_of_each_action_compiles(compile_actions, tmp_path, name):
    lines = BUILTIN[name].example.splitlines()
    for file, text in FILES.items():
        (tmp_path / file).write_text(text)
    head = {"head": HEADS[name]} if name in HEADS else {}
    plan = compile_actions(*(line.removeprefix("- ") for line in lines), **head)
    assert any(f"do: {name}" in line for line in lines)
    assert plan.setup or plan.steps


@pytest.fixture
def own_action(compile_actions, tmp_path):
    """Return a function that compiles the page's spec with other actions."""
    blocks = dict(
        re.findall(
            r"```(?:python|yaml)\n# (\S+)\n(.*?)```",
            (DOCS / "guides" / "extending.md").read_text(),
            re.DOTALL,
        )
    )
    (tmp_path / "flap_action.py").write_text(blocks["flap_action.py"])
    head, _, actions = blocks["use_flap.yaml"].partition("actions:\n")
    return lambda *others: compile_actions(
        *(others or [line.strip("- ") for line in actions.splitlines()]), head=head
    )


def test_the_action_of_ones_own(own_action):
    plan = own_action()
    flaps = [step for step in plan.steps if isinstance(step.do, LinkState)]
    assert [(step.at_ns // MS, step.until_ns // MS) for step in flaps] == [
        (5000, 5500),
        (7500, 8000),
        (10000, 10500),
        (12500, 13000),
    ]
    assert len({step.id for step in flaps}) == 4
    assert plan.plugins == ("flap_action.py",)


def test_the_action_of_ones_own_has_placed_errors(own_action):
    with pytest.raises(
        SpecErrors, match=r"probe.yaml:\d+:\d+: there is no link 'h1-h3'.*did you mean 'h1-h2'"
    ):
        own_action("{do: flap, link: h1-h3}")
    with pytest.raises(SpecErrors, match="no unit"):
        own_action("{do: flap, link: h1-h2, down: 5}")
