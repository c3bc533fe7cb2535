"""Calls in processes of their own: one that hangs, crashes or takes all memory spoils its own
answer only.
"""

from __future__ import annotations

import os
import time

import pytest

from tcpexp.grade.apart import call_apart


def behave(how: str) -> dict[str, str]:
    if how == "hang":
        time.sleep(600)
    if how == "die":
        os._exit(9)
    if how == "raise":
        raise ValueError("no such luck")
    if how == "eat":
        len(bytearray(64 << 30))
    return {"said": how}


def test_each_call_answers_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tcpexp.grade.apart.LIMIT_S", 6.0)
    hows = ["fine", "hang", "die", "raise", "eat", "well"]
    answers = dict(call_apart(behave, [(how,) for how in hows], 3))
    assert answers[0] == {"said": "fine"}
    assert answers[5] == {"said": "well"}
    assert answers[1] == "it cannot be read within 6 s"
    assert answers[2] == "reading it ended the process (status 9)"
    assert answers[3] == "it cannot be read: ValueError: no such luck"
    assert "GiB of memory" in str(answers[4])
