"""A run directory around the real captures of ``data/``."""

import pytest

from tests.support.lossy_run import flow, make_lossy_run, make_plan


@pytest.fixture
def lossy_run(tmp_path):
    """The folder of a complete run: 5 bytes on a first connection, 200,000 on a second, six
    segments lost on the way.
    """
    return make_lossy_run(tmp_path)


@pytest.fixture(scope="session")
def ingested(tmp_path_factory):
    """The same, read once for all tests that only look."""
    from tcpexp.ingest.ingest import ingest_run

    return ingest_run(make_lossy_run(tmp_path_factory.mktemp("ingested")))


@pytest.fixture
def plans():
    """Functions that make plans and flows."""
    return make_plan, flow
