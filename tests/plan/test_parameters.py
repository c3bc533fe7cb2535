"""Parameters of topologies: what they become, and the words for what they cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from tcpexp.plan.parameters import (
    duration_ns,
    half_of_rest,
    link_parameters,
    one_for_each,
    whole_number,
)
from tcpexp.plan.queues import ParameterError


def test_one_value_holds_for_all_and_a_list_has_one_for_each() -> None:
    assert one_for_each("rtt", "20ms", 3, "pair") == ["20ms"] * 3
    assert one_for_each("rtt", ("1ms", "2ms"), 2, "pair") == ["1ms", "2ms"]
    with pytest.raises(ParameterError, match="rtt: 2 values for 3 pairs"):
        one_for_each("rtt", ["1ms", "2ms"], 3, "pair")
    with pytest.raises(ParameterError, match=r"rtt: 2 values for 1 pair "):
        one_for_each("rtt", ["1ms", "2ms"], 1, "pair")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "pairs: 0 is out of range"),
        (21, "pairs: 21 is out of range"),
        (True, "pairs: 'True' is not a whole number"),
        ("two", "pairs: 'two' is not a whole number"),
        (1.5, "pairs: '1.5' is not a whole number"),
    ],
)
def test_a_count_is_a_whole_number_in_its_range(value: Any, words: str) -> None:
    assert whole_number("pairs", 20, most=20) == 20
    with pytest.raises(ParameterError, match=words):
        whole_number("pairs", value, most=20)


def test_link_parameters_are_a_mapping_or_absent() -> None:
    assert link_parameters("bottleneck", None) == {}
    assert link_parameters("bottleneck", {"rate": "1mbit"}) == {"rate": "1mbit"}
    with pytest.raises(ParameterError, match="bottleneck is a mapping of link parameters"):
        link_parameters("bottleneck", "1mbit")


def test_a_round_trip_time_is_shared_with_what_lies_between() -> None:
    assert duration_ns("rtt", "20ms") == 20_000_000
    assert half_of_rest("rtt", "20ms", 8_000_000, "the bottleneck") == "6ms"
    with pytest.raises(ParameterError, match="rtt: 5ms is too short for this path") as caught:
        half_of_rest("rtt", "5ms", 8_000_000, "the bottleneck")
    assert "the bottleneck alone takes 8ms there and back" in str(caught.value.hint)
