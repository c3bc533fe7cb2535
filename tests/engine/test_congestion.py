"""Loading congestion controls, on a folder that looks like the kernel's settings."""

import pytest

from tcpexp.engine.congestion import ALLOWED, AVAILABLE, load_congestion_controls
from tcpexp.errors import RunError


@pytest.fixture
def sysctls(tmp_path):
    (tmp_path / AVAILABLE).write_text("reno cubic bbr\n")
    (tmp_path / ALLOWED).write_text("reno cubic\n")
    return tmp_path


def test_what_is_there_is_left_alone(sysctls):
    load_congestion_controls(["cubic", "reno"], sysctls)
    assert (sysctls / ALLOWED).read_text() == "reno cubic\n"


def test_what_is_loaded_is_allowed(sysctls):
    load_congestion_controls(["bbr", "cubic", "bbr"], sysctls)
    assert (sysctls / ALLOWED).read_text().split() == ["reno", "cubic", "bbr"]


def test_what_the_kernel_lacks_is_named_with_what_it_has(sysctls):
    with pytest.raises(RunError, match="no congestion control nosuch") as caught:
        load_congestion_controls(["bbr", "nosuch"], sysctls)
    assert "reno, cubic, bbr" in str(caught.value.hint)
