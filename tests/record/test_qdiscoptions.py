"""Options of qdiscs from the kernel's bytes."""

import pytest

from tcpexp.record.qdiscoptions import decode_options


@pytest.mark.parametrize(
    "kind", ["tbf", "pfifo", "red", "codel", "fq_codel", "cake", "netem", "another"]
)
def test_a_message_that_is_cut_off_says_nothing(kind):
    assert decode_options(kind, b"") == {}
    assert isinstance(decode_options(kind, b"\0\1"), dict)
