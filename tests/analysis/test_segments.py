"""Which data segments were sent again."""

import polars as pl
import pytest

from tcpexp.analysis.segments import sent_again


def segments(*rows):
    return pl.DataFrame(list(rows), schema=["stream", "seq_rel", "payload_bytes"], orient="row")


def test_a_segment_is_sent_again_when_its_bytes_went_out_before_on_its_connection():
    frame = segments(("a", 1, 100), ("a", 101, 100), ("b", 1, 100), ("a", 1, 100), ("a", 101, 150), ("b", 51, 50))
    assert frame.with_columns(again=sent_again("stream"))["again"].to_list() == [False, False, False, True, False, True]


@pytest.mark.parametrize("by", [(), ("stream",)])
def test_sequence_numbers_wrap(by):
    frame = segments(("a", 2**32 - 150, 100), ("a", 2**32 - 50, 100), ("a", 50, 100), ("a", 2**32 - 50, 100), ("a", 150, 100), ("a", 50, 100))
    assert frame.select(again=sent_again(*by))["again"].to_list() == [False, False, False, True, False, True]


def test_a_segment_without_a_sequence_number_is_not_sent_again():
    frame = segments(("a", None, 10), ("a", 1, 100), ("a", 1, 100))
    assert frame.select(again=sent_again())["again"].to_list() == [False, False, True]
