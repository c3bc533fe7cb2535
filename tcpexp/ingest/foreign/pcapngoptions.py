"""Options of pcapng's blocks: a code, a length, a value, padding to four bytes."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_COMMENT, _IF_TSRESOL, _IF_FILTER, _IF_TSOFFSET = 1, 9, 11, 14
#: Longer remarks are cut: a file may hold anything.
_LONGEST_TEXT = 10_000


@dataclass(frozen=True)
class Options:
    """The options of one block, in order: code and value."""

    order: str
    all: tuple[tuple[int, bytes], ...]

    def first(self, code: int) -> bytes | None:
        """Return the value of the first option of that code."""
        return next((value for number, value in self.all if number == code), None)

    def text(self, code: int) -> str | None:
        """Return a text."""
        value = self.first(code)
        return None if value is None else _text(value)

    def number(self, code: int) -> int | None:
        """Return a number of 8 bytes."""
        value = self.first(code)
        if value is None or len(value) != 8:
            return None
        return int(struct.unpack(self.order + "Q", value)[0])

    def comments(self) -> list[str]:
        """Return all remarks."""
        return [_text(value) for number, value in self.all if number == _COMMENT]

    def filter_text(self) -> str | None:
        """Return the filter with which an interface was captured, where it is kept as text."""
        value = self.first(_IF_FILTER)
        return _text(value[1:]) if value and value[0] == 0 else None


def read_options(area: bytes, order: str) -> Options:
    """Return the options that an area holds, up to the first that cannot be right."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at + 4 <= len(area):
        code, length = struct.unpack_from(order + "HH", area, at)
        if code == 0 or at + 4 + length > len(area):
            break
        found.append((code, area[at + 4 : at + 4 + length]))
        at += 4 + (length + 3) // 4 * 4
    return Options(order, tuple(found))


def resolution_of(options: Options) -> tuple[int, int]:
    """Return units of time per second, a million where nothing is said, and the seconds that are
    added to each time.
    """
    value = options.first(_IF_TSRESOL)
    units = 1_000_000
    if value:
        exponent = value[0] & 0x7F
        units = 2 ** min(exponent, 63) if value[0] & 0x80 else 10 ** min(exponent, 19)
    offset = options.first(_IF_TSOFFSET)
    seconds = 0
    if offset is not None and len(offset) == 8:
        seconds = int(struct.unpack(options.order + "q", offset)[0])
    return units, seconds


def _text(value: bytes) -> str:
    return value[:_LONGEST_TEXT].decode("utf-8", errors="replace").rstrip("\0")
