"""Move an image from machine to machine: one tar archive, named by the image's sha256 and verified
by it.

The archive holds ``image.json``, ``initrd.cpio``, ``root.erofs`` and ``vmlinuz``, in this order,
without owners and times: the same image, the same bytes (before compression). A name that ends in
``.gz`` is compressed.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import lzma
import os
import shutil
import tarfile
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from tcpexp.errors import DataError, HostError
from tcpexp.places.image import recipe
from tcpexp.places.image.image import (
    Image,
    active_folder,
    find_image,
    images_dir,
    kept_folder,
    load_image,
    locked,
)
from tcpexp.store.rundir import disk_errors, to_json_text, write_atomic_with
from tcpexp.telling import Say

#: What is in an archive, and how large each part may be, in bytes.
LIMITS = {
    "image.json": 4 << 20,
    "initrd.cpio": 256 << 20,
    "root.erofs": 8 << 30,
    "vmlinuz": 256 << 20,
}
#: The order in which the parts' hashes make the image's.
HASHED = ("root.erofs", "vmlinuz", "initrd.cpio")
_CHUNK = 1 << 20


def export_image(image: Image, path: Path, *, level: int = 6) -> None:
    """Write ``image`` to the archive ``path``, whole or not at all; ``level`` is gzip's.

    Raises ``DataError`` when the image itself is damaged.
    """

    def fill(temporary: Path) -> None:
        with temporary.open("wb") as file:
            if path.suffix == ".gz":
                with gzip.GzipFile(
                    filename="", fileobj=file, mode="wb", compresslevel=level, mtime=0
                ) as packed:
                    _write_archive(image, packed)
            else:
                _write_archive(image, file)

    write_atomic_with(path.absolute(), fill)


def _write_archive(image: Image, file: Any) -> None:
    described = {
        name: getattr(image, name) for name in ("sha256", "kernel", "packages", "recipe", "bytes")
    }
    digests = {}
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        text = to_json_text(described).encode()
        tar.addfile(_member("image.json", len(text)), io.BytesIO(text))
        for name in sorted(HASHED):
            source = image.path / name
            with source.open("rb") as stream:
                hashed = _Hashed(stream)
                tar.addfile(_member(name, source.stat().st_size), hashed)
            digests[name] = hashed.digest.hexdigest()
    if combined(digests) != image.sha256:
        raise DataError(
            f"the image in {image.path} is damaged: its files are not those of {image.sha256}",
            hint="tcpexp guest build --force, or import it",
        )


class _Hashed:
    """A file that is hashed while it is read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read and hash."""
        data = self.stream.read(size)
        self.digest.update(data)
        return data


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member


def combined(digests: dict[str, str]) -> str:
    """Return the image's sha256 from those of its parts."""
    return hashlib.sha256("".join(digests[name] for name in HASHED).encode()).hexdigest()


def import_image(
    path: Path, say: Say, *, activate: bool = True, expect: str | None = None
) -> Image:
    """Put the image of an archive into the cache, verified, whole or not at all, and return it.

    ``activate``: runs use it from now on; an image that was used before is kept (``use_image``
    brings it back). Otherwise it is used only where its hash is asked for. ``expect`` is the sha256
    that it must have.

    Raises:
        HostError: there is no such file, no room, or the image is of another recipe than this
            version of tcpexp uses.
        DataError: the archive is damaged.
    """
    images = images_dir()
    with disk_errors(images):
        images.mkdir(parents=True, exist_ok=True)
    with locked(images / "build.lock", say):
        work = Path(tempfile.mkdtemp(prefix="importing-", dir=images))
        try:
            described = _unpack(path, work / "image")
            if expect is not None and described["sha256"] != expect:
                raise DataError(f"{path} holds the image {described['sha256']}, not {expect}")
            _put(work, described["sha256"], activate)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    found = load_image(active_folder()) if activate else _find(described["sha256"])
    if found is None or found.sha256 != described["sha256"]:
        raise DataError(f"the image of {path} vanished while it was imported")
    return found


def _find(sha256: str) -> Image | None:
    return find_image(sha256)


def _unpack(path: Path, target: Path) -> dict[str, Any]:
    """Unpack and verify an archive into the new folder ``target``; return ``image.json``."""
    target.mkdir()
    digests: dict[str, str] = {}
    described: dict[str, Any] = {}
    try:
        with tarfile.open(path, mode="r:*") as tar:
            for member in tar:
                if (
                    member.name not in LIMITS
                    or not member.isreg()
                    or member.size > LIMITS[member.name]
                    or (target / member.name).exists()
                ):
                    raise DataError(
                        f"{path} is no archive of a guest image: it holds '{member.name[:80]}'",
                        hint="tcpexp guest export makes one",
                    )
                digests[member.name] = _unpack_one(tar, member, target / member.name)
                if member.name == "image.json":
                    described = _described(path, target / member.name)
    except FileNotFoundError:
        raise HostError(
            f"there is no file {path}", hint="tcpexp guest export FILE writes one"
        ) from None
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path} is damaged or no archive of a guest image: {error}",
            hint="copy it again, and compare its size",
        ) from None
    except OSError as error:
        raise HostError(
            f"{path} cannot be unpacked: {error.strerror or error}",
            hint="free some space, or set XDG_CACHE_HOME",
        ) from None
    missing = sorted(set(LIMITS) - set(digests))
    if missing:
        raise DataError(
            f"{path} is cut off: it lacks {', '.join(missing)}",
            hint="copy it again, and compare its size",
        )
    if combined(digests) != described["sha256"]:
        raise DataError(
            f"{path} is damaged: its files are not those of the image {described['sha256']}",
            hint="copy it again",
        )
    return described


def _unpack_one(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> str:
    """Write one part and return its sha256; blocks of zeros become holes, as in a built image."""
    digest = hashlib.sha256()
    source = tar.extractfile(member)
    assert source is not None  # a regular file
    with path.open("xb") as file:
        size = 0
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            if chunk.strip(b"\0"):
                file.write(chunk)
            else:
                file.seek(len(chunk), os.SEEK_CUR)
        file.truncate(size)
    if size != member.size:
        raise EOFError(f"{member.name} is cut off")
    return digest.hexdigest()


def _described(path: Path, text: Path) -> dict[str, Any]:
    """Return ``image.json``, checked before the large parts are unpacked."""
    try:
        described: dict[str, Any] = json.loads(text.read_text())
        kinds = {"sha256": str, "kernel": str, "recipe": str, "packages": dict, "bytes": int}
        if not all(isinstance(described[name], kind) for name, kind in kinds.items()):
            raise TypeError("a value of another kind")
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged: image.json: {error}") from None
    if described["recipe"] not in recipe.recipe_hashes():
        hint = "use the version of tcpexp that exported it, or export one with this version"
        raise HostError(
            f"{path} holds an image of another recipe than this version of tcpexp uses", hint=hint
        )
    return described


def _put(work: Path, sha256: str, activate: bool) -> None:
    """Move ``work/image`` to where it belongs; the same image there already is left alone."""
    active = load_image(active_folder())
    if active is not None and active.sha256 == sha256:
        return
    if activate or active is None:
        _set_active(work / "image", active, work)
    elif not kept_folder(sha256).exists():
        kept_folder(sha256).parent.mkdir(exist_ok=True)
        (work / "image").rename(kept_folder(sha256))


def _set_active(folder: Path, active: Image | None, work: Path) -> None:
    """Make ``folder`` the image that runs use; the one before is kept under its hash."""
    target = active_folder()
    if active is not None:
        kept = kept_folder(active.sha256)
        kept.parent.mkdir(exist_ok=True)
        if kept.exists():
            kept.rename(work / "kept-before")
        target.rename(kept)
    elif target.exists():  # damaged
        target.rename(work / "damaged")
    folder.rename(target)


def use_image(prefix: str, say: Say) -> Image:
    """Make a kept image, named by the beginning of its sha256, the one that runs use, and return
    it; raises ``HostError``.
    """
    images = images_dir()
    with locked(images / "build.lock", say):
        active = load_image(active_folder())
        if active is not None and len(prefix) >= 4 and active.sha256.startswith(prefix):
            return active
        found = (
            [image for image in kept_images() if image.sha256.startswith(prefix)]
            if len(prefix) >= 4
            else []
        )
        if len(found) != 1:
            what = "no image" if not found else f"{len(found)} images"
            raise HostError(
                f"there is {what} that begins with '{prefix}'",
                hint="tcpexp guest info lists them; tcpexp guest import brings one",
            )
        work = Path(tempfile.mkdtemp(prefix="using-", dir=images))
        try:
            _set_active(found[0].path, active, work)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    image = load_image(active_folder())
    assert image is not None
    return image


def kept_images() -> list[Image]:
    """Return the images that are kept beside the one in use, by hash; damaged ones are left out."""
    found = []
    for folder in sorted((images_dir() / "kept").glob("*")):
        with suppress(DataError):
            image = load_image(folder)
            if image is not None and image.recipe in recipe.recipe_hashes():
                found.append(image)
    return found
