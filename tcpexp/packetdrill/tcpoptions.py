"""TCP options as a script writes them: ``<mss 1460,nop,wscale 6,sackOK,TS val 100 ecr 0>``."""

from __future__ import annotations

import re

from tcpexp.packetdrill.reader import Reader
from tcpexp.packetdrill.script import Option

PLAIN = ("nop", "eol", "sackOK")
COOKIES = ("FO", "FOEXP", "md5")
KNOWN = (*PLAIN, "mss", "wscale", "sack", "TS", *COOKIES, "ECN")
_HEX = re.compile(r"[0-9a-fA-F]*$")


def options_of(reader: Reader) -> tuple[Option, ...] | None:
    """Read ``<option, option>``; None for ``<...>``, which compares none."""
    reader.need("<")
    if reader.kind == "ellipsis":
        reader.take()
        reader.need(">")
        return None
    found = [_option(reader)]
    while reader.accept(","):
        found.append(_option(reader))
    reader.need(">")
    return tuple(found)


def _option(reader: Reader) -> Option:
    """Read one option."""
    name = reader.take().text
    if name in PLAIN:
        return Option(name)
    if name == "mss":
        return Option(name, _up_to(reader, 0xFFFF))
    if name == "wscale":
        return Option(name, _up_to(reader, 0xFF))
    if name == "sack":
        return Option(name, blocks=_blocks(reader))
    if name == "TS":
        if not reader.accept_word("val"):
            reader.fail("'val' is missing", "TS val 100 ecr 0")
        value = _up_to(reader, 0xFFFFFFFF)
        if not reader.accept_word("ecr"):
            reader.fail("'ecr' is missing", "TS val 100 ecr 0")
        return Option(name, value, echo=_up_to(reader, 0xFFFFFFFF))
    if name in COOKIES:
        return Option(name, data=_data(reader))
    if name == "ECN":
        return Option(name, counts=_counts(reader))
    reader.at -= 1
    reader.fail(f"no TCP option {name!r}", ", ".join(KNOWN))


def _up_to(reader: Reader, most: int) -> int:
    """Read a number that fits its field."""
    value = reader.number()
    if not 0 <= value <= most:
        reader.fail(f"{value} does not fit its field; the most is {most}")
    return value


def _blocks(reader: Reader) -> tuple[tuple[int, int], ...]:
    """Read ``1:1001 2001:3001``."""
    found = []
    while reader.kind == "integer":
        left = _up_to(reader, 0xFFFFFFFF)
        reader.need(":")
        found.append((left, _up_to(reader, 0xFFFFFFFF)))
    if not found:
        reader.fail("a SACK option without blocks", "sack 1001:2001")
    return tuple(found)


def _data(reader: Reader) -> str:
    """Read hexadecimal digits, or ``valid``, or nothing."""
    if reader.kind not in ("word", "integer", "hex"):
        return ""
    token = reader.take()
    data = token.text if token.text in reader.defines.values() else reader.raw_text(token)
    if data != "valid" and not _HEX.match(data.removeprefix("0x")):
        reader.at -= 1
        reader.fail(f"{data!r} is no hexadecimal number", "a word is given by --define WORD=value")
    return data


def _counts(reader: Reader) -> tuple[tuple[str, int], ...]:
    """Read AccECN's ``e1b 1 ceb 0 e0b 1``, in this order or in the other."""
    found = []
    while reader.kind == "word" and reader.text in ("e0b", "e1b", "ceb"):
        name = reader.take().text
        found.append((name, _up_to(reader, 0xFFFFFF)))
    return tuple(found)
