"""The checks of the user-space TCP's events: which words go together."""

from __future__ import annotations

import pytest

from tcpexp.checks.cwnd_rule import CwndRule
from tcpexp.checks.tcp_event import TcpEvent
from tcpexp.units import QuantityError


def test_words_that_exclude_each_other():
    for words in (
        {"values": [1], "at_least": 1, "field": "cwnd"},
        {"nth": 1, "at_least": 1},
        {"measure": "max", "nth": 2, "field": "cwnd", "at_least": 1},
    ):
        with pytest.raises((QuantityError, ValueError)):
            TcpEvent.model_validate({"host": "h1", "event": "x", **words})
    assert (
        CwndRule.model_validate({"host": "h1", "flow": "f", "rule": "timeout"}).asked()
        == "applied at least once, obeyed each time"
    )
