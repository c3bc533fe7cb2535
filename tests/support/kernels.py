"""Kernels for tests: folders of the cache as a build leaves them, with a script as the binary."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tcpexp.places.kernel.kernel import (
    Kernel,
    choose_kernel,
    kernel_folder,
    kernels_dir,
    load_kernel,
    sha256_of,
)
from tcpexp.places.kernel.recipe import load_recipe
from tcpexp.store.rundir import to_json_text

BINARY = "#!/bin/sh\necho {}\n"


def binary_hash(text: str) -> str:
    """Return the sha256 of the kernel that is told from others by ``text``."""
    return hashlib.sha256(BINARY.format(text).encode()).hexdigest()


def make_kernel(
    name: str = "debian-7.3",
    text: str = "one",
    recipe: str | None = None,
    choose: bool = True,
    more: dict[str, bytes] | None = None,
) -> Kernel:
    """Write a kernel that is told from others by ``text`` into the cache, and return it.

    ``recipe`` is the hash of the recipe, by default of the one that tcpexp has by this name;
    ``more`` are further files.
    """
    work = kernels_dir() / f"making-{name}-{text}"
    (work / "recipe/patches").mkdir(parents=True)
    (work / "linux").write_text(BINARY.format(text))
    (work / "linux").chmod(0o755)
    (work / "config").write_text("CONFIG_NET=y\n")
    for part in ("NOTICE", "recipe/recipe.yaml", "recipe/COPYING", "recipe/patches/0001-a.patch"):
        (work / part).write_text(f"{part} of {text}\n")
    for part, content in (more or {}).items():
        (work / part).write_bytes(content)
    described = {
        "name": name,
        "version": name.partition("-")[2] + ".4",
        "debian_version": "7.3.4-1",
        "sha256": sha256_of(work / "linux"),
        "mode": "seccomp",
        "recipe": recipe or load_recipe(name).hash(),
        "bytes": (work / "linux").stat().st_size,
        "config_sha256": sha256_of(work / "config"),
        "compiler": "fake cc 1.0",
        "files": {
            part: sha256_of(work / part)
            for part in files_of(work)
            if part not in ("linux", "config")
        },
    }
    (work / "kernel.json").write_text(to_json_text(described))
    folder = kernel_folder(name, str(described["sha256"]))
    work.rename(folder)
    kernel = load_kernel(folder)
    assert kernel is not None
    if choose:
        choose_kernel(kernel)
    return kernel


def files_of(folder: Path) -> list[str]:
    """Return the files of a folder, by name below it."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
