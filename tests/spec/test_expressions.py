"""Expressions and templates of sweeps: what they compute, and all that they refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpexp.spec.expressions import number_of, parse_expression, parse_template, plain_number
from tcpexp.units import QuantityError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rate * rtt / 8", 25_000),
        ("round(1 / p)", 1000),
        ("1.22 * 1448B * 8 / (rtt * sqrt(p))", 1.22 * 1448 * 8 / (0.02 * 0.001**0.5)),
        ("p < 1% and rtt >= 20ms", True),
        ("10mbit if cc == 'bbr' else 2e6", 2e6),
        ("2 ** 0.5", 2**0.5),
        ("not rate > 1gbit", True),
        ("-1 < p < 1", True),
        ("min(rate, 1mbit) // 3", 333_333),
    ],
)
def test_values(text, expected):
    assert parse_expression(text).value(
        {"rate": 1e7, "rtt": 0.02, "p": 0.001, "cc": "reno"}
    ) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "rate.real",
        "[1]",
        "p; q",
        "(lambda: 1)()",
        "rate if",
        "f'{rate}'",
        "x[0]",
        "rate % 3",
        "1 << 9",
        "round(x, ndigits=2)",
        "sqrrt(4)",
        "'a' * 9" * 99,
        "",
    ],
)
def test_nothing_else_can_be_written(text):
    with pytest.raises(QuantityError):
        parse_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "1 / p",
        "sqrt(0 - 1)",
        "9 ** 999",
        "cc + 1",
        "cc < 1",
        "unknown",
        "10 ** 60 ** 2",
        "exp(9999)",
    ],
)
def test_what_cannot_be_computed_is_said(text):
    with pytest.raises(QuantityError):
        parse_expression(text).value({"p": 0, "cc": "reno"})


def test_quantities_in_base_units():
    texts = [
        "10mbit",
        "20ms",
        "1448B",
        "64KiB",
        "1%",
        "2bdp",
        "50p",
        "3",
        "0.5",
        "reno",
        True,
        None,
    ]
    assert [number_of(text) for text in texts] == [
        1e7,
        0.02,
        1448,
        65536,
        0.01,
        2,
        50,
        3,
        0.5,
        None,
        1,
        None,
    ]


def test_templates():
    assert parse_template("{rtt / 2}s").value({"rtt": 0.03}) == "0.015s"
    assert parse_template("{1 / p}").value({"p": 0.001}) == 1000
    assert parse_template("plain").value({}) == "plain"
    assert parse_template("a{n}b{m}").value({"n": 1e-9, "m": "x"}) == "a0.000000001bx"
    with pytest.raises(QuantityError):
        parse_template("{rtt")


@given(st.floats(min_value=1e-9, max_value=1e12, allow_nan=False))
def test_plain_numbers_have_no_exponent_and_keep_twelve_digits(value):
    text = plain_number(value)
    assert "e" not in text.lower()
    assert float(text) == pytest.approx(value, rel=1e-11)
