"""Accurate ECN: who agreed on it, and the number in the three bits."""

from __future__ import annotations

import polars as pl
import pytest

from tcpexp.ingest.accurate import with_ace


def aces(answer: str, flags: str, asks: str = "SECe") -> list[int | None]:
    rows = {"connection": [0, 0, 0, None], "flags": [asks, answer, flags, flags]}
    return with_ace(pl.DataFrame(rows))["ace"].to_list()


@pytest.mark.parametrize(
    ("answer", "agreed"),
    [("SAC", True), ("SAEC", True), ("SAe", True), ("SACe", True), ("SAE", False), ("SA", False)],
)
def test_a_syn_ack_agrees_by_its_pattern(answer: str, agreed: bool) -> None:
    # AE and ECE: 5, where every counter begins
    assert aces(answer, "AEe") == [None, None, 5 if agreed else None, None]


def test_an_answer_to_a_classic_syn_is_no_agreement() -> None:
    assert aces("SAC", "AEe", asks="SEC") == [None] * 4


@pytest.mark.parametrize(("flags", "number"), [("A", 0), ("AE", 1), ("AC", 2), ("AECe", 7)])
def test_the_bits_are_a_number(flags: str, number: int) -> None:
    assert aces("SAC", flags)[2] == number
