"""Which place a run is made in."""

from __future__ import annotations

import pytest

from tcpexp.errors import HostError, Missing, SpecError
from tcpexp.places import registry
from tcpexp.places.base import Wanted


class Kind:
    """A kind of place that has what it is told to have."""

    def __init__(self, name, clocks=("virtual",), lacks=(), needs_root=False):
        self.name, self.clocks, self.lacks, self.needs_root = name, clocks, lacks, needs_root
        self.words = f"in {name}"

    def missing(self):
        return self.lacks


LACK = Missing("a thing", "running", "apt install thing")


@pytest.fixture
def kinds(monkeypatch):
    """Make the registry hold the given kinds, in their order."""

    def put(*made):
        for kind in made:
            monkeypatch.setitem(globals(), f"KIND_{kind.name}", kind)
        monkeypatch.setattr(
            registry, "KINDS", {kind.name: f"{__name__}:KIND_{kind.name}" for kind in made}
        )

    return put


def test_the_first_that_works_is_chosen(kinds):
    kinds(Kind("one", lacks=(LACK,)), Kind("two"), Kind("three"))
    assert registry.choose_kind("auto", Wanted(), "tcpexp run x").name == "two"


def test_guest_means_the_best_that_needs_no_root(kinds):
    kinds(Kind("metal", ("real",), needs_root=True), Kind("machine", ("virtual", "real")))
    assert registry.choose_kind("guest", Wanted(), "").name == "machine"
    assert registry.choose_kind("auto", Wanted(), "").name == "metal"


def test_a_clock_chooses_a_place_that_has_it(kinds):
    kinds(Kind("jumps"), Kind("counts", ("virtual", "real")))
    assert registry.choose_kind("guest", Wanted("real"), "").name == "counts"


def test_a_named_place_without_the_clock_is_refused_with_those_that_have_it(kinds):
    kinds(Kind("jumps"), Kind("counts", ("virtual", "real")))
    with pytest.raises(SpecError) as caught:
        registry.choose_kind("jumps", Wanted("real"), "")
    assert "virtual clock only" in str(caught.value)
    assert "--on counts" in str(caught.value)


def test_where_nothing_works_each_lack_says_for_which_place(kinds):
    kinds(
        Kind("one", lacks=(LACK,)),
        Kind("two", lacks=(Missing("root", "everything", "sudo"),), needs_root=True),
    )
    with pytest.raises(HostError) as caught:
        registry.choose_kind("auto", Wanted(), "tcpexp run x")
    assert [lack.needed_for for lack in caught.value.missing] == [
        "--on one: running",
        "--on two: everything",
    ]
    assert caught.value.missing[1].remedy == "sudo tcpexp run x --on two"


def test_manifests_of_earlier_versions_are_understood():
    assert registry.place_kind("guest").name == "qemu"
    assert registry.place_words("guest") == registry.place_words("qemu")
    assert registry.place_words("elsewhere") == "elsewhere"


def test_an_unknown_place_is_refused():
    with pytest.raises(SpecError, match="no place 'moon'"):
        registry.place_kind("moon")
