"""The simulator's link: times, queue and faults."""

from __future__ import annotations

from tcpexp.tcp import Segment
from tcpexp.tcp.simulator.link import Link, LinkConfig

MS = 1_000_000


def data(offset: int, octets: int = 960) -> Segment:
    return Segment(1, 2, 1001 + offset, 0, 16, 0, bytes(octets))


def test_delay_and_rate() -> None:
    link = Link(LinkConfig(delay_ns=10 * MS, rate_bps=8_000_000))
    assert link.carry(data(0), 0, 1001) == [11 * MS]  # 1000 octets with headers: 1 ms
    assert link.carry(data(960), 0, 1001) == [12 * MS]
    assert link.carry(data(1920), 50 * MS, 1001) == [61 * MS]


def test_the_queue_limit_counts_only_what_waits() -> None:
    link = Link(LinkConfig(delay_ns=0, rate_bps=8_000_000, queue_segments=2))
    # one is being sent, two wait
    assert [len(link.carry(data(0), 0, 1001)) for _ in range(5)] == [1, 1, 1, 0, 0]
    assert link.overflowed == 2
    assert [reason for _, _, reason in link.dropped] == ["queue full"] * 2
    assert len(link.carry(data(0), 1 * MS, 1001)) == 1


def test_faults_by_index_and_by_offset() -> None:
    link = Link(LinkConfig(delay_ns=0, drop=(2,)))
    assert [len(link.carry(data(0, size), 0, 1001)) for size in (0, 0, 9)] == [1, 0, 1]
    link = Link(LinkConfig(delay_ns=0, drop_data=(2,)))
    assert [len(link.carry(data(0, size), 0, 1001)) for size in (0, 5, 0, 9, 9)] == [1, 1, 1, 0, 1]
    link = Link(LinkConfig(delay_ns=0, drop_offsets=(1500,)))
    # the retransmission gets through
    assert [len(link.carry(data(offset), 0, 1001)) for offset in (0, 960, 1920, 960)] == [
        1,
        0,
        1,
        1,
    ]
    assert [(segment.seq, reason) for _, segment, reason in link.dropped] == [(1961, "fault")]


def test_offsets_count_across_the_wrap() -> None:
    link = Link(LinkConfig(delay_ns=0, drop_offsets=(2000,)))
    segment = Segment(1, 2, (((1 << 32) - 500) + 1900) & 0xFFFFFFFF, 0, 16, 0, bytes(960))
    assert link.carry(segment, 0, (1 << 32) - 500) == []


def test_random_faults_come_from_the_seed() -> None:
    def pattern(seed: int) -> list[int]:
        link = Link(LinkConfig(delay_ns=0, loss=0.2, reorder=0.2, duplicate=0.2, seed=seed))
        return [
            sum(link.carry(data(0), 0, 1001)) + 1000 * len(link.carry(data(0), 0, 1001))
            for _ in range(50)
        ]

    assert pattern(1) == pattern(1) != pattern(2)
