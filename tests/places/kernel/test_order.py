"""What a build is asked for: series of Debian's, trees, patches and options of one's own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tcpexp.errors import HostError, RunError, SpecError
from tcpexp.places.kernel import recipe as recipes
from tcpexp.places.kernel.build import build_kernel
from tcpexp.places.kernel.kernel import Kernel, find_kernel, verify_kernel
from tcpexp.places.kernel.order import Own
from tcpexp.places.kernel.recipe import TreeSource, load_recipe
from tests.support.kernel_trees import (
    LINUX,
    FakeArchive,
    Spoken,
    ship_recipes,
    skip_unless_buildable,
    write_recipe,
    write_tree,
)

MINE = """\
--- a/linux.c
+++ b/linux.c
@@ -5,4 +5,5 @@
 \tputs("9.9.3-tcpexp");
 \tfputs("hello\\n", stderr);
+\tfputs("mine\\n", stderr);
 \treturn 0;
 }
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tcpexp" / "kernels"


@pytest.fixture(autouse=True)
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ship recipes for 9.9, 9.6 and 9.12; only the patch of the first fits the fake source."""
    skip_unless_buildable()
    folder = ship_recipes(tmp_path / "shipped", "9.9", "9.6", "9.12")
    monkeypatch.setattr(recipes, "SHIPPED", folder)
    return folder


@pytest.fixture
def archive(tmp_path: Path) -> FakeArchive:
    return FakeArchive(tmp_path / "archive")


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    (tmp_path / "mine.patch").write_text(MINE)
    return tmp_path / "mine.patch"


def says(kernel: Kernel) -> str:
    return subprocess.run([kernel.binary], capture_output=True, text=True, check=True).stderr


def kept_recipe(kernel: Kernel) -> recipes.Recipe:
    return load_recipe(str(kernel.path / "recipe/recipe.yaml"))


def test_patches_and_options_of_ones_own(archive: FakeArchive, mine: Path, tmp_path: Path) -> None:
    options = tmp_path / "more.config"
    options.write_text("# for my question\nCONFIG_HZ=250\n")
    own = Own((mine,), options)
    kernel = build_kernel("9.9", Spoken(), own=own, fetch=archive.fetch)
    assert (kernel.name, says(kernel)) == ("debian-9.9-mine-more", "hello\nmine\n")
    assert "CONFIG_HZ=250" in (kernel.path / "config").read_text()
    kept = kept_recipe(kernel)
    assert kept.hash() == kernel.recipe != load_recipe("9.9").hash()
    assert kept.patches == ("patches/9.9/0001-it-greets.patch", "own/mine.patch")
    assert kept.title == "A kernel that is none, with mine.patch, more.config"
    verify_kernel(kernel)
    assert build_kernel("9.9", Spoken(), own=own, fetch=archive.fetch) == kernel
    again = build_kernel("debian-9.9-mine-more", Spoken(), force=True, fetch=archive.fetch)
    assert (again, archive.fetched) == (kernel, 2)
    mine.write_text(MINE.replace("mine", "other"))
    other = build_kernel("9.9", Spoken(), own=own, fetch=archive.fetch)
    assert says(other) == "hello\nother\n"
    assert find_kernel("debian-9.9-mine-more") == other


def test_a_patch_of_ones_own_that_does_not_fit(archive: FakeArchive, mine: Path) -> None:
    mine.write_text(MINE.replace("hello", "hallo"))
    with pytest.raises(RunError, match=r"the patch mine\.patch does not fit") as caught:
        build_kernel("9.9", Spoken(), own=Own((mine,)), fetch=archive.fetch)
    assert str(caught.value.hint).startswith("it is applied after tcpexp's own patches")


def test_an_option_of_ones_own_must_be_granted(archive: FakeArchive, tmp_path: Path) -> None:
    options = tmp_path / "more.config"
    options.write_text("CONFIG_NOT_IN_THIS_KERNEL=y\n")
    for what in ("9.9", "debian:9.8"):
        with pytest.raises(RunError, match=r"CONFIG_NOT_IN_THIS_KERNEL \(asked: y, got: n\)"):
            build_kernel(what, Spoken(), own=Own(config=options), fetch=archive.fetch)


def test_a_series_that_no_recipe_is_for(archive: FakeArchive, shipped: Path) -> None:
    common = shipped / "config/common.config"
    common.write_text(common.read_text() + "CONFIG_NOT_IN_THIS_KERNEL=y\n")
    archive.version = "9.7.2-1"
    archive.files["linux.c"] = LINUX.replace("9.9.3", "9.7.2")
    for series in ("9.9", "9.6", "9.12"):  # of as near ones the one that fits
        patch = shipped / f"patches/{series}/0001-it-greets.patch"
        text = patch.read_text()
        fits = series == "9.12"
        patch.write_text(text.replace("9.12.0", "9.7.2") if fits else text)
    say = Spoken()
    kernel = build_kernel("debian:9.7", say, fetch=archive.fetch)
    assert (kernel.name, kernel.version, kernel.debian_version) == (
        "debian-9.7",
        "9.7.2",
        "9.7.2-1",
    )
    assert "options that this source does not have: CONFIG_NOT_IN_THIS_KERNEL" in say.lines
    kept = kept_recipe(kernel)
    assert kept.title == "Linux 9.7 of Debian, by the recipe of debian-9.12"
    assert kept.hash() == kernel.recipe
    assert not isinstance(kept.source, TreeSource)
    assert (kept.source.package, kept.source.version) == ("linux-source-9.7", "9.7.2-1")
    assert list(kept.exceptions) == ["CONFIG_NOT_IN_THIS_KERNEL"]
    assert find_kernel("9.7") == find_kernel("debian:9.7") == kernel
    archive.version = "9.7.3-1"
    assert build_kernel("debian:9.7", Spoken(), fetch=archive.fetch) == kernel
    assert archive.fetched == 1


def test_where_no_patches_fit_each_is_named(archive: FakeArchive, cache: Path) -> None:
    archive.files["linux.c"] = LINUX.replace("9.9.3", "9.8.1")
    message = r"no patches of tcpexp's fit this source of Linux 9\.8"
    with pytest.raises(RunError, match=message) as caught:
        build_kernel("9.8", Spoken(), fetch=archive.fetch)
    lines = caught.value.message.splitlines()[1:]
    nearest_first = ("9.9", "9.6", "9.12")
    assert lines == [f"  patches/{name}/0001-it-greets.patch" for name in nearest_first]
    assert "mend what does not fit" in str(caught.value.hint)
    assert str(cache / "debian-9.8.log") in str(caught.value.hint)


def test_a_patch_of_the_sources_own_series_goes_before_the_nearest_ones(
    archive: FakeArchive, shipped: Path
) -> None:
    archive.files["linux.c"] = LINUX.replace("9.9.3", "9.8.1")
    archive.version = "9.8.1-1"
    near = (shipped / "patches/9.9/0001-it-greets.patch").read_text()
    (shipped / "patches/9.8").mkdir()
    patch = shipped / "patches/9.8/0001-it-greets.patch"
    patch.write_text(near.replace("9.9.3", "9.8.1").replace("hello", "well"))
    kernel = build_kernel("9.8", Spoken(), fetch=archive.fetch)
    assert says(kernel) == "well\n"
    assert kept_recipe(kernel).patches == ("patches/9.8/0001-it-greets.patch",)


def states(tree: Path) -> dict[Path, tuple[int, int]]:
    """Return when each file and folder of a tree was changed, and its mode."""
    found = {path: path.lstat() for path in [tree, *tree.rglob("*")]}
    return {path: (state.st_mtime_ns, state.st_mode) for path, state in found.items()}


def test_a_tree_is_built_and_not_written_to(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "My Linux")
    before = states(tree)
    kernel = build_kernel(str(tree), Spoken())
    assert (kernel.name, kernel.version, says(kernel)) == ("my-linux", "9.9.3", "hello\n")
    assert kernel.debian_version.startswith("tree ")
    assert states(tree) == before
    kept = kept_recipe(kernel).source
    assert isinstance(kept, TreeSource)
    assert kept.tree == "My-Linux"
    assert str(tmp_path) not in (kernel.path / "recipe/recipe.yaml").read_text()
    assert kept.sha256 in (kernel.path / "NOTICE").read_text()
    assert build_kernel(str(tree), Spoken()) == kernel
    (tree / "linux.c").write_text(f"{LINUX}int more = 7;\n")
    changed = build_kernel(str(tree), Spoken())
    assert changed.sha256 != kernel.sha256
    assert find_kernel("my-linux") == changed
    with pytest.raises(HostError, match="the source of my-linux is the tree My-Linux") as caught:
        build_kernel("my-linux", Spoken(), force=True)
    assert caught.value.hint == "tcpexp kernel build PATH --name my-linux"


def test_the_compilers_words_name_the_file_of_the_tree(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "linux", {"linux.c": LINUX.replace("WHO;", "1 +;")})
    with pytest.raises(RunError, match="does not compile") as caught:
        build_kernel(str(tree), Spoken())
    assert f"  {tree}/linux.c:2:22: error: expected expression" in caught.value.message
    assert "CC      net" not in caught.value.message


def test_a_tree_that_changes_while_it_is_built(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "linux")

    def say(text: str) -> None:
        if "compiling" in text:
            (tree / "linux.c").write_text(LINUX.replace("return 0", "return 7"))

    with pytest.raises(RunError, match="was changed while it was built"):
        build_kernel(str(tree), say)


@pytest.mark.parametrize(
    ("what", "own", "message"),
    [
        ("9.9", Own(name="Mine"), "'Mine' cannot name a kernel"),
        ("9.9", Own((Path("gone.patch"),)), r"gone\.patch: there is no such file"),
        ("9.9", Own(name="debian-9.6"), "'debian-9.6' is a kernel that comes with tcpexp"),
        ("nothing", None, "there is no kernel 'nothing'"),
        ("nowhere.yaml", None, "cannot read the recipe"),
    ],
)
def test_mistakes(what: str, own: Own | None, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        build_kernel(what, Spoken(), own=own)


def test_folders_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="there is no folder"):
        build_kernel(str(tmp_path / "gone"), Spoken())
    with pytest.raises(HostError, match="is no tree of Linux's source"):
        build_kernel(str(tmp_path), Spoken())


def test_a_recipe_of_ones_own_takes_more_patches(
    archive: FakeArchive, mine: Path, tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path / "dir")
    kernel = build_kernel(str(recipe.file), Spoken(), own=Own((mine,)), fetch=archive.fetch)
    assert (kernel.name, says(kernel)) == ("fake-9.9-mine", "hello\nmine\n")
    assert kept_recipe(kernel).patches == ("0001-it-greets.patch", "own/mine.patch")
