"""A path to the reader of its format: decompressed, and told by its first bytes."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from tcpexp.errors import DataError
from tcpexp.ingest.foreign.pcapfile import PcapReader, is_pcap
from tcpexp.ingest.foreign.pcapngfile import PcapngReader, is_pcapng
from tcpexp.ingest.foreign.pieces import Reader, Source
from tcpexp.ingest.foreign.snoopfile import SnoopReader, is_snoop

_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}
#: What other files that people take for captures begin with.
_OTHERS = {
    b"\x28\xb5\x2f\xfd": "compressed with zstd: unpack it with `zstd -d`",
    b"\x04\x22\x4d\x18": "compressed with lz4: unpack it with `lz4 -d`",
    b"PK\x03\x04": "a zip archive: unpack it",
    b"7z\xbc\xaf": "a 7z archive: unpack it",
    b"XCP\x00": "a capture of the Sniffer: `editcap -F pcapng FILE OUT` converts it",
    b"GMBU": "a capture of Microsoft's Network Monitor: `editcap -F pcapng FILE OUT` converts it",
    b"RTSS": "a capture of Microsoft's Network Monitor: `editcap -F pcapng FILE OUT` converts it",
    b"TRSNIFF": "a capture of the Sniffer: `editcap -F pcapng FILE OUT` converts it",
}
_MAGIC_BYTES = 8
CONVERT = "pcap, pcapng and snoop are read, also gzipped; `editcap -F pcapng FILE OUT` converts"


@contextmanager
def open_capture(path: Path, piece_bytes: int | None = None) -> Iterator[Reader]:
    """Open a capture and give the reader of its format.

    Raises ``DataError`` when the file cannot be opened or is no capture.
    """
    try:
        first = _first_bytes(path)
        compression = _compression(first)
        with _decompressed(path, compression) as file:
            source = Source(file, piece_bytes)
            reader = _reader(path, source, source.read(_MAGIC_BYTES))
            if compression:
                reader.facts.format += f", {compression}"
            yield reader
            reader.facts.damage = source.damage or reader.facts.damage
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None


def _first_bytes(path: Path) -> bytes:
    if path.is_dir():
        raise DataError(f"{path} is a folder", hint="name the captures in it")
    with path.open("rb") as file:
        return file.read(_MAGIC_BYTES)


def _compression(first: bytes) -> str | None:
    return next((word for magic, word in _COMPRESSED.items() if first.startswith(magic)), None)


def _decompressed(path: Path, compression: str | None) -> BinaryIO:
    if compression == "gzip":
        return cast(BinaryIO, gzip.open(path, "rb"))
    if compression == "bzip2":
        return cast(BinaryIO, bz2.open(path, "rb"))
    if compression == "xz":
        return cast(BinaryIO, lzma.open(path, "rb"))
    return path.open("rb")


def _reader(path: Path, source: Source, magic: bytes) -> Reader:
    if is_pcap(magic):
        return PcapReader(path, source, magic)
    if is_pcapng(magic):
        return PcapngReader(path, source, magic)
    if is_snoop(magic):
        return SnoopReader(path, source)
    if not magic:
        raise DataError(
            f"{path}: {source.damage or 'the file is empty'}",
            hint="a capture without packets has at least a header",
        )
    known = next((words for start, words in _OTHERS.items() if magic.startswith(start)), None)
    raise DataError(f"{path} is {known or 'no capture that is read here'}", hint=CONVERT)
