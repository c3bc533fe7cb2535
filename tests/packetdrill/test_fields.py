"""What is wrong with times and segments, in packetdrill's words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tcpexp.packetdrill.fields import (
    tolerance_ns,
    wrong_ip,
    wrong_options,
    wrong_segment,
    wrong_time,
)
from tcpexp.packetdrill.outcome import Happened, Judged, off_ns
from tcpexp.packetdrill.script import Event, Ip, Option, Packet, Tcp, When

SEEN = Tcp("P.", 1, 1000, 1, 500)
MS = 1_000_000


def event(kind: str, at: int, until: int | None = None) -> Event:
    return Event(1, When(kind, at, until), Packet("out", SEEN))  # type: ignore[arg-type]


def test_the_tolerance_grows_with_the_time_since_the_event_before() -> None:
    assert tolerance_ns(4 * MS, None) == 4 * MS
    assert tolerance_ns(4 * MS, 16 * MS) == 4 * MS
    assert tolerance_ns(4 * MS, 1000 * MS) == 125 * MS


@pytest.mark.parametrize(("at", "good"), [(95, False), (96, True), (104, True), (105, False)])
def test_a_time_is_off_beyond_the_tolerance(at: int, good: bool) -> None:
    wrong = wrong_time(event("absolute", 100 * MS), 0, at * MS, 4 * MS, "outbound packet")
    assert (wrong is None) == good
    if wrong:
        assert "expected outbound packet at 0.100000 sec but happened at 0" in wrong


def test_a_range_of_times() -> None:
    ranged = event("relative_range", 100 * MS, 200 * MS)
    assert wrong_time(ranged, 1000 * MS, 1150 * MS, 0, "packet") is None
    wrong = wrong_time(ranged, 1000 * MS, 1300 * MS, 0, "packet")
    assert wrong is not None
    assert "relative time range 0.100000~0.200000 sec but happened at 0.300000" in wrong
    assert wrong_time(event("any", 0), 0, 10**12, 0, "packet") is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"flags": "."}, "tcp_psh"),
        ({"flags": "PF."}, "tcp_fin"),
        ({"flags": "PE."}, "tcp_ece"),
        ({"seq": 2}, "tcp_seq"),
        ({"length": 999}, "tcp_payload_len"),
        ({"ack": 2}, "tcp_ack_seq"),
        ({"window": 501}, "tcp_window"),
        ({"urgent": 1}, "tcp_urg_ptr"),
        ({"ace": 1}, "tcp_ace"),
    ],
)
def test_each_field_is_compared(change: dict[str, object], field: str) -> None:
    wrong = wrong_segment(replace(SEEN, **change), SEEN)  # type: ignore[arg-type]
    assert wrong is not None
    assert field in wrong


def test_what_the_script_leaves_out_is_not_compared() -> None:
    assert wrong_segment(replace(SEEN, window=None, seq=None), SEEN) is None
    assert wrong_segment(replace(SEEN, flags="P.", ace=5), replace(SEEN, flags="PEA.")) is None


def test_options_are_compared_by_kind_and_value_whatever_their_order() -> None:
    mss, shift, nop = Option("mss", 1460), Option("wscale", 7), Option("nop")
    assert wrong_options((mss, nop, shift), (shift, mss)) is None
    assert wrong_options((mss,), (Option("mss", 1440),)) is not None
    assert "expected mss,wscale, actual mss" in str(wrong_options((mss, shift), (mss,)))
    stamps = Option("TS", 1, echo=2), Option("TS", 9, echo=9)
    assert wrong_options(stamps[:1], stamps[1:]) is None


def test_the_ip_header() -> None:
    assert wrong_ip(Ip(ecn="ect01"), 2, 64) is None
    assert "ip_ecn" in str(wrong_ip(Ip(ecn="ce"), 2, 64))
    assert "tos" in str(wrong_ip(Ip(tos=0x20), 0x22, 64))
    assert "ttl" in str(wrong_ip(Ip(ttl=4), 0, 64))


def test_how_far_a_script_was_off() -> None:
    early = Happened(event("absolute", 100 * MS), 100 * MS, 98 * MS)
    within = Happened(event("range", 100 * MS, 200 * MS), 100 * MS, 150 * MS)
    late = Happened(event("range", 100 * MS, 200 * MS), 100 * MS, 207 * MS)
    assert [off_ns(each) for each in (early, within, late)] == [-2 * MS, 0, 7 * MS]
    assert Judged("agrees", (early, within, late)).latest_ns == 7 * MS
