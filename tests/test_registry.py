"""Names to items: loaded when they are asked for, refused when they are taken."""

import subprocess
import sys

import pytest

from tcpexp.errors import SpecError
from tcpexp.registry import Classes, Registry


def test_an_item_is_loaded_when_it_is_asked_for_and_once():
    loads = []
    registry = Registry("check")
    registry.add_later("late", lambda: loads.append(1) or "item")
    assert ("late" in registry, registry.names(), len(registry), loads) == (True, ["late"], 1, [])
    assert [registry.get("late"), registry.get("late"), dict(registry)] == [
        "item",
        "item",
        {"late": "item"},
    ]
    assert loads == [1]


def test_a_taken_name_is_refused_whichever_came_first():
    registry = Registry("check")
    registry.add_later("late", lambda: "item")
    for again in (
        lambda: registry.add("late", "another"),
        lambda: registry.add_later("late", lambda: "another"),
    ):
        with pytest.raises(SpecError, match="check 'late' is defined twice"):
            again()
    registry.add("late", registry.get("late"))


def test_an_item_that_cannot_be_loaded_fails_each_time():
    registry = Registry("check")
    registry.add_later("bad", lambda: {}["bad"])
    for _ in range(2):
        with pytest.raises(KeyError):
            registry.get("bad")


def test_classes_are_imported_by_name():
    classes = Classes({"registry": "tcpexp.registry:Registry"})
    assert (list(classes), classes["registry"], len(classes)) == (["registry"], Registry, 1)
    code = (
        "import sys, tcpexp.catalogue as c; c.load_catalogue().checks.get('exit');"
        " print('tcpexp.checks.goodput' in sys.modules)"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        == "False\n"
    )
