"""System calls of a script as the guest makes them (:mod:`tcpexp.packetdrill.guest.calls`)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any

from tcpexp.packetdrill.guest import wire
from tcpexp.packetdrill.kernel.expressions import is_open, number, octets, required, single
from tcpexp.packetdrill.outcome import Unplayable
from tcpexp.packetdrill.script import Call, Expression

Word = list[Any]
MAX_BUFFER = 1 << 26


def lower_call(call: Call, family: int) -> dict[str, Any]:
    """Return a call as the guest makes it; ``family`` is that of the script's sockets.

    Raises:
        Unplayable: the call is not known, or has arguments that no player knows.
    """
    if call.name not in _CALLS:
        raise Unplayable(f"the system call {call.name}()")
    counts, make = _CALLS[call.name]
    if len(call.arguments) not in counts:
        raise Unplayable(f"{call.name}() with {len(call.arguments)} arguments")
    words = make(list(call.arguments), family)
    gives = number(call.result) if call.result.kind != "ellipsis" else -1
    step: dict[str, Any] = {
        "do": "call",
        "name": call.name,
        "args": words,
        "blocks": call.end_ns is not None,
        "gives": gives if gives >= 0 else None,
        "connects": _connects(call),
        "protocol": wire.TCP,
    }
    if call.name == "socket":
        step["protocol"] = _protocol(words[1][1], words[2][1])
    if call.name == "pipe":
        step["pipe"] = [number(item) for item in call.arguments[0].items]
    return step


def _protocol(kind: int, protocol: int) -> int:
    if protocol:
        return protocol
    return wire.TCP if kind & 0xF == socket.SOCK_STREAM else wire.UDP


def _connects(call: Call) -> str | None:
    """Return whether a call begins a connection: ``yes``, or ``unspec`` where it ends one."""
    if call.name in ("connect", "sendto"):
        address = call.arguments[1 if call.name == "connect" else 4]
        unspec = address.kind != "ellipsis" and number(address) == socket.AF_UNSPEC
        return "unspec" if unspec else "yes"
    if call.name == "sendmsg" and call.arguments[1].kind == "struct":
        return "yes" if call.arguments[1].member("msg_name") is not None else None
    return None


def _fd(expression: Expression) -> Word:
    return ["fd", number(expression)]


def _int(expression: Expression) -> Word:
    return ["int", number(expression)]


def _size(expression: Expression) -> int:
    size = number(expression)
    if not 0 <= size <= MAX_BUFFER:
        raise Unplayable(f"a buffer of {size} bytes")
    return size


def _buffer(expression: Expression, size: Expression, *, out: bool) -> Word:
    if is_open(expression):
        return ["out" if out else "zeros", _size(size)]
    if expression.kind == "string" and not out:
        return ["in", octets(expression).hex()]
    place = number(expression)
    return ["null"] if place == 0 else ["ptr", place]


def _where(expression: Expression, what: str) -> Word:
    """An address to bind or connect to: ``...``, or a family alone."""
    if is_open(expression):
        return ["addr", what]
    if expression.kind == "struct":
        raise Unplayable("an address that the script spells out")
    place = number(expression)
    return ["addr", place]


def _peer(expression: Expression, word: str) -> Word:
    return [word] if is_open(expression) else ["null"]


def _socket(arguments: list[Expression], family: int) -> list[Word]:
    first = ["int", family] if is_open(arguments[0]) else _int(arguments[0])
    return [first, _int(arguments[1]), _int(arguments[2])]


def _bind(arguments: list[Expression], family: int) -> list[Word]:
    address = _where(arguments[1], "bind")
    return [_fd(arguments[0]), address, ["addrlen", address[1]]]


def _connect(arguments: list[Expression], family: int) -> list[Word]:
    address = _where(arguments[1], "connect")
    return [_fd(arguments[0]), address, ["addrlen", address[1]]]


def _accept(arguments: list[Expression], family: int) -> list[Word]:
    return [_fd(arguments[0]), _peer(arguments[1], "peer"), _peer(arguments[2], "peerlen")]


def _plain(arguments: list[Expression], family: int) -> list[Word]:
    return [_fd(arguments[0]), *(_int(argument) for argument in arguments[1:])]


def _read(arguments: list[Expression], family: int) -> list[Word]:
    head = [_fd(arguments[0]), _buffer(arguments[1], arguments[2], out=True)]
    head += [_int(argument) for argument in arguments[2:4]]
    if len(arguments) == 6:
        head += [_peer(arguments[4], "peer"), _peer(arguments[5], "peerlen")]
    return head


def _write(arguments: list[Expression], family: int) -> list[Word]:
    head = [_fd(arguments[0]), _buffer(arguments[1], arguments[2], out=False)]
    head += [_int(argument) for argument in arguments[2:4]]
    if len(arguments) == 6:
        address = _where(arguments[4], "connect")
        head += [address, ["addrlen", address[1]]]
    return head


def _lengths(expression: Expression) -> list[int]:
    """Return the lengths of ``[{..., 100}, {..., 20}]``."""
    if expression.kind != "list":
        raise Unplayable("vectors that are no list")
    lengths = []
    for item in expression.items:
        if item.kind != "set" or len(item.items) != 2:
            raise Unplayable("a vector that is not {..., length}")
        lengths.append(_size(item.items[1]))
    return lengths


def _vectors(arguments: list[Expression], family: int) -> list[Word]:
    lengths = _lengths(arguments[1])
    return [_fd(arguments[0]), ["vectors", lengths], _int(arguments[2])]


def _message(arguments: list[Expression], *, receive: bool) -> list[Word]:
    struct_ = arguments[1]
    if struct_.kind != "struct":
        place = number(struct_)
        return [_fd(arguments[0]), ["ptr", place], _int(arguments[2])]
    vectors, control = struct_.member("msg_iov"), struct_.member("msg_control")
    flags = struct_.member("msg_flags")
    what = {
        "name": "connect" if struct_.member("msg_name") is not None else None,
        "lengths": _lengths(vectors) if vectors is not None else [],
        "flags": number(flags) if flags is not None else 0,
        "control": None,
        "receive": receive,
    }
    if control is not None:
        what["control"] = "" if receive else _control(control).hex()
    return [_fd(arguments[0]), ["msg", what], _int(arguments[2])]


def _control(expression: Expression) -> bytes:
    """Return control messages to send: each with one number."""
    out = b""
    for item in expression.items:
        data = struct.pack("=i", _signed(number(required(item, "cmsg_data"))))
        level, kind = number(required(item, "cmsg_level")), number(required(item, "cmsg_type"))
        out += struct.pack("=Qii", 16 + len(data), level, kind) + data.ljust(8, b"\0")
    return out


def _recvmsg(arguments: list[Expression], family: int) -> list[Word]:
    return _message(arguments, receive=True)


def _sendmsg(arguments: list[Expression], family: int) -> list[Word]:
    return _message(arguments, receive=False)


def _ioctl(arguments: list[Expression], family: int) -> list[Word]:
    head = [_fd(arguments[0]), _int(arguments[1])]
    if len(arguments) == 3:
        given = arguments[2]
        if given.kind == "list":
            head.append(["inout", bytes(4).hex()])
        elif is_open(given):
            head.append(["out", 64])
        else:
            head.append(_int(given))
    return head


def _getsockopt(arguments: list[Expression], family: int) -> list[Word]:
    size = _size(single(arguments[4]))
    value: Word = ["inout", bytes(size).hex()]
    length: Word = ["inout", struct.pack("=I", size).hex()]
    return [_fd(arguments[0]), _int(arguments[1]), _int(arguments[2]), value, length]


def _setsockopt(arguments: list[Expression], family: int) -> list[Word]:
    size, given = number(arguments[4]), arguments[3]
    if given.kind == "list":
        data = struct.pack("=i", _signed(number(single(given))))
    elif given.kind == "string":
        data = octets(given)
    elif given.kind == "struct":
        data = _structure(given)
    elif is_open(given):
        data = b""
    else:
        place = number(given)
        value: Word = ["null"] if place == 0 else ["ptr", place]
        return [*(_plain(arguments[:3], family)), value, ["int", size]]
    data = data.ljust(min(max(size, 0), 4096), b"\0")
    return [*(_plain(arguments[:3], family)), ["in", data.hex()], ["int", size]]


def _structure(expression: Expression) -> bytes:
    names = set(expression.names)
    for first, second in (("onoff", "linger"), ("l_onoff", "l_linger")):
        if names == {first, second}:
            return struct.pack(
                "=ii", number(required(expression, first)), number(required(expression, second))
            )
    raise Unplayable("an option's structure {" + ", ".join(expression.names) + "}")


def _poll(arguments: list[Expression], family: int) -> list[Word]:
    if arguments[0].kind != "list":
        raise Unplayable("poll() without a list")
    entries = [
        [number(required(item, "fd")), number(required(item, "events"))]
        for item in arguments[0].items
    ]
    return [["poll", entries], _int(arguments[1]), _int(arguments[2])]


def epoll_data(expression: Expression) -> tuple[int, str, int]:
    """Return events, kind of the datum and datum of ``{events=..., fd=4}``."""
    for kind in ("fd", "ptr", "u32", "u64"):
        value = expression.member(kind) if expression.kind == "struct" else None
        if value is not None:
            return number(required(expression, "events")), kind, number(value)
    raise Unplayable("an epoll event without datum")


def _epoll_ctl(arguments: list[Expression], family: int) -> list[Word]:
    event = ["epoll", *epoll_data(arguments[3])]
    return [_fd(arguments[0]), _int(arguments[1]), _fd(arguments[2]), event]


def _epoll_wait(arguments: list[Expression], family: int) -> list[Word]:
    epoll_data(arguments[1])
    count = max(1, min(number(arguments[2]), 64))
    return [_fd(arguments[0]), ["epolls", count], _int(arguments[2]), _int(arguments[3])]


def _numbers(arguments: list[Expression], family: int) -> list[Word]:
    return [_int(argument) for argument in arguments]


def _pipe(arguments: list[Expression], family: int) -> list[Word]:
    if arguments[0].kind != "list" or len(arguments[0].items) != 2:
        raise Unplayable("pipe() without two descriptors")
    return [["pipe"]]


def _open(arguments: list[Expression], family: int) -> list[Word]:
    path = octets(arguments[0]).decode("latin-1")
    if not path.startswith("/tmp/") or ".." in path:
        raise Unplayable(f"opening {path}")
    return [["text", path], _int(arguments[1])]


def _sendfile(arguments: list[Expression], family: int) -> list[Word]:
    offset: Word = ["offset", number(single(arguments[2]))]
    return [_fd(arguments[0]), _fd(arguments[1]), offset, _int(arguments[3])]


def _splice(arguments: list[Expression], family: int) -> list[Word]:
    def place(expression: Expression) -> Word:
        return ["null"] if number(expression) == 0 else ["ptr", number(expression)]

    return [
        _fd(arguments[0]),
        place(arguments[1]),
        _fd(arguments[2]),
        place(arguments[3]),
        _int(arguments[4]),
        _int(arguments[5]),
    ]


def _signed(value: int) -> int:
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


_CALLS: dict[str, tuple[tuple[int, ...], Callable[[list[Expression], int], list[Word]]]] = {
    "socket": ((3,), _socket),
    "bind": ((3,), _bind),
    "listen": ((2,), _plain),
    "accept": ((3,), _accept),
    "connect": ((3,), _connect),
    "read": ((3,), _read),
    "readv": ((3,), _vectors),
    "recv": ((4,), _read),
    "recvfrom": ((6,), _read),
    "recvmsg": ((3,), _recvmsg),
    "write": ((3,), _write),
    "writev": ((3,), _vectors),
    "send": ((4,), _write),
    "sendto": ((6,), _write),
    "sendmsg": ((3,), _sendmsg),
    "fcntl": ((2, 3), _plain),
    "ioctl": ((2, 3), _ioctl),
    "close": ((1,), _plain),
    "shutdown": ((2,), _plain),
    "getsockopt": ((5,), _getsockopt),
    "setsockopt": ((5,), _setsockopt),
    "poll": ((3,), _poll),
    "open": ((2,), _open),
    "sendfile": ((4,), _sendfile),
    "epoll_create": ((1,), _numbers),
    "epoll_ctl": ((4,), _epoll_ctl),
    "epoll_wait": ((4,), _epoll_wait),
    "pipe": ((1,), _pipe),
    "splice": ((6,), _splice),
}
