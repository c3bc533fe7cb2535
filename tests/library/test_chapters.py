"""The chapters: one for each folder of experiments, in the order of the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcpexp import paths
from tcpexp.library.chapters import CHAPTERS, chapter_of, specs_of


def test_every_folder_of_experiments_is_a_chapter_and_every_chapter_a_folder() -> None:
    folders = [path.name for path in paths.chapter_dirs(paths.experiments_dir())]
    assert sorted(chapter.folder for chapter in CHAPTERS) == folders


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.folder)
def test_a_chapter_has_experiments_and_says_what_it_is_about(chapter) -> None:
    assert specs_of(chapter)
    assert all(chapter_of(spec) == chapter for spec in specs_of(chapter))
    assert chapter.title
    assert chapter.about.endswith(".")


def test_every_experiment_is_in_a_chapter() -> None:
    specs = [spec for chapter in CHAPTERS for spec in specs_of(chapter)]
    assert sorted(specs) == sorted(paths.shipped_specs())


def test_a_study_and_a_file_of_ones_own_have_no_chapter() -> None:
    assert chapter_of(paths.shipped_studies()[0]) is None
    assert chapter_of(Path("/tmp/segments/x.yaml")) is None
