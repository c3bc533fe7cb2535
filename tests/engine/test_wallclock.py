"""The clock of the day is set in the middle of a run: it is noticed at once, and stamps are put
back as they would have been.
"""

from __future__ import annotations

import itertools
import json
import struct
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpexp.engine import wallclock
from tcpexp.engine.clock import Clock
from tcpexp.engine.restamp import Corrector, restamp_capture, restamp_log, restamp_raw
from tcpexp.engine.waiting import Waiter
from tcpexp.engine.wallclock import ClockStep, WallClock

SECOND, MS = 1_000_000_000, 1_000_000
#: Some day, in ns since 1970: the offset of the clock of the day at the run's begin.
DAY = 1_790_000_000 * SECOND


def steps_of(*changes: tuple[float, float]) -> list[ClockStep]:
    """Steps at instants in seconds (noticed within 2 ms) by seconds."""
    steps, offset = [], DAY
    for at, by in changes:
        steps.append(
            ClockStep(
                int(at * SECOND) - MS,
                int(at * SECOND) + MS,
                offset,
                offset := offset + int(by * SECOND),
            )
        )
    return steps


def read(monotonic_ns: int, steps: list[ClockStep]) -> int:
    """What the clock of the day says at an instant."""
    past = [step for step in steps if monotonic_ns >= (step.after_ns + step.before_ns) // 2]
    return monotonic_ns + (past[-1].offset_ns if past else DAY)


@given(
    gaps=st.lists(st.integers(5 * MS, 200 * MS), min_size=20, max_size=200),
    changes=st.lists(
        st.tuples(st.floats(0.2, 0.9), st.floats(0.5, 20) | st.floats(-20, -0.5)),
        min_size=1,
        max_size=3,
    ),
)
def test_busy_captures_are_put_back_exactly(
    gaps: list[int], changes: list[tuple[float, float]]
) -> None:
    """Whatever the steps: as long as something is captured more often than half of the smallest
    step, each stamp is right.
    """
    total = sum(gaps) / SECOND
    steps = steps_of(
        *((number * total + at * total, by) for number, (at, by) in enumerate(changes))
    )
    instants = list(itertools.accumulate(gaps * len(changes)))
    corrector = Corrector(steps, 0)
    near = [
        instant
        for instant in instants
        if any(step.after_ns - MS < instant < step.before_ns + MS for step in steps)
    ]
    corrected = [corrector.correct(read(instant, steps)) for instant in instants]
    assert [
        value - DAY
        for value, instant in zip(corrected, instants, strict=True)
        if instant not in near
    ] == [instant for instant in instants if instant not in near]


def capture(
    instants: list[int], steps: list[ClockStep], path: Path, *, order: str = "<", nano: bool = True
) -> None:
    data = struct.pack(f"{order}IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    for number, instant in enumerate(instants):
        stamp = read(instant, steps)
        part = stamp % SECOND // (1 if nano else 1000)
        data += (
            struct.pack(f"{order}IIII", stamp // SECOND, part, 3, 60) + bytes([number % 256]) * 3
        )
    path.write_bytes(data + b"\x01\x02\x03")  # and a packet that was cut off


@pytest.mark.parametrize(("order", "nano"), [("<", True), ("<", False), (">", True), (">", False)])
def test_a_capture_is_as_if_the_clock_had_not_been_set(
    tmp_path: Path, order: str, nano: bool
) -> None:
    steps = steps_of((3.0, 3.0), (6.0, -2.5))
    instants = list(range(0, 10 * SECOND, 7 * MS))
    capture(instants, steps, tmp_path / "set.pcap", order=order, nano=nano)
    capture(instants, [], tmp_path / "plain.pcap", order=order, nano=nano)
    assert restamp_capture(tmp_path / "set.pcap", steps, 0)
    assert (tmp_path / "set.pcap").read_bytes() == (tmp_path / "plain.pcap").read_bytes()


def test_logs_are_put_back_too(tmp_path: Path) -> None:
    steps = steps_of((3.0, 3.0))
    lines = "".join(
        json.dumps({"time_ns": read(after_ns, steps), "event": "x"}) + "\n"
        for after_ns in (SECOND, 4 * SECOND)
    )
    (tmp_path / "a.out").write_text("not JSON\n" + lines)
    assert restamp_log(tmp_path / "a.out", steps, 0)
    assert [
        json.loads(line)["time_ns"] - DAY
        for line in (tmp_path / "a.out").read_text().splitlines()[1:]
    ] == [SECOND, 4 * SECOND]


def test_a_program_that_reads_the_clock_once_is_moved_as_a_whole(tmp_path: Path) -> None:
    """The user-space TCP counts on from one reading, before the step or after it."""
    steps = steps_of((3.0, 3.0))
    for began, by in ((1.0, 0.0), (4.0, 3.0)):
        (tmp_path / "tcp.jsonl").write_text(
            "".join(
                json.dumps({"time_ns": DAY + int((at + by) * SECOND)}) + "\n"
                for at in (began, began + 5)
            )
        )
        restamp_log(tmp_path / "tcp.jsonl", steps, 0)
        found = [
            json.loads(line)["time_ns"] - DAY
            for line in (tmp_path / "tcp.jsonl").read_text().splitlines()
        ]
        assert found == [int(began * SECOND), int((began + 5) * SECOND)]


def test_without_a_step_nothing_is_touched(tmp_path: Path) -> None:
    (tmp_path / "a.out").write_text('{"time_ns": 5}')
    assert restamp_raw(tmp_path, [], 0) == []


@pytest.mark.root
def test_setting_the_clock_wakes_whoever_waits() -> None:
    """It is set to what it says already, so that nobody on this machine notices.

    Scripts/stock-vm sets it by seconds.
    """
    clock, waiter = WallClock(), Waiter(lambda: False)
    looks: list[int] = []
    clock.look = lambda: looks.append(Clock.monotonic_ns())  # type: ignore[method-assign]
    clock.watch(waiter)
    try:
        time.clock_settime_ns(time.CLOCK_REALTIME, time.clock_gettime_ns(time.CLOCK_REALTIME))
    except OSError:
        pytest.skip("this kernel lacks a clock that may be set from here")
    waiter.wait_until(Clock.monotonic_ns() + 20 * MS)
    assert len(looks) == 1
    time.clock_settime_ns(time.CLOCK_REALTIME, time.clock_gettime_ns(time.CLOCK_REALTIME))
    waiter.wait_until(Clock.monotonic_ns() + 20 * MS)
    assert len(looks) == 2
    clock.close(waiter)


def test_each_step_is_known_with_the_times_between_which_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ahead = [DAY]
    monkeypatch.setattr(wallclock, "realtime_offset_ns", lambda: ahead[0])
    clock, waiter = WallClock(), Waiter(lambda: False)
    for offset in (DAY, DAY + 3 * SECOND, DAY + 3 * SECOND + 50_000, DAY + SECOND // 2):
        ahead[0] = offset
        clock.look()
    clock.close(waiter)
    assert [step.by_ns for step in clock.steps] == [3 * SECOND, SECOND // 2 - 3 * SECOND]
    assert all(step.after_ns <= step.before_ns for step in clock.steps)
    assert clock.offset_ns == DAY


def test_a_clock_that_nobody_sets_makes_no_steps() -> None:
    clock, waiter = WallClock(), Waiter(lambda: False)
    clock.watch(waiter)
    for _ in range(20):
        waiter.wait_until(Clock.monotonic_ns() + MS)
        clock.look()
    clock.close(waiter)
    assert clock.steps == []
