"""Put time stamps of captures and logs back onto the clock as it was at the run's begin, after it
was set in the middle.

A file's entries are in the order in which they were made, but for what two processors do at the
same moment. So the first entry that can no longer be from before a step is from after it: its stamp
would lie in the future, or falls back behind the entry before it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from pathlib import Path

from tcpexp.engine.wallclock import ClockStep

#: Magic numbers of pcap files by (byte order, nanoseconds per unit of the second field).
MAGICS = {
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\xc3\xd4": (">", 1000),
}
#: How far entries of two processors may be out of order.
OUT_OF_ORDER_NS = 5_000_000
FILE_HEADER, PACKET_HEADER = 24, 16
STAMP = re.compile(rb'("time_ns": ?)(\d+)')
#: The log of a program that reads the clock once and counts on with one that cannot be set
#: (tcp/adapters/record.py).
READ_ONCE = "tcp.jsonl"
SECOND_NS = 1_000_000_000


class Corrector:
    """Corrects the time stamps of one file, given one after the other.

    None is from before ``began_ns`` (CLOCK_MONOTONIC).
    """

    def __init__(self, steps: Sequence[ClockStep], began_ns: int) -> None:
        self.steps = tuple(steps)
        self.passed = 0
        self._last_ns = began_ns

    def correct(self, realtime_ns: int) -> int:
        """Return the time stamp as the clock of the run's begin would have given it."""
        while self.passed < len(self.steps) and self._is_after(
            realtime_ns, self.steps[self.passed]
        ):
            self.passed += 1
        monotonic_ns = realtime_ns - self._offset_ns()
        self._last_ns = max(monotonic_ns, self._last_ns)
        return monotonic_ns + self.steps[0].offset_before_ns

    def _offset_ns(self) -> int:
        return (
            self.steps[self.passed - 1].offset_ns if self.passed else self.steps[0].offset_before_ns
        )

    def _is_after(self, realtime_ns: int, step: ClockStep) -> bool:
        as_before = realtime_ns - step.offset_before_ns
        as_after = realtime_ns - step.offset_ns
        if as_before > step.before_ns:
            return True
        fell_back = as_before < self._last_ns - min(OUT_OF_ORDER_NS, abs(step.by_ns) // 2)
        return step.by_ns < 0 and fell_back and as_after >= step.after_ns


def restamp_raw(raw: Path, steps: Sequence[ClockStep], began_ns: int) -> list[str]:
    """Correct every capture and every program's log below ``raw``.

    Return the names of the files that changed.
    """
    if not steps:
        return []
    changed = [
        path for path in sorted(raw.glob("*.pcap")) if restamp_capture(path, steps, began_ns)
    ]
    changed += [
        path
        for path in sorted(raw.rglob("*"))
        if path.suffix in (".out", ".jsonl", ".log") and restamp_log(path, steps, began_ns)
    ]
    return [str(path.relative_to(raw)) for path in changed]


def restamp_capture(path: Path, steps: Sequence[ClockStep], began_ns: int) -> bool:
    """Correct a pcap file in place; return whether anything changed.

    What is cut off at its end stays as it is.
    """
    data = bytearray(path.read_bytes())
    order, unit_ns = MAGICS.get(bytes(data[:4]), ("", 0))
    if not order:
        return False
    header = struct.Struct(f"{order}IIII")
    corrector = Corrector(steps, began_ns)
    at = FILE_HEADER
    while at + PACKET_HEADER <= len(data):
        seconds, part, length, _whole = header.unpack_from(data, at)
        corrected = corrector.correct(seconds * SECOND_NS + part * unit_ns)
        struct.pack_into(
            f"{order}II", data, at, corrected // SECOND_NS, corrected % SECOND_NS // unit_ns
        )
        at += PACKET_HEADER + length
    if not corrector.passed:
        return False
    path.write_bytes(data)
    return True


def restamp_log(path: Path, steps: Sequence[ClockStep], began_ns: int) -> bool:
    """Correct every ``"time_ns": ...`` of a program's log in place.

    Return whether anything changed.
    """
    before = path.read_bytes() if path.is_file() else b""
    correct = Corrector(steps, began_ns).correct
    first = STAMP.search(before)
    if first is not None and path.name == READ_ONCE:
        by_ns = correct(int(first[2])) - int(first[2])
        after = STAMP.sub(lambda found: found[1] + str(int(found[2]) + by_ns).encode(), before)
    else:
        after = STAMP.sub(lambda found: found[1] + str(correct(int(found[2]))).encode(), before)
    if after == before:
        return False
    path.write_bytes(after)
    return True
