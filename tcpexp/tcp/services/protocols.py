"""The services as protocols without input or output: bytes of a client in, bytes to send back out.

Wrong input gets an error reply.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from tcpexp.tcp.services.calculator import LONGEST_LINE, CalculatorError, calculate
from tcpexp.tcp.services.dns import Record, answer_query

#: Octets that a client may send without completing a request.
LONGEST_REQUEST = 4096


class Service(Protocol):
    """One client's conversation."""

    def feed(self, data: bytes) -> bytes:
        """Take what arrived and return what is to be sent."""


class LineService:
    """What the services with lines share: each line is a request, ``answer`` gives its reply."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> bytes:
        """Answer each whole line; a line too long is refused as soon as that is seen."""
        self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        replies = [self.answer(line.rstrip(b"\r").decode("utf-8", "replace")) for line in lines]
        if len(self._buffer) > LONGEST_REQUEST:
            self._buffer = b""
            replies.append(b"ERROR request too long\n")
        return b"".join(replies)

    def answer(self, line: str) -> bytes:
        """Return the reply to one request."""
        raise NotImplementedError


class FileService(LineService):
    """``GET name`` is answered by ``OK size sha256`` and the octets.

    What there is not by ``ERROR ...``.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        super().__init__()
        self.files = files

    def answer(self, line: str) -> bytes:
        """Return a file behind its size and hash."""
        words = line.split()
        if len(words) != 2 or words[0] != "GET":
            return b"ERROR write: GET name\n"
        content = self.files.get(words[1])
        if content is None:
            return f"ERROR there is no file {words[1][:100]}\n".encode()
        return f"OK {len(content)} {hashlib.sha256(content).hexdigest()}\n".encode() + content


class CalculatorService(LineService):
    """Each line is an expression; the reply is ``= value`` or ``ERROR ...``."""

    def answer(self, line: str) -> bytes:
        """Return the value."""
        try:
            return f"= {calculate(line[: LONGEST_LINE + 1])}\n".encode()
        except CalculatorError as error:
            return f"ERROR {error}\n".encode()


class DnsService:
    """DNS messages, each behind its length."""

    def __init__(self, zone: list[Record]) -> None:
        self.zone = zone
        self._buffer = b""

    def feed(self, data: bytes) -> bytes:
        """Answer each whole message."""
        self._buffer += data
        replies = []
        while len(self._buffer) >= 2:
            length = int.from_bytes(self._buffer[:2], "big")
            if len(self._buffer) < 2 + length:
                break
            message, self._buffer = self._buffer[2 : 2 + length], self._buffer[2 + length :]
            reply = answer_query(message, self.zone)
            replies.append(len(reply).to_bytes(2, "big") + reply)
        return b"".join(replies)


def generate(size: int, seed: int) -> bytes:
    """Return ``size`` pseudo-random octets that depend only on the seed."""
    return random.Random(seed).randbytes(size)


def load_files(folder: Path | None, generated: Mapping[str, tuple[int, int]]) -> dict[str, bytes]:
    """Return what a file service offers: the plain files of a folder, and generated ones (name to
    size and seed).

    Raises: OSError for a folder that cannot be read.
    """
    files = {name: generate(size, seed) for name, (size, seed) in generated.items()}
    if folder is not None:
        files |= {
            path.name: path.read_bytes()
            for path in sorted(folder.iterdir())
            if path.is_file() and re.fullmatch(r"[\w.+-]+", path.name)
        }
    return files
