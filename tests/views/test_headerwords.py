"""A header's fields, in words."""

import pytest

from tcpexp.views.headerwords import shown_fields
from tests.support.recorded_headers import headers


@pytest.mark.parametrize("name", ["syn", "data"])
def test_every_bit_of_a_header_is_shown_once(name):
    for header in headers(name).values():
        bits = [
            bit
            for field in shown_fields(header)
            for bit in range(field.first_bit, field.last_bit + 1)
        ]
        assert bits == list(range(8 * header.size_bytes)), header.protocol
