"""Where a shipped experiment is found, by which of its names."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tcpexp import paths
from tcpexp.errors import SpecError

FOUND = paths.experiments_dir() / "congestion" / "bbr_vs_cubic.yaml"


@pytest.mark.parametrize(
    "name",
    [
        "bbr_vs_cubic",
        "experiments/bbr_vs_cubic.yaml",
        "./experiments/bbr_vs_cubic.yaml",
        "experiments/congestion/bbr_vs_cubic.yaml",
        str(FOUND),
        str(FOUND.parents[1] / FOUND.name),
    ],
)
@pytest.mark.parametrize("inside", [True, False], ids=["in the checkout", "elsewhere"])
def test_every_name_of_an_experiment_finds_it(
    name: str, inside: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(paths.share_dir() if inside else tmp_path)
    assert paths.find_spec(name).resolve() == FOUND


def test_a_name_belongs_to_one_chapter_and_to_no_study() -> None:
    names = [path.stem for path in (*paths.shipped_specs(), *paths.shipped_studies())]
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_a_file_of_ones_own_comes_before_a_chapters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = Path("experiments/bbr_vs_cubic.yaml")
    own.parent.mkdir()
    own.touch()
    assert paths.find_spec(str(own)) == own


def test_the_chapters_of_another_checkout_come_before_the_shipped_ones(tmp_path: Path) -> None:
    own = tmp_path / "experiments" / "segments" / "bbr_vs_cubic.yaml"
    own.parent.mkdir(parents=True)
    own.touch()
    assert paths.find_spec(f"{tmp_path}/experiments/bbr_vs_cubic.yaml") == own


@pytest.mark.parametrize(
    "name",
    [
        "bbr_vs_cubik",
        "experiments/bbr_vs_cubik.yaml",
        "experiments/segments/bbr_vs_cubic.yaml",
        "studies/bbr_vs_cubic.yaml",
        "bbr*",
    ],
)
def test_what_is_not_there_suggests_what_is(name: str) -> None:
    with pytest.raises(SpecError, match="no such file or experiment") as refused:
        paths.find_spec(name)
    assert "bbr_vs_cubic" in (refused.value.hint or "")


def test_a_folder_of_folders_is_its_experiments_without_studies_and_rubrics(tmp_path: Path) -> None:
    kinds = {
        "one/first": "topology: two_host",
        "one/second": "name: second\ntopology: two_host",
        "one/network": "nodes: {}",
        "one/swept": "topology: two_host\nsweep: {}",
        "studies/study": "topology: two_host",
        ".hidden/third": "topology: two_host",
        "two/a_rubric": "exercises: {}",
    }
    for name, text in kinds.items():
        path = tmp_path / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{text}\n")
    assert paths.expand_specs(str(tmp_path)) == [
        str(tmp_path / "one" / "first.yaml"),
        str(tmp_path / "one" / "second.yaml"),
    ]
