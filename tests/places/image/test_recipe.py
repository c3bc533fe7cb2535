"""The image's recipe: what changes an image changes its name; an image of before stays valid."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tcpexp.places.image import recipe
from tcpexp.places.image.image import active_folder, find_image, images_dir
from tests.support.images import make_image


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_the_first_process_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = recipe.recipe_hash()
    changed = tmp_path / "init.sh"
    changed.write_text(recipe.INIT.read_text() + "true\n")
    monkeypatch.setattr(recipe, "INIT", changed)
    assert recipe.recipe_hash() != before


@pytest.mark.parametrize("name", ["TREE_ARGUMENTS", "PACK_ARGUMENTS", "MODULES", "REMOVED"])
def test_each_argument_counts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = recipe.recipe_hash()
    monkeypatch.setattr(recipe, name, (*getattr(recipe, name), "more"))
    assert recipe.recipe_hash() != before
    assert recipe.recipe_hashes() == (recipe.recipe_hash(),), "another recipe has no former names"


def test_the_former_names_are_those_of_the_present_recipe() -> None:
    """When the recipe changes on purpose, its entry in FORMER_HASHES goes."""
    assert set(recipe.FORMER_HASHES) <= {recipe.recipe_hash()}


def test_an_image_of_a_former_name_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    former = "f" * 64
    image = make_image("of before", images_dir() / former[:16])
    described = json.loads((image.path / "image.json").read_text())
    (image.path / "image.json").write_text(json.dumps(described | {"recipe": former}))
    assert find_image() is None
    monkeypatch.setattr(recipe, "FORMER_HASHES", {recipe.recipe_hash(): (former,)})
    found = find_image()
    assert found is not None and found.sha256 == image.sha256
    assert active_folder() == image.path


def test_what_is_of_the_present_name_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    make_image("of before", images_dir() / ("f" * 16))
    present = make_image("now")
    monkeypatch.setattr(recipe, "FORMER_HASHES", {recipe.recipe_hash(): ("f" * 64,)})
    found = find_image()
    assert found is not None and found.sha256 == present.sha256
