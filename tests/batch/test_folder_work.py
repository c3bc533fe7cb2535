"""The scratch folders of runs: many begin and end at once, and one that was dropped is never taken
for a run.
"""

from __future__ import annotations

import threading
from pathlib import Path

from tcpexp.batch.folder import StudyFolder


def test_scratch_folders_come_and_go_at_once(tmp_path: Path) -> None:
    """A worker that ends must not take away the folder in which another one begins."""
    folder = StudyFolder(tmp_path / "study")
    errors: list[Exception] = []

    def work() -> None:
        try:
            for _ in range(100):
                with folder.scratch("0123456789abcdef", shared=True) as scratch:
                    assert scratch.is_dir()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_coordinator_drops_what_others_left_and_leaves_nothing(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "study")
    left = folder.path / "work" / "of-a-killed-worker"
    left.mkdir(parents=True)
    (folder.path / ".dropped-1-1").mkdir()
    with folder.locked():
        assert not left.exists()
        with folder.scratch("0123456789abcdef", shared=True) as scratch:
            assert scratch.is_dir()
    assert sorted(path.name for path in folder.path.iterdir()) == [".lock"]
