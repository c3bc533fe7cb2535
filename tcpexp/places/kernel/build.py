"""Build a kernel from its recipe: fetch, patch, configure, make, and put it into the cache.

Nothing here needs root. Whoever builds at the same time waits; what a killed builder left is
removed by the next one; the cache has a kernel whole or not at all.
"""

from __future__ import annotations

import glob
import json
import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tcpexp.errors import DataError, HostError, Missing, RunError, TcpexpError
from tcpexp.places.image.image import locked
from tcpexp.places.kernel.config import (
    compiler_of,
    merge_config,
    parse_config,
    read_back_config,
)
from tcpexp.places.kernel.headers import pack_headers
from tcpexp.places.kernel.kernel import (
    HEADERS,
    Kernel,
    choose_kernel,
    find_kernel,
    headers_sha256,
    kernel_folder,
    kernel_in_use,
    kernels_dir,
    load_kernel,
    sha256_of,
    verify_kernel,
)
from tcpexp.places.kernel.programs import call, clean_environment, end_programs_in
from tcpexp.places.kernel.recipe import Recipe, full_name, load_recipe
from tcpexp.places.kernel.source import KEYRINGS, Fetch, fetch_source
from tcpexp.store.rundir import disk_errors, to_json_text
from tcpexp.telling import Say

#: What a build takes on disk at its largest: the sources, unpacked.
NEEDED_BYTES = 5 << 29
#: Progress is said each time this much more is done.
STEP_PERCENT = 10
#: Programs and the packages that hold them.
TOOLS = {
    "make": "make",
    "gcc": "gcc",
    "ld": "binutils",
    "strip": "binutils",
    "bc": "bc",
    "flex": "flex",
    "bison": "bison",
    "patch": "patch",
    "xz": "xz-utils",
    "tar": "tar",
    "apt-get": "apt",
    "apt-cache": "apt",
    "dpkg-deb": "dpkg",
}
_PURPOSE = "building the kernel"


#: Programs that the build would find and write down where they happen to be installed; it needs
#: none of them, and the same recipe and compiler shall give the same bytes.
WITHOUT = ("RUSTC=no-rustc", "BINDGEN=no-bindgen", "PAHOLE=no-pahole")


@dataclass(frozen=True)
class Built:
    """What a build leaves: the linked binary, the final configuration, the source's version.

    ``headers`` is the archive of what modules are built with; None: the kernel loads none.
    """

    binary: Path
    config: Path
    debian_version: str
    headers: Path | None = None


def missing_for_build() -> tuple[Missing, ...]:
    """Return what this machine lacks to build a kernel."""
    if platform.machine() != "x86_64":
        remedy = "use another place: tcpexp run --on qemu"
        return (Missing("an x86-64 processor", "User-Mode Linux", remedy),)
    path = clean_environment()["PATH"]
    lacks = [
        Missing(tool, _PURPOSE, f"apt install {package}")
        for tool, package in TOOLS.items()
        if shutil.which(tool, path=path) is None
    ]
    if shutil.which("gcc", path=path) and not _has_static_libc():
        lacks.append(Missing("the static C library", _PURPOSE, "apt install libc6-dev"))
    if not glob.glob(KEYRINGS):
        remedy = "apt install debian-archive-keyring"
        lacks.append(Missing("Debian's archive keys", _PURPOSE, remedy))
    return tuple(lacks)


def _has_static_libc() -> bool:
    argv = ["gcc", "-print-file-name=libc.a"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    return Path(done.stdout.strip()).is_absolute()


def build_kernel(
    name: str | None,
    say: Say,
    force: bool = False,
    *,
    fetch: Fetch = fetch_source,
) -> Kernel:
    """Return the kernel of a recipe, building it when it is not in the cache (5 to 20 minutes).

    ``name`` is as for ``find_kernel``, or the path of a recipe; None is the one that runs use.

    Raises:
        SpecError: there is no such recipe, or it is wrong.
        HostError: a tool is missing, the disk is too full, or no place has the source.
        RunError: a step failed; its last words are shown, its log is kept and named.
    """
    recipe = _recipe_of(name)
    kernels = kernels_dir()
    with disk_errors(kernels):
        kernels.mkdir(parents=True, exist_ok=True)
    with locked(kernels / "build.lock", say):
        remove_leftovers("building-")
        found = None if force else _built(recipe)
        if found is not None:
            return found
        _check_machine(kernels)
        started = time.monotonic()
        work = Path(tempfile.mkdtemp(prefix="building-", dir=kernels))
        log = work / "build.log"
        try:
            built = _build_in(recipe, work, log, say, fetch)
            kernel = install_kernel(recipe, built, say)
        except TcpexpError as error:
            _keep_log(error, log, kernels / f"{recipe.name}.log")
            raise
        finally:
            shutil.rmtree(work, ignore_errors=True)
    minutes = (time.monotonic() - started) / 60
    facts = f"Linux {kernel.version}, {kernel.bytes / 1e6:.1f} MB, {minutes:.0f} min"
    say(f"kernel {kernel.name} {kernel.sha256[:12]}: {facts}")
    return kernel


def _recipe_of(name: str | None) -> Recipe:
    name = name or kernel_in_use()
    if (
        not name.endswith(".yaml")
        and full_name(name) is None
        and re.fullmatch("[0-9a-f]{4,64}", name)
    ):
        hint = "tcpexp kernel list says which there are; tcpexp kernel import FILE brings one"
        raise HostError(f"the kernel {name} is not here, and a hash cannot be built", hint=hint)
    return load_recipe(name)


def _built(recipe: Recipe) -> Kernel | None:
    """Return the kernel of exactly this recipe, if it is in the cache."""
    folders = sorted(kernels_dir().glob(f"{recipe.name}-*/"))
    kernels = [kernel for folder in folders if (kernel := load_kernel(folder)) is not None]
    wanted = [kernel for kernel in kernels if kernel.recipe == recipe.hash()]
    if full_name(recipe.name) == recipe.name and wanted:
        return find_kernel(recipe.name) or wanted[0]
    return wanted[0] if wanted else None


def _check_machine(kernels: Path) -> None:
    lacks = missing_for_build()
    if lacks:
        raise HostError("this machine cannot build a kernel", missing=lacks)
    free = shutil.disk_usage(kernels).free
    if free < NEEDED_BYTES:
        hint = "free some space, or set XDG_CACHE_HOME"
        raise HostError(f"{free / 1e9:.1f} GB free in {kernels}, a build takes 2.7 GB", hint=hint)


def remove_leftovers(prefix: str) -> None:
    """Remove what killed processes left; the lock of those that make such folders must be held."""
    for folder in kernels_dir().glob(f"{prefix}*/"):
        end_programs_in(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _keep_log(error: TcpexpError, log: Path, kept: Path) -> None:
    """Keep the log of a failed build, and name its new place."""
    if log.is_file():
        shutil.move(log, kept)
        if error.hint is not None:
            error.hint = error.hint.replace(str(log), str(kept))


def _build_in(recipe: Recipe, work: Path, log: Path, say: Say, fetch: Fetch) -> Built:
    fetched = fetch(recipe, work, log, say)
    say(f"kernel {recipe.name}: unpacking and patching Linux {fetched.version}")
    tree = _unpack(fetched.package, work, log)
    _apply_patches(recipe, tree, log)
    build = work / "build"
    environment = build_environment(recipe)
    _configure(recipe, tree, build, log, environment)
    jobs = len(os.sched_getaffinity(0))
    say(f"kernel {recipe.name}: compiling, {jobs} at a time (5 to 20 minutes)")
    call(
        ["make", f"-j{jobs}", *WITHOUT, "linux"],
        log,
        cwd=build,
        environment=environment,
        heard=BuildMeter(recipe, say).heard,
        what=f"the kernel {recipe.name} does not compile: make failed",
    )
    headers = None
    if parse_config((build / ".config").read_text()).get("CONFIG_MODULES") == "y":
        say(f"kernel {recipe.name}: packing the headers for modules")
        what = f"the headers of the kernel {recipe.name} cannot be prepared: make failed"
        argv = ["make", f"-j{jobs}", *WITHOUT, "modules_prepare"]
        call(argv, log, cwd=build, environment=environment, what=what)
        headers = work / HEADERS
        pack_headers(tree, build, headers)
    return Built(build / "linux", build / ".config", fetched.version, headers)


def build_environment(recipe: Recipe) -> dict[str, str]:
    """Return the environment of make: what the kernel writes into itself is fixed."""
    return clean_environment(
        ARCH="um",
        KBUILD_BUILD_TIMESTAMP=recipe.build.timestamp,
        KBUILD_BUILD_USER=recipe.build.user,
        KBUILD_BUILD_HOST=recipe.build.host,
        KBUILD_BUILD_VERSION=str(recipe.build.version),
    )


def _unpack(package: Path, work: Path, log: Path) -> Path:
    """Unpack the package's archive of the source; return the tree. The package is removed."""
    data = work / "data.tar"
    with data.open("wb") as file:
        argv = ["dpkg-deb", "--fsys-tarfile", str(package)]
        done = subprocess.run(argv, stdout=file, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise RunError(f"the package {package.name} is damaged: {done.stderr.strip()}")
    package.unlink()
    call(["tar", "-xf", str(data), "--wildcards", "./usr/src/linux-source-*"], log, cwd=work)
    data.unlink()
    archives = list(work.glob("usr/src/linux-source-*.tar.*"))
    if len(archives) != 1:
        raise RunError(f"the package {package.name} holds no archive of the source")
    call(["tar", "-xf", str(archives[0])], log, cwd=work)
    archives[0].unlink()
    trees = [path for path in work.glob("linux-source-*") if path.is_dir()]
    if len(trees) != 1:
        raise RunError(f"the archive of {package.name} is not one tree of the source")
    return trees[0]


def _apply_patches(recipe: Recipe, tree: Path, log: Path) -> None:
    for name in recipe.patches:
        call(
            ["patch", "-p1", "--forward", "--fuzz=0", "--batch", "-i", str(recipe.path(name))],
            log,
            cwd=tree,
            what=f"the patch {name} does not fit this source",
        )


def _configure(
    recipe: Recipe, tree: Path, build: Path, log: Path, environment: dict[str, str]
) -> None:
    """Write the final configuration and read it back."""
    what = f"the kernel {recipe.name} cannot be configured: make failed"
    argv = ["make", "-s", *WITHOUT, f"O=../{build.name}", "x86_64_defconfig"]
    call(argv, log, cwd=tree, environment=environment, what=what)
    config = build / ".config"
    config.write_text(merge_config(config.read_text(), recipe.options()))
    call(
        ["make", "-s", *WITHOUT, "olddefconfig"], log, cwd=build, environment=environment, what=what
    )
    read_back_config(recipe, config)


class BuildMeter:
    """How far make is, by the lines that it prints."""

    def __init__(self, recipe: Recipe, say: Say) -> None:
        self.recipe = recipe
        self.say = say
        self.lines = 0
        self.said = 0
        self.started = time.monotonic()

    def heard(self, line: str) -> None:
        """Count a line of make's, such as ``  CC      net/ipv4/tcp.o``."""
        if not re.match(r"  [A-Z]", line):
            return
        self.lines += 1
        percent = min(100 * self.lines // self.recipe.build.lines, 99)
        if percent >= self.said + STEP_PERCENT:
            self.said = percent - percent % STEP_PERCENT
            seconds = round(time.monotonic() - self.started)
            self.say(f"kernel {self.recipe.name}: {self.said} % compiled ({seconds} s)")


def install_kernel(recipe: Recipe, built: Built, say: Say) -> Kernel:
    """Put a built kernel into the cache, checked, and let its name mean it.

    Its configuration is read back, its binary is stripped and asked for its version.

    Raises ``RunError`` when it is not what the recipe says.
    """
    read_back_config(recipe, built.config)
    kernels = kernels_dir()
    kernels.mkdir(parents=True, exist_ok=True)
    with locked(kernels / "cache.lock", say):
        remove_leftovers("importing-")
        work = Path(tempfile.mkdtemp(prefix="importing-", dir=kernels))
        try:
            folder = work / "kernel"
            _fill(folder, recipe, built)
            kernel = load_kernel(folder)
            assert kernel is not None
            kernel = put_kernel(kernel, work)
            choose_kernel(kernel)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return kernel


def put_kernel(kernel: Kernel, work: Path) -> Kernel:
    """Move a kernel from ``work`` to its place. The cache's lock must be held.

    What is there already is left alone when it is whole and of the same recipe: runs may use it.
    """
    target = kernel_folder(kernel.name, kernel.sha256)
    if target.exists():
        with suppress(DataError):
            there = load_kernel(target)
            if there is not None and there.recipe == kernel.recipe:
                verify_kernel(there)
                if headers_sha256(kernel) not in (None, headers_sha256(there)):
                    _move_beside(kernel, there)
                return there
        target.rename(work / "before")
    kernel.path.rename(target)
    moved = load_kernel(target)
    assert moved is not None
    return moved


def _move_beside(kernel: Kernel, there: Kernel) -> None:
    """Give a kernel that may be running the headers, and whatever else it lacks, of the same."""
    names = [*_files_of(kernel.path), "kernel.json"]
    for name in names:
        (there.path / name).parent.mkdir(parents=True, exist_ok=True)
        (kernel.path / name).replace(there.path / name)


def _files_of(folder: Path) -> list[str]:
    """Return the files that ``kernel.json`` names beside the binary and the configuration."""
    return list(json.loads((folder / "kernel.json").read_text())["files"])


def _fill(folder: Path, recipe: Recipe, built: Built) -> None:
    """Write all files of a kernel into the new ``folder``."""
    folder.mkdir()
    binary = folder / "linux"
    argv = ["strip", "-o", str(binary), str(built.binary)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RunError(f"the kernel cannot be stripped: {done.stderr.strip()}")
    binary.chmod(0o755)
    shutil.copyfile(built.config, folder / "config")
    files = {}
    for name, path in recipe.files().items():
        target = folder / "recipe" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        files[f"recipe/{name}"] = sha256_of(target)
    (folder / "NOTICE").write_text(_notice(recipe, built))
    files["NOTICE"] = sha256_of(folder / "NOTICE")
    if built.headers is not None:
        shutil.copyfile(built.headers, folder / HEADERS)
        files[HEADERS] = sha256_of(folder / HEADERS)
    described = {
        "name": recipe.name,
        "version": _version_of(binary, recipe),
        "debian_version": built.debian_version,
        "sha256": sha256_of(binary),
        "mode": recipe.mode,
        "recipe": recipe.hash(),
        "bytes": binary.stat().st_size,
        "config_sha256": sha256_of(folder / "config"),
        "compiler": compiler_of(built.config.read_text()),
        "files": files,
    }
    (folder / "kernel.json").write_text(to_json_text(described))


def _version_of(binary: Path, recipe: Recipe) -> str:
    """Return the version that the kernel itself says; raises ``RunError`` when it is another."""
    try:
        argv = [str(binary), "--version"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunError(f"the built kernel does not run here: {error}") from None
    said = done.stdout.strip()
    match = re.match(r"\d+\.\d+(\.\d+)?", said)
    if done.returncode != 0 or match is None or not f"{match[0]}.".startswith(f"{recipe.series}."):
        raise RunError(f"the built kernel says '{said[:80]}', which is no Linux {recipe.series}")
    return match[0]


def _notice(recipe: Recipe, built: Built) -> str:
    return f"""\
This is a Linux kernel, licensed under the GNU General Public License, version 2
only: recipe/COPYING. Whoever passes it on must pass on, or offer, its source.

The source is Debian's package {recipe.source.package}, version
{built.debian_version}, with the patches and the configuration in recipe/.
Debian keeps all versions: https://snapshot.debian.org/package/linux/

How it is built from them: recipe/recipe.yaml, which "tcpexp kernel build
recipe/recipe.yaml" follows. By hand: unpack the source, apply recipe/patches in
their order with "patch -p1", copy the file "config" to .config, and call
"make ARCH=um olddefconfig linux" with the names under "build:" in the recipe as
KBUILD_BUILD_TIMESTAMP, KBUILD_BUILD_USER, KBUILD_BUILD_HOST and
KBUILD_BUILD_VERSION.
"""
