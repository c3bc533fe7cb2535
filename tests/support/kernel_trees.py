"""A tiny source tree that is built as Linux is, by the real make, patch and compiler."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tcpexp.places.kernel.build import missing_for_build
from tcpexp.places.kernel.recipe import Recipe, load_recipe
from tcpexp.places.kernel.source import Fetched
from tcpexp.telling import Say

VERSION = "9.9.3-1"

MAKEFILE = """\
VERSION = 9
PATCHLEVEL = 9
SUBLEVEL = 3
EXTRAVERSION =

x86_64_defconfig:
	mkdir -p $(O)
	printf 'CONFIG_HZ=100\\nCONFIG_GONE=y\\n# CONFIG_NET is not set\\n' > $(O)/.config
	printf 'include %s/build.mk\\n' $(CURDIR) > $(O)/Makefile
"""

BUILD = """\
tree := $(dir $(lastword $(MAKEFILE_LIST)))
olddefconfig:
	sed -i '/CONFIG_NOT_IN_THIS_KERNEL/d' .config
	echo 'CONFIG_CC_VERSION_TEXT="fake cc 1.0"' >> .config
modules_prepare:
	mkdir -p scripts include/config
	echo made > scripts/module.lds
	cp .config include/config/auto.conf
	touch vmlinux.symvers
linux: $(tree)linux.c
	@test "$(ARCH)" = um
	@for i in 1 2 3 4 5 6 7 8 9 10; do echo "  CC      net/$$i.o"; done
	@echo noise
	@if [ -f $(tree)slow ]; then touch $(tree)../../compiling; sleep 60; fi
	gcc -DWHO='"$(KBUILD_BUILD_USER)@$(KBUILD_BUILD_HOST)"' -o $@ $<
"""

LINUX = """\
#include <stdio.h>
const char *who = WHO;
int main(void)
{
	puts("9.9.3-tcpexp");
	return 0;
}
"""

PATCH = """\
Subject: it greets
SPDX-License-Identifier: GPL-2.0

Why: it is polite.
---
--- a/linux.c
+++ b/linux.c
@@ -4,4 +4,5 @@
 {
 \tputs("9.9.3-tcpexp");
+\tfputs("hello\\n", stderr);
 \treturn 0;
 }
"""

RECIPE = """\
name: fake-9.9
title: A kernel that is none
series: "9.9"
mode: seccomp
source: {package: linux-source-9.9, suites: [here], version: 9.9.3-1}
config: [fake.config]
patches: [0001-it-greets.patch]
build: {timestamp: Thu Jan  1 00:00:00 UTC 2026, user: tcpexp, host: nowhere, version: 1, lines: 10}
"""

CONFIG = """\
# what is asked for
CONFIG_NET=y
CONFIG_LOCALVERSION="-tcpexp"
# CONFIG_GONE is not set
# CONFIG_NEVER_THERE is not set
"""


def write_recipe(folder: Path, name: str = "fake-9.9") -> Recipe:
    """Write a recipe with its patch and configuration, and return it."""
    folder.mkdir(exist_ok=True)
    (folder / "fake.config").write_text(CONFIG)
    (folder / "0001-it-greets.patch").write_text(PATCH)
    file = folder / f"{name}.yaml"
    file.write_text(RECIPE.replace("fake-9.9", name))
    return load_recipe(str(file))


def write_tree(folder: Path, files: dict[str, str] | None = None) -> Path:
    """Write the source tree to ``folder``, with ``files`` in place of its own, and return it."""
    tree = {"Makefile": MAKEFILE, "build.mk": BUILD, "linux.c": LINUX, "arch/um/Kconfig": ""}
    for name, text in {**tree, **(files or {})}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def ship_recipes(folder: Path, *series: str) -> Path:
    """Write a folder of recipes as tcpexp ships them, for these series, and return it.

    The patch of each but the first is for a source that says another version.
    """
    folder.mkdir(parents=True)
    (folder / "COPYING").write_text("the licence\n")
    (folder / "config").mkdir()
    (folder / "config/common.config").write_text(CONFIG)
    for number, name in enumerate(series):
        patches = folder / "patches" / name
        patches.mkdir(parents=True)
        patch = PATCH if number == 0 else PATCH.replace("9.9.3-tcpexp", f"{name}.0-tcpexp")
        (patches / "0001-it-greets.patch").write_text(patch)
        text = RECIPE.replace("fake-9.9", f"debian-{name}").replace("9.9", name)
        text = text.replace("[fake.config]", "[config/common.config]")
        text = text.replace("[0001-", f"[patches/{name}/0001-")
        (folder / f"debian-{name}.yaml").write_text(text)
    return folder


@dataclass
class FakeArchive:
    """Where the source comes from: ``files`` replace those of the tree; ``fetched`` counts."""

    folder: Path
    files: dict[str, str] = field(default_factory=dict)
    version: str = VERSION
    fetched: int = 0

    def fetch(self, recipe: Recipe, work: Path, log: Path, say: Say) -> Fetched:
        """Pack the tree as Debian does; as ``fetch_source``."""
        self.fetched += 1
        root = self.folder / f"deb-{self.fetched}"
        tree = root / "linux-source-9.9"
        tree.mkdir(parents=True)
        write_tree(tree, self.files)
        package = root / "package"
        (package / "usr/src").mkdir(parents=True)
        (package / "DEBIAN").mkdir()
        control = {"Package": "linux-source-9.9", "Version": self.version, "Architecture": "all"}
        control |= {"Maintainer": "x <x@example.org>", "Description": "x"}
        words = "".join(f"{key}: {value}\n" for key, value in control.items())
        (package / "DEBIAN/control").write_text(words)
        call(
            "tar",
            "-C",
            str(root),
            "-cJf",
            str(package / "usr/src/linux-source-9.9.tar.xz"),
            "linux-source-9.9",
        )
        (package / "DEBIAN").chmod(0o755)  # dpkg-deb refuses less, whatever the umask
        call("dpkg-deb", "--build", str(package), str(work / "source.deb"))
        return Fetched(work / "source.deb", self.version)


class Spoken:
    """What was said: a ``say`` that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, text: str) -> None:
        self.lines.append(text)


def call(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True)


def skip_unless_buildable() -> None:
    """Skip the test where no kernel can be built."""
    lacks = missing_for_build()
    if lacks:
        pytest.skip(f"{lacks[0].what}: {lacks[0].remedy}")
