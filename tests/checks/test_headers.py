from __future__ import annotations

import pytest

from tests.support.checked_run import CheckedRun, S, packet


@pytest.fixture
def sized(run: CheckedRun) -> CheckedRun:
    """h1 sends 10, 20 and 60 bytes; h2's capture shows the last two as one segment."""
    sent = [
        packet(number, number * S, flags="PA", payload_bytes=size, flow="one")
        for number, size in enumerate((10, 20, 60), start=1)
    ]
    seen = [
        packet(number, number * S, flags="PA", payload_bytes=size, flow="one", seen_at="h2")
        for number, size in enumerate((10, 80), start=1)
    ]
    return run.fill(
        "packets", [*sent, *seen, packet(3, 3 * S, "h2", "h1", flags="PA", payload_bytes=999)]
    )


@pytest.mark.parametrize(
    ("given", "result"),
    [
        ({"measure": "max", "equals": 60}, "PASS"),
        ({"measure": "max", "at_most": "59B"}, "FAIL"),
        ({"measure": "mean", "equals": 30}, "PASS"),
        ({"measure": "median", "equals": 20}, "PASS"),
        ({"measure": "min", "above": 10}, "FAIL"),
        ({"measure": "max", "seen_at": "h2", "equals": 80}, "PASS"),
        ({"measure": "max", "between": ["1s", "2s"], "equals": 20}, "PASS"),
        ({"measure": "max", "flow": "two", "at_least": 0}, "INCONCLUSIVE"),
    ],
)
def test_segment_size(sized: CheckedRun, given: dict[str, object], result: str) -> None:
    assert sized.ask("segment_size", from_="h1", **given).result == result


def test_the_largest_segment_is_named(sized: CheckedRun) -> None:
    evidence = sized.ask("segment_size", from_="h1", measure="max", at_most=60).evidence
    assert [(shown.capture, shown.packets) for shown in evidence] == [
        ("h1-eth0", (1,)),
        ("h1-eth0", (3,)),
    ]


@pytest.fixture
def options(run: CheckedRun) -> CheckedRun:
    """h1 offers a scale of 7 and an MSS, h2 answers without scale; h1's data carry no option."""
    syn = packet(1, 1 * S, flags="S", mss=1460, wscale=7, sack_permitted=True, ts_val=5)
    synack = packet(1, 1 * S, "h2", "h1", "SA", mss=1460, wscale=None, sack_permitted=False)
    return run.fill("packets", [syn, synack, packet(2, 2 * S)])


@pytest.mark.parametrize(
    ("host", "given", "result"),
    [
        ("h1", {"option": "window_scale"}, "PASS"),
        ("h1", {"option": "window_scale", "equals": 7}, "PASS"),
        ("h1", {"option": "window_scale", "equals": 6}, "FAIL"),
        ("h1", {"option": "window_scale", "absent": True}, "FAIL"),
        ("h2", {"option": "window_scale", "absent": True}, "PASS"),
        ("h2", {"option": "window_scale"}, "FAIL"),
        ("h2", {"option": "mss", "at_least": 1460}, "PASS"),
        ("h1", {"option": "sack_permitted"}, "PASS"),
        ("h2", {"option": "sack_permitted"}, "FAIL"),
        ("h2", {"option": "timestamps", "absent": True}, "PASS"),
        ("h1", {"option": "timestamps", "flow": "one"}, "INCONCLUSIVE"),
    ],
)
def test_syn_option(options: CheckedRun, host: str, given: dict[str, object], result: str) -> None:
    assert options.ask("syn_option", from_=host, **given).result == result
