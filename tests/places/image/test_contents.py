"""What an image has, from its files."""

from __future__ import annotations

import json
from pathlib import Path

from tcpexp.places.image.contents import find_contents
from tcpexp.places.image.image import Image
from tcpexp.places.image.listing import list_contents


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
        tmp_path / "image", contents={"programs": ["ping"], "congestion_controls": ["reno"]}
    )
    found = find_contents(image, tmp_path / "absent")
    assert found is not None
    assert (found.programs, found.congestion_controls, found.sysctls) == (
        frozenset(["ping"]),
        frozenset(["reno"]),
        None,
    )


def test_one_made_before_is_known_where_it_lies_unpacked(tmp_path):
    image = image_in(tmp_path / "image")
    assert find_contents(image, tmp_path / "absent") is None
    found = find_contents(image, make_tree(tmp_path / "tree"))
    assert found is not None and found.programs == {"awk", "ping"}
