"""The clients of the services.

Each function does several requests on one connection, and raises ServiceError for a reply that
makes no sense.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

from tcpexp.tcp.adapters.sockets import TcpSocket
from tcpexp.tcp.services.dns import Answer, make_query, read_answer

LONGEST_LINE = 20_000


class ServiceError(Exception):
    """The server's reply is none, or the connection ended too early."""


class Download(NamedTuple):
    """A file, or why there is none.

    ``intact`` says whether it has the hash that the server named.
    """

    name: str
    content: bytes
    error: str
    intact: bool


class Conversation(Protocol):
    """What one talks over: a socket, or one that is still to be opened."""

    def sendall(self, data: bytes) -> None:
        """Send all of ``data``."""

    def recv(self, most: int) -> bytes:
        """Return up to ``most`` octets, ``b""`` at the end."""
        ...


class Opening:
    """A connection that begins with the first octets to be sent, which can go with the SYN.

    RFC 7413 section 4.1.3.
    """

    def __init__(self, connect: Callable[[bytes], TcpSocket]) -> None:
        self._connect = connect
        self._sock: TcpSocket | None = None

    def sendall(self, data: bytes) -> None:
        """Send all of ``data``; the first time, connect with them."""
        if self._sock is None:
            self._sock = self._connect(data)
        else:
            self._sock.sendall(data)

    def recv(self, most: int) -> bytes:
        """Return up to ``most`` octets, ``b""`` at the end, or where nothing was sent yet."""
        return b"" if self._sock is None else self._sock.recv(most)

    def __enter__(self) -> Opening:
        return self

    def __exit__(self, *unused: object) -> None:
        if self._sock is not None:
            self._sock.close()


class Reader:
    """Reads lines and exact numbers of octets from a socket."""

    def __init__(self, sock: Conversation) -> None:
        self.sock = sock
        self._buffer = bytearray()

    def line(self) -> str:
        """Return the next line without its end."""
        while b"\n" not in self._buffer:
            if len(self._buffer) > LONGEST_LINE:
                raise ServiceError("the reply is no line")
            self._more()
        line, _, rest = self._buffer.partition(b"\n")
        self._buffer = rest
        return line.decode("utf-8", "replace")

    def exactly(self, size: int) -> bytes:
        """Return the next ``size`` octets."""
        while len(self._buffer) < size:
            self._more()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _more(self) -> None:
        data = self.sock.recv(65_536)
        if not data:
            raise ServiceError("the connection ended in the middle of a reply")
        self._buffer += data


def download(sock: Conversation, names: Iterable[str]) -> Iterator[Download]:
    """Ask for files one after the other and yield each."""
    reader = Reader(sock)
    for name in names:
        sock.sendall(f"GET {name}\n".encode())
        words = reader.line().split(" ", 2)
        if words[0] != "OK" or len(words) != 3 or not words[1].isdigit():
            yield Download(
                name,
                b"",
                " ".join(words[1:]) if words[0] == "ERROR" else "not a reply of this service",
                False,
            )
            continue
        content = reader.exactly(int(words[1]))
        yield Download(name, content, "", hashlib.sha256(content).hexdigest() == words[2])


def ask_calculator(
    sock: Conversation, expressions: Iterable[str]
) -> Iterator[tuple[str, str, str]]:
    """Yield (expression, value, error) of each; one of the last two is empty."""
    reader = Reader(sock)
    for expression in expressions:
        sock.sendall(" ".join(expression.split()).encode() + b"\n")
        word, _, rest = reader.line().partition(" ")
        yield (expression, rest, "") if word == "=" else (expression, "", rest)


def ask_dns(sock: Conversation, names: Iterable[str], kind: str) -> Iterator[tuple[str, Answer]]:
    """Yield each name with what the server says.

    Raises: DnsError for a name that cannot be asked or an answer that cannot be read.
    """
    reader = Reader(sock)
    for number, name in enumerate(names, start=1):
        query = make_query(name, kind, number)
        sock.sendall(len(query).to_bytes(2, "big") + query)
        length = int.from_bytes(reader.exactly(2), "big")
        yield name, read_answer(reader.exactly(length))
