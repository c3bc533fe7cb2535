"""Which place a run is made in."""

from __future__ import annotations

import pytest

from tcpexp.errors import HostError, Missing, SpecError
from tcpexp.places import registry
from tcpexp.places.base import PlaceKind, Wanted
from tcpexp.places.choosing import clock_help, kernel_help, on_help
from tests.support.example_place import installed


class Kind(PlaceKind):
    """A kind of place that has what it is told to have."""

    def __init__(self, name, clocks=("virtual",), lacks=(), needs_root=False, has_kernels=False):
        self.name, self.clocks, self.lacks, self.needs_root = name, clocks, lacks, needs_root
        self.has_kernels = has_kernels
        self.words, self.title, self.what = f"in {name}", name, f"the place {name}"

    def open(self, wanted, say):
        raise NotImplementedError

    def examine(self, say):
        return []

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


def test_a_kernel_chooses_a_place_that_has_several(kinds):
    kinds(Kind("plain", ("virtual", "real")), Kind("many", has_kernels=True))
    assert registry.choose_kind("auto", Wanted(kernel="old"), "").name == "many"
    assert registry.choose_kind("auto", Wanted(), "").name == "plain"
    message = "no place has kernels to choose from on the real clock, and old is asked for"
    with pytest.raises(SpecError, match=message) as caught:
        registry.choose_kind("auto", Wanted("real", "old"), "")
    assert "use --on many" in str(caught.value.hint)


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


def test_the_command_line_says_what_there_is():
    assert on_help() == (
        "Where: uml and qemu need no root, host is this machine's own kernel (root). guest: the"
        " better of uml and qemu; auto: the first of all that works."
    )
    assert clock_help() == (
        "virtual unless given; qemu also offers the real one, the host has no other."
    )
    assert kernel_help().startswith("The kernel of --on uml: ")


def test_a_package_of_somebody_else_brings_a_place():
    assert "twice" not in registry.on_choices()
    with installed():
        assert registry.on_choices() == ("auto", "guest", "uml", "qemu", "host", "twice")
        assert registry.place_words("twice") == "twice in User-Mode Linux"
        assert registry.choose_kind("twice", Wanted(), "").name == "twice"
        assert kernel_help().startswith("The kernel of --on uml or twice: ")
    assert registry.place_words("twice") == "twice"


def test_a_package_that_does_not_work_is_named():
    with installed() as folder:
        metadata = folder / "twice_place-1.0.dist-info" / "entry_points.txt"
        metadata.write_text("[tcpexp.places]\ntwice = twice_place:NOTHING\n")
        registry._installed.cache_clear()
        with pytest.raises(SpecError, match="'twice' cannot be loaded from twice_place:NOTHING"):
            registry.place_kind("twice")
