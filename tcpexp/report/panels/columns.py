"""Columns of whole numbers, packed for a page: delta-coded, cut to the bytes that they need, byte
planes apart, compressed with gzip.
"""

from __future__ import annotations

import base64
import gzip
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tcpexp.late import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: A page cannot hold integers above 2^53 exactly (IEEE 754 double): 104 days in nanoseconds. Of a
#: capture that lasts longer it shows times to a microsecond or less.
WIDEST = 8
#: gzip's level: less than half the time of its usual 6, for 3 to 4 % more bytes.
LEVEL = 4


@dataclass
class ColumnStore:
    """Collects columns; :meth:`packed` is what ``page/columns.js`` unpacks."""

    parts: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, values: NDArray[np.int64]) -> list[int]:
        """Append a column and return where it is: ``[offset, length, width, delta, first]``.

        ``width`` is the bytes per value; 0 when all values equal ``first``. ``delta`` is 1 when
        each value is stored as its distance from the one before, the first as 0.
        """
        numbers = np.asarray(values, dtype=np.int64)
        if not len(numbers):
            return [self.size, 0, 0, 0, 0]
        first = int(numbers[0])
        steps = np.diff(numbers, prepend=numbers[0])
        plain, delta = _width(numbers - first), _width(steps)
        width = min(plain, delta, WIDEST)
        coded = steps if delta <= plain else numbers - first
        offset = self.size
        if width:
            planes = coded.astype("<i8").view(np.uint8).reshape(-1, 8)[:, :width].T.tobytes()
            self.parts.append(planes)
            self.size += len(planes)
        return [offset, len(numbers), width, int(delta <= plain), first]

    def packed(self) -> str:
        """Return all columns as text: gzip (with no time of its own, so that equal data give equal
        text), then base64.
        """
        return base64.b64encode(
            gzip.compress(b"".join(self.parts), compresslevel=LEVEL, mtime=0)
        ).decode("ascii")


def _width(values: NDArray[np.int64]) -> int:
    """Return how many bytes the widest of ``values`` needs in two's complement.

    0 when all are 0.
    """
    low, high = int(values.min()), int(values.max())
    return (
        0
        if low == high == 0
        else max(
            (high if high >= 0 else ~high).bit_length(), (low if low >= 0 else ~low).bit_length()
        )
        // 8
        + 1
    )


def unpack(text: str, place: list[int]) -> list[int]:
    """Return one column of a packed store.

    What the page does, for tests and for readers of the format.
    """
    offset, length, width, delta, first = place
    if not width:
        return [first] * length
    data = np.frombuffer(gzip.decompress(base64.b64decode(text)), dtype=np.uint8)[
        offset : offset + length * width
    ]
    planes: Any = data.reshape(width, length).T.astype(np.int64)
    values = (planes << (8 * np.arange(width))).sum(axis=1)
    if width < 8:  # eight bytes have their sign already
        values = np.where(values >= 1 << (8 * width - 1), values - (1 << (8 * width)), values)
    return [int(value) + first for value in (np.cumsum(values) if delta else values)]
