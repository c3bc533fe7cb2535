"""The part of tcpexp that runs inside a virtual place: standard library and mininet only.

It goes there without its words (:mod:`tcpexp.places.wordless`), and only as far as something inside
can import it. So a comment, or a module that only the outside reads, changes no run's identity.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import tcpexp
from tcpexp.places.wordless import source_lines, without_words

PACKAGE = Path(tcpexp.__file__).parent
#: Folders that a guest has as a whole.
ROOTS = ("engine", "tcp")
#: Of these folders what is only read outside.
READ_OUTSIDE = ("tcp/musts.py", "tcp/rfcs.py")
#: What the engine imports by a name that a plan gives: what samples for a recorder.
BY_NAME = "recorders/*/guest.py"
_IMPORT = re.compile(
    r"^\s*(?:from (tcpexp[\w.]*) import (\([^)]*\)|.*)|import (tcpexp[\w.]*))", re.MULTILINE
)
#: Imports that only a type checker follows.
_FOR_TYPES = re.compile(r"^if TYPE_CHECKING:\n(?:[ \t]+.*\n|[ \t]*\n)*", re.MULTILINE)
_TRACED = re.compile(r'(File "[^"\n]*/(tcpexp/[\w/]+\.py)", line )(\d+)')


def read_engine_files() -> dict[str, bytes]:
    """Return the engine's files: path below the folder of ``tcpexp`` to content, by path."""
    found: dict[str, bytes] = {}
    for root in ROOTS:
        for path in (PACKAGE / root).rglob("*.o"):
            found[_name(path)] = path.read_bytes()
    outside = {PACKAGE / name for name in READ_OUTSIDE}
    waiting = [path for root in ROOTS for path in (PACKAGE / root).rglob("*.py")]
    waiting = [path for path in waiting if path not in outside]
    waiting += PACKAGE.glob(BY_NAME)
    looked_for: set[str] = set()  # many import the same: a file is looked for once
    while waiting:
        path = waiting.pop()
        if _name(path) not in found:
            text = wordless(path.read_text(encoding="utf-8"))
            found[_name(path)] = text.encode()
            names = [name for name in _candidates(text) if name not in looked_for]
            looked_for.update(names)
            waiting += [path for name in names if (path := PACKAGE / name).is_file()]
    return dict(sorted(found.items()))


@lru_cache(maxsize=512)
def wordless(source: str) -> str:
    """Return ``source`` as a guest has it."""
    return without_words(source)


def read_wordless(path: Path) -> bytes:
    """Return a Python file as a guest has it."""
    return wordless(path.read_text(encoding="utf-8")).encode()


def imported(text: str) -> list[Path]:
    """Return the files of ``tcpexp`` that a module may import, those of its packages too."""
    candidates = (PACKAGE / name for name in _candidates(text))
    return [path for path in candidates if path.is_file()]


@lru_cache(maxsize=512)
def _candidates(text: str) -> tuple[str, ...]:
    """Return the files, below the package, that the imports of a module can mean.

    What only a type checker imports is not among them.
    """
    names: list[str] = []
    for match in _IMPORT.finditer(_FOR_TYPES.sub("", text)):
        module, items, plain = match.groups()
        modules = [module or plain]
        modules += [f"{module}.{item}" for item in re.findall(r"\w+", items or "")]
        for dotted in modules:
            parts = dotted.split(".")[1:]
            for depth in range(len(parts) + 1):
                path = "/".join(parts[:depth])
                names += [f"{path}/__init__.py", f"{path}.py"] if path else ["__init__.py"]
    return tuple(dict.fromkeys(names))


def _name(path: Path) -> str:
    return f"tcpexp/{path.relative_to(PACKAGE)}"


def with_source_lines(text: str) -> str:
    """Return a guest's traceback with the line numbers of the files on this machine."""

    def replaced(match: re.Match[str]) -> str:
        source = PACKAGE.parent / match[2]
        try:
            lines = source_lines(source.read_text(encoding="utf-8"))
            return f"{match[1]}{lines[int(match[3]) - 1]}"
        except (OSError, ValueError, IndexError):
            return match[0]

    return _TRACED.sub(replaced, text)
