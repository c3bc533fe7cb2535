import pytest

from tests.support.run_builder import RunBuilder


@pytest.fixture
def build(tmp_path):
    """A run directory whose tables a test fills by hand."""
    return RunBuilder(tmp_path)
