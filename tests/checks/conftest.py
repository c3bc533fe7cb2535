from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.checked_run import CheckedRun


@pytest.fixture
def run(tmp_path: Path) -> CheckedRun:
    """Return a run of two hosts that lasted its planned 10 s, without tables."""
    return CheckedRun(tmp_path / "run")
