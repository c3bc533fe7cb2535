import pytest

from tests.support.spec_workshop import Workshop


@pytest.fixture
def workshop(tmp_path):
    """A folder for specs that are only loaded."""
    return Workshop(tmp_path)
