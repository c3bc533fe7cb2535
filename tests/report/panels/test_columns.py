"""Packed columns: what goes in comes out, for every width, and equal data give equal text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpexp.report.panels.columns import ColumnStore, unpack

# a distance of two of them fits in six bytes, with its sign
numbers = st.integers(min_value=-(2**45), max_value=2**45)


@given(st.lists(st.lists(numbers, max_size=40), min_size=1, max_size=5))
def test_columns_come_back(columns):
    store = ColumnStore()
    places = [store.add(np.array(column, dtype=np.int64)) for column in columns]
    text = store.packed()
    assert [unpack(text, place) for place in places] == columns


@pytest.mark.parametrize(
    ("values", "width"),
    [
        ([7] * 100, 0),
        (range(100), 1),
        (range(0, 100_000, 1000), 2),
        ([0, 127], 1),
        ([0, 128], 2),
        ([0, -128], 1),
    ],
)
def test_a_column_takes_the_bytes_that_it_needs(values, width):
    assert ColumnStore().add(np.array(list(values)))[2] == width


@pytest.mark.parametrize("widest", [2**46, 2**55, 2**62])
def test_a_column_of_years_in_nanoseconds_comes_back(widest):
    values = [0, -5, widest, widest - 3]
    store = ColumnStore()
    place = store.add(np.array(values))
    assert place[2] <= 8
    assert unpack(store.packed(), place) == values
