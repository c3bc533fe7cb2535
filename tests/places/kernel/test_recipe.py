"""Recipes: the shipped ones are whole and licensed; an error in one is named with its place."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tcpexp.errors import SpecError
from tcpexp.paths import PACKAGE
from tcpexp.places.kernel.kernel import DEFAULT_KERNEL
from tcpexp.places.kernel.recipe import (
    SHIPPED,
    Recipe,
    Source,
    full_name,
    load_recipe,
    recipe_hash,
    shipped_recipes,
)
from tests.support.kernel_trees import PATCH, RECIPE, write_recipe

NAMES = list(shipped_recipes())


def test_three_kernels_come_with_tcpexp() -> None:
    assert NAMES == ["debian-6.1", "debian-6.12", "debian-7.3"]
    assert DEFAULT_KERNEL in NAMES
    assert [load_recipe(name).mode for name in NAMES] == ["ptrace", "ptrace", "seccomp"]


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_recipe_is_whole(name: str) -> None:
    recipe = load_recipe(name)
    assert (recipe.name, recipe.file) == (name, SHIPPED / f"{name}.yaml")
    assert recipe.source.package == f"linux-source-{recipe.series}"
    assert recipe.source.version.startswith(f"{recipe.series}.")
    assert recipe.build.timestamp == "Thu Jan  1 00:00:00 UTC 2026"
    assert (recipe.build.user, recipe.build.host, recipe.build.version) == ("tcpexp", "tcpexp", 1)
    options = recipe.options()
    assert 'CONFIG_LOCALVERSION="-tcpexp"' in options
    assert "CONFIG_UML_TIME_TRAVEL_SUPPORT=y" in options
    names = [line.removeprefix("# ").split("=")[0].split(" ")[0] for line in options]
    assert len(names) == len(set(names)), "an option is asked for twice"


@pytest.mark.parametrize("name", NAMES)
def test_every_patch_says_what_and_why_and_under_which_licence(name: str) -> None:
    recipe = load_recipe(name)
    folder = SHIPPED / "patches" / recipe.series
    assert [Path(patch).name for patch in recipe.patches] == sorted(
        path.name for path in folder.iterdir()
    )
    for number, patch in enumerate(recipe.patches, 1):
        assert Path(patch).name.startswith(f"{number:04}-")
        head, _, change = recipe.path(patch).read_text().partition("\n---\n")
        subject, licence, *words = head.splitlines()
        assert re.fullmatch(r"Subject: (um|bpf): .{10,60}", subject)
        assert licence == "SPDX-License-Identifier: GPL-2.0"
        assert re.search(r"^What: ", "\n".join(words), re.MULTILINE)
        assert re.search(r"^Why: ", "\n".join(words), re.MULTILINE)
        assert max(len(line) for line in head.splitlines()) <= 80
        assert re.match(r"--- a/(\S+)\n\+\+\+ b/\1\n@@ ", change)


def test_the_licence_is_there_and_all_files_name_it() -> None:
    copying = (SHIPPED / "COPYING").read_text()
    assert copying.startswith("SPDX-License-Identifier: GPL-2.0-only\n")
    assert "GNU GENERAL PUBLIC LICENSE\n" in copying
    assert "Version 2, June 1991" in copying
    for path in [*SHIPPED.glob("*.yaml"), *SHIPPED.glob("config/*")]:
        assert path.read_text().startswith("# SPDX-License-Identifier: GPL-2.0\n"), path


@pytest.mark.parametrize("name", ["debian-7.3", "debian:7.3", "7.3", " 7.3 ", "Debian-7.3"])
def test_short_names(name: str) -> None:
    assert full_name(name) == "debian-7.3"
    assert load_recipe(name).series == "7.3"


def test_an_unknown_name_is_answered_with_a_near_one() -> None:
    assert full_name("7.4") is None
    with pytest.raises(SpecError, match=r"did you mean 'debian-7\.3'"):
        load_recipe("debian-7.2")


@pytest.mark.parametrize(
    ("old", "new", "where", "words"),
    [
        ("mode: seccomp", "mode: seccomp\nmod: 1", ":5:1", "mod: unknown key"),
        ("mode: seccomp", "mode: skas0", ":4:7", "mode: Input should be 'seccomp' or 'ptrace'"),
        ("suites: [here], ", "", ":5:9", "source.suites: Field required"),
        ("fake.config", "/etc/passwd", ":6:10", "must be a path below"),
        ("fake.config", "../fake.config", ":6:10", "must be a path below"),
        ("lines: 10", "lines: ten", ":8:", "build.lines: Input should be a valid integer"),
        ("fake.config", "other.config", "", "there is no file other.config"),
        ("name: fake-9.9", "name: ../x", ":1:7", "name: String should match pattern"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    old: str, new: str, where: str, words: str, tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path / "mine")
    assert old in RECIPE
    recipe.file.write_text(RECIPE.replace(old, new))
    with pytest.raises(SpecError) as caught:
        load_recipe(str(recipe.file))
    assert f"{recipe.file}{where}" in str(caught.value)
    assert words in str(caught.value)


def test_a_recipe_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot read the recipe: No such file"):
        load_recipe(str(tmp_path / "x.yaml"))


def test_the_hash_covers_what_determines_the_kernel_and_no_words(tmp_path: Path) -> None:
    before = write_recipe(tmp_path / "mine").hash()
    (tmp_path / "mine/fake.config").write_text(
        "# other words\n\n" + (tmp_path / "mine/fake.config").read_text()
    )
    (tmp_path / "mine/0001-it-greets.patch").write_text(PATCH.replace("it is polite", "one does"))
    file = tmp_path / "mine/fake-9.9.yaml"
    file.write_text(RECIPE.replace("that is none", "of no use").replace("[here]", "[here, there]"))
    assert load_recipe(str(file)).hash() == before
    seen = {before}
    for name, old, new in (
        ("fake.config", "CONFIG_NET=y", "CONFIG_NET=n"),
        ("0001-it-greets.patch", "hello", "hullo"),
        ("fake-9.9.yaml", "9.9.3-1", "9.9.4-1"),
        ("fake-9.9.yaml", "mode: seccomp", "mode: ptrace"),
        ("fake-9.9.yaml", "2026", "2027"),
    ):
        folder = tmp_path / f"changed-{len(seen)}"
        write_recipe(folder)
        (folder / name).write_text((folder / name).read_text().replace(old, new))
        seen.add(load_recipe(str(folder / "fake-9.9.yaml")).hash())
    assert len(seen) == 6


def test_the_example_of_the_docs_is_a_recipe(tmp_path: Path) -> None:
    page = (PACKAGE.parent / "docs" / "guides" / "kernels.md").read_text()
    (example,) = re.findall(r"```yaml\n(name: .*?)```", page, re.DOTALL)
    (tmp_path / "my-kernel.yaml").write_text(example)
    (tmp_path / "my-window.patch").write_text(PATCH)
    mine, shipped = load_recipe(str(tmp_path / "my-kernel.yaml")), load_recipe("7.3")
    assert mine.patches[:-1] == shipped.patches
    assert (mine.source.version, mine.config) == (shipped.source.version, shipped.config)
    for key in [*Recipe.model_fields, *Source.model_fields]:
        assert f"`{key}`" in page or f"`source.{key}`" in page or key == "source", key


def test_the_hash_does_not_depend_on_where_the_recipe_is(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED, tmp_path / "elsewhere")
    assert load_recipe(str(tmp_path / "elsewhere/debian-7.3.yaml")).hash() == recipe_hash("7.3")
