"""What a User-Mode Linux guest sees of this machine: the image's root tree, and the engine's files.

Both are folders of the cache, read through hostfs, named by the hash of what is in them, and appear
whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from tcpexp.errors import Missing, RunError
from tcpexp.places.guestcode import read_engine_files, read_wordless
from tcpexp.places.image.image import Image, locked
from tcpexp.places.image.unpacked import tree_folder, trees_dir
from tcpexp.telling import Say

FILES = Path(__file__).parent / "files"
#: Folders of the tree on which ``init.py`` mounts.
MOUNT_POINTS = ("opt/tcpexp/engine", "opt/tcpexp/run", "proc", "sys", "dev", "tmp", "run", "root")
#: Of the files in a tree, whatever the user's own is: a guest sees their modes, and other modes are
#: other packets.
UMASK = 0o022
ENGINE_FILES = ("agent.py", "inventory.py", "shell.py")


def missing_for_tree() -> tuple[Missing, ...]:
    """Return what this machine lacks to unpack the image."""
    if shutil.which("fsck.erofs", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
        return ()
    return (Missing("fsck.erofs", "unpacking the guest image", "apt install erofs-utils"),)


def root_folder(image: Image) -> Path:
    """Return the folder of the root tree of ``image`` with process 1, named by both."""
    own = process_1() + repr((MOUNT_POINTS, UMASK)).encode()
    return tree_folder(image, hashlib.sha256(own).hexdigest())


def process_1() -> bytes:
    """Return the program that the kernel starts."""
    return read_wordless(FILES / "init.py")


def build_tree(image: Image, say: Say) -> Path:
    """Return the root tree of ``image``, unpacking it when the cache has none (about 4 s).

    Raises:
        RunError: ``fsck.erofs`` failed.
    """
    return _once(
        root_folder(image),
        say,
        "unpacking the guest image (once)",
        lambda work: _unpack(image, work),
    )


def _unpack(image: Image, work: Path) -> None:
    argv = [
        "fsck.erofs",
        f"--extract={work}",
        "--no-preserve-owner",
        "--overwrite",
        str(image.root),
    ]
    environment = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise RunError(
            f"the guest image cannot be unpacked: {words[-1] if words else 'no message'}",
            hint="tcpexp guest build --force",
        )
    for name in MOUNT_POINTS:
        (work / name).mkdir(parents=True, exist_ok=True)
    (work / "opt/tcpexp/init.py").write_bytes(process_1())


def engine_sources() -> dict[str, bytes]:
    """Return what of tcpexp runs inside: path in the engine's folder to content."""
    own = {name: read_wordless(FILES / name) for name in ENGINE_FILES}
    return own | read_engine_files()


def engine_key(sources: dict[str, bytes]) -> str:
    """Return the hash of the engine's files."""
    digest = hashlib.sha256()
    for name, data in sorted(sources.items()):
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()


def engine_folder(sources: dict[str, bytes] | None = None) -> Path:
    """Return the folder of the engine's files, which are ``sources`` where they were read."""
    key = engine_key((sources or engine_sources()) | {"umask": str(UMASK).encode()})
    return trees_dir() / f"engine-{key[:16]}"


def inside_key() -> str:
    """Return the hash of all of tcpexp that a guest runs: the engine, and process 1."""
    return engine_key(engine_sources() | {"init.py": process_1()})


def build_engine(say: Say, compile_in: Callable[[Path], None]) -> Path:
    """Return the engine's folder, made when the cache has none.

    ``compile_in`` compiles the Python files of a folder with the guest's own Python, once: else
    every run would compile them anew.
    """
    sources = engine_sources()

    def fill(work: Path) -> None:
        for name, data in sources.items():
            path = work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        compile_in(work)

    return _once(engine_folder(sources), say, None, fill)


def _once(target: Path, say: Say, words: str | None, fill: Callable[[Path], None]) -> Path:
    """Return ``target``, filled by one process of all that want it; keeps the newest few others."""
    if target.is_dir():
        os.utime(target)
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.parent / "build.lock", say):
        if target.is_dir():
            return target
        if words:
            say(words)
        work = Path(tempfile.mkdtemp(prefix="building-", dir=target.parent))
        former = os.umask(UMASK)
        try:
            work.chmod(0o755)
            fill(work)
            work.rename(target)
        finally:
            os.umask(former)
            shutil.rmtree(work, ignore_errors=True)
        _drop_old(target.parent, target.name.partition("-")[0], keep=6)
    return target


def _drop_old(folder: Path, kind: str, keep: int) -> None:
    found = sorted(folder.glob(f"{kind}-*"), key=lambda path: path.stat().st_mtime)
    for old in found[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
