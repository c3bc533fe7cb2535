"""The initramfs archive is what cpio itself reads, and the same input gives the same bytes."""

import shutil
import subprocess

import pytest

from tcpexp.places.image.cpio import Entry, make_cpio

ENTRIES = [
    Entry("init", b"#!/bin/sh\n", executable=True),
    Entry("engine/tcpexp/a.py", b"x = 1\n"),
    Entry("empty", b""),
]


def test_same_input_same_bytes_whatever_the_order():
    assert make_cpio(ENTRIES) == make_cpio(list(reversed(ENTRIES)))


def test_other_content_gives_other_bytes():
    assert make_cpio(ENTRIES) != make_cpio([*ENTRIES[:2], Entry("empty", b"no longer")])


@pytest.mark.skipif(shutil.which("cpio") is None, reason="cpio is not installed: apt install cpio")
def test_cpio_unpacks_it(tmp_path):
    subprocess.run(["cpio", "-id", "--quiet"], input=make_cpio(ENTRIES), cwd=tmp_path, check=True)
    assert (tmp_path / "init").read_bytes() == b"#!/bin/sh\n"
    assert (tmp_path / "init").stat().st_mode & 0o111
    assert (tmp_path / "engine/tcpexp/a.py").read_text() == "x = 1\n"
    assert (tmp_path / "empty").read_bytes() == b""
