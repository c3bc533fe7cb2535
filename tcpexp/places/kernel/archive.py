"""Hand a kernel on: one tar archive with the binary and its whole recipe, verified when imported.

The archive has ``kernel.json`` first and then every file that it names, in order, without owners
and times: the same kernel, the same bytes. A name that ends in ``.gz`` is compressed. The kernel
is under the GPL, so its recipe, patches, configuration and licence go along.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shutil
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import IO, Any

from tcpexp.errors import DataError, HostError
from tcpexp.places.image.image import locked
from tcpexp.places.kernel.build import put_kernel, remove_leftovers
from tcpexp.places.kernel.kernel import (
    FIELDS,
    HEADERS,
    Kernel,
    choose_kernel,
    is_present,
    kernels_dir,
    load_kernel,
    verify_kernel,
)
from tcpexp.store.rundir import disk_errors, write_atomic_with
from tcpexp.telling import Say

#: How large the parts may be, in bytes: the description, the binary, any other file.
LARGEST = {"kernel.json": 1 << 20, "linux": 256 << 20, HEADERS: 64 << 20}
LARGEST_OTHER = 4 << 20
#: How many files a recipe may have.
MOST_FILES = 200
_NAME = re.compile(
    r"(?:NOTICE|config|linux|headers\.tar\.xz|recipe/[A-Za-z0-9_.+-]+(?:/[A-Za-z0-9_.+-]+){0,3})"
)
_HASH = re.compile(r"[0-9a-f]{64}")


def export_kernel(kernel: Kernel, path: Path, *, level: int = 6) -> None:
    """Write ``kernel`` to the archive ``path``, whole or not at all; ``level`` is gzip's.

    Raises ``DataError`` when the kernel itself is damaged.
    """
    verify_kernel(kernel)

    def fill(temporary: Path) -> None:
        with temporary.open("wb") as file:
            if path.suffix == ".gz":
                with gzip.GzipFile("", "wb", level, file, mtime=0) as packed:
                    _write_archive(kernel, packed)
            else:
                _write_archive(kernel, file)

    write_atomic_with(path.absolute(), fill)


def _write_archive(kernel: Kernel, file: Any) -> None:
    described = json.loads((kernel.path / "kernel.json").read_text())
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in ["kernel.json", *sorted({"linux", "config", *described["files"]})]:
            source = kernel.path / name
            member = tarfile.TarInfo(name)
            member.size, member.mode = source.stat().st_size, 0o755 if name == "linux" else 0o644
            with source.open("rb") as stream:
                tar.addfile(member, stream)


def import_kernel(
    path: Path, say: Say, *, activate: bool = True, expect: str | None = None
) -> Kernel:
    """Put the kernel of an archive into the cache, verified, whole or not at all, and return it.

    ``activate``: its name means it from now on, where it is of the recipe that this version of
    tcpexp has by that name; otherwise it is for those that ask by its hash. ``expect`` is the
    sha256 that it must have.

    Raises:
        HostError: there is no such file, or no room.
        DataError: the archive is damaged, or holds something else.
    """
    kernels = kernels_dir()
    with disk_errors(kernels):
        kernels.mkdir(parents=True, exist_ok=True)
    with locked(kernels / "cache.lock", say):
        remove_leftovers("importing-")
        work = Path(tempfile.mkdtemp(prefix="importing-", dir=kernels))
        try:
            kernel = _unpack(path, work / "kernel")
            if expect is not None and kernel.sha256 != expect:
                raise DataError(f"{path} holds the kernel {kernel.sha256}, not {expect}")
            kernel = put_kernel(kernel, work)
            if activate and is_present(kernel):
                choose_kernel(kernel)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return kernel


def _unpack(path: Path, target: Path) -> Kernel:
    """Unpack an archive into the new folder ``target`` and verify it."""
    target.mkdir()
    try:
        with tarfile.open(path, mode="r:*") as tar:
            wanted = _unpack_members(path, tar, target)
    except FileNotFoundError:
        hint = "tcpexp kernel export FILE writes one"
        raise HostError(f"there is no file {path}", hint=hint) from None
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        message = f"{path} is damaged or no archive of a kernel: {error}"
        raise DataError(message, hint="copy it again, and compare its size") from None
    except OSError as error:
        message = f"{path} cannot be unpacked: {error.strerror or error}"
        raise HostError(message, hint="free some space, or set XDG_CACHE_HOME") from None
    if wanted:
        message = f"{path} is cut off: it lacks {', '.join(sorted(wanted))}"
        raise DataError(message, hint="copy it again, and compare its size")
    (target / "linux").chmod(0o755)
    kernel = load_kernel(target)
    assert kernel is not None  # _described has seen it
    return kernel


def _unpack_members(path: Path, tar: tarfile.TarFile, target: Path) -> dict[str, str]:
    """Unpack what ``kernel.json``, the first member, names; return what is missing by name."""
    first = tar.next()
    if first is None or first.name != "kernel.json" or not first.isreg():
        raise _alien(path, "" if first is None else first.name)
    text = _read(tar, first, LARGEST["kernel.json"], path)
    wanted = _described(path, text)
    (target / "kernel.json").write_bytes(text)
    while (member := tar.next()) is not None:
        digest = wanted.pop(member.name, None)
        if digest is None or not member.isreg():
            raise _alien(path, member.name)
        content = _read(tar, member, LARGEST.get(member.name, LARGEST_OTHER), path)
        if hashlib.sha256(content).hexdigest() != digest:
            raise DataError(f"{path} is damaged: {member.name}", hint="copy it again")
        (target / member.name).parent.mkdir(parents=True, exist_ok=True)
        (target / member.name).write_bytes(content)
    return wanted


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo, largest: int, path: Path) -> bytes:
    if member.size > largest:
        raise _alien(path, member.name)
    stream: IO[bytes] | None = tar.extractfile(member)
    assert stream is not None  # a regular file
    content = stream.read()
    if len(content) != member.size:
        raise EOFError(f"{member.name} is cut off")
    return content


def _alien(path: Path, name: str) -> DataError:
    message = f"{path} is no archive of a kernel: it holds '{name[:80]}'"
    return DataError(message, hint="tcpexp kernel export makes one")


def _described(path: Path, text: bytes) -> dict[str, str]:
    """Return the files that ``kernel.json`` names with their hashes; raises ``DataError``."""
    try:
        raw: dict[str, Any] = json.loads(text)
        files: dict[str, str] = raw["files"]
        if not all(isinstance(raw[field], kind) for field, kind in FIELDS.items()):
            raise TypeError("a value of another kind")
        wanted = {**files, "linux": raw["sha256"], "config": raw["config_sha256"]}
        if not all(_HASH.fullmatch(digest) for digest in wanted.values()):
            raise ValueError("a hash that is none")
        if len(wanted) > MOST_FILES or not all(_NAME.fullmatch(name) for name in wanted):
            raise ValueError("files that no kernel has")
        if any(set(Path(name).parts) & {".", ".."} for name in wanted):
            raise ValueError("a path that leads out")
        if not re.fullmatch(r"[a-z][a-z0-9.+-]{0,39}", raw["name"]):
            raise ValueError("a name that is none")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is damaged: kernel.json: {error}") from None
    return wanted
