"""How a discipline, its settings, its classes and a policer are written."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tcpexp.record.disciplines import DISCIPLINES, setting
from tcpexp.spec.disciplines import NamedDiscipline, setting_words
from tcpexp.spec.links import LinkParameters


def link(**more: Any) -> LinkParameters:
    return LinkParameters.model_validate({"rate": "10mbit", **more})


def test_a_word_or_a_name_with_settings() -> None:
    assert link(discipline="pie").discipline == "pie"
    given = link(discipline={"name": "pie", "target": "20ms", "bytemode": True}).discipline
    assert isinstance(given, NamedDiscipline)
    assert given.given() == {"target": 20e6, "bytemode": 1.0}


@pytest.mark.parametrize(
    ("discipline", "words"),
    [
        ("fifo", "Input should be"),
        ("htb", "made of classes"),
        ({"target": "20ms"}, "has a name"),
        ({"name": "codel", "target": "20ms"}, "has no settings"),
        ({"name": "pie", "interval": "20ms"}, "Extra inputs"),
        ({"name": "pie", "target": "20"}, "unit"),
        ({"name": "pie", "alpha": 33}, "out of range"),
        ({"name": "pie", "bytemode": "yes"}, "not a switch"),
        ({"name": "dualpi2", "l4s": "all"}, "not one of ect1, ect0, any"),
        ({"name": "dualpi2", "coupling": 0}, "out of range"),
        ({"name": "sfq", "depth": "200p"}, "out of range"),
        ({"name": "fq", "flow_limit": "many"}, "not a whole number"),
        ({"name": "htb", "classes": {}}, "at least 1"),
        ({"name": "htb", "classes": {"a": {"rate": "1mbit", "match": {}}}}, "names nothing"),
        (
            {"name": "htb", "classes": {"a": {"rate": "1mbit"}, "b": {"rate": "1mbit"}}},
            "a and b are all",
        ),
        (
            {"name": "htb", "classes": {"a": {"rate": "1mbit", "match": {"port": 80}}}},
            "no class is for",
        ),
        ({"name": "htb", "classes": {"a": {"rate": "2mbit", "ceil": "1mbit"}}}, "below rate"),
        (
            {"name": "htb", "classes": {"a": {"rate": "2mbit", "match": {"dscp": 64}}}},
            "less than or equal to 63",
        ),
    ],
)
def test_what_is_refused(discipline: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        link(discipline=discipline)


def test_every_default_can_be_written() -> None:
    for name, settings in DISCIPLINES.items():
        written = {
            one.name: (
                bool(one.default) if one.unit == "switch" else setting_words(one, one.default)
            )
            for one in settings
            if one.default is not None and not one.frames
        }
        given = link(discipline={"name": name, **written}).discipline
        assert isinstance(given, NamedDiscipline)
        for one in settings:
            if one.name in written:
                assert given.given()[one.name] == pytest.approx(one.default, rel=1e-4)


def test_a_policer() -> None:
    policer = link(policer={"rate": "5mbit", "burst": "15kB"}).policer
    assert policer is not None
    assert (policer.rate, policer.burst) == (5_000_000, 15_000)
    with pytest.raises(ValidationError):
        link(policer={"rate": "5mbit"})


def test_values_in_words() -> None:
    assert setting_words(setting("dualpi2", "l4s"), 3) == "any"
    assert setting_words(setting("dualpi2", "classic_protection"), 0.1) == "10%"
    assert setting_words(setting("pie", "target"), 15e6) == "15ms"
