"""Binary pages of the kernel's trace ring buffer (``trace_pipe_raw``) to one frame per tracepoint.

The layout is the kernel's (include/linux/ring_buffer.h, kernel/trace/ring_buffer.c; little endian,
64 bit). A page: a header with u64 timestamp (ns) and u64 ``commit`` (bytes of events; high bits are
flags), then the events. An event: a 32-bit word with 5 bits type_len and 27 bits time_delta.
type_len 1..28 is the data's length in words, 0 says that the next word holds the length in bytes
(including itself), 29 is padding, 30 extends the time by the next word << 27, 31 is an absolute
time of 59 bits. What the data means is in the tracepoint's ``format`` file.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tcpexp.errors import DataError

_TYPE_PADDING = 29
_TYPE_TIME_EXTEND = 30
_TYPE_TIME_STAMP = 31
_TIME_BITS = 27
_STAMP_BITS = 59
#: Bits of ``commit``: RB_MISSED_EVENTS says that events were lost before this page,
#: RB_MISSED_STORED that their count follows the data.
_MISSED_EVENTS = 1 << 31
_COMMIT_MASK = (1 << 27) - 1
_DEFAULT_PAGE_BYTES = 4096
_DEFAULT_HEADER_BYTES = 16


@dataclass(frozen=True)
class Field:
    """One field of a tracepoint's record: bytes ``[offset, offset + size)``.

    ``array`` when it is a C array or a text of any length, ``pointer`` when it is an address.
    """

    name: str
    offset: int
    size: int
    signed: bool
    array: bool
    pointer: bool = False


@dataclass(frozen=True)
class EventFormat:
    """One tracepoint: its number in the buffer and its fields."""

    name: str
    id: int
    fields: dict[str, Field]

    @property
    def size(self) -> int:
        """How many bytes a record needs at least."""
        return max(field.offset + field.size for field in self.fields.values())


@dataclass(frozen=True)
class RawEvents:
    """All records of a buffer: when (ns), which tracepoint, and where in ``data`` the record
    begins. ``lost_pages`` counts gaps.
    """

    data: bytes
    t_ns: NDArray[np.int64]
    kind: NDArray[np.int64]
    offset: NDArray[np.int64]
    lost_pages: int


def parse_format(text: str) -> EventFormat:
    """Parse a tracepoint's ``format`` file; raises ``DataError`` when it is not one."""
    name = re.search(r"^name:\s*(\S+)", text, re.M)
    number = re.search(r"^ID:\s*(\d+)", text, re.M)
    if name is None or number is None:
        raise DataError("not a tracepoint's format file: no name or no ID")
    pattern = r"^\s*field:(.*?);\s*offset:(\d+);\s*size:(\d+);\s*signed:(\d+);"
    fields = {}
    for declaration, offset, size, signed in re.findall(pattern, text, re.M):
        word = re.search(r"(\w+)(\[.*\])?$", declaration)
        if word is not None:
            fields[word[1]] = Field(
                word[1],
                int(offset),
                int(size),
                signed == "1",
                word[2] is not None or "__data_loc" in declaration,
                "*" in declaration,
            )
    return EventFormat(name[1], int(number[1]), fields)


def parse_header_page(text: str) -> tuple[int, int]:
    """Return (page bytes, header bytes) from ``events/header_page``.

    The usual ones when ``text`` is empty.
    """
    found = re.search(r"field:\s*char data;\s*offset:(\d+);\s*size:(\d+);", text)
    if found is None:
        return _DEFAULT_PAGE_BYTES, _DEFAULT_HEADER_BYTES
    return int(found[1]) + int(found[2]), int(found[1])


def parse_pages(
    data: bytes, page_bytes: int = _DEFAULT_PAGE_BYTES, header_bytes: int = _DEFAULT_HEADER_BYTES
) -> RawEvents:
    """Find every record of a buffer. A last page that was cut off (the recorder was killed) is left
    out.

    Raises ``DataError`` when a page claims more data than it has room for.
    """
    if sys.byteorder != "little":  # pragma: no cover - the guest and its hosts are little endian
        raise DataError("trace buffers are read on little-endian machines only")
    usable = len(data) - len(data) % page_bytes
    words = memoryview(data)[:usable].cast("I").tolist() if usable else []
    times: list[int] = []
    offsets: list[int] = []
    lost = 0
    for start in range(0, usable // 4, page_bytes // 4):
        stamp = words[start] | words[start + 1] << 32
        commit = words[start + 2]
        lost += commit & _MISSED_EVENTS != 0
        length = commit & _COMMIT_MASK
        if length > page_bytes - header_bytes:
            raise DataError(
                f"trace page at byte {start * 4} claims {length} bytes of events",
                hint="the file is damaged",
            )
        first = start + header_bytes // 4
        try:
            _walk(words, (first, first + length // 4), stamp, times, offsets)
        except IndexError:
            raise DataError(
                f"trace page at byte {start * 4} ends within an event", hint="the file is damaged"
            ) from None
    at = np.asarray(offsets, dtype=np.int64)
    if at.size and int(at.max()) + 2 > usable:
        raise DataError("the last trace page ends within an event", hint="the file is damaged")
    kinds = (
        np.frombuffer(data, dtype="<u2", count=usable // 2)[at // 2].astype(np.int64)
        if at.size
        else at
    )
    return RawEvents(data, np.asarray(times, dtype=np.int64), kinds, at, lost)


def _walk(
    words: list[int], span: tuple[int, int], now: int, times: list[int], offsets: list[int]
) -> None:
    """Append the time and the byte offset of each data record of one page.

    The one loop over events: a few steps for each.
    """
    at, end = span
    while at < end:
        head = words[at]
        kind = head & 31
        delta = head >> 5
        if 0 < kind < _TYPE_PADDING:
            now += delta
            times.append(now)
            offsets.append(at * 4 + 4)
            at += 1 + kind
        elif kind == 0:
            now += delta
            times.append(now)
            offsets.append(at * 4 + 8)
            at += 1 + (words[at + 1] + 3) // 4
        elif kind == _TYPE_TIME_EXTEND:
            now += (words[at + 1] << _TIME_BITS) + delta
            at += 2
        elif kind == _TYPE_TIME_STAMP:
            stamp = (words[at + 1] << _TIME_BITS) + delta
            now = _absolute(stamp, now)
            at += 2
        else:
            # padding: to the page's end, or a discarded event whose time still counts (1 stands for
            # none)
            if delta == 0:
                return
            now += delta if delta != 1 else 0
            at += 1 + (words[at + 1] + 3) // 4


def _absolute(stamp: int, now: int) -> int:
    """Return the time nearest to ``now`` whose low 59 bits are ``stamp``, never far in the past."""
    mask = (1 << _STAMP_BITS) - 1
    value = (now & ~mask) | stamp
    return value + (1 << _STAMP_BITS) if value + (1 << (_STAMP_BITS - 1)) < now else value


def gather(events: RawEvents, kind: EventFormat) -> dict[str, NDArray[np.generic]]:
    """Return the fields of every record of one tracepoint as columns, ``t_ns``, and ``record``, its
    place among all records of the buffer.

    Scalars become int64 (a 64-bit pattern above 2**63 wraps), arrays a matrix of bytes, one row per
    record.
    """
    chosen = events.kind == kind.id
    starts = events.offset[chosen]
    usable = starts + kind.size <= len(events.data)
    starts = starts[usable]
    columns: dict[str, NDArray[np.generic]] = {
        "t_ns": events.t_ns[chosen][usable],
        "record": np.flatnonzero(chosen)[usable],
    }
    data = np.frombuffer(events.data, dtype=np.uint8)
    for field in kind.fields.values():
        matrix = data[starts[:, None] + np.arange(field.offset, field.offset + field.size)]
        if field.array or field.size not in (1, 2, 4, 8):
            columns[field.name] = matrix
        else:
            number = (
                np.ascontiguousarray(matrix)
                .view(f"<{'i' if field.signed else 'u'}{field.size}")
                .reshape(-1)
            )
            columns[field.name] = number.astype(np.int64)
    return columns


def gather_texts(events: RawEvents, kind: EventFormat, name: str) -> list[str]:
    """Return the field ``name`` of every record of one tracepoint where it is a text of any length,
    at the record's end and closed by a zero.
    """
    offset = kind.fields[name].offset
    starts = events.offset[
        (events.kind == kind.id) & (events.offset + kind.size <= len(events.data))
    ]
    return [_text_at(events.data, int(start) + offset) for start in starts]


def _text_at(data: bytes, at: int) -> str:
    end = data.find(b"\0", at)
    return data[at : end if end >= 0 else len(data)].decode(errors="replace").rstrip("\n")


def ipv4_text(octets: NDArray[np.generic]) -> pl.Series:
    """Return the dotted addresses of a matrix of four octets per row."""
    frame = pl.DataFrame({str(index): octets[:, index].astype(np.int64) for index in range(4)})
    return frame.select(pl.concat_str(pl.all(), separator=".")).to_series()
