"""What every reader of a file format hands over: packets, a piece of the file at a time, and what
the file says about itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

import numpy as np

from tcpexp.ingest.pcap import SPARE_BYTES, Bytes, Int64

#: A record that says it is longer than this is damage: BIG TCP reaches half a mebibyte.
LARGEST_PACKET = 1 << 20
#: Times that no clock has are put here, so that differences of times fit into 64 bits.
LATEST_NS = 1 << 62


@dataclass(frozen=True)
class Piece:
    """Packets of a piece of a file: ``data`` holds packet ``i`` from ``at[i]`` on, ``captured[i]``
    of its ``frame_bytes[i]`` bytes.

    ``epoch_ns`` is when it was captured (ns since 1970), ``link`` its link type
    (pcap's numbers), ``interface`` its place in the file's list of interfaces.
    """

    data: Bytes
    at: Int64
    captured: Int64
    frame_bytes: Int64
    epoch_ns: Int64
    link: Int64
    interface: Int64

    @property
    def count(self) -> int:
        """How many packets there are."""
        return int(self.at.size)


@dataclass
class Interface:
    """One interface of a file, as the file describes it; ``snaplen`` 0 means no limit was set.

    ``dropped`` is the number of packets that the capturing system lost, None when the file does
    not say; ``dropped_by`` who counts it.
    """

    link: int
    snaplen: int = 0
    name: str | None = None
    description: str | None = None
    filter: str | None = None
    system: str | None = None
    dropped: int | None = None
    dropped_by: str | None = None


@dataclass(frozen=True)
class Comment:
    """A remark that somebody wrote into a file: on a packet (its frame number), or on the file."""

    number: int | None
    text: str


@dataclass
class FileFacts:
    """What a reader learns of a file besides its packets.

    ``damage`` says where and why reading ended before the file's end, ``odd`` what is unusual but
    was read.
    """

    format: str
    interfaces: list[Interface] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    application: str | None = None
    damage: str | None = None
    odd: dict[str, int] = field(default_factory=dict)

    def note(self, what: str, count: int = 1) -> None:
        """Count something unusual."""
        if count:
            self.odd[what] = self.odd.get(what, 0) + count


class Reader(Protocol):
    """A file format: what it says of itself, and its packets in order."""

    facts: FileFacts

    def pieces(self) -> Iterator[Piece]:
        """Yield the packets; once this ends, ``facts`` are complete."""


class Source:
    """The bytes of a file, decompressed; reading ends where they cannot be decompressed.

    ``damage`` then says why.
    """

    #: So much is looked at at once.
    piece_bytes = 1 << 22

    def __init__(self, file: BinaryIO, piece_bytes: int | None = None) -> None:
        self._file = file
        self.damage: str | None = None
        if piece_bytes is not None:
            self.piece_bytes = piece_bytes

    def read(self, size: int | None = None) -> bytes:
        """Return the next bytes, fewer only at the end."""
        try:
            return self._file.read(self.piece_bytes if size is None else size)
        except (OSError, EOFError, ValueError) as error:
            self.damage = f"it cannot be read further: {error}"
        except Exception as error:  # zlib.error and lzma.LZMAError are no OSErrors
            if type(error).__name__ not in ("error", "LZMAError"):
                raise
            self.damage = f"the compressed data are damaged: {error}"
        return b""


class RecordReader:
    """A file of records one behind the other, each of which says where the next one begins."""

    #: Bytes before the first record.
    header_bytes: int

    def __init__(self, source: Source, facts: FileFacts) -> None:
        self._source = source
        self.facts = facts

    def pieces(self) -> Iterator[Piece]:
        """Yield the packets; one that was cut off at the end is left out, and ``facts`` say so."""
        rest, before = b"", self.header_bytes
        while block := self._source.read():
            buffer = rest + block
            begins, end = self._walk(buffer, before)
            rest = buffer[end:]
            before += end
            if begins:
                yield self._piece(buffer[:end], begins)
            if self.facts.damage:
                return
        if rest:
            self.facts.damage = f"the last record is cut off, {len(rest):,} bytes from the end"

    def _walk(self, buffer: bytes, before: int) -> tuple[list[int], int]:
        """Return where the whole records of ``buffer`` begin, and where the last one ends."""
        raise NotImplementedError

    def _piece(self, buffer: bytes, begins: list[int]) -> Piece:
        """Return the packets of the whole records in ``buffer``."""
        raise NotImplementedError


def with_spare(buffer: bytes) -> Bytes:
    """Return the bytes as an array, with zeros behind the end so that a header can be taken at its
    largest size wherever it begins.
    """
    return np.frombuffer(buffer + bytes(SPARE_BYTES), dtype=np.uint8)


def positions(begins: list[int]) -> Int64:
    """Return places in a buffer as a column."""
    return np.array(begins, dtype=np.int64)
