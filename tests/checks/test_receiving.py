from __future__ import annotations

import pydantic
import pytest

from tcpexp.checks import BUILTIN
from tests.support.checked_run import MS, CheckedRun, S, packet


def window(number: int, ack: int, size: int, flags: str = "A") -> dict[str, object]:
    return packet(number, number * S, "h2", "h1", flags, ack_rel=ack, window_bytes=size, flow="one")


@pytest.fixture
def opening(run: CheckedRun) -> CheckedRun:
    """The right edge is at 1000, stays there while the window closes, then moves by 500
    and by 300.
    """
    rows = [
        window(1, 1, 999),
        window(2, 501, 499),
        window(3, 1000, 0),
        window(4, 1000, 500),
        window(5, 1300, 500),
        window(6, 1300, 0, "R"),
    ]
    return run.fill("packets", rows)


@pytest.mark.parametrize(
    ("given", "result"),
    [
        ({"at_least": 300}, "PASS"),
        ({"at_least": 301}, "FAIL"),
        ({"equals": 500, "between": ["2s", "4s"]}, "PASS"),
        ({"at_most": "499B"}, "FAIL"),
        ({"at_least": 1, "between": ["1s", "3s"]}, "INCONCLUSIVE"),
        ({"at_least": 1, "flow": "two"}, "INCONCLUSIVE"),
    ],
)
def test_window_step(opening: CheckedRun, given: dict[str, object], result: str) -> None:
    assert opening.ask("window_step", from_="h2", **given).result == result


def test_window_step_names_the_acks_that_opened(opening: CheckedRun) -> None:
    verdict = opening.ask("window_step", from_="h2", at_least=300)
    assert verdict.measured == "300 bytes to 500 bytes"
    assert verdict.evidence[0].packets == (4, 5)
    assert [row[-1] for row in verdict.evidence[0].rows] == ["edge moved by", "500", "300"]


def test_a_window_that_falls(opening: CheckedRun) -> None:
    assert opening.ask("window", from_="h2", falls=True, between=["1s", "3s"]).result == "PASS"
    verdict = opening.ask("window", from_="h2", falls=True)
    assert verdict.result == "FAIL"
    assert verdict.evidence[-1].packets == (4,)


def data(number: int, t_ns: int, begin: int) -> dict[str, object]:
    return packet(
        number, t_ns, flags="PA", seen_at="h2", seq_rel=begin, payload_bytes=100, flow="one"
    )


def ack(number: int, t_ns: int, value: int) -> dict[str, object]:
    return packet(number, t_ns, "h2", "h1", ack_rel=value, flow="one")


@pytest.fixture
def acknowledged(run: CheckedRun) -> CheckedRun:
    """Three segments: acknowledged after 1 ms, together with the next after 41 and 40 ms.

    The second one arrived twice.
    """
    rows = [
        data(1, 0, 1),
        ack(2, 1 * MS, 101),
        data(3, 99 * MS, 101),
        data(4, 100 * MS, 201),
        data(5, 101 * MS, 101),
        ack(6, 140 * MS, 301),
    ]
    return run.fill("packets", rows)


@pytest.mark.parametrize(
    ("given", "result"),
    [
        ({"measure": "max", "equals": "41ms"}, "PASS"),
        ({"measure": "min", "at_most": "1ms"}, "PASS"),
        ({"measure": "median", "equals": "40ms"}, "PASS"),
        ({"measure": "max", "segments": [1, 1], "at_most": "1ms"}, "PASS"),
        ({"measure": "min", "segments": [2, 3], "at_least": "40ms"}, "PASS"),
        ({"measure": "min", "segments": [1, 3], "at_least": "40ms"}, "FAIL"),
        ({"measure": "max", "segments": [1, 4], "at_least": "1ms"}, "INCONCLUSIVE"),
        ({"measure": "max", "between": ["5s", "6s"], "at_least": "1ms"}, "INCONCLUSIVE"),
    ],
)
def test_ack_delay(acknowledged: CheckedRun, given: dict[str, object], result: str) -> None:
    assert acknowledged.ask("ack_delay", flow="one", **given).result == result


def test_ack_delay_names_each_segment_and_its_ack(acknowledged: CheckedRun) -> None:
    rows = acknowledged.ask("ack_delay", flow="one", measure="max", at_most="1s").evidence[0].rows
    assert [(row[0], row[2], row[5]) for row in rows[1:]] == [
        ("1", "1", "2"),
        ("2", "3", "6"),
        ("3", "4", "6"),
    ]


def test_a_segment_without_an_ack_decides_nothing(run: CheckedRun) -> None:
    run.fill("packets", [data(1, 0, 1), ack(2, 1 * MS, 101), data(3, 99 * MS, 101)])
    assert run.ask("ack_delay", flow="one", measure="max", at_most="1s").result == "INCONCLUSIVE"
    assert run.ask("ack_delay", flow="two", measure="max", at_most="1s").result == "INCONCLUSIVE"
    with pytest.raises(pydantic.ValidationError, match="counted from 1"):
        BUILTIN["ack_delay"].model_validate(
            {"flow": "one", "measure": "max", "at_most": "1s", "segments": [5, 2]}
        )
