from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.labs import LabClient, finished_run, make_lab


@pytest.fixture
def lab(tmp_path: Path) -> LabClient:
    """A laboratory of one user, who has come in by its link."""
    return make_lab(tmp_path)


@pytest.fixture
def classroom(tmp_path: Path) -> LabClient:
    """A class, and one of its students."""
    return make_lab(tmp_path, whole_class=True)


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was recorded and judged, without a guest."""
    return finished_run(tmp_path_factory.mktemp("recorded"))
