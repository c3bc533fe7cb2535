"""The source: where it is looked for, and which version is taken. apt is a fake on the PATH."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tcpexp.errors import HostError, RunError
from tcpexp.places.kernel.recipe import Recipe, load_recipe
from tcpexp.places.kernel.source import (
    Fetched,
    fetch_source,
    mirrors_of,
    snapshot_lines,
    source_lines,
)
from tests.support.kernel_trees import Spoken, write_recipe

#: Answers from the files "here" and "past": versions in the suites, and in the archive of old ones.
APT = """\
#!/bin/sh
conf=${1#-c=}
folder=$(dirname "$conf")
state=here
if grep -q snapshot "$folder/sources.list"; then state=past; fi
case "$(basename "$0") $*" in
*update*)
  [ -e FAKE/$state ] || { echo "E: no network" >&2; exit 100; }
  touch "$folder/lists/x_InRelease"
  echo "$state $(cat "$folder/sources.list")" >> FAKE/asked ;;
*madison*)
  if [ -e FAKE/$state ]; then
    for version in $(cat FAKE/$state); do echo " $3 | $version | http://a suite/main amd64"; done
  fi ;;
*download*)
  touch "$folder/x.deb"
  echo "$4" > FAKE/got ;;
esac
"""


class FakeApt:
    """What Debian has: ``here`` in its suites, ``past`` in its archive; None: no answer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for name in ("apt-get", "apt-cache"):
            (folder / name).write_text(APT.replace("FAKE", str(folder)))
            (folder / name).chmod(0o755)

    def has(self, here: str | None, past: str | None = None) -> None:
        for name, versions in (("here", here), ("past", past)):
            if versions is not None:
                (self.folder / name).write_text(versions)

    def told(self, name: str) -> str:
        path = self.folder / name
        return path.read_text() if path.exists() else ""


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeApt:
    fake = FakeApt(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{fake.folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("TCPEXP_DEBIAN_MIRRORS", raising=False)
    return fake


def fetch(recipe: Recipe, tmp_path: Path, say: Spoken | None = None) -> Fetched:
    work = tmp_path / "work"
    work.mkdir()
    return fetch_source(recipe, work, work / "build.log", say or Spoken())


def with_source(recipe: Recipe, **values: str) -> Recipe:
    return recipe.model_copy(update={"source": recipe.source.model_copy(update=values)})


def test_the_tested_version_is_taken_where_there_are_newer_ones(
    apt: FakeApt, tmp_path: Path
) -> None:
    apt.has("9.9.5-1 9.9.3-1 9.9.1-1")
    fetched = fetch(write_recipe(tmp_path / "mine"), tmp_path)
    assert fetched.version == "9.9.3-1"
    assert fetched.package.is_file()
    assert apt.told("got") == "linux-source-9.9=9.9.3-1\n"


def test_when_it_is_gone_the_archive_of_old_versions_is_asked(apt: FakeApt, tmp_path: Path) -> None:
    apt.has("9.9.5-1", "9.9.3-1")
    recipe = with_source(write_recipe(tmp_path / "mine"), snapshot="20261129T000000Z")
    assert fetch(recipe, tmp_path).version == "9.9.3-1"
    assert "/debian/20261129T000000Z here main" in apt.told("asked")


@pytest.mark.parametrize("past", [None, "9.9.2-1"], ids=["no answer", "not there"])
def test_when_that_has_it_not_either_the_newest_is_taken_and_said(
    past: str | None, apt: FakeApt, tmp_path: Path
) -> None:
    apt.has("9.9.5-1 9.9.4-1", past)
    recipe = with_source(write_recipe(tmp_path / "mine"), snapshot="20261129T000000Z")
    say = Spoken()
    assert fetch(recipe, tmp_path, say).version == "9.9.5-1"
    assert "linux-source-9.9 9.9.3-1, the tested version, is gone: taking 9.9.5-1" in say.lines


def test_a_recipe_that_wants_nothing_else_gets_nothing_else(apt: FakeApt, tmp_path: Path) -> None:
    apt.has("9.9.5-1")
    with pytest.raises(
        HostError,
        match=r"no place has linux-source-9\.9 9\.9\.3-1 \(there is 9\.9\.5-1\); looked in: here",
    ):
        fetch(with_source(write_recipe(tmp_path / "mine"), otherwise="nothing"), tmp_path)


def test_the_package_is_gone(apt: FakeApt, tmp_path: Path) -> None:
    apt.has("")
    with pytest.raises(HostError, match="no place has") as caught:
        fetch(write_recipe(tmp_path / "mine"), tmp_path)
    assert "tcpexp kernel import FILE" in str(caught.value.hint)


def test_no_network(apt: FakeApt, tmp_path: Path) -> None:
    with pytest.raises(HostError, match="no mirror of Debian answers") as caught:
        fetch(with_source(write_recipe(tmp_path / "mine"), snapshot="20261129T000000Z"), tmp_path)
    assert "TCPEXP_DEBIAN_MIRRORS" in str(caught.value.hint)
    assert "E: no network" in (tmp_path / "work/build.log").read_text()


def test_other_mirrors_are_asked_and_the_archive_of_old_versions_is_not(
    apt: FakeApt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TCPEXP_DEBIAN_MIRRORS", "http://mirror.example/debian")
    apt.has("9.9.5-1", "9.9.3-1")
    recipe = with_source(write_recipe(tmp_path / "mine"), snapshot="20261129T000000Z")
    assert fetch(recipe, tmp_path).version == "9.9.5-1"
    assert "http://mirror.example/debian here main" in apt.told("asked")
    assert "past" not in apt.told("asked")


def test_apt_needs_no_root_and_leaves_the_machines_sources_alone(
    apt: FakeApt, tmp_path: Path
) -> None:
    apt.has("9.9.3-1")
    fetched = fetch(write_recipe(tmp_path / "mine"), tmp_path)
    settings = (fetched.package.parent / "apt.conf").read_text()
    for name in ("Dir::State", "Dir::Cache", "Dir::State::status"):
        assert f'{name} "{fetched.package.parent}' in settings
    assert 'Dir::Etc::SourceParts "/dev/null"' in settings
    assert "#clear APT::Update::Post-Invoke;" in settings


def lines(suites: tuple[str, ...], text: str) -> list[str]:
    return [
        " ".join(word for word in line.split() if not word.startswith("["))
        for line in source_lines(suites, mirrors_of(text))
    ]


def test_mirrors_are_understood_as_for_the_image() -> None:
    suites = ("bookworm-security", "bookworm")
    assert lines(suites, "") == [
        "deb http://deb.debian.org/debian bookworm main",
        "deb http://deb.debian.org/debian-security bookworm-security main",
    ]
    assert lines(suites, "http://a/debian ; http://a/debian-security") == [
        "deb http://a/debian bookworm main",
        "deb http://a/debian-security bookworm-security main",
    ]
    assert lines(
        ("trixie-backports",),
        "deb http://a/debian bookworm main; deb http://a/debian bookworm-updates main",
    ) == ["deb http://a/debian trixie-backports main"]
    (line,) = source_lines(("sid",), ["deb [trusted=yes] http://a/debian bookworm main"])
    assert line.startswith("deb [trusted=yes")


def test_a_file_of_sources_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "my.list"
    file.write_text("deb http://a/debian sid main\n")
    assert source_lines(("trixie-backports",), [str(file)]) == ["deb http://a/debian sid main"]


def test_the_archive_of_old_versions_may_be_past_its_date() -> None:
    recipe = load_recipe("6.1")
    assert recipe.source.snapshot is not None
    found = snapshot_lines(recipe.source.suites, recipe.source.snapshot)
    assert all("check-valid-until=no" in line for line in found)
    assert "/debian-security/20261129T000000Z bookworm-security main" in found[0]
    assert "/debian/20261129T000000Z bookworm main" in found[-1]


def test_apt_that_cannot_download(apt: FakeApt, tmp_path: Path) -> None:
    apt.has("9.9.3-1")
    script = apt.folder / "apt-get"
    script.write_text(
        script.read_text().replace('touch "$folder/x.deb"', 'echo "E: hash mismatch"; exit 100')
    )
    with pytest.raises(
        RunError, match=r"apt-get download failed \(status 100\):\n  E: hash mismatch"
    ):
        fetch(write_recipe(tmp_path / "mine"), tmp_path)
