"""Write a cpio archive (newc format, as the kernel's initramfs wants it): the same input, the same
bytes.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One file or folder: ``path`` without leading slash, ``data`` None for a folder."""

    path: str
    data: bytes | None
    executable: bool = False


def make_cpio(entries: list[Entry]) -> bytes:
    """Return the archive of ``entries``, with the folders above each of them added (initramfs
    buffer format, newc).
    """
    known: dict[str, Entry] = {}
    for entry in entries:
        parts = entry.path.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            known.setdefault(folder, Entry(folder, None))
        known[entry.path] = entry
    chunks = [_record(number, known[path]) for number, path in enumerate(sorted(known), start=1)]
    chunks.append(_header(0, "TRAILER!!!", 0, 0, 1))
    archive = b"".join(chunks)
    return archive + bytes(-len(archive) % 512)


def _record(number: int, entry: Entry) -> bytes:
    if entry.data is None:
        return _header(number, entry.path, stat.S_IFDIR | 0o755, 0, 2)
    mode = stat.S_IFREG | (0o755 if entry.executable else 0o644)
    return (
        _header(number, entry.path, mode, len(entry.data), 1)
        + entry.data
        + bytes(-len(entry.data) % 4)
    )


def _header(number: int, path: str, mode: int, size: int, links: int) -> bytes:
    name = path.encode() + b"\0"
    fields = (number, mode, 0, 0, links, 0, size, 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % value for value in fields) + name
    return head + bytes(-len(head) % 4)
