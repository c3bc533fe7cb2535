"""A new kernel is a data file: the recipe of docs/guides/extending.md, put where recipes are."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tcpexp.cli.main import main
from tcpexp.places.kernel import recipe
from tcpexp.places.kernel.kernel import find_kernel
from tcpexp.places.ready import lacking
from tests.support.example_place import PAGE


@pytest.fixture(autouse=True)
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of tcpexp's recipes that has the page's too."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "kernels"
    shutil.copytree(recipe.SHIPPED, folder)
    text = re.search(r"^```yaml\n(name: debian-7\.4\n.*?)^```$", PAGE.read_text(), re.M | re.S)
    assert text is not None
    (folder / "debian-7.4.yaml").write_text(text[1])
    monkeypatch.setattr(recipe, "SHIPPED", folder)
    return folder


def test_it_is_listed_and_found_by_its_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kernel", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  debian-7.4   not built: tcpexp kernel build debian-7.4" in lines
    assert main(["kernel", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {"debian-7.4": "Linux 7.4"}.items() <= {
        row["name"]: row["title"] for row in rows
    }.items()
    for name in ("debian-7.4", "debian:7.4", "7.4"):
        assert recipe.full_name(name) == "debian-7.4"
        assert find_kernel(name) is None
    assert main(["kernel", "info", "7.4"]) == 3
    assert "tcpexp kernel build debian-7.4" in capsys.readouterr().out


def test_set_up_makes_it_with_all_others() -> None:
    assert lacking(["all"]) == ["image", "debian-6.1", "debian-6.12", "debian-7.3", "debian-7.4"]
    assert lacking(["7.4"]) == ["image", "7.4"]


def test_it_is_another_kernel(kernels: Path) -> None:
    hashes = {recipe.load_recipe(name).hash() for name in recipe.shipped_recipes()}
    assert len(hashes) == 4
    made = recipe.load_recipe("7.4")
    assert made.file == kernels / "debian-7.4.yaml"
    assert 'CONFIG_LOCALVERSION="-tcpexp"' in made.options()


def test_a_patch_of_its_own_lies_beside_it(kernels: Path) -> None:
    before = recipe.load_recipe("7.4").hash()
    (kernels / "patches" / "7.4").mkdir()
    (kernels / "patches" / "7.4" / "0001-mine.patch").write_text("--- a/x\n+++ b/x\n")
    path = kernels / "debian-7.4.yaml"
    own = "  - patches/7.4/0001-mine.patch\nbuild:"
    path.write_text(path.read_text().replace("build:", own, 1))
    assert recipe.load_recipe("7.4").hash() != before
