"""Quantities: exact parsing, refusal of what has no unit, and text that comes back as the same
number.
"""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpexp.units import (
    QuantityError,
    QueueLimit,
    format_duration,
    format_fraction,
    format_rate,
    format_size,
    parse_duration,
    parse_fraction,
    parse_queue_limit,
    parse_rate,
    parse_size,
)


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parse_rate, "10mbit", 10_000_000),
        (parse_rate, "10Mbit/s", 10_000_000),
        (parse_rate, "1.5 gbit", 1_500_000_000),
        (parse_rate, "8.5mbit", 8_500_000),
        (parse_rate, "64kbit", 64_000),
        (parse_duration, "20ms", 20_000_000),
        (parse_duration, "1.5s", 1_500_000_000),
        (parse_duration, "2min", 120_000_000_000),
        (parse_duration, "100us", 100_000),
        (parse_duration, "0s", 0),
        (parse_size, "1500B", 1500),
        (parse_size, "64kB", 64_000),
        (parse_size, "64KiB", 65_536),
        (parse_size, "10MB", 10_000_000),
        (parse_fraction, "1%", 0.01),
        (parse_fraction, "0.001%", 0.00001),
        (parse_fraction, 0.5, 0.5),
        (parse_fraction, 1e-7, 1e-7),
        (parse_fraction, 1, 1.0),
        (parse_queue_limit, "50p", QueueLimit("packets", Decimal(50))),
        (parse_queue_limit, "64kB", QueueLimit("bytes", Decimal(64_000))),
        (parse_queue_limit, "0.5bdp", QueueLimit("bdp", Decimal("0.5"))),
        (parse_queue_limit, "20ms", QueueLimit("time", Decimal(20_000_000))),
    ],
)
def test_parses(parse, text, value):
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text", "hint"),
    [
        (parse_duration, 20, "write 20ms or 20s"),
        (parse_duration, "20", "write 20ms or 20s"),
        (parse_duration, "-5s", "start of the experiment"),
        (parse_duration, "5 seconds", "write 5ms or 5s"),
        (parse_duration, "1:30", "units are"),
        (parse_duration, True, "with its unit"),
        (parse_duration, None, "with its unit"),
        (parse_duration, ["1s"], "with its unit"),
        (parse_duration, "9" * 18 + "h", "smaller"),
        (parse_rate, 10, "write 10mbit"),
        (parse_rate, "10mbps", "write 10mbit"),
        (parse_rate, "0mbit", "write rate: none"),
        (parse_rate, "-1mbit", "write rate: none"),
        (parse_rate, "10ms", "write 10mbit"),
        (parse_size, "64kb", "write 64kB"),
        (parse_size, 1500, "write 1500B"),
        (parse_fraction, 5, "write 5%"),
        (parse_fraction, "101%", "between 0% and 100%"),
        (parse_fraction, "-1%", "between 0% and 100%"),
        (parse_fraction, float("nan"), "write 1% or 0.01"),
        (parse_fraction, True, "write 1% or 0.01"),
        (parse_queue_limit, 50, "write 50p or 50kB"),
        (parse_queue_limit, "0p", "50p"),
        (parse_queue_limit, "1.5p", "50p"),
        (parse_queue_limit, "3apples", "50p"),
    ],
)
def test_refuses_with_what_would_be_right(parse, text, hint):
    with pytest.raises(QuantityError) as caught:
        parse(text)
    assert hint in caught.value.hint


def test_long_text_is_shortened_in_errors():
    with pytest.raises(QuantityError) as caught:
        parse_rate("x" * 100_000)
    assert len(str(caught.value)) < 200


@given(st.integers(min_value=0, max_value=10**18))
def test_durations_come_back(value):
    assert parse_duration(format_duration(value)) == value


@given(st.integers(min_value=1, max_value=10**15))
def test_rates_come_back(value):
    assert parse_rate(format_rate(value)) == value


@given(st.integers(min_value=0, max_value=10**15))
def test_sizes_come_back(value):
    assert parse_size(format_size(value)) == value


@given(st.floats(min_value=0, max_value=1).filter(lambda value: value == 0 or value > 1e-12))
def test_fractions_come_back(value):
    assert parse_fraction(format_fraction(value)) == pytest.approx(value, rel=1e-12, abs=1e-17)


@given(
    st.sampled_from(["packets", "bytes", "bdp", "time"]), st.integers(min_value=1, max_value=10**9)
)
def test_queue_limits_come_back(kind, amount):
    limit = QueueLimit(kind, Decimal(amount))
    assert parse_queue_limit(str(limit)) == limit


@given(st.text(max_size=30))
def test_any_text_is_a_quantity_or_a_quantity_error(text):
    for parse in (parse_rate, parse_duration, parse_size, parse_fraction, parse_queue_limit):
        try:
            parse(text)
        except QuantityError as error:
            assert error.hint


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("20ms", 20_000_000),
        ("1.5s", 1_500_000_000),
        ("0s", 0),
        ("100us", 100_000),
        ("999ns", 999),
        ("60s", 60 * 10**9),
    ],
)
def test_durations_read_well(text, value):
    assert format_duration(value) == text
