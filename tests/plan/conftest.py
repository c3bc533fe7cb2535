import pytest

from tests.support.plan_bench import Bench


@pytest.fixture
def bench(tmp_path):
    """A folder for specs that become plans."""
    return Bench(tmp_path)
