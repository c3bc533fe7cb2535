"""One run that the tests of this folder hand on."""

from __future__ import annotations

import pytest

import tcpexp
from tests.support.short import SHORT


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> tcpexp.Run:
    return tcpexp.run(SHORT, out=tmp_path_factory.mktemp("results"))
