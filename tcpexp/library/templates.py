"""Templates of what people write themselves: ``tcpexp new``.

A template is a folder of ``files/``. In its files' names and texts the word stands that the new
ones get; a file's name has it in place of ``control``.
"""

from __future__ import annotations

import re
from pathlib import Path

from tcpexp.errors import HostError, SpecError
from tcpexp.paths import give_to_user

FOLDER = Path(__file__).parent / "files"
CONGESTION_CONTROL, IN_BPF = "congestion_control", "congestion_control_bpf"
_WORD = "@name@"
#: Names of functions and files of a congestion control are made of its name.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,14}")
#: Words of C, and names that the kernel's own headers have taken.
_TAKEN = (
    "auto break case char const continue default do double else enum extern float for goto if "
    "inline int long register return short signed sizeof static struct switch typedef union "
    "unsigned void volatile while current tcp inet sock module linux test"
)


def check_name(name: str, known: frozenset[str]) -> None:
    """Raise ``SpecError`` when a congestion control cannot be called ``name``."""
    if not _NAME.fullmatch(name) or name in _TAKEN.split():
        raise SpecError(
            f"'{name[:40]}' cannot be a congestion control's name",
            hint="small letters, digits and _, at most 15, a letter first, no word of C's",
        )
    if name in known:
        raise SpecError(
            f"the kernel has a congestion control '{name}' already", hint=f"such as my_{name}"[:24]
        )


def write_congestion_control(name: str, folder: Path, *, bpf: bool = False) -> list[Path]:
    """Write a small congestion control, its tracepoint, a spec and a test; return the files.

    ``bpf``: one in BPF instead of a module, its header and a spec.

    Raises ``SpecError`` when one is there already: nothing is written then.
    """
    texts = {
        folder / path.name.replace("control", name): path.read_text(encoding="utf-8")
        for path in sorted((FOLDER / (IN_BPF if bpf else CONGESTION_CONTROL)).iterdir())
        if path.is_file()
    }
    there = [path for path in texts if path.exists()]
    if there:
        raise SpecError(f"{there[0]} is there already", hint="choose another name, or remove it")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            path.write_text(text.replace(_WORD, name), encoding="utf-8")
            give_to_user(path)
    except OSError as error:
        raise HostError(f"cannot write to {folder}: {error.strerror}") from None
    return list(texts)
