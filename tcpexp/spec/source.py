"""Read a spec's file with all that can be wrong with a file, and know the place of every value in
it.
"""

from __future__ import annotations

import dataclasses
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tcpexp.errors import Position, SpecError, SpecErrors
from tcpexp.spec.yaml12 import Path as Keys
from tcpexp.spec.yaml12 import parse_yaml

MAX_FILE_BYTES = 1_000_000


@dataclass
class Source:
    """Where a spec came from: its file, plain values, and the place of each value and key.

    A value that ``--set`` gave has the text of that option as its place.
    """

    file: str = "<spec>"
    folder: Path = field(default_factory=Path)
    text: str = ""
    raw: Any = None
    places: dict[Keys, Position | str] = field(default_factory=dict)
    key_places: dict[Keys, Position | str] = field(default_factory=dict)
    #: What is wrong already, and did not keep the rest from being read.
    errors: list[SpecError] = field(default_factory=list)

    def place(self, *path: str | int, key: bool = False) -> Position | str:
        """Return the place of the value at ``path`` (or of its ``key``), else of the nearest value
        around it.
        """
        if key and path in self.key_places:
            return _leading(self.key_places[path], path, key=True)
        for length in range(len(path), -1, -1):
            if path[:length] in self.places:
                return _leading(self.places[path[:length]], path[:length])
        return Position(self.file, 1, 1, ())

    def find(self, word: str) -> Position | str | None:
        """Return the place of the first key or value that is ``word``, None when there is none."""
        for path in self.places:
            value = self.raw_at(*path)
            if not isinstance(value, (dict, list)) and str(value) == word:
                return self.place(*path)
            if path and path[-1] == word:
                return self.place(*path, key=True)
        return None

    def raw_at(self, *path: str | int) -> Any:
        """Return the plain value at ``path``, None when there is none."""
        value = self.raw
        for key in path:
            if not holds(value, key):
                return None
            value = value[key]
        return value


def _leading(place: Position | str, path: Keys, *, key: bool = False) -> Position | str:
    """Return a place that knows where in the spec it is."""
    return dataclasses.replace(place, path=path, key=key) if isinstance(place, Position) else place


def holds(value: Any, key: str | int) -> bool:
    """Whether a plain value is a mapping or a list with something at ``key``."""
    if isinstance(value, list):
        return isinstance(key, int) and 0 <= key < len(value)
    return isinstance(value, dict) and key in value


def load_source(path: Path, folder: Path | None = None) -> Source:
    """Read and parse a YAML file; raises ``SpecErrors``.

    The files that it names are looked for in ``folder``, beside it unless given. Errors behind
    which the rest can still be read go into ``Source.errors``.
    """
    return source_of_text(read_text(path), str(path), folder or path.resolve().parent)


def source_of_text(text: str, file: str, folder: Path) -> Source:
    """Parse a YAML text that stands for ``file`` in ``folder``; as :func:`load_source`."""
    errors: list[SpecError] = []
    document = parse_yaml(text, file, errors)
    source = Source(file, folder, text, document.raw, errors=errors)
    source.places.update(document.places)
    source.key_places.update(document.key_places)
    return source


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises ``SpecErrors`` with cause and hint when it cannot be a spec.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            hint = f"name a file in it, such as {path}/bbr_vs_cubic.yaml"
            raise _refuse(path, "this is a folder, not a spec", hint)
        if not stat.S_ISREG(status.st_mode):
            raise _refuse(path, "this is not a regular file", "a spec is a YAML file")
        if status.st_size > MAX_FILE_BYTES:
            size = status.st_size / 1e6
            raise _refuse(
                path,
                f"the file has {size:.1f} MB; a spec has at most 1 MB",
                "is this really a spec?",
            )
        data = path.read_bytes()
    except FileNotFoundError:
        raise _refuse(
            path, "there is no such file", "tcpexp list shows the experiments that ship"
        ) from None
    except PermissionError:
        raise _refuse(path, "this file may not be read", f"try: chmod a+r {path}") from None
    except (OSError, ValueError) as error:
        raise _refuse(path, f"the file cannot be read: {error}", None) from None
    return _decode(path, data)


def _decode(path: Path, data: bytes) -> str:
    if b"\0" in data:
        raise _refuse(path, "this is a binary file, not a spec", "a spec is YAML text in UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before) - (before.rfind(b"\n") + 1) + 1
        where = Position(str(path), line, column)
        cause = f"the byte 0x{data[error.start]:02x} is not UTF-8"
        raise SpecErrors([SpecError(cause, where=where, hint="save the file as UTF-8")]) from None


def _refuse(path: Path, message: str, hint: str | None) -> SpecErrors:
    return SpecErrors([SpecError(message, where=Position(str(path), 1, 1), hint=hint)])
