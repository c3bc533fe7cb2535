"""Compile a user's own program on this machine, once for the same sources, command and compiler.

Programs are linked statically where a C compiler is called: the guest's C library is another one
than this machine's. Results are kept under ``builds/`` of the cache, so that the same spec has the
same program in its plan.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tcpexp.errors import HostError, Missing, RunError
from tcpexp.paths import cache_dir

COMPILERS = ("gcc", "cc", "g++", "c++", "clang", "clang++")
#: Options of a compiler that does not link a program, or links as its caller wants.
_OWN_LINKING = {"-c", "-S", "-E", "-shared", "-static", "-static-pie", "-dynamic"}
LIMIT_S = 120
LINES = 12


def build_files(argv: Sequence[str], sources: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return what the command makes of ``sources`` (path to content), in a folder of its own: new
    and changed files by path.

    Raises:
        HostError: the compiler is not installed.
        RunError: it failed; the message has its own words.
    """
    compiler = shutil.which(argv[0])
    if compiler is None:
        remedy = "apt install gcc libc6-dev" if argv[0] in COMPILERS else f"apt install {argv[0]}"
        raise HostError(
            f"there is no {argv[0]} on this machine, which builds the program",
            missing=(Missing(argv[0], "build:", remedy),),
            hint=remedy,
        )
    target = cache_dir() / "builds" / _key(compiler, argv, sources)
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="building-", dir=target.parent) as name:
            made = _build(compiler, argv, sources, Path(name))
            _keep(made, Path(name), target)
    return {
        str(path.relative_to(target)): path.read_bytes()
        for path in sorted(target.rglob("*"))
        if path.is_file()
    }


def linked_statically(argv: Sequence[str]) -> bool:
    """Return whether ``-static`` is added to this command."""
    return Path(argv[0]).name in COMPILERS and not _OWN_LINKING & set(argv)


def _key(compiler: str, argv: Sequence[str], sources: Mapping[str, bytes]) -> str:
    said = subprocess.run(
        [compiler, "--version"], capture_output=True, text=True, check=False
    ).stdout
    digest = hashlib.sha256(json.dumps([list(argv), said, linked_statically(argv)]).encode())
    for name, content in sorted(sources.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:32]


def _build(
    compiler: str, argv: Sequence[str], sources: Mapping[str, bytes], work: Path
) -> dict[str, bytes]:
    folder = work / "folder"
    folder.mkdir()
    for name, content in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    options = ["-static"] if linked_statically(argv) else []
    if Path(argv[0]).name in COMPILERS:
        options.append(f"-ffile-prefix-map={folder}=.")
    environment = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "LC_ALL": "C",
        "TMPDIR": str(work),
        "LDFLAGS": "-static",
        "SOURCE_DATE_EPOCH": "0",
    }
    try:
        done = subprocess.run(
            [compiler, *argv[1:], *options],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RunError(f"{argv[0]} took longer than {LIMIT_S} s") from None
    said = (done.stderr or done.stdout).strip().splitlines()
    if done.returncode != 0:
        raise RunError(
            "\n".join(
                [
                    f"{argv[0]} ended with status {done.returncode}:",
                    *(f"  {line}" for line in said[:LINES] or ["it said nothing"]),
                ]
            )
        )
    made = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if (
            path.is_file()
            and not path.is_symlink()
            and sources.get(name) != (content := path.read_bytes())
        ):
            made[name] = content
    if not made:
        raise RunError(f"{argv[0]} made no file", hint="name one, such as -o server")
    return made


def _keep(made: Mapping[str, bytes], work: Path, target: Path) -> None:
    """Put the results where they are found; whoever is first wins, for all made the same."""
    kept = work / "kept"
    for name, content in made.items():
        (kept / name).parent.mkdir(parents=True, exist_ok=True)
        (kept / name).write_bytes(content)
    try:
        kept.rename(target)
    except OSError:
        if not target.is_dir():
            raise
