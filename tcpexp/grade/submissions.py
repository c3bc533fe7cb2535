"""What students handed in: a folder or a zip archive for each, with specs, captures and run
directories somewhere in it.

Nothing in it is trusted: links are not followed, archives are unpacked within limits, and nothing
of it is executed or imported.
"""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tcpexp.errors import DataError, SpecError
from tcpexp.grade.captures import is_capture
from tcpexp.paths import is_topology

#: Limits of one submission.
MOST_FILES = 20_000
MOST_BYTES = 4 << 30
MOST_DEPTH = 12
_CHUNK = 1 << 20
_SPECS = (".yaml", ".yml")
#: What file managers leave.
_CLUTTER = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class Submission:
    """What one student handed in: a name, where it lies, and whether that is an archive."""

    student: str
    path: Path

    @property
    def archive(self) -> bool:
        """Whether it is one zip archive."""
        return self.path.is_file()


@dataclass
class Found:
    """What is in a submission: run directories, specs and captures outside of them, and what could
    not be taken, in words.
    """

    runs: list[Path] = field(default_factory=list)
    specs: list[Path] = field(default_factory=list)
    captures: list[Path] = field(default_factory=list)
    archives: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def find_submissions(folders: Sequence[Path]) -> list[Submission]:
    """Return a submission per student, by name.

    A zip archive is one student's, and so is a folder that holds a spec or a capture, or is a run.
    In any other folder each folder and each archive is one.

    Raises:
        SpecError: a folder is not there or is empty, or two students have one name.
    """
    submissions: dict[str, Submission] = {}
    for folder in folders:
        several = 0
        for path in _students_of(folder):
            several += 1
            name = path.stem if path.is_file() else path.name
            if name in submissions:
                hint = "a student's name is that of the folder or archive: rename one of them"
                raise SpecError(
                    f"two submissions of '{name}': {submissions[name].path} and {path}", hint=hint
                )
            submissions[name] = Submission(name, path)
        if not several:
            raise SpecError(
                f"there is no submission in {folder}",
                hint="it should hold a folder or a zip archive per student",
            )
    return [
        submissions[name] for name in sorted(submissions, key=lambda name: (name.casefold(), name))
    ]


def _students_of(folder: Path) -> list[Path]:
    if folder.is_file():
        if zipfile.is_zipfile(folder):
            return [folder.absolute()]
        raise SpecError(
            f"{folder} is neither a folder nor a zip archive",
            hint="give the folder that holds the submissions",
        )
    if not folder.is_dir():
        raise SpecError(
            f"there is no folder {folder}", hint="give the folder that holds the submissions"
        )
    folder = folder.absolute()
    inside = sorted(
        path
        for path in folder.iterdir()
        if path.name not in _CLUTTER and not path.name.startswith(".")
    )
    if any(
        path.suffix in _SPECS or path.name == "plan.json" or is_capture(path) for path in inside
    ):
        return [folder]
    return [
        path
        for path in inside
        if not path.is_symlink() and (path.is_dir() or path.suffix.lower() == ".zip")
    ]


def look_through(folder: Path) -> Found:
    """Return what is in a folder, to a certain depth and number of files.

    Links and special files are problems, not followed.
    """
    contents = Found()
    count = 0
    for above, names, files in os.walk(folder):
        here = Path(above)
        if len(here.relative_to(folder).parts) > MOST_DEPTH:
            contents.problems.append(
                f"{_shown(here, folder)}: folders are nested deeper than {MOST_DEPTH} levels"
            )
            names.clear()
            continue
        names[:] = sorted(
            name
            for name in names
            if name not in _CLUTTER and not _is_link(here / name, folder, contents)
        )
        if "plan.json" in files or "manifest.json" in files:
            contents.runs.append(here)
            names.clear()
            continue
        for name in sorted(files):
            count += 1
            if count > MOST_FILES:
                contents.problems.append(
                    f"more than {MOST_FILES} files: the rest was not looked at"
                )
                return contents
            if name not in _CLUTTER and not name.startswith("._"):
                _sort(here / name, folder, contents)
    return contents


def _sort(path: Path, folder: Path, contents: Found) -> None:
    if path.suffix in _SPECS:
        if not stat.S_ISREG(path.lstat().st_mode):
            contents.problems.append(f"{_shown(path, folder)}: not a plain file, not looked at")
        elif not is_topology(path):
            contents.specs.append(path)
    elif is_capture(path):
        if stat.S_ISREG(path.lstat().st_mode):
            contents.captures.append(path)
        else:
            contents.problems.append(f"{_shown(path, folder)}: not a plain file, not looked at")
    elif path.suffix.lower() == ".zip" and stat.S_ISREG(path.lstat().st_mode):
        contents.archives.append(path)


def _is_link(path: Path, folder: Path, contents: Found) -> bool:
    if path.is_symlink():
        contents.problems.append(f"{_shown(path, folder)}: a link, not followed")
        return True
    return False


def _shown(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix().encode("utf-8", "replace").decode()


def unplain_files(folder: Path) -> list[str]:
    """Return what in a run directory is neither a plain file nor a folder: links and special files,
    by relative path.
    """
    unplain = []
    for above, names, files in os.walk(folder):
        for name in (*names, *files):
            path = Path(above) / name
            if not (stat.S_ISREG(mode := path.lstat().st_mode) or stat.S_ISDIR(mode)):
                unplain.append(_shown(path, folder))
    return sorted(unplain)


def unpack_zip(archive: Path, target: Path) -> None:
    """Unpack a zip archive into the new folder ``target``: plain files inside it, within limits
    that are counted while unpacking.

    Raises ``DataError``: not a zip archive, encrypted, too large or too many files, a name that
    leads outside, a link.
    """
    try:
        with zipfile.ZipFile(archive) as source:
            members = [member for member in source.infolist() if not member.is_dir()]
            if len(members) > MOST_FILES:
                raise DataError(
                    f"{archive.name} holds {len(members)} files; at most {MOST_FILES} are taken"
                )
            left = MOST_BYTES
            target.mkdir(parents=True)
            for member, path in _checked(members, archive.name):
                left -= _unpack_one(source, member, target / path, left, archive.name)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, ValueError) as error:
        raise DataError(f"{archive.name} is not a sound zip archive: {error}") from None
    except OSError as error:
        raise DataError(f"{archive.name} cannot be unpacked: {error.strerror or error}") from None
    except Exception as error:
        if type(error).__module__ != "zlib":
            raise
        raise DataError(f"{archive.name} is not a sound zip archive: {error}") from None


def _checked(
    members: list[zipfile.ZipInfo], name: str
) -> Iterator[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """Yield the members with their paths.

    Raises ``DataError`` for one that is not to be unpacked.
    """
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if (
            path.is_absolute()
            or ".." in path.parts
            or not path.parts
            or ":" in path.parts[0]
            or "\0" in member.filename
        ):
            raise DataError(f"{name} holds '{member.filename[:80]}', which leads out of its folder")
        if len(path.parts) > MOST_DEPTH or max(len(part.encode()) for part in path.parts) > 255:
            raise DataError(
                f"{name} holds '{member.filename[:80]}...', nested too deep or named too long"
            )
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise DataError(
                f"{name} holds '{member.filename[:80]}', which is a link or a special file"
            )
        if member.flag_bits & 1:
            raise DataError(f"{name} is encrypted")
        if path.parts[0] not in _CLUTTER and path.name not in _CLUTTER:
            yield member, path


def _unpack_one(
    source: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, left: int, name: str
) -> int:
    """Write one member and return its size; what its header says of that is not believed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with source.open(member) as stream, path.open("xb") as file:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > left:
                raise DataError(f"{name} unpacks to more than {MOST_BYTES >> 30} GiB")
            file.write(chunk)
    return size
