"""System calls of a script, made by the C library with the arguments that the script gives them.

An argument comes as a list: what it is, and with what. ``["fd", 3]`` is the script's descriptor 3,
``["out", 100]`` a buffer of 100 octets, ``["null"]`` no address. :class:`Arguments` makes them
ready for one call and says afterwards what the kernel wrote.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Callable
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
SOCKADDR_BYTES = 128
#: Of struct msghdr(3) on 64 bits: name, its length, vectors, how many, control, its length, flags.
MSGHDR = struct.Struct("=QI4xQQQQi4x")
IOVEC = struct.Struct("=QQ")
POLLFD = struct.Struct("=ihh")
EPOLL_EVENT = struct.Struct("=IQ")
CONTROL_BYTES = 1024
#: How much of what was read is written down.
SHOWN_BYTES = 256
#: The C library's function where its name is another than the call's.
FUNCTIONS = {"epoll_create": "epoll_create", "fcntl": "fcntl"}
KNOWN = [
    "socket",
    "bind",
    "listen",
    "accept",
    "connect",
    "read",
    "readv",
    "recv",
    "recvfrom",
    "recvmsg",
    "write",
    "writev",
    "send",
    "sendto",
    "sendmsg",
    "fcntl",
    "ioctl",
    "close",
    "shutdown",
    "getsockopt",
    "setsockopt",
    "poll",
    "open",
    "sendfile",
    "epoll_create",
    "epoll_ctl",
    "epoll_wait",
    "pipe",
    "splice",
]


class NoSuchDescriptor(Exception):
    """The script uses a descriptor that no call before gave it."""


class Arguments:
    """The arguments of one call; the buffers live until the script has ended.

    Args:
        words: The arguments as they came.
        descriptor: Returns the kernel's descriptor for the script's.
        address: Returns a packed socket address for ``bind``, ``connect`` or a family.
    """

    def __init__(
        self,
        words: list[list[Any]],
        descriptor: Callable[[int], int],
        address: Callable[[Any], bytes],
    ) -> None:
        self.descriptor = descriptor
        self.address = address
        self.kept: list[Any] = []
        self.readers: dict[int, Callable[[], Any]] = {}
        self.values: list[Any] = []
        for number, word in enumerate(words):
            self.values.append(self._ready(number, word))

    def outputs(self) -> dict[str, Any]:
        """Return what the kernel wrote, by the argument's number."""
        return {str(number): read() for number, read in self.readers.items()}

    def _buffer(self, data: bytes) -> Any:
        buffer = ctypes.create_string_buffer(data, max(len(data), 1))
        self.kept.append(buffer)
        return buffer

    def _place(self, data: bytes) -> int:
        return ctypes.addressof(self._buffer(data))

    def _ready(self, number: int, word: list[Any]) -> Any:
        kind, *rest = word
        return getattr(self, f"_{kind}")(number, *rest)

    def _int(self, number: int, value: int) -> Any:
        return ctypes.c_long(_signed(value))

    def _fd(self, number: int, value: int) -> Any:
        return ctypes.c_long(self.descriptor(value))

    def _null(self, number: int) -> Any:
        return ctypes.c_void_p(0)

    def _ptr(self, number: int, value: int) -> Any:
        return ctypes.c_void_p(value & (2**64 - 1))

    def _in(self, number: int, text: str) -> Any:
        return self._buffer(bytes.fromhex(text))

    def _zeros(self, number: int, count: int) -> Any:
        return self._buffer(bytes(count))

    def _icmp(self, number: int, kind: int, count: int) -> Any:
        return self._buffer(bytes([kind]).ljust(count, b"\0")[:count])

    def _text(self, number: int, text: str) -> Any:
        return self._buffer(text.encode() + b"\0")

    def _out(self, number: int, count: int) -> Any:
        buffer = self._buffer(bytes(count))
        self.readers[number] = lambda: bytes(buffer.raw[: min(count, SHOWN_BYTES)]).hex()
        return buffer

    def _inout(self, number: int, text: str) -> Any:
        data = bytes.fromhex(text)
        buffer = self._buffer(data)
        self.readers[number] = lambda: bytes(buffer.raw[: len(data)]).hex()
        return buffer

    def _addr(self, number: int, what: Any) -> Any:
        return self._buffer(self.address(what))

    def _addrlen(self, number: int, what: Any) -> Any:
        return ctypes.c_long(len(self.address(what)))

    def _peer(self, number: int) -> Any:
        return self._buffer(bytes(SOCKADDR_BYTES))

    def _peerlen(self, number: int) -> Any:
        return self._buffer(struct.pack("=I", SOCKADDR_BYTES))

    def _vectors(self, number: int, lengths: list[int]) -> Any:
        return self._buffer(self._iovecs(lengths))

    def _iovecs(self, lengths: list[int]) -> bytes:
        return b"".join(IOVEC.pack(self._place(bytes(length)), length) for length in lengths)

    def _msg(self, number: int, what: dict[str, Any]) -> Any:
        """A struct msghdr: ``name`` (None, or of whom), ``lengths`` of the vectors, ``control``
        (None, or hexadecimal), ``receive`` whether the kernel fills it.
        """
        name, name_length = 0, 0
        if what["name"] is not None:
            data = bytes(SOCKADDR_BYTES) if what["receive"] else self.address(what["name"])
            name, name_length = self._place(data), len(data)
        vectors = self._iovecs(what["lengths"])
        control, control_length = 0, 0
        given = what["control"]
        if given is not None:
            data = bytes(CONTROL_BYTES) if what["receive"] else bytes.fromhex(given)
            control, control_length = self._place(data), len(data)
        head = MSGHDR.pack(
            name,
            name_length,
            self._place(vectors),
            len(what["lengths"]),
            control,
            control_length,
            _signed32(what["flags"]),
        )
        buffer = self._buffer(head)

        def read() -> dict[str, Any]:
            *_, place, length, flags = MSGHDR.unpack(buffer.raw[: MSGHDR.size])
            data = ctypes.string_at(place, length) if place and length else b""
            return {"flags": flags & 0xFFFFFFFF, "control": data.hex()}

        if what["receive"]:
            self.readers[number] = read
        return buffer

    def _poll(self, number: int, entries: list[list[int]]) -> Any:
        packed = [POLLFD.pack(self.descriptor(fd), events, 0) for fd, events in entries]
        buffer = self._buffer(b"".join(packed))
        end = POLLFD.size * len(entries)
        self.readers[number] = lambda: [
            events & 0xFFFF for _, _, events in POLLFD.iter_unpack(buffer.raw[:end])
        ]
        return buffer

    def _epoll(self, number: int, events: int, kind: str, value: int) -> Any:
        """A struct epoll_event to give; the script's descriptor stands in it as it is."""
        return self._buffer(EPOLL_EVENT.pack(events & 0xFFFFFFFF, value & (2**64 - 1)))

    def _epolls(self, number: int, count: int) -> Any:
        buffer = self._buffer(bytes(EPOLL_EVENT.size * max(count, 1)))
        end = EPOLL_EVENT.size * max(count, 1)
        self.readers[number] = lambda: [
            list(entry) for entry in EPOLL_EVENT.iter_unpack(buffer.raw[:end])
        ]
        return buffer

    def _pipe(self, number: int) -> Any:
        buffer = self._buffer(bytes(8))
        self.readers[number] = lambda: list(struct.unpack("=ii", buffer.raw[:8]))
        return buffer

    def _offset(self, number: int, value: int) -> Any:
        buffer = self._buffer(struct.pack("=q", value))
        self.readers[number] = lambda: struct.unpack("=q", buffer.raw[:8])[0]
        return buffer


def call(name: str, values: list[Any]) -> tuple[int, int]:
    """Make a call; return its result and errno (0 when it succeeded)."""
    if name not in KNOWN:
        return -1, 38  # ENOSYS
    function = getattr(LIBC, name)
    function.restype = ctypes.c_long if name in LONG else ctypes.c_int
    ctypes.set_errno(0)
    result = function(*values)
    return result, ctypes.get_errno() if result < 0 else 0


#: Calls whose result is ssize_t.
LONG = frozenset(
    [
        "read",
        "readv",
        "recv",
        "recvfrom",
        "recvmsg",
        "write",
        "writev",
        "send",
        "sendto",
        "sendmsg",
        "sendfile",
        "splice",
    ]
)


def pack_address(family: int, address: bytes, port: int) -> bytes:
    """Return a struct sockaddr_in, or sockaddr_in6; IPv4 in an IPv6 socket is mapped."""
    if family == socket.AF_INET:
        return struct.pack("=H", family) + struct.pack("!H4s8x", port, address)
    if len(address) == 4:
        address = bytes(10) + b"\xff\xff" + address
    return struct.pack("=H", family) + struct.pack("!HI16sI", port, 0, address, 0)


def read_option(fd: int, level: int, name: int, length: int) -> str | None:
    """Return an option of a socket as hexadecimal, None where the kernel has none."""
    size = ctypes.c_uint32(length)
    buffer = ctypes.create_string_buffer(length)
    if LIBC.getsockopt(fd, level, name, buffer, ctypes.byref(size)) != 0:
        return None
    return buffer.raw[: size.value].hex()


def close_quietly(fd: int) -> None:
    """Close a descriptor that may be closed already."""
    try:
        os.close(fd)
    except OSError:
        return


def _signed(value: int) -> int:
    value &= 2**64 - 1
    return value - 2**64 if value >> 63 else value


def _signed32(value: int) -> int:
    value &= 2**32 - 1
    return value - 2**32 if value >> 31 else value
