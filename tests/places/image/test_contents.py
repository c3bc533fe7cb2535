"""What an image has, from its files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.paths import find_spec
from tcpexp.places.image.contents import find_contents, qdiscs_by_version
from tcpexp.places.image.image import Image
from tcpexp.places.image.listing import list_contents
from tcpexp.places.inventory import KNOWN_QDISCS, Inventory, find_lacking
from tcpexp.plan.compile import compile_plan


def make_tree(folder: Path) -> Path:
    binaries = folder / "usr/bin"
    modules = folder / "usr/lib/modules/6.1.0/kernel/net/ipv4"
    binaries.mkdir(parents=True)
    modules.mkdir(parents=True)
    (binaries / "ping").write_text("")
    (binaries / "ping").chmod(0o755)
    (binaries / "notes.txt").write_text("")
    (binaries / "awk").symlink_to("/etc/alternatives/awk")
    for name in ("tcp_bbr.ko", "tcp_diag.ko", "tcp_vegas.ko.xz"):
        (modules / name).write_text("")
    queues = folder / "usr/lib/modules/6.1.0/kernel/net/sched"
    queues.mkdir(parents=True)
    for name in ("sch_pie.ko.xz", "act_police.ko"):
        (queues / name).write_text("")
    return folder


def test_programs_and_congestion_controls_of_a_tree(tmp_path):
    assert list_contents(make_tree(tmp_path), "6.1.0") == {
        "programs": ["awk", "ping"],
        "congestion_controls": ["bbr", "cubic", "reno", "vegas"],
        "qdiscs": ["bfifo", "fq_codel", "pfifo", "pie"],
    }


def image_in(folder: Path, **described: object) -> Image:
    folder.mkdir()
    (folder / "image.json").write_text(json.dumps(described))
    return Image(folder, "0" * 64, "6.1.0", {}, "recipe", 0)


def test_an_image_says_what_it_has(tmp_path):
    image = image_in(
        tmp_path / "image",
        contents={"programs": ["ping"], "congestion_controls": ["reno"], "qdiscs": ["pie"]},
    )
    found = find_contents(image, make_tree(tmp_path / "tree"))
    assert found == Inventory(frozenset(["ping"]), None, frozenset(["reno"]), frozenset(["pie"]))


def test_one_made_before_is_known_where_it_lies_unpacked(tmp_path):
    tree = make_tree(tmp_path / "tree")
    before = image_in(tmp_path / "before")
    assert find_contents(before, tree).programs == {"awk", "ping"}
    no_qdiscs = image_in(
        tmp_path / "no_qdiscs", contents={"programs": ["ping"], "congestion_controls": ["reno"]}
    )
    found = find_contents(no_qdiscs, tree)
    assert found.qdiscs == {"bfifo", "fq_codel", "pfifo", "pie"}


def test_of_one_that_says_nothing_the_version_tells_what_it_cannot_have(tmp_path):
    found = find_contents(image_in(tmp_path / "image"), tmp_path / "absent")
    assert found.programs is found.congestion_controls is found.sysctls is None
    assert found.qdiscs == set(KNOWN_QDISCS) - {"dualpi2"}
    catalogue = load_catalogue()
    plan = compile_plan(load_spec(find_spec("l4s"), catalogue), catalogue)
    assert [missing.what for missing in find_lacking(plan, found)] == ["qdisc dualpi2"]


@pytest.mark.parametrize(
    ("kernel", "has"), [("6.16.9-amd64", False), ("6.17.0", True), ("7.3.4", True), ("odd", True)]
)
def test_dualpi2_came_with_6_17(kernel, has):
    assert ("dualpi2" in qdiscs_by_version(kernel)) is has
