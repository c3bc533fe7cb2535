"""Every benchmark still finds what it imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.folders import ROOT

PROGRAMS = sorted((ROOT / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_benchmark_can_be_loaded(path):
    code = (
        "import runpy, sys; sys.path.insert(0, sys.argv[1]);"
        " runpy.run_path(sys.argv[2], run_name='loaded')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path.parent, path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-500:]
