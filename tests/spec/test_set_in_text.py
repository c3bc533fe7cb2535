"""A value written into a spec's text: the same as ``--set``, and nothing else changes."""

from __future__ import annotations

import pytest

from tcpexp import paths
from tcpexp.errors import SpecErrors
from tcpexp.spec.edit import set_in_text
from tcpexp.spec.overrides import apply_overrides
from tcpexp.spec.yaml12 import parse_yaml

SPEC = """\
name: x  # a comment
topology: two_host
links:
  h1-h2: {rate: 10mbit, delay: 20ms}  # the bottleneck
hosts:
  h1:
    sysctls: {net.ipv4.tcp_sack: 0}
actions:
  - {at: 0s, do: iperf3, id: web, flow: one, from: h1, to: h2}
  - at: 5s
    do: mark
    text: |
      two
      lines
explain: |
  Text.
"""


@pytest.mark.parametrize(
    ("override", "before", "after"),
    [
        ("links.h1-h2.rate=20mbit", "rate: 10mbit", "rate: 20mbit"),
        ("links.h1-h2.queue=8bdp", "delay: 20ms}", "delay: 20ms, queue: 8bdp}"),
        ("links.h1-h2.loss=1%", "delay: 20ms}", "delay: 20ms, loss: 1%}"),
        ("actions[web].congestion_control=bbr", "to: h2}", "to: h2, congestion_control: bbr}"),
        ("actions[1].at=7s", "at: 5s", "at: 7s"),
        ("actions[1].id=late", "      lines\n", "      lines\n    id: late\n"),
        ("hosts.h1.sysctls.net.ipv4.tcp_sack=1", "tcp_sack: 0", "tcp_sack: 1"),
        ("topology.params.n=3", "two_host", "{name: two_host, params: {n: 3}}"),
        ("links.h3-h4.delay=1ms", "bottleneck\n", "bottleneck\n  h3-h4: {delay: 1ms}\n"),
    ],
)
def test_only_the_value_changes(override: str, before: str, after: str) -> None:
    assert SPEC.count(before) == 1
    assert set_in_text(SPEC, override) == SPEC.replace(before, after)


def test_a_value_that_is_set_already_leaves_the_text_as_it_is() -> None:
    assert set_in_text(SPEC, "links.h1-h2.rate=10mbit") is SPEC


def test_a_key_that_is_missing_at_the_top_gets_a_line() -> None:
    assert parse_yaml(set_in_text(SPEC, "seed=9"), "x").raw["seed"] == 9


def test_an_alias_cannot_be_set_by_itself() -> None:
    text = "links:\n  a-b: {rate: &r 10mbit}\n  b-c: {rate: *r}\n"
    with pytest.raises(SpecErrors, match=r"links\.b-c\.rate"):
        set_in_text(text, "links.b-c.rate=5mbit")


@pytest.mark.parametrize("override", ["seed=9", "duration=33s"])
def test_every_shipped_spec_can_be_set(override: str) -> None:
    for path in paths.shipped_specs():
        text = path.read_text(encoding="utf-8")
        changed = set_in_text(text, override)
        wanted = apply_overrides(parse_yaml(text, "x").raw, [override])
        assert parse_yaml(changed, "x").raw == wanted
        assert len(set(changed.splitlines()) ^ set(text.splitlines())) <= 2
