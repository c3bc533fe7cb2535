"""A packetdrill script from its text: Google's language, and what FreeBSD's test suite adds to it.

One function per rule of the grammar. What no player can play (GRE, MPLS, PSP) is read all the same,
so that a whole suite can be counted.

Sources: parser.y of github.com/google/packetdrill; FreeBSD's dialect (``(hlim 64)``,
``/udp(1 > 2)``, ``0:0(0)!``, ``...(0)``, ``md5 valid``) from the scripts of
github.com/freebsd-net/tcp-testsuite.
"""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Literal

from tcpexp.errors import DataError
from tcpexp.packetdrill.expressions import expression, listed
from tcpexp.packetdrill.reader import Reader
from tcpexp.packetdrill.script import (
    Call,
    Code,
    Command,
    Event,
    Icmp,
    Ip,
    Packet,
    Script,
    Tcp,
    Udp,
    When,
)
from tcpexp.packetdrill.tcpoptions import options_of
from tcpexp.packetdrill.variants import DEFINES, IpVersion, chosen, versions_of

ECN_WORDS = ("noecn", "ect0", "ect1", "ce", "ect01")
FLAGS = re.compile(r"[FSRPEWCAU]*[0-7]?$")
SECOND_NS = 1_000_000_000


def load_script(
    path: Path, defines: dict[str, str] | None = None, ip_version: IpVersion | None = None
) -> Script:
    """Read a script from a file; ``defines`` are those of the command line.

    ``ip_version`` is one of those for which the script is, None for the first of them.

    Raises: SpecError with file, line and column for what is no packetdrill; DataError for a file
    that cannot be read.
    """
    try:
        text = path.read_bytes().decode("utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    return parse_script(text, str(path), defines, ip_version)


def parse_script(
    text: str,
    name: str,
    defines: dict[str, str] | None = None,
    ip_version: IpVersion | None = None,
) -> Script:
    """Return the script that ``text`` is; ``name`` stands in errors.

    Raises: SpecError with file, line and column.
    """
    reader = Reader(chosen(text), name)
    reader.defines.update(DEFINES[ip_version or versions_of(text)[0]] | (defines or {}))
    options = _options(reader)
    initial = Command(reader.take().text) if reader.kind == "backquoted" else None
    events, final = [], None
    while reader.kind != "end":
        if reader.kind == "backquoted":
            final = Command(reader.take().text)
            if reader.kind != "end":
                reader.fail("only the last command of a script stands without a time")
        else:
            events.append(_event(reader))
    if not events:
        reader.fail("a script has one event at least", "0 socket(..., SOCK_STREAM, 0) = 3")
    return Script(name, text, tuple(events), options, initial, final)


def _options(reader: Reader) -> tuple[tuple[str, str | None], ...]:
    """Read ``--name=value`` as often as it comes, and keep the defines."""
    found: list[tuple[str, str | None]] = []
    while reader.kind == "option":
        name = reader.take().text
        value = None
        if reader.accept("="):
            value = _option_value(reader)
        if name == "define" and value and "=" in value:
            key, _, meaning = value.partition("=")
            reader.defines[key] = meaning
        found.append((name, value))
    return tuple(found)


def _option_value(reader: Reader) -> str:
    """Read what follows ``=``: one word, or ``NAME=value`` of a define."""
    first = reader.take_raw()
    if first.kind == "word" and reader.accept("="):
        return f"{first.text}={reader.raw_text(reader.take_raw())}"
    value = first.text
    while reader.touches and reader.kind in ("mark", "word", "integer", "float"):
        value += reader.take_raw().text  # such as a comma between names
    return value


def _event(reader: Reader) -> Event:
    """Read a time and what happens then."""
    line = reader.token.line
    when = _when(reader)
    action: Packet | Call | Command | Code
    if reader.kind == "backquoted":
        action = Command(reader.take().text)
    elif reader.kind == "code":
        action = Code(reader.take().text)
    elif reader.text in ("<", ">"):
        action = _packet(reader)
    elif reader.kind in ("word", "ellipsis"):
        action = _call(reader)
    else:
        reader.fail("no event", "a packet (< or >), a system call, `a command` or %{ Python }%")
    if when.kind in ("any", "range", "relative_range") and not (
        isinstance(action, Packet) and action.direction == "out"
    ):
        reader.fail(
            "a time without a fixed moment, * or a range, is for packets that go out",
            at=line,
        )
    return Event(line, when, action)


def _when(reader: Reader) -> When:
    """Read ``0.1``, ``+0.1``, ``*``, ``1~2`` or ``+1~+2``."""
    if reader.accept("*"):
        return When("any")
    relative = reader.accept("+")
    at = _time(reader)
    if not reader.accept("~"):
        return When("relative" if relative else "absolute", at)
    if relative:
        reader.need("+")
    until = _time(reader)
    if until < at:
        reader.fail("the range of times ends before it begins")
    return When("relative_range" if relative else "range", at, until)


def _time(reader: Reader) -> int:
    """Read seconds, and return nanoseconds."""
    if reader.kind not in ("float", "integer"):
        reader.fail("no time", "seconds, such as 0.100 or +0.100, begin each event")
    seconds = Decimal(reader.take().text)
    if seconds < 0:
        reader.fail("a time before the script begins")
    return int(seconds * SECOND_NS)


def _call(reader: Reader) -> Call:
    """Read ``[...end] name(arguments) = result [errno (note)] [(note)]``."""
    end_ns = None
    if reader.kind == "ellipsis":
        reader.take()
        end_ns = _time(reader)
    if reader.kind != "word":
        reader.fail("no name of a system call")
    name = reader.take().text
    reader.need("(")
    arguments = listed(reader, ")")
    reader.need("=")
    result = expression(reader)
    errno = note = None
    if reader.kind == "word" and not reader.new_line:
        errno = reader.take().text
    if reader.text == "(" and reader.kind == "mark":
        note = reader.raw_until(")")
        if errno is not None and reader.text == "(" and reader.kind == "mark":
            note = reader.raw_until(")")
    return Call(name, arguments, result, errno, note, end_ns)


def _packet(reader: Reader) -> Packet:
    """Read a packet from ``<`` or ``>`` on."""
    direction: Literal["in", "out"] = "in" if reader.take().text == "<" else "out"
    outer: list[str] = []
    ip = _ip(reader)
    while (header := _outer(reader)) is not None:
        outer.append(header)
        ip = _ip(reader) if reader.text in "([" else ip
    if reader.accept_word("encap"):
        names = [reader.take().text, reader.take().text]
        outer.append(" ".join(["encap", *names, str(reader.number())]))
    if reader.accept_word("icmp"):
        content: Tcp | Udp | Icmp = _icmp(reader)
        return Packet(direction, content, ip, udp_ports=_udp_ports(reader), outer=tuple(outer))
    if reader.accept_word("udp"):
        ports = _ports(reader)
        reader.need("(")
        length = reader.number()
        reader.need(")")
        return Packet(direction, Udp(length), ip, ports, outer=tuple(outer))
    ports = _ports(reader)
    content = _tcp(reader, direction)
    return Packet(direction, content, ip, ports, _udp_ports(reader), tuple(outer))


def _outer(reader: Reader) -> str | None:
    """Read one header around the packet, None when the packet itself follows."""
    if reader.kind == "word" and reader.text in ("ipv4", "ipv6", "gre", "GREv0", "mpls"):
        begin = reader.token.start
        addresses = reader.text in ("ipv4", "ipv6")
        reader.take()
        while not (reader.text == ":" and reader.kind == "mark"):
            if reader.kind == "end":
                reader.fail("nothing ends the outer header", "a colon, as in ipv4 a > b:")
            reader.take_raw()
        text = reader.source[begin : reader.token.start].strip()
        reader.take()
        return text if not addresses else re.sub(r"\s+", " ", text)
    return None


def _ip(reader: Reader) -> Ip:
    """Read ``(ect0)``, ``[tos 0x12, flowlabel 0x1]``, ``(ttl 64)``; nothing is fine too."""
    close = {"(": ")", "[": "]"}.get(reader.text if reader.kind == "mark" else "")
    if close is None:
        return Ip()
    reader.take()
    ecn = tos = flow_label = ttl = None
    while not reader.accept(close):
        word = reader.take().text
        if word in ECN_WORDS:
            ecn = word
        elif word in ("tos", "class"):
            tos = reader.number()
        elif word in ("flowlabel", "flow"):
            flow_label = reader.number()
        elif word in ("ttl", "hlim"):
            ttl = reader.number()
        elif word != ",":
            reader.fail(
                f"{word!r} says nothing of an IP header", ", ".join(ECN_WORDS) + ", tos, ttl"
            )
    return Ip(ecn, tos, flow_label, ttl)


def _ports(reader: Reader) -> tuple[int, int] | None:
    """Read ``8080 > 1234``, if it is there."""
    if reader.kind != "integer" or reader.peek(1).text != ">":
        return None
    source = reader.number()
    reader.need(">")
    return source, reader.number()


def _udp_ports(reader: Reader) -> tuple[int, int] | None:
    """Read ``/udp(9899 > 1)``, if it is there."""
    if not (reader.text == "/" and reader.peek(1).text == "udp"):
        return None
    reader.take()
    reader.take()
    reader.need("(")
    ports = _ports(reader)
    reader.need(")")
    return ports


def _tcp(reader: Reader, direction: str) -> Tcp:
    """Read flags, sequence numbers, ``ack``, ``win``, ``urg`` and options."""
    flags, ace = _flags(reader)
    seq, length = _segment(reader, direction)
    absolute = reader.accept("!")
    ack = window = urgent = None
    while reader.kind == "word" and reader.text in ("ack", "win", "urg") and not reader.new_line:
        word = reader.take().text
        value = reader.number() if not reader.accept("*") else None
        if word == "ack":
            ack = value
        elif word == "win":
            window = value
        else:
            urgent = value
    if window is not None and not 0 <= window <= 0xFFFF:
        reader.fail(f"a window of {window} does not fit 16 bits")
    if window is None and direction == "in":
        reader.fail("a packet that arrives has a window", "win 65535")
    options = options_of(reader) if reader.text == "<" and not reader.new_line else ()
    if options is None and direction == "in":
        reader.fail("<...> is for packets that go out", "say the options, or none")
    return Tcp(flags, seq, length, ack, window, urgent, options, ace, absolute)


def _flags(reader: Reader) -> tuple[str, int | None]:
    """Read ``S.``, ``-`` or ``SA.5``; return the letters and AccECN's counter."""
    if reader.accept("-"):
        return "", None
    letters, ace = "", None
    if reader.kind == "word":
        letters = reader.take().text
        if not FLAGS.match(letters):
            reader.at -= 1
            reader.fail(f"{letters!r} are no flags", "S F R P . E W U, or - for none")
    if reader.kind == "float" and reader.text.startswith("."):
        ace = int(reader.take().text[1:])
        return letters + ".", ace
    if reader.accept("."):
        letters += "."
    if letters.rstrip(".")[-1:].isdigit():  # P5. is P.5
        ace, letters = int(letters.rstrip(".")[-1]), letters.rstrip(".")[:-1] + "."
    if not letters:
        reader.fail("no flags", "S F R P . E W U, or - for none")
    return letters, ace


def _segment(reader: Reader, direction: str) -> tuple[int | None, int]:
    """Read a range of sequence numbers; ``...(0)`` is one that begins anywhere."""
    if reader.kind != "ellipsis" or direction == "in":
        return _range(reader)
    reader.take()
    reader.need("(")
    length = reader.number()
    reader.need(")")
    return None, length


def _range(reader: Reader) -> tuple[int, int]:
    """Read ``1:1001(1000)`` and return where it begins, and its length."""
    begin, start = reader.at, reader.number()
    reader.need(":")
    end = reader.number()
    reader.need("(")
    length = reader.number()
    reader.need(")")
    if (start + length) & 0xFFFFFFFF != end & 0xFFFFFFFF:
        reader.at = begin
        reader.fail(f"{start}:{end} are not {length} octets", f"{start}:{start + length}({length})")
    return start, length


def _icmp(reader: Reader) -> Icmp:
    """Read ``icmp type [code] [mtu n] [id n] [[what it is about]]`` after the first word."""
    kind = reader.take().text
    code = mtu = number = None
    if reader.kind == "word" and reader.text not in ("mtu", "id") and not reader.new_line:
        code = reader.take().text
    while reader.kind == "word" and reader.text in ("mtu", "id"):
        if reader.take().text == "mtu":
            mtu = reader.number()
        else:
            number = reader.number()
    if not reader.accept("["):
        return Icmp(kind, code, mtu, number)
    for word in ("udp", "raw"):
        if reader.accept_word(word):
            reader.need("(")
            length = reader.number()
            reader.need(")")
            reader.need("]")
            return Icmp(kind, code, mtu, number, "udp" if word == "udp" else "raw", 0, length)
    seq, length = _range(reader)
    if reader.text == "/":
        _udp_ports(reader)
    reader.need("]")
    return Icmp(kind, code, mtu, number, "tcp", seq, length)
