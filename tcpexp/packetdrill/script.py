"""A packetdrill script as data: what :mod:`tcpexp.packetdrill.parser` makes of the text, and what a
player plays.

Frozen, comparable, and JSON on request (:func:`to_json`, :func:`from_json`), so that a player in a
guest gets it as a file. Imports the standard library only. Times are nanoseconds. Sequence numbers
stand as the script writes them: relative to the initial sequence number of whoever sends.

    >>> segment = Tcp(flags="S.", seq=0, length=0, ack=1, window=65535, options=(Option("mss"),))
    >>> from_json(to_json(segment)) == segment
    True

Source: the grammar and ``syntax.md`` of github.com/google/packetdrill; the test suite of FreeBSD
(github.com/freebsd-net/tcp-testsuite) for what its dialect adds.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal

TimeKind = Literal["absolute", "relative", "any", "range", "relative_range"]


@dataclass(frozen=True)
class When:
    """When an event happens.

    absolute
        ``0.100``: ``at_ns`` after the script's begin.
    relative
        ``+0.100``: ``at_ns`` after the event before. After an event at ``any`` time or in a range:
        after the moment at which that one happened.
    any
        ``*``: whenever, only for packets that go out.
    range, relative_range
        ``1.0~1.2`` and ``+1.0~+1.2``: from ``at_ns`` to ``until_ns``, only for packets that go out.
    """

    kind: TimeKind
    at_ns: int = 0
    until_ns: int | None = None


@dataclass(frozen=True)
class Expression:
    """An argument or a result of a system call.

    ``kind`` says what the other fields hold:

    ellipsis
        ``...``: whatever the player fills in, or anything.
    integer
        ``value``: an int.
    word
        ``value``: a symbol of C, such as ``SOCK_STREAM``.
    string
        ``value``: the text between the quotes, escapes as written. Adjacent strings are one.
        ``open`` if ``...`` follows: only the beginning counts.
    or
        ``items``: of ``A | B``.
    list
        ``items``: of ``[a, b]``.
    set
        ``items``: of ``{a, b}``, a structure whose members are known by their order.
    struct
        ``{name=a, name(2)=b}``: ``names`` and ``items``, side by side. The number in parentheses
        is dropped (it counts what follows).
    call
        ``value(items)``: ``htons(80)``, ``inet_addr("192.0.2.1")``.
    assign
        ``value=items[0]``, such as ``PSP_GEN=1``.
    raw
        ``value``: text of a member whose form no player knows (GRE, MPLS).
    """

    kind: Literal[
        "ellipsis",
        "integer",
        "word",
        "string",
        "or",
        "list",
        "set",
        "struct",
        "call",
        "assign",
        "raw",
    ]
    value: int | str | None = None
    items: tuple[Expression, ...] = ()
    names: tuple[str, ...] = ()
    open: bool = False

    def member(self, name: str) -> Expression | None:
        """Return the member ``name`` of a struct, None without one."""
        return self.items[self.names.index(name)] if name in self.names else None


@dataclass(frozen=True)
class Call:
    """A system call: ``[...end] name(arguments) = result [errno (note)]``.

    One with ``end_ns`` blocks until then. That is a time of the same kind as the event's own: after
    the script's begin, or after the event before.
    """

    name: str
    arguments: tuple[Expression, ...]
    result: Expression
    errno: str | None = None
    note: str | None = None
    end_ns: int | None = None


@dataclass(frozen=True)
class Option:
    """One TCP option.

    ``kind`` as the script writes it: ``nop``, ``eol``, ``mss``, ``wscale`` (``value``),
    ``sackOK``, ``sack`` (``blocks``, edges relative like sequence numbers), ``TS`` (``value`` and
    ``echo``), ``FO``, ``FOEXP`` (``data``, hexadecimal, "" for none), ``md5`` (``data``, or
    ``valid`` for the digest that the script's secret gives), ``ECN`` (AccECN, ``counts`` in the
    order of the option: ``("e0b", 1), ("ceb", 0)``).
    """

    kind: str
    value: int | None = None
    echo: int | None = None
    blocks: tuple[tuple[int, int], ...] = ()
    data: str = ""
    counts: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Ip:
    """What a script says of the IP header: ``(ect0)``, ``[tos 0x12]``, ``[ttl 64]``.

    IPv6's ``class`` is ``tos`` too, its ``hlim`` is ``ttl``.
    ``ecn`` is ``noecn``, ``ect0``, ``ect1``, ``ce``, or ``ect01`` (either of both, only for what
    goes out).
    """

    ecn: str | None = None
    tos: int | None = None
    flow_label: int | None = None
    ttl: int | None = None


@dataclass(frozen=True)
class Tcp:
    """A TCP segment.

    ``flags`` are the letters ``FSRPEWCA`` that stand in the script, ``.`` for ACK, "" for ``-``
    (none); C is CWR (W as well), A in front of E or W is AccECN's AE. ``ace`` is the number of
    ``.5``: the three bits AE, CWR and ECE as a counter (RFC 9768). What is None is not compared
    (options: ``<...>``, seq: ``...(0)`` in FreeBSD's dialect). With ``absolute``
    (``0:0(0)!``, FreeBSD's dialect) ``seq`` is the number on the wire.
    """

    flags: str
    seq: int | None
    length: int
    ack: int | None = None
    window: int | None = None
    urgent: int | None = None
    options: tuple[Option, ...] | None = ()
    ace: int | None = None
    absolute: bool = False


@dataclass(frozen=True)
class Udp:
    """A UDP datagram of ``length`` octets of payload."""

    length: int


@dataclass(frozen=True)
class Icmp:
    """An ICMP or ICMPv6 message, ``icmp unreachable frag_needed mtu 1200 [1:1461(1460)]``.

    ``about`` is what of the offending packet stands in brackets: a sequence number and a length for
    ``tcp``, a length for ``udp`` and ``raw``.
    """

    type: str
    code: str | None = None
    mtu: int | None = None
    id: int | None = None
    about: Literal["tcp", "udp", "raw"] | None = None
    seq: int = 0
    length: int = 0


@dataclass(frozen=True)
class Packet:
    """A packet: ``<`` arrives (is injected), ``>`` goes out (is expected).

    ``outer`` are the headers around it, outermost first, as text (``gre``, ``ipv4 a > b``,
    ``mpls ...``, ``psp spi 1``); no player plays those. ``udp_ports`` are those of TCP in UDP,
    ``/udp(9899 > 1)``.
    """

    direction: Literal["in", "out"]
    content: Tcp | Udp | Icmp
    ip: Ip = Ip()
    ports: tuple[int, int] | None = None
    udp_ports: tuple[int, int] | None = None
    outer: tuple[str, ...] = ()


@dataclass(frozen=True)
class Command:
    """A shell command between backticks, as written."""

    text: str


@dataclass(frozen=True)
class Code:
    """Python between ``%{`` and ``}%``; most of it asserts members of ``struct tcp_info``."""

    text: str


@dataclass(frozen=True)
class Event:
    """One event of a script; ``line`` is where its time stands, from 1."""

    line: int
    when: When
    action: Packet | Call | Command | Code


@dataclass(frozen=True)
class Script:
    """A whole script.

    ``options`` are the ``--name=value`` lines (value None without ``=``), defines among them:
    ``("define", "PORT=8080")``. Words that are defined are replaced already. ``initial`` runs
    before the first event, ``final`` after the last, and after a failure. ``text`` is the file.
    """

    name: str
    text: str
    events: tuple[Event, ...]
    options: tuple[tuple[str, str | None], ...] = ()
    initial: Command | None = None
    final: Command | None = None

    def option(self, name: str) -> str | None:
        """Return the last value of an option, "" for one without a value, None without it."""
        found = [value or "" for key, value in self.options if key == name]
        return found[-1] if found else None

    def source(self, line: int) -> str:
        """Return a line of the file, from 1."""
        lines = self.text.splitlines()
        return lines[line - 1] if 0 < line <= len(lines) else ""


_KINDS = {
    kind.__name__: kind
    for kind in (
        Script,
        Event,
        When,
        Packet,
        Tcp,
        Udp,
        Icmp,
        Ip,
        Option,
        Call,
        Expression,
        Command,
        Code,
    )
}


def to_json(value: Any) -> Any:
    """Return dictionaries, lists and plain values; ``is`` names the class."""
    if is_dataclass(value) and not isinstance(value, type):
        members = {member.name: to_json(getattr(value, member.name)) for member in fields(value)}
        return {"is": type(value).__name__, **members}
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    return value


def from_json(value: Any) -> Any:
    """Return what :func:`to_json` was given. Raises: KeyError for a class that is none of ours."""
    if isinstance(value, dict):
        members = {name: from_json(item) for name, item in value.items() if name != "is"}
        return _KINDS[value["is"]](**members)
    if isinstance(value, list):
        return tuple(from_json(item) for item in value)
    return value
