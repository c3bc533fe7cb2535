"""The template's size, and how long it takes to build: in a cache of its own, so that the user's stays as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from costing.watch import RunFailed
from tcpexp.paths import cache_dir
from tcpexp.places.qemu.place import GuestPlace

BUILD = "import sys; sys.path.insert(0, {here!r}); from costing.template import build_here; build_here()"


def measure_template(build: bool) -> list[dict[str, Any]]:
    """Return one row on the present template and, with ``build``, one on a fresh build of it (image linked, nothing else shared)."""
    image, template = GuestPlace().prepare()
    assert template is not None
    rows = [{"part": "d", "case": "template in the cache", "image_bytes": image.bytes, **files_of(template.path), **template.facts}]
    if build:
        rows.append({"part": "d", "case": "template built anew", **build_apart()})
    return rows


def files_of(folder: Path) -> dict[str, int]:
    """Return what a template takes on disk, in bytes: all of it, its memory, its state."""
    sizes = {path.name: path.stat().st_blocks * 512 for path in folder.iterdir() if path.is_file()}
    return {"disk_bytes": sum(sizes.values()), "ram_disk_bytes": sizes.get("ram", 0), "state_disk_bytes": sizes.get("state", 0)}


def build_apart() -> dict[str, Any]:
    """Build a template in a temporary cache whose image is the user's, in a process of its own; return seconds and sizes."""
    with tempfile.TemporaryDirectory(prefix="tcpexp-cost-", dir=cache_dir().parent) as name:
        private = Path(name) / "tcpexp"
        private.mkdir()
        (private / "images").symlink_to(cache_dir() / "images")
        here = str(Path(__file__).resolve().parent.parent)
        began = time.monotonic()
        argv = ["setpriv", "--pdeathsig", "TERM", sys.executable, "-c", BUILD.format(here=here)]
        done = subprocess.run(argv, env={**os.environ, "XDG_CACHE_HOME": name}, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode != 0:
            raise RunFailed(f"the template could not be built:\n{done.stderr[-1500:]}")
        facts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return {"build_wall_s": time.monotonic() - began, **facts}


def build_here() -> None:
    """Build the template in the cache that the environment names, and print its facts as JSON; run by :func:`build_apart`."""
    _, template = GuestPlace().prepare()
    assert template is not None
    print(json.dumps({**files_of(template.path), **template.facts}))
