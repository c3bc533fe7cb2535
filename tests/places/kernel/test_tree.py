"""A tree of the source: read, named by its content, never written to."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tcpexp.errors import HostError, RunError
from tcpexp.places.kernel.tree import SourceTree, patched_files
from tests.support.kernel_trees import write_tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    more = {"scripts/run.sh": "#!/bin/sh\n", "lib/a.c": "int a;\n"}
    folder = write_tree(tmp_path / "linux", more)
    (folder / "scripts/run.sh").chmod(0o755)
    (folder / "lib/same.c").symlink_to("a.c")
    return folder


def test_its_version_is_that_of_its_makefile(tree: Path, tmp_path: Path) -> None:
    assert (SourceTree(tree).version, SourceTree(tree).series) == ("9.9.3", "9.9")
    makefile = tree / "Makefile"
    makefile.write_text(makefile.read_text().replace("EXTRAVERSION =", "EXTRAVERSION = -rc2"))
    assert (SourceTree(tree).version, SourceTree(tree).series) == ("9.9.3-rc2", "9.9")
    with pytest.raises(HostError, match="is no tree of Linux's source"):
        _ = SourceTree(tmp_path).version


def test_its_name_is_its_content(tree: Path, tmp_path: Path) -> None:
    before = SourceTree(tree).sha256()
    copy = tmp_path / "a copy"
    subprocess.run(["cp", "-rP", tree, copy], check=True)
    (copy / ".config").touch()
    (copy / ".git").mkdir()  # no work tree: git says so
    (copy / "lib/a.c.orig").touch()
    (copy / "scripts/run.sh").chmod(0o700)
    os.utime(copy / "lib/a.c", (0, 0))
    assert SourceTree(copy).files == SourceTree(tree).files
    assert SourceTree(copy).sha256() == before
    for change in (
        lambda: (copy / "lib/a.c").write_text("int b;\n"),
        (copy / "lib/b.c").touch,
        lambda: (copy / "scripts/run.sh").chmod(0o644),
        lambda: ((copy / "lib/same.c").unlink(), (copy / "lib/same.c").symlink_to("b.c")),
    ):
        last = SourceTree(copy).sha256()
        change()
        assert SourceTree(copy).sha256() != last


def test_what_git_ignores_is_no_part_of_it(tree: Path) -> None:
    plain = SourceTree(tree)
    files, name = plain.files, plain.sha256()
    git = ["git", "-C", str(tree)]
    subprocess.run([*git, "init", "-q"], check=True)
    (tree / ".gitignore").write_text("*.o\n.*\n/include/config\n")
    subprocess.run([*git, "add", "-f", "Makefile", "lib"], check=True)
    (tree / "lib/a.o").touch()
    (tree / "include/config").mkdir(parents=True)
    (tree / "include/config/auto.conf").touch()
    assert SourceTree(tree).files == files
    assert SourceTree(tree).sha256() == name


def test_a_tree_that_was_built_in_is_refused(tree: Path) -> None:
    (tree / "include/config").mkdir(parents=True)
    with pytest.raises(HostError, match="was built in: it has include/config"):
        _ = SourceTree(tree).files


def test_a_build_gets_links_and_copies_of_what_is_patched(tree: Path, tmp_path: Path) -> None:
    before = {path: path.lstat() for path in tree.rglob("*")}
    source, linked = SourceTree(tree), tmp_path / "work" / "tree"
    source.link(linked, ["lib/a.c", "new/by/the/patch.c"])
    made = [path for path in linked.rglob("*") if not path.is_dir()]
    assert sorted(str(path.relative_to(linked)) for path in made) == source.files
    assert not (linked / "lib/a.c").is_symlink()
    assert (linked / "Makefile").is_symlink()
    assert os.readlink(linked / "lib/same.c") == "a.c"
    assert os.access(linked / "scripts/run.sh", os.X_OK)
    (linked / "lib/a.c").write_text("patched\n")
    assert {path: path.lstat() for path in tree.rglob("*")} == before


def test_a_change_meanwhile_is_noticed(tree: Path) -> None:
    stamp = SourceTree(tree).stamp()
    assert SourceTree(tree).stamp() == stamp
    (tree / "lib/a.c").write_text("int other;\n")
    assert SourceTree(tree).stamp() != stamp


def test_the_files_of_a_patch(tmp_path: Path) -> None:
    patch = tmp_path / "a.patch"
    patch.write_text("why\n--- a/net/x.c\n+++ b/net/x.c\n--- /dev/null\n+++ b/net/new.c\n")
    assert [name for name in patched_files(patch) if name != "null"] == ["net/x.c", "net/new.c"]
    patch.write_text("nothing")
    with pytest.raises(RunError, match=r"the patch a\.patch changes nothing"):
        patched_files(patch)
