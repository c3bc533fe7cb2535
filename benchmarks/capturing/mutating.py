"""Valid captures damaged at random: bits flipped, bytes set, parts cut out, doubled and swapped."""

from __future__ import annotations

import random
from collections.abc import Sequence

#: Numbers that lengths and counts are set to.
_EXTREME = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_LONGEST = 1 << 20


def damaged(rng: random.Random, files: Sequence[bytes]) -> bytes:
    """Return one of the files after one to eight damages."""
    data = bytearray(rng.choice(files))
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        if not data:
            break
        rng.choice(_WAYS)(rng, data, files)
    return bytes(data[:_LONGEST])


def _flip(rng: random.Random, data: bytearray, files: Sequence[bytes]) -> None:
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _set(rng: random.Random, data: bytearray, files: Sequence[bytes]) -> None:
    width = rng.choice((1, 2, 4, 8))
    at = rng.randrange(len(data))
    value = rng.choice(_EXTREME) & ((1 << 8 * width) - 1)
    octets = value.to_bytes(width, rng.choice(("little", "big")))
    data[at : at + width] = octets[: len(data) - at]


def _set_near_the_start(rng: random.Random, data: bytearray, files: Sequence[bytes]) -> None:
    data[rng.randrange(min(len(data), 120))] = rng.randrange(256)


def _cut(rng: random.Random, data: bytearray, files: Sequence[bytes]) -> None:
    del data[rng.randrange(len(data)) :]


def _cut_out(rng: random.Random, data: bytearray, files: Sequence[bytes]) -> None:
    begin = rng.randrange(len(data))
    del data[begin : begin + rng.choice((1, 2, 4, 16, 100, 1000))]


def _double(rng: random.Random, data: bytearray, files: Sequence[bytes]) -> None:
    begin = rng.randrange(len(data))
    part = data[begin : begin + rng.choice((4, 16, 100, 1000))]
    data[begin:begin] = part * rng.choice((1, 1, 3))


def _swap(rng: random.Random, data: bytearray, files: Sequence[bytes]) -> None:
    size = rng.choice((1, 4, 16, 64, 200))
    one, other = rng.randrange(len(data)), rng.randrange(len(data))
    first, second = data[one : one + size], data[other : other + size]
    if len(first) == len(second):
        data[one : one + size], data[other : other + size] = second, first


def _splice(rng: random.Random, data: bytearray, files: Sequence[bytes]) -> None:
    other = rng.choice(files)
    if other:
        data[rng.randrange(len(data)) :] = other[rng.randrange(len(other)) :]


def _overwrite(rng: random.Random, data: bytearray, files: Sequence[bytes]) -> None:
    size = rng.choice((1, 4, 20, 60))
    at = rng.randrange(len(data))
    data[at : at + size] = rng.randbytes(min(size, len(data) - at))


_WAYS = (
    _flip,
    _flip,
    _set,
    _set,
    _set_near_the_start,
    _cut,
    _cut_out,
    _double,
    _swap,
    _splice,
    _overwrite,
)
