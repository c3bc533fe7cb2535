"""Kernels in the cache: which there are, which one runs use, each named by its hash.

A kernel is a folder ``$XDG_CACHE_HOME/tcpexp/kernels/<name>-<sha256>/``: the binary ``linux``,
its ``config``, ``kernel.json`` and ``recipe/``, all that it was built from but Debian's source.
Folders appear whole or not at all. ``chosen.json`` says which one is meant where a name or none
is given.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tcpexp.errors import DataError, HostError, SpecError
from tcpexp.paths import cache_dir
from tcpexp.places.image.image import locked
from tcpexp.places.kernel.recipe import full_name, load_recipe, shipped_recipes
from tcpexp.registry import suggest
from tcpexp.store.rundir import to_json_text, write_atomic
from tcpexp.telling import Say

DEFAULT_KERNEL = "debian-7.3"
#: The archive in a kernel's folder of what a module is built with (``headers.py``).
HEADERS = "headers.tar.xz"
_HEXADECIMAL = set("0123456789abcdef")


@dataclass(frozen=True)
class Kernel:
    """A built kernel. ``sha256`` is that of its binary, and is its identity."""

    name: str
    #: Linux's version, such as ``7.3.4``, and that of Debian's source package.
    version: str
    debian_version: str
    sha256: str
    #: How it follows its processes: ``seccomp`` or ``ptrace``.
    mode: str
    path: Path
    #: The hash of the recipe that it was built by.
    recipe: str
    bytes: int
    config_sha256: str
    #: The compiler, in its own words.
    compiler: str

    @property
    def binary(self) -> Path:
        """The kernel: a static program."""
        return self.path / "linux"


#: What ``kernel.json`` holds beside ``files``.
FIELDS = {
    "name": str,
    "version": str,
    "debian_version": str,
    "sha256": str,
    "mode": str,
    "recipe": str,
    "bytes": int,
    "config_sha256": str,
    "compiler": str,
}


def kernels_dir() -> Path:
    """Return where kernels are kept."""
    return cache_dir() / "kernels"


def kernel_folder(name: str, sha256: str) -> Path:
    """Return the folder of the kernel ``name`` with this hash."""
    return kernels_dir() / f"{name}-{sha256[:16]}"


def load_kernel(folder: Path) -> Kernel | None:
    """Return the kernel in ``folder``, None when there is none; raises ``DataError``."""
    description = folder / "kernel.json"
    if not description.exists():
        return None
    hint = f"rm -r {folder} && tcpexp kernel build"
    try:
        raw = json.loads(description.read_text())
        if not all(isinstance(raw[field], kind) for field, kind in FIELDS.items()):
            raise TypeError("a value of another kind")
        kernel = Kernel(path=folder, **{field: raw[field] for field in FIELDS})
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{description} is damaged: {error}", hint=hint) from None
    if not kernel.binary.is_file() or kernel.binary.stat().st_size != kernel.bytes:
        raise DataError(f"the kernel in {folder} is damaged: its binary is gone or cut", hint=hint)
    return kernel


def list_kernels() -> list[Kernel]:
    """Return all kernels in the cache, by name, the newest of each name first."""
    found = []
    for folder in kernels_dir().glob("*-*/"):
        with suppress(DataError):
            kernel = None if _unfinished(folder) else load_kernel(folder)
            if kernel is not None:
                found.append(kernel)
    return sorted(found, key=lambda kernel: (kernel.name, -_age(kernel), kernel.sha256))


def _unfinished(folder: Path) -> bool:
    return folder.name.startswith(("building-", "importing-"))


def _age(kernel: Kernel) -> int:
    return (kernel.path / "kernel.json").stat().st_mtime_ns


def find_kernel(name: str | None = None) -> Kernel | None:
    """Return the kernel that runs use, or the one called ``name``, None when it is not built.

    ``name`` may be short (``7.3``), or the beginning of a sha256, of at least four characters. A
    name means a kernel of the recipe of this version of tcpexp; a sha256 means any.

    Raises:
        SpecError: nothing is called ``name``.
        DataError: the kernel is damaged.
    """
    name = name or kernel_in_use()
    full = full_name(name) or _own_name(name)
    known = full in shipped_recipes()
    named = [kernel for kernel in _named(full) if not known or kernel.recipe == _present(full)]
    if named:
        chosen = _chosen_hash(full)
        return next((kernel for kernel in named if kernel.sha256 == chosen), named[0])
    if known:
        return None
    if len(name) >= 4 and set(name) <= _HEXADECIMAL:
        found = [kernel for kernel in list_kernels() if kernel.sha256.startswith(name)]
        if len({kernel.sha256 for kernel in found}) > 1:
            raise SpecError(f"{len(found)} kernels begin with '{name}'", hint="give more of it")
        return found[0] if found else None
    names = sorted({*shipped_recipes(), *(kernel.name for kernel in list_kernels())})
    hint = suggest(name, names)
    if re.fullmatch(r"(debian[:-])?\d+\.\d+", name):
        series = re.sub(r"^debian[:-]", "", name)
        hint = f"tcpexp kernel build debian:{series}, if Debian has it; known: {', '.join(names)}"
    raise SpecError(f"there is no kernel '{name}'", hint=hint)


def _own_name(name: str) -> str:
    """Return the name of a kernel that no recipe of tcpexp's has: ``debian:7.2``, ``7.2``."""
    wanted = name.strip().replace(":", "-")
    if any(kernels_dir().glob(f"debian-{wanted}-*/kernel.json")):
        return f"debian-{wanted}"
    return wanted


def _named(name: str) -> list[Kernel]:
    """Return the kernels called ``name``, the newest first; raises ``DataError``."""
    folders = [folder for folder in kernels_dir().glob(f"{name}-*/") if not _unfinished(folder)]
    kernels = [kernel for folder in folders if (kernel := load_kernel(folder)) is not None]
    return sorted((kernel for kernel in kernels if kernel.name == name), key=_age, reverse=True)


def _present(name: str) -> str | None:
    """Return the hash of the recipe ``name`` of this version of tcpexp, None for another's."""
    return load_recipe(name).hash() if name in shipped_recipes() else None


def is_present(kernel: Kernel) -> bool:
    """Return whether ``kernel`` is of the recipe that this version of tcpexp has by its name."""
    return _present(kernel.name) in (None, kernel.recipe)


def kernel_in_use() -> str:
    """Return the name of the kernel that runs use when none is given."""
    name = _chosen().get("use")
    return name if isinstance(name, str) else DEFAULT_KERNEL


def _chosen() -> dict[str, Any]:
    try:
        chosen = json.loads((kernels_dir() / "chosen.json").read_text())
    except (OSError, ValueError):  # a preference, no data: lost means the default
        return {}
    return chosen if isinstance(chosen, dict) else {}


def _chosen_hash(name: str) -> str | None:
    """Return which of several kernels of a name and a recipe is meant."""
    of = _chosen().get("of")
    found = of.get(name) if isinstance(of, dict) else None
    return found if isinstance(found, str) else None


def choose_kernel(kernel: Kernel, *, use: bool = False) -> None:
    """Let its name mean this kernel; ``use``: let runs use it. The cache's lock must be held."""
    chosen = _chosen()
    of = chosen["of"] if isinstance(chosen.get("of"), dict) else {}
    chosen["of"] = {**of, kernel.name: kernel.sha256}
    if use:
        chosen["use"] = kernel.name if is_present(kernel) else kernel.sha256
    write_atomic(kernels_dir() / "chosen.json", to_json_text(chosen))


def forget_kernel(kernel: Kernel) -> None:
    """Let its name no longer mean this kernel. The cache's lock must be held."""
    chosen = _chosen()
    of = chosen.get("of")
    if isinstance(of, dict) and of.get(kernel.name) == kernel.sha256:
        chosen["of"] = {name: sha256 for name, sha256 in of.items() if name != kernel.name}
        write_atomic(kernels_dir() / "chosen.json", to_json_text(chosen))


def use_kernel(name: str, say: Say) -> Kernel:
    """Let runs use the kernel called ``name`` from now on, and return it.

    Raises ``HostError`` when it is not built, ``SpecError`` when nothing is called so.
    """
    kernels_dir().mkdir(parents=True, exist_ok=True)
    with locked(kernels_dir() / "cache.lock", say):
        kernel = find_kernel(name)
        if kernel is None:
            raise HostError(f"the kernel '{name}' is not in the cache", hint=how_to_get(name))
        choose_kernel(kernel, use=True)
        return kernel


def how_to_get(name: str) -> str:
    """Return the command that brings the kernel ``name``."""
    full = full_name(name)
    return "tcpexp kernel import FILE" if full is None else f"tcpexp kernel build {full}"


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def headers_sha256(kernel: Kernel) -> str | None:
    """Return the sha256 of the archive of a kernel's headers, None when it came without."""
    raw = json.loads((kernel.path / "kernel.json").read_text())
    found = raw.get("files", {}).get(HEADERS)
    return found if isinstance(found, str) else None


def verify_kernel(kernel: Kernel) -> None:
    """Compare every file of a kernel with its hash; raises ``DataError``."""
    raw = json.loads((kernel.path / "kernel.json").read_text())
    files: dict[str, str] = raw.get("files", {})
    wanted = {"linux": kernel.sha256, "config": kernel.config_sha256, **files}
    for name, digest in wanted.items():
        path = kernel.path / name
        if not path.is_file() or sha256_of(path) != digest:
            hint = f"tcpexp kernel build --force {kernel.name}, or import it"
            raise DataError(f"the kernel in {kernel.path} is damaged: {name}", hint=hint)
