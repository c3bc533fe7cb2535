"""Build, find and describe the guest's image: root file system, kernel and first initramfs, named
by their hash.

Kept under ``$XDG_CACHE_HOME/tcpexp/images/<recipe hash>/``: ``root.erofs``, ``vmlinuz``,
``initrd.cpio``, ``image.json``. The folder appears whole or not at all, whoever builds at the same
time. Other images of the recipe, imported or used before, are in ``images/kept/<sha256>/``.
"""

from __future__ import annotations

import fcntl
import glob
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tcpexp.errors import DataError, HostError, Missing, RunError
from tcpexp.paths import cache_dir
from tcpexp.places.image import recipe
from tcpexp.places.image.cpio import Entry, make_cpio
from tcpexp.places.image.listing import list_contents
from tcpexp.places.image.unshared import missing_without_root, open_parent
from tcpexp.telling import Say


@dataclass(frozen=True)
class Image:
    """A built image. ``sha256`` covers the root file system, the kernel and the initramfs."""

    path: Path
    sha256: str
    kernel: str
    packages: dict[str, str]
    recipe: str
    bytes: int

    @property
    def root(self) -> Path:
        """The erofs root file system, padded to a whole number of steps."""
        return self.path / "root.erofs"

    @property
    def kernel_path(self) -> Path:
        """The kernel for direct boot."""
        return self.path / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """The initramfs without the engine, which each template appends."""
        return self.path / "initrd.cpio"


def images_dir() -> Path:
    """Return where images are kept."""
    return cache_dir() / "images"


def active_folder() -> Path:
    """Return the folder of the image that runs use: the one of the present recipe.

    Where there is one by a hash that the recipe had in earlier versions, it is that.
    """
    folders = [images_dir() / name[:16] for name in recipe.recipe_hashes()]
    return next((folder for folder in folders if folder.exists()), folders[0])


def kept_folder(sha256: str) -> Path:
    """Return the folder of an image that is kept beside the one in use."""
    return images_dir() / "kept" / sha256[:32]


def find_image(sha256: str | None = None) -> Image | None:
    """Return the image that runs use when it is in the cache, else None.

    With ``sha256`` the image of this hash, in use or kept.

    Raises ``DataError`` when it is damaged.
    """
    active = load_image(active_folder())
    if sha256 is None or (active is not None and active.sha256 == sha256):
        return active
    kept = load_image(kept_folder(sha256))
    return kept if kept is not None and kept.sha256 == sha256 else None


def load_image(folder: Path) -> Image | None:
    """Return the image in ``folder``, None when there is none.

    Raises ``DataError`` when it is damaged.
    """
    description = folder / "image.json"
    if not description.exists():
        return None
    try:
        raw: dict[str, Any] = json.loads(description.read_text())
        image = Image(
            folder, raw["sha256"], raw["kernel"], raw["packages"], raw["recipe"], raw["bytes"]
        )
    except (ValueError, KeyError) as error:
        raise DataError(
            f"{description} is damaged: {error}", hint="remove it and run: tcpexp guest build"
        ) from None
    for part in (image.root, image.kernel_path, image.initrd):
        if not part.exists():
            raise DataError(
                f"the guest image lacks {part}", hint=f"rm -r {folder} && tcpexp guest build"
            )
    return image


def missing_for_build() -> tuple[Missing, ...]:
    """Return what this machine lacks to build an image."""
    packages = {"mmdebstrap": "mmdebstrap", "mkfs.erofs": "erofs-utils", "tar": "tar"}
    lacks = tuple(
        Missing(tool, "building the guest image", f"apt install {package}")
        for tool, package in packages.items()
        if _which(tool) is None
    )
    if not glob.glob("/usr/share/keyrings/debian-archive-keyring.*"):
        lacks += (
            Missing(
                "Debian's archive keys",
                "building the guest image",
                "apt install debian-archive-keyring",
            ),
        )
    return (*lacks, *missing_without_root())


def build_image(say: Say, *, force: bool = False) -> Image:
    """Return the image of the present recipe, building it when it is not in the cache (1 to 3
    minutes).

    Raises:
        HostError: a tool is missing, or the disk is too full.
        RunError: the distribution's tools failed; their log is kept and named.
    """
    images = cache_dir() / "images"
    images.mkdir(parents=True, exist_ok=True)
    with locked(images / "build.lock", say):
        found = None if force else find_image()
        if found is not None:
            return found
        lacks = missing_for_build()
        if lacks:
            raise HostError("this machine cannot build the guest image", missing=lacks)
        if shutil.disk_usage(images).free < 3 << 30:
            raise HostError(
                f"less than 3 GiB free in {images}", hint="free some space, or set XDG_CACHE_HOME"
            )
        work = Path(tempfile.mkdtemp(prefix="building-", dir=images))
        try:
            _build_in(work, say)
            target = active_folder()
            if target.exists():
                target.rename(work / "old")
            (work / "image").rename(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        image = find_image()
        if image is None:
            raise RunError("the guest image vanished while it was built")
        say(f"guest image {image.sha256[:12]}: {image.bytes >> 20} MiB, Linux {image.kernel}")
        return image


@contextmanager
def locked(path: Path, say: Say) -> Iterator[None]:
    """Hold the lock file ``path``; says so when another process holds it."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another tcpexp that is building the same")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build_in(work: Path, say: Say) -> None:
    say("guest image: fetching and unpacking Debian packages (mmdebstrap)")
    started = time.monotonic()
    tree, image = work / "tree", work / "image"
    tree.mkdir()
    image.mkdir()
    archive = work / "root.tar"
    with _open_folder() as open_folder:
        _call(_mmdebstrap(archive), work, "mmdebstrap", open_folder)
    _call(["tar", "-C", str(tree), "--exclude=./dev/*", "-xf", str(archive)], work, "tar")
    archive.unlink()
    kernel = next(iter(sorted((tree / "boot").glob("vmlinuz-*"))), None)
    if kernel is None:
        raise RunError("the unpacked packages hold no kernel")
    version = kernel.name.removeprefix("vmlinuz-")
    shutil.copyfile(kernel, image / "vmlinuz")
    kernel.unlink()
    (image / "initrd.cpio").write_bytes(make_cpio(_initramfs(tree, version)))
    packages = _packages(tree)
    _prune(tree)
    contents = list_contents(tree, version)
    say(f"guest image: packing ({time.monotonic() - started:.0f} s so far)")
    root = image / "root.erofs"
    _call(["mkfs.erofs", *recipe.PACK_ARGUMENTS, str(root), str(tree)], work, "mkfs.erofs")
    steps = -(-root.stat().st_size // recipe.DEVICE_STEP)
    os.truncate(root, steps * recipe.DEVICE_STEP)
    digest = hashlib.sha256()
    for name in ("root.erofs", "vmlinuz", "initrd.cpio"):
        digest.update(_sha256(image / name).encode())
    described = {
        "sha256": digest.hexdigest(),
        "kernel": version,
        "recipe": recipe.recipe_hash(),
        "packages": packages,
        "contents": contents,
        "bytes": sum(path.stat().st_size for path in image.iterdir()),
        "build_seconds": round(time.monotonic() - started, 1),
    }
    (image / "image.json").write_text(json.dumps(described, indent=1, sort_keys=True) + "\n")


def _mmdebstrap(archive: Path) -> list[str]:
    mirrors = os.environ.get("TCPEXP_DEBIAN_MIRRORS", "").split(";")
    return [
        "mmdebstrap",
        f"--mode={'root' if os.geteuid() == 0 else 'unshare'}",
        *recipe.TREE_ARGUMENTS,
        recipe.SUITE,
        str(archive),
        *(mirror.strip() for mirror in mirrors if mirror.strip()),
    ]


@contextmanager
def _open_folder() -> Iterator[Path]:
    """Yield a new folder that other users can pass through: without root, mmdebstrap works as users
    of a namespace, to whom a home is closed.
    """
    with tempfile.TemporaryDirectory(prefix="tcpexp-image-", dir=open_parent()) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def _call(argv: list[str], work: Path, name: str, temporary: Path | None = None) -> None:
    environment = dict(
        os.environ, SOURCE_DATE_EPOCH=str(recipe.SOURCE_DATE_EPOCH), TMPDIR=str(temporary or work)
    )
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        log = work.parent / f"{name}.log"
        log.write_text(f"$ {' '.join(argv)}\n{done.stdout}{done.stderr}")
        lines = done.stderr.strip().splitlines()
        raise RunError(
            f"{name} failed with status {done.returncode}: {lines[-1] if lines else 'no message'}",
            hint=f"the whole output: {log}",
        )


def _initramfs(tree: Path, version: str) -> list[Entry]:
    entries = [
        Entry("init", recipe.INIT.read_bytes(), executable=True),
        Entry("bin/busybox", (tree / "usr/bin/busybox").read_bytes(), executable=True),
        Entry("modules/order", "".join(f"{name}.ko\n" for name in recipe.MODULES).encode()),
    ]
    modules = tree / "usr/lib/modules" / version
    for name in recipe.MODULES:
        path = next(iter(modules.rglob(f"{name}.ko")), None)
        if path is None:
            raise RunError(f"kernel {version} has no module {name}")
        entries.append(Entry(f"modules/{name}.ko", path.read_bytes()))
    return entries


def _packages(tree: Path) -> dict[str, str]:
    packages: dict[str, str] = {}
    name = ""
    for line in (tree / "var/lib/dpkg/status").read_text().splitlines():
        if line.startswith("Package: "):
            name = line.removeprefix("Package: ")
        elif line.startswith("Version: "):
            packages[name] = line.removeprefix("Version: ")
    return packages


def _prune(tree: Path) -> None:
    for pattern in recipe.REMOVED:
        for path in glob.glob(str(tree / pattern)):
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                os.unlink(path)
    (tree / "opt" / "tcpexp").mkdir(parents=True, exist_ok=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _which(tool: str) -> str | None:
    return shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
