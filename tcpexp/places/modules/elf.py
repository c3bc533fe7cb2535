"""What a module says about itself: the section ``.modinfo`` of its ELF file."""

from __future__ import annotations

import struct


def module_information(content: bytes) -> dict[str, list[str]]:
    """Return the texts of ``.modinfo`` by key: ``license``, ``vermagic``, ``parmtype``...

    Empty where there is no such section. A 64-bit little-endian ELF file is expected, which is what
    the kernel's build makes on the machines that tcpexp runs on.
    """
    found: dict[str, list[str]] = {}
    for text in section(content, b".modinfo").split(b"\0"):
        key, equals, value = text.decode(errors="replace").partition("=")
        if equals:
            found.setdefault(key, []).append(value)
    return found


def section(content: bytes, name: bytes) -> bytes:
    """Return the section called ``name``, empty when there is none."""
    if content[:6] != b"\x7fELF\x02\x01":
        return b""
    table, size, count, names = _header(content)
    headers = [_section(content, table + size * number) for number in range(count)]
    texts = headers[names]
    for offset, start, length in headers:
        at = texts[1] + offset
        if content[at : content.find(b"\0", at)] == name:
            return content[start : start + length]
    return b""


def _header(content: bytes) -> tuple[int, int, int, int]:
    """Return where the section headers are, the size of one, how many, and which has the names."""
    (table,) = struct.unpack_from("<Q", content, 0x28)
    size, count, names = struct.unpack_from("<HHH", content, 0x3A)
    return table, size, count, names


def _section(content: bytes, at: int) -> tuple[int, int, int]:
    """Return (place of the name, place in the file, size) of a section header."""
    (name,) = struct.unpack_from("<I", content, at)
    start, length = struct.unpack_from("<QQ", content, at + 0x18)
    return name, start, length
