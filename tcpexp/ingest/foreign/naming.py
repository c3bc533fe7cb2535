"""Names of captures in the table: the files' names without their endings, made different."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

#: Endings that say only how a file is kept.
_ENDINGS = {
    ".gz",
    ".bz2",
    ".xz",
    ".pcap",
    ".pcapng",
    ".cap",
    ".dmp",
    ".dump",
    ".snoop",
    ".ntar",
    ".trace",
    ".tcpdump",
}


def names_of_files(paths: Sequence[Path]) -> list[str]:
    """Return a name for each file; where two would have the same, more of the path is kept."""
    names = [_plain(path) for path in paths]
    if len(set(names)) < len(names):
        names = [path.name for path in paths]
    if len(set(names)) < len(names):
        names = [f"{path.absolute().parent.name}-{path.name}" for path in paths]
    if len(set(names)) < len(names):
        names = [f"{at}-{path.name}" for at, path in enumerate(paths, start=1)]
    return names


def _plain(path: Path) -> str:
    while path.suffix.lower() in _ENDINGS and path.stem:
        path = path.with_suffix("")
    return path.name
