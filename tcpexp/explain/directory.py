"""The run directory of captures: its name, the captures in it, and what says where they came
from.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tcpexp.errors import DataError, SpecError
from tcpexp.explain.anonymise import anonymise
from tcpexp.ingest.foreign.opened import open_capture
from tcpexp.paths import give_to_user
from tcpexp.record import files
from tcpexp.store.manifest import sha256_of
from tcpexp.store.rundata import CAPTURES
from tcpexp.store.rundir import disk_errors, to_json_text, write_atomic

#: The folder of explained captures below the results.
EXPLAINED = "explained"
CAPTURES_SCHEMA = 1
#: What a manifest calls the place where an explained capture was recorded.
PLACE = "capture"


@dataclass(frozen=True)
class CaptureFile:
    """A file that was given: its name in ``raw/``, where it came from (None when that is not to be
    told), its size and its sha256.
    """

    file: str
    source: str | None
    bytes: int
    sha256: str


def is_explained(run_dir: Path) -> bool:
    """Return whether a run directory was made of captures."""
    return (run_dir / files.RAW / CAPTURES).is_file()


def read_captures_json(run_dir: Path) -> dict[str, Any]:
    """Return what ``raw/captures.json`` says; raises ``DataError``."""
    path = run_dir / files.RAW / CAPTURES
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        [CaptureFile(**one) for one in value["files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: damaged: {error}") from None
    return dict(value)


def capture_files(run_dir: Path) -> list[CaptureFile]:
    """Return the files that were given, in their order; raises ``DataError``."""
    return [CaptureFile(**one) for one in read_captures_json(run_dir)["files"]]


def check_captures(paths: Sequence[Path]) -> None:
    """Look at captures before anything is made of them.

    Raises:
        SpecError: there is no such file, or it is a folder or named twice.
        DataError: it is no capture.
    """
    seen: set[Path] = set()
    for path in paths:
        if path.is_dir():
            raise SpecError(
                f"{path} is a folder", hint="name the captures in it: tcpexp explain DIR/*.pcap"
            )
        if not path.is_file():
            raise SpecError(f"there is no file {path}", hint="give a pcap or pcapng file")
        whole = path.resolve()
        if whole in seen:
            raise SpecError(f"{path} is named twice", hint="name each capture once")
        seen.add(whole)
        with open_capture(path):
            pass


def name_of(paths: Sequence[Path]) -> str:
    """Return what an explanation of captures is called: their names without endings."""
    stems = []
    for path in paths:
        stem = path.name.removesuffix(".gz")
        plain = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in stem)
        stems.append(Path(plain).stem.strip(".-") or "capture")
    return "+".join(dict.fromkeys(stems))[:120]


def choose_folder(results: Path, named: Sequence[Path], paths: Sequence[Path]) -> Path:
    """Return where an explanation goes: the folder of the same captures, if there is one, else a
    new one that is called as ``named``.
    """
    digests = sorted(sha256_of(path) for path in paths)
    name, number = name_of(named), 1
    while True:
        folder = results / EXPLAINED / (name if number == 1 else f"{name}-{number}")
        if not folder.exists() or _holds(folder, digests):
            return folder
        number += 1


def _holds(folder: Path, digests: list[str]) -> bool:
    try:
        return sorted(one.sha256 for one in capture_files(folder)) == digests
    except DataError:
        return False


def check_folder(folder: Path) -> None:
    """Raise ``SpecError`` when a folder holds something else than an explanation."""
    if folder.exists() and (
        not folder.is_dir() or (any(folder.iterdir()) and not is_explained(folder))
    ):
        raise SpecError(
            f"{folder} is there, and is no explained capture",
            hint="give a folder that is new or empty with --out",
        )


def take_captures(
    paths: Sequence[Path], run_dir: Path, *, key: bytes | None = None
) -> list[CaptureFile]:
    """Copy captures into a new ``raw/``, each under its own name, and return what they are; with a
    ``key`` without addresses, payload and names.

    Raises ``RunError`` when there is no room, ``DataError`` for what is no capture.
    """
    raw = run_dir / files.RAW
    if key is not None:
        with disk_errors(raw):
            raw.mkdir(parents=True)
            made = anonymise(paths, raw, key)
        return [CaptureFile(path.name, None, path.stat().st_size, sha256_of(path)) for path in made]
    taken: list[CaptureFile] = []
    with disk_errors(raw):
        raw.mkdir(parents=True)
        for path in paths:
            name = _free_name(path.name, {one.file for one in taken})
            shutil.copyfile(path, raw / name)
            taken.append(
                CaptureFile(name, str(path.resolve()), path.stat().st_size, sha256_of(raw / name))
            )
    return taken


def _free_name(name: str, taken: set[str]) -> str:
    """Return a name that no other capture has: two folders may each hold a ``trace.pcap``."""
    if name not in taken and name not in (CAPTURES, files.ENGINE):
        return name
    stem, dot, ending = name.partition(".")
    numbers = (f"{stem}-{number}{dot}{ending}" for number in range(2, len(taken) + 3))
    return next(free for free in numbers if free not in taken)


def write_captures_json(run_dir: Path, taken: Sequence[CaptureFile], more: dict[str, Any]) -> None:
    """Write ``raw/captures.json``; ``more`` is what the captures show."""
    value = {
        "captures_schema": CAPTURES_SCHEMA,
        "files": [asdict(one) for one in taken],
        **more,
    }
    write_atomic(run_dir / files.RAW / CAPTURES, to_json_text(value))


def beside(folder: Path) -> Path:
    """Return a new, empty folder in the one that holds ``folder``; raises ``RunError``."""
    with disk_errors(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))


def put_in_place(made: Path, folder: Path) -> None:
    """Give ``made`` the name ``folder``; what was there goes when the new one is in its place."""
    with disk_errors(folder):
        made.chmod(0o755)
        old = None
        if folder.exists():
            old = beside(folder) / "old"
            folder.rename(old)
        made.rename(folder)
        give_to_user(folder)
    if old is not None:
        shutil.rmtree(old.parent, ignore_errors=True)
