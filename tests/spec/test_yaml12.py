"""YAML 1.2 core semantics, places, and refusal of what is hostile."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpexp.errors import SpecErrors
from tcpexp.spec.yaml12 import MAX_DEPTH, MAX_NODES, parse_yaml, resolve_scalar


def values(text):
    return parse_yaml(text, "f.yaml").raw


def error(text):
    with pytest.raises(SpecErrors) as caught:
        parse_yaml(text, "f.yaml")
    return caught.value.errors[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("no", "no"),
        ("off", "off"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("1:30", "1:30"),
        ("2001-12-14", "2001-12-14"),
        ("1_000", "1_000"),
        ("-3", -3),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("10mbit", "10mbit"),
        ("<<", "<<"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_core_schema(text, value):
    assert resolve_scalar(text) == value
    assert type(resolve_scalar(text)) is type(value)


def test_quoted_scalars_and_str_tags_stay_text():
    assert values("a: '5'\nb: \"true\"\nc: !!str 5\nd: |\n  5\n") == {
        "a": "5",
        "b": "true",
        "c": "5",
        "d": "5\n",
    }


def test_keys_are_text_whatever_they_look_like():
    assert values("on: 1\n404: 2\nnull: 3\n") == {"on": 1, "404": 2, "null": 3}


def test_every_value_and_key_has_its_place():
    document = parse_yaml("a:\n  - x\n  - b: 1\n", "f.yaml")
    assert str(document.places["a", 1, "b"]) == "f.yaml:3:8"
    assert str(document.key_places["a", 1, "b"]) == "f.yaml:3:5"
    assert str(document.places["a", 0]) == "f.yaml:2:5"


def test_aliases_share_values():
    assert values("a: &x {b: 1}\nc: *x\n") == {"a": {"b": 1}, "c": {"b": 1}}


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a: 1\na: 2\n", "f.yaml:2:1", "appears twice"),
        ("a: {b: 1, b: 2}\n", "f.yaml:1:11", "appears twice"),
        ("a: &x {b: 1}\nc: {<<: *x}\n", "f.yaml:2:5", "merge keys"),
        ("a: !!python/object/apply:os.system [id]\n", "f.yaml:1:4", "tag"),
        ("a: !mine 1\n", "f.yaml:1:4", "tag"),
        ("a: 1\n---\nb: 1\n", "f.yaml:2:1", "second document"),
        ("a: *x\n", "f.yaml:1:4", "no anchor"),
        ("a: &x [*x]\n", "f.yaml:1:8", "inside its own anchor"),
        ("a:\n\tb: 1\n", "f.yaml:2:1", "cannot start any token"),
        ("a: {b: 1\n", "f.yaml:2:1", "did not find expected"),
        ("? [a]\n: 1\n", "f.yaml:1:3", "cannot be a key"),
        ("", "f.yaml:1:1", "empty"),
        ("# only a comment\n", "f.yaml:1:1", "empty"),
        ("a: \x07\n", "f.yaml:1:1", "control character"),
    ],
)
def test_refuses_at_the_place(text, place, words):
    found = error(text)
    assert str(found.where) == place
    assert words in found.message
    assert found.hint


def test_an_alias_bomb_is_refused():
    text = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
    text += "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
    assert "aliases multiply" in error(text).message


def test_deep_nesting_is_refused_however_deep():
    assert f"deeper than {MAX_DEPTH}" in error("a: " + "[" * 900_000).message
    assert (
        f"deeper than {MAX_DEPTH}"
        in error("".join(" " * depth + "-\n" for depth in range(200))).message
    )


def test_too_many_values_are_refused():
    assert f"more than {MAX_NODES}" in error("a: [" + "1," * 400_000 + "]").message


def test_all_duplicate_keys_are_reported():
    with pytest.raises(SpecErrors) as caught:
        parse_yaml("a: 1\na: 2\nb: {c: 1, c: 2}\n", "f.yaml")
    assert [str(mistake.where) for mistake in caught.value.errors] == ["f.yaml:2:1", "f.yaml:3:11"]


@given(st.text(max_size=200))
def test_any_text_is_values_or_placed_errors(text):
    try:
        parse_yaml(text, "f.yaml")
    except SpecErrors as caught:
        assert all(mistake.where is not None for mistake in caught.errors)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.text("abc: #[]{}&*!|>'\"%@`,-?", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(PLAIN)
def test_json_is_read_as_itself(value):
    import json

    assert values(json.dumps(value)) == value
