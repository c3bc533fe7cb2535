"""A tree of a kernel's source that somebody works on: read, named by its content, never written to.

What belongs to it: every file but those whose name begins with a dot (as in the kernel's own
``.gitignore``), and in a git work tree those that git ignores. A build gets a tree of links to
the files, with copies of those that patches change.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tcpexp.errors import HostError, RunError

#: Marks of a tree that was built in (the target outputmakefile of the kernel's top Makefile).
BUILT_IN = ("include/config", "arch/um/include/generated", "arch/x86/include/generated")
#: Left by patch, and no part of any source.
_LEFT = (".orig", ".rej")
_MAKEFILE = re.compile(r"^(VERSION|PATCHLEVEL|SUBLEVEL|EXTRAVERSION) *= *(\S*)", re.MULTILINE)


@dataclass(frozen=True)
class SourceTree:
    """A tree of Linux's source. ``path`` is its folder."""

    path: Path

    @cached_property
    def version(self) -> str:
        """The version that its Makefile says, such as ``7.4.0-rc1``; raises ``HostError``."""
        makefile = self.path / "Makefile"
        text = makefile.read_text(errors="replace") if makefile.is_file() else ""
        found: dict[str, str] = dict(_MAKEFILE.findall(text))
        if not (self.path / "arch/um").is_dir() or not found.get("VERSION", "").isdigit():
            hint = "give the folder that has the kernel's own Makefile, arch/ and net/"
            raise HostError(f"{self.path} is no tree of Linux's source", hint=hint)
        numbers = ".".join(found.get(name, "0") for name in ("VERSION", "PATCHLEVEL", "SUBLEVEL"))
        return numbers + found.get("EXTRAVERSION", "")

    @property
    def series(self) -> str:
        """The first two numbers of the version, such as ``7.4``."""
        return ".".join(self.version.split(".")[:2])

    @cached_property
    def files(self) -> list[str]:
        """What belongs to it, sorted by name; raises ``HostError`` for a tree that was built in."""
        names = _git_files(self.path)
        if names is None:
            built = [name for name in BUILT_IN if (self.path / name).exists()]
            if built:
                raise HostError(
                    f"{self.path} was built in: it has {built[0]}",
                    hint="give a clean copy of it: make mrproper there, or a git work tree",
                )
            names = _walk(self.path)
        return sorted(
            name
            for name in names
            if not name.endswith(_LEFT) and not any(part[0] == "." for part in name.split("/"))
        )

    def sha256(self) -> str:
        """Return the hash of its content: names, kinds and bytes of all its files."""
        with ThreadPoolExecutor() as pool:
            lines = pool.map(self._line, self.files, chunksize=256)
            whole = hashlib.sha256()
            for line in lines:
                whole.update(line)
        return whole.hexdigest()

    def _line(self, name: str) -> bytes:
        path = self.path / name
        if path.is_symlink():
            kind, content = "link", os.readlink(path).encode()
        else:
            kind = "program" if path.stat().st_mode & 0o100 else "file"
            content = path.read_bytes()
        return f"{kind} {hashlib.sha256(content).hexdigest()} {name}\n".encode()

    def stamp(self) -> int:
        """Return a number that is another one when a file was changed meanwhile."""
        names = SourceTree(self.path).files  # as they are now
        states = ((self.path / name).lstat() for name in names)
        facts = ((state.st_size, state.st_mtime_ns, state.st_ino) for state in states)
        return hash((*names, *facts))

    def link(self, target: Path, changed: Iterable[str]) -> None:
        """Make the new folder ``target`` with links to all files, and copies of ``changed``."""
        copied = set(changed)
        made: set[str] = set()
        for name in self.files:
            folder = os.path.dirname(name)
            if folder not in made:
                (target / folder).mkdir(parents=True, exist_ok=True)
                made.add(folder)
            source = self.path / name
            if name in copied:
                (target / name).write_bytes(source.read_bytes())
                (target / name).chmod(source.stat().st_mode & 0o777 | 0o200)
            elif source.is_symlink():
                os.symlink(os.readlink(source), target / name)
            else:
                os.symlink(source.resolve(), target / name)


def _walk(folder: Path) -> list[str]:
    """Return all files below ``folder``, by name; links to folders count as files."""
    found = []
    for base, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        inner = os.path.relpath(base, folder)
        links = [name for name in folders if os.path.islink(os.path.join(base, name))]
        found += [name if inner == "." else f"{inner}/{name}" for name in (*names, *links)]
    return found


def _git_files(folder: Path) -> list[str] | None:
    """Return the files of a git work tree that git does not ignore; None where it is none."""
    if not (folder / ".git").exists():
        return None
    argv = ["git", "-c", "safe.directory=*", "-C", str(folder), "ls-files", "-z", "--cached"]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            [*argv, "--others", "--exclude-standard"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    names = [name for name in dict.fromkeys(done.stdout.split("\0")) if name]
    return (
        [name for name in names if os.path.lexists(folder / name)] if done.returncode == 0 else None
    )


def patched_files(patch: Path) -> list[str]:
    """Return the files that a patch changes or makes, by name; raises ``RunError``."""
    names = re.findall(r"^(?:---|\+\+\+) [^/\s]+/(\S+)", patch.read_text(errors="replace"), re.M)
    if not names:
        raise RunError(f"the patch {patch.name} changes nothing", hint="it is for patch -p1")
    return list(dict.fromkeys(names))
