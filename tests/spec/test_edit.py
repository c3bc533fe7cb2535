"""Specs written as text, and changed in one place."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpexp.errors import SpecError
from tcpexp.paths import shipped_specs
from tcpexp.spec.dump import dump_yaml, flow_text
from tcpexp.spec.edit import REMOVED, edit_yaml, with_value
from tcpexp.spec.yaml12 import parse_yaml

TEXTS = st.one_of(
    st.sampled_from(
        [
            "",
            "10mbit",
            "true",
            "null",
            "1e3",
            "0x1F",
            "0o17",
            "no",
            "- a",
            "a: b",
            "#x",
            "x #y",
            "1:30",
            "~",
            "two\nlines\n",
            "two\nlines",
            "tail\n\n",
            " lead",
            "<<",
            "{x",
            "é\u2028",
            "-",
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"), max_size=12),
)
SCALARS = st.one_of(
    TEXTS, st.integers(-(10**9), 10**9), st.booleans(), st.none(), st.floats(allow_nan=False)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(TEXTS.filter(lambda key: key != "<<"), inner, max_size=4),
    ),
    max_leaves=20,
)
MAPPINGS = st.dictionaries(TEXTS.filter(lambda key: key != "<<"), VALUES, min_size=1, max_size=5)


def raw_of(text: str) -> object:
    return parse_yaml(text, "<spec>").raw


@given(MAPPINGS)
def test_what_is_written_is_read_as_the_same_values(value):
    assert raw_of(dump_yaml(value)) == value


@given(MAPPINGS, st.data())
def test_a_change_in_place_means_what_was_wanted(value, data):
    text = dump_yaml(value)
    keys, inner = [], value
    while (
        isinstance(inner, dict | list)
        and inner
        and data.draw(st.booleans() if keys else st.just(True))
    ):
        key = data.draw(
            st.sampled_from(list(inner) if isinstance(inner, dict) else range(len(inner)))
        )
        keys.append(key)
        inner = inner[key]
    new = data.draw(st.one_of(VALUES, st.just(REMOVED)))
    wanted = with_value(value, tuple(keys), new)
    assert raw_of(edit_yaml(text, tuple(keys), new, wanted)) == wanted


def test_infinite_and_undefined_numbers_are_written_as_yaml_has_them():
    assert flow_text([math.inf, -math.inf]) == "[.inf, -.inf]"
    assert math.isnan(raw_of(flow_text([math.nan]))[0])


def test_what_yaml_cannot_hold_is_refused():
    with pytest.raises(SpecError, match="cannot hold a set"):
        dump_yaml({"name": {1, 2}})
    with pytest.raises(SpecError, match="a key of a spec is a text"):
        dump_yaml({1: "x"})


TEXT = """\
# a laboratory
name: lab  # its name
links:
  h1-h2: {rate: 10mbit, delay: 10ms}  # the bottleneck
  # the other
  h2-h3: {rate: 1gbit}

actions:
  - {at: 1s, do: mark, text: one}   # first
  - at: 2s
    do: mark
    text: two
description: |
  Two
  lines.
seed: 3
"""


def edited(keys, value):
    return edit_yaml(TEXT, keys, value, with_value(raw_of(TEXT), keys, value))


@pytest.mark.parametrize(
    ("keys", "value", "old", "new"),
    [
        (("links", "h1-h2", "rate"), "20mbit", "rate: 10mbit,", "rate: 20mbit,"),
        (("seed",), 4, "seed: 3", "seed: 4"),
        (("links", "h1-h2", "queue"), "1bdp", "delay: 10ms}", "delay: 10ms, queue: 1bdp}"),
        (("links", "h1-h2", "delay"), REMOVED, "{rate: 10mbit, delay: 10ms}", "{rate: 10mbit}"),
        (("links", "h1-h2", "rate"), REMOVED, "{rate: 10mbit, delay: 10ms}", "{delay: 10ms}"),
        (("actions", 1, "text"), "three", "text: two", "text: three"),
        (("actions", 0), REMOVED, "  - {at: 1s, do: mark, text: one}   # first\n", ""),
        (("seed",), REMOVED, "seed: 3\n", ""),
        (("duration",), "5s", "seed: 3\n", "seed: 3\nduration: 5s\n"),
        (("hosts", "h1", "mtu"), 9000, "seed: 3\n", "seed: 3\nhosts:\n  h1: {mtu: 9000}\n"),
        (("description",), "One.", "|\n  Two\n  lines.\n", "One.\n"),
        (("description",), "A\nB\n", "  Two\n  lines.\n", "  A\n  B\n"),
        (
            ("actions", 2),
            {"at": "3s", "do": "mark", "text": "x"},
            "    text: two\n",
            "    text: two\n  - {at: 3s, do: mark, text: x}\n",
        ),
        (("links", "h2-h3"), {"rate": "5mbit"}, "{rate: 1gbit}", "{rate: 5mbit}"),
        (("description",), REMOVED, "description: |\n  Two\n  lines.\n", ""),
    ],
)
def test_one_place_changes_and_nothing_else(keys, value, old, new):
    assert edited(keys, value) == TEXT.replace(old, new)


def test_a_block_is_replaced_as_a_whole():
    text = edited(("links",), {"h1-h2": {"rate": "1mbit"}})
    assert "links:\n  h1-h2: {rate: 1mbit}\n" in text
    assert "# a laboratory" in text and "# first" in text


def test_an_anchor_is_not_changed_for_all():
    text = "one: &x {rate: 1}\ntwo: *x\n"
    wanted = {"one": {"rate": 1}, "two": {"rate": 2}}
    assert raw_of(edit_yaml(text, ("two", "rate"), 2, wanted)) == wanted


@pytest.mark.parametrize("path", shipped_specs(), ids=lambda path: path.stem)
def test_a_shipped_spec_keeps_its_text_but_for_the_change(path):
    text = path.read_text()
    raw = raw_of(text)
    changed = edit_yaml(text, ("duration",), "77s", {**raw, "duration": "77s"})
    lines = [(a, b) for a, b in zip(text.splitlines(), changed.splitlines(), strict=True) if a != b]
    assert len(lines) == 1 and "77s" in lines[0][1]
