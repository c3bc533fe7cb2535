"""Numbers in words: each style at the edges of its units."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpexp.words import measured, quoted, rough, shown
from tcpexp.words.units import RATES, in_unit, many, trim


@pytest.mark.parametrize(
    ("value", "words", "page", "text"),
    [
        (0, "0 bit/s", "0 bit/s", "0 bit/s"),
        (999, "999 bit/s", "999 bit/s", "999 bit/s"),
        (9_476_000, "9.476 Mbit/s", "9.48 Mbit/s", "9.48 Mbit/s"),
        (1e6, "1 Mbit/s", "1 Mbit/s", "1 Mbit/s"),
        (123_456_789, "123.5 Mbit/s", "123 Mbit/s", "123 Mbit/s"),
    ],
)
def test_rates(value, words, page, text):
    assert measured.rate_words(value) == words
    assert shown.rate_words(value) == page
    assert quoted.rate_words(value) == text


@pytest.mark.parametrize(
    ("value_ns", "words", "page", "text"),
    [
        (0, "0 s", "0 ns", "0 s"),
        (12_000, "12 us", "12 µs", "12 µs"),
        (84_200_000, "84.2 ms", "84.2 ms", "84.2 ms"),
        (63_920_000_000, "63.92 s", "63.92 s", "63.9 s"),
        (999_600_000, "999.6 ms", "999.6 ms", "1 s"),
    ],
)
def test_times(value_ns, words, page, text):
    assert measured.time_words(value_ns) == words
    assert shown.duration_words(value_ns) == page
    assert quoted.time_words(value_ns / 1e9) == text


@pytest.mark.parametrize(
    ("value", "words", "page", "text"),
    [
        (1, "1 byte", "1 B", "1 byte"),
        (11_000, "11000 bytes", "11 kB", "11,000 bytes"),
        (643_210, "643.2 kB", "643 kB", "643 kB"),
        (1_300_000, "1.3 MB", "1.3 MB", "1.3 MB"),
    ],
)
def test_sizes(value, words, page, text):
    assert measured.size_words(value) == words
    assert shown.size_words(value) == page
    assert quoted.size_words(value) == text


def test_where_there_is_no_value_the_page_has_a_dash():
    for words in (
        shown.rate_words,
        shown.share_words,
        shown.count_words,
        shown.milliseconds,
        shown.seconds,
        shown.lateness_words,
    ):
        assert words(None) == shown.NONE
    assert shown.change_words(None) == ""


def test_what_suffices_for_a_glance():
    assert [rough.time_words(value) for value in (119, 121, 7300)] == ["119 s", "2 min", "2.0 h"]
    assert [rough.bytes_words(value) for value in (999, 3.2e6, 1e12)] == [
        "1 kB",
        "3.2 MB",
        "1.0 TB",
    ]


def test_counts():
    assert [many(count, "packet") for count in (0, 1, 2)] == ["0 packets", "1 packet", "2 packets"]
    assert many(2, "reply", "replies") == "2 replies"


@given(st.floats(min_value=0, max_value=1e12))
def test_a_number_is_shown_in_a_unit_of_which_it_has_one(value):
    number, unit = in_unit(value, RATES, str).split(" ")
    assert float(number) >= 1 or unit == "bit/s"
    assert float(number) * dict(RATES)[unit] == pytest.approx(value)


@given(st.floats(min_value=0.01, max_value=1e9))
def test_what_is_shown_is_close_to_the_number(value):
    """Half of the last of four digits; below 1, half of the third place behind the point."""
    assert float(measured.digits(value)) == pytest.approx(value, rel=5.1e-4, abs=5.1e-4)


def test_trimming_keeps_whole_numbers_and_exponents():
    assert [trim(text) for text in ("1.50", "10.00", "100", "1e-10")] == [
        "1.5",
        "10",
        "100",
        "1e-10",
    ]
