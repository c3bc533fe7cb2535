"""Build a kernel from its recipe: fetch, patch, configure, make, and put it into the cache.

Nothing here needs root. Two kernels are built at a time at most; whoever builds a third, or the
same, waits. What a killed builder left is removed by the next one; the cache has a kernel whole
or not at all.
"""

from __future__ import annotations

import fcntl
import glob
import json
import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tcpexp.errors import DataError, HostError, Missing, RunError, SpecError, TcpexpError
from tcpexp.places.image.image import locked
from tcpexp.places.kernel.config import (
    absent_options,
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
    kernels_dir,
    load_kernel,
    sha256_of,
    verify_kernel,
)
from tcpexp.places.kernel.order import (
    OWN,
    Order,
    Own,
    apply_patch,
    finished_recipe,
    fitting_recipe,
    order_of,
)
from tcpexp.places.kernel.programs import call, clean_environment, end_programs_in
from tcpexp.places.kernel.recipe import (
    NEWEST,
    Recipe,
    Source,
    TreeSource,
    full_name,
    load_recipe,
)
from tcpexp.places.kernel.source import KEYRINGS, Fetch, fetch_source
from tcpexp.places.kernel.tree import patched_files
from tcpexp.store.rundir import disk_errors, to_json_text
from tcpexp.telling import Say

#: What a build takes on disk at its largest: the sources, unpacked.
NEEDED_BYTES = 5 << 29
#: Progress is said each time this much more is done.
STEP_PERCENT = 10
#: So many kernels are built at a time; each builder holds one of these files.
SLOTS = ("build.lock", "build-2.lock")
#: How often one that waits looks again, in seconds.
WAIT_S = 1.0
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
    what: str | None,
    say: Say,
    force: bool = False,
    *,
    own: Own | None = None,
    fetch: Fetch = fetch_source,
) -> Kernel:
    """Return the kernel of a recipe, building it when it is not in the cache (5 to 20 minutes).

    ``what`` is as for ``find_kernel``, the path of a recipe, ``debian:7.2`` for a series of
    Debian's, or the folder of a source tree, which is not written to; None is the one that runs
    use. ``own`` are patches, options and a name.

    Raises:
        SpecError: there is no such recipe, or it is wrong.
        HostError: a tool is missing, the disk is too full, or no place has the source.
        RunError: a step failed; its last words are shown, its log is kept and named.
    """
    kernels = kernels_dir()
    with disk_errors(kernels):
        kernels.mkdir(parents=True, exist_ok=True)
    with order_of(what, say, own) as order, locked(kernels / f"build-{order.name}.lock", say):
        found = None if force else _built(order)
        if found is not None:
            return found
        _check_machine(kernels)
        with building_slot(kernels, say) as slot:
            return _build(order, slot, say, fetch)


def _build(order: Order, slot: int, say: Say, fetch: Fetch) -> Kernel:
    """Build in a folder of the cache that begins with the slot's number, and install."""
    started = time.monotonic()
    kernels = kernels_dir()
    work = Path(tempfile.mkdtemp(prefix=f"building-{slot}-", dir=kernels))
    log = work / "build.log"
    try:
        recipe, built = _build_in(order, work, log, say, fetch)
        kernel = install_kernel(recipe, built, say)
    except TcpexpError as error:
        _keep_log(error, log, kernels / f"{order.name}.log")
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    facts = f"Linux {kernel.version}, {kernel.bytes / 1e6:.1f} MB, {minutes} min {seconds} s"
    say(f"kernel {kernel.name} {kernel.sha256[:12]}: {facts}")
    return kernel


@contextmanager
def building_slot(kernels: Path, say: Say) -> Iterator[int]:
    """Hold one of the places to build; says so when all are taken.

    What a killed builder left in its place is removed.
    """
    with ExitStack() as held:
        files = [held.enter_context(open(kernels / name, "w")) for name in SLOTS]
        slot, said = _free_slot(files), False
        while slot is None:
            if not said:
                say(f"{len(SLOTS)} kernels are being built already: waiting for one of them")
                said = True
            time.sleep(WAIT_S)
            slot = _free_slot(files)
        remove_leftovers(f"building-{slot}-")
        yield slot


def _free_slot(files: Sequence[IO[str]]) -> int | None:
    """Lock the first file that nobody holds and return its number, from 1 on."""
    for number, file in enumerate(files, 1):
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return number
    return None


def _built(order: Order) -> Kernel | None:
    """Return the kernel of exactly one of these recipes, if it is in the cache."""
    wanted = {recipe.hash() for recipe in order.recipes}
    folders = sorted(kernels_dir().glob(f"{order.name}-*/"))
    kernels = [kernel for folder in folders if (kernel := load_kernel(folder)) is not None]
    found = [kernel for kernel in kernels if _recipe_hash(kernel, order) in wanted]
    if full_name(order.name) == order.name and found:
        return find_kernel(order.name) or found[0]
    return found[0] if found else None


def _recipe_hash(kernel: Kernel, order: Order) -> str:
    """Return the hash of a kernel's recipe; of one whose order leaves the version open, without."""
    source = order.recipes[0].source
    if isinstance(source, TreeSource) or source.version != NEWEST:
        return kernel.recipe
    try:
        kept = load_recipe(str(kernel.path / "recipe" / "recipe.yaml"))
    except SpecError:
        return kernel.recipe
    if isinstance(kept.source, TreeSource):
        return kernel.recipe
    open_version = kept.source.model_copy(update={"version": NEWEST})
    return kept.changed(source=open_version).hash()


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


def _build_in(order: Order, work: Path, log: Path, say: Say, fetch: Fetch) -> tuple[Recipe, Built]:
    """Build the order's kernel; return the recipe as it was followed, and what came of it."""
    stamp = None if order.tree is None else order.tree.stamp()
    recipe, tree, version = _source_of(order, work, log, say, fetch)
    _apply_patches(recipe, tree, log)
    build = work / "build"
    environment = build_environment(recipe)
    recipe = _configure(recipe, tree, build, log, environment, order, say)
    jobs = len(os.sched_getaffinity(0))
    say(f"kernel {recipe.name}: compiling, {jobs} at a time (5 to 20 minutes)")
    call(
        ["make", f"-j{jobs}", *WITHOUT, "linux"],
        log,
        cwd=build,
        environment=environment,
        heard=BuildMeter(recipe, say).heard,
        what=f"the kernel {recipe.name} does not compile: make failed",
        shown=lambda line: line.replace(f"{tree}/", f"{order.tree.path}/" if order.tree else ""),
    )
    headers = None
    if parse_config((build / ".config").read_text()).get("CONFIG_MODULES") == "y":
        say(f"kernel {recipe.name}: packing the headers for modules")
        what = f"the headers of the kernel {recipe.name} cannot be prepared: make failed"
        argv = ["make", f"-j{jobs}", *WITHOUT, "modules_prepare"]
        call(argv, log, cwd=build, environment=environment, what=what)
        headers = work / HEADERS
        pack_headers(tree, build, headers)
    if order.tree is not None and order.tree.stamp() != stamp:
        message = f"the tree {order.tree.path} was changed while it was built"
        raise RunError(message, hint="build it again")
    return recipe, Built(build / "linux", build / ".config", version, headers)


def _source_of(
    order: Order, work: Path, log: Path, say: Say, fetch: Fetch
) -> tuple[Recipe, Path, str]:
    """Return the recipe that fits the source, the source in a folder of ours, and its version."""
    if order.tree is not None:
        recipe = fitting_recipe(order, order.tree.path, work, log, say)
        tree = work / "linux-source"
        changed = [file for name in recipe.patches for file in patched_files(recipe.path(name))]
        order.tree.link(tree, changed)
        return recipe, tree, f"tree {recipe.source.sha256[:12]}"  # type: ignore[union-attr]
    fetched = fetch(order.recipes[0], work, log, say)
    say(f"kernel {order.name}: unpacking and patching Linux {fetched.version}")
    tree = _unpack(fetched.package, work, log)
    recipe = fitting_recipe(order, tree, work, log, say)
    if isinstance(recipe.source, Source) and recipe.source.version == NEWEST:
        found = recipe.source.model_copy(update={"version": fetched.version})
        recipe = finished_recipe(recipe, work / "recipe", source=found)
    return recipe, tree, fetched.version


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
    listed = subprocess.run(
        ["dpkg-deb", "--contents", str(package)], capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        raise RunError(f"the package {package.name} is damaged: {listed.stderr.strip()}")
    archives = re.findall(r"\./usr/src/linux-source-\S+\.tar\.\w+$", listed.stdout, re.MULTILINE)
    if len(archives) != 1:
        raise RunError(f"the package {package.name} holds no archive of the source")
    pipe = (
        'set -o pipefail; dpkg-deb --fsys-tarfile "$1" | tar -xO "$2" | xz -dc -T0'
        " | tar -x --no-same-owner"
    )
    argv = ["bash", "-c", pipe, "unpack", str(package), archives[0]]
    call(argv, log, cwd=work, what=f"the package {package.name} cannot be unpacked")
    package.unlink()
    trees = [path for path in work.glob("linux-source-*") if path.is_dir()]
    if len(trees) != 1:
        raise RunError(f"the archive of {package.name} is not one tree of the source")
    return trees[0]


def _apply_patches(recipe: Recipe, tree: Path, log: Path) -> None:
    """Apply the recipe's patches in their order; raises ``RunError`` that names one."""
    for name in recipe.patches:
        own = name.startswith(f"{OWN}/")
        hint = (
            "it is applied after tcpexp's own patches; make it against that source" if own else None
        )
        apply_patch(recipe.path(name), tree, log, name.removeprefix(f"{OWN}/"), hint)


def _configure(
    recipe: Recipe,
    tree: Path,
    build: Path,
    log: Path,
    environment: dict[str, str],
    order: Order,
    say: Say,
) -> Recipe:
    """Write the final configuration and read it back.

    Return the recipe, with the options that another source does not have as its exceptions.
    """
    what = f"the kernel {recipe.name} cannot be configured: make failed"
    argv = ["make", "-s", *WITHOUT, f"O=../{build.name}", "x86_64_defconfig"]
    call(argv, log, cwd=tree, environment=environment, what=what)
    config = build / ".config"
    config.write_text(merge_config(config.read_text(), recipe.options()))
    call(
        ["make", "-s", *WITHOUT, "olddefconfig"], log, cwd=build, environment=environment, what=what
    )
    if order.derived:
        own = [recipe.path(name) for name in recipe.config if name.startswith(f"{OWN}/")]
        absent = absent_options(recipe, config, "\n".join(path.read_text() for path in own))
        if absent:
            say(f"options that this source does not have: {', '.join(sorted(absent))}")
            folder = build.parent / "recipe"
            recipe = finished_recipe(recipe, folder, exceptions={**recipe.exceptions, **absent})
    read_back_config(recipe, config)
    return recipe


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

{_source_words(recipe, built)}

How it is built from them: recipe/recipe.yaml, which "tcpexp kernel build
recipe/recipe.yaml" follows. By hand: unpack the source, apply recipe/patches in
their order with "patch -p1", copy the file "config" to .config, and call
"make ARCH=um olddefconfig linux" with the names under "build:" in the recipe as
KBUILD_BUILD_TIMESTAMP, KBUILD_BUILD_USER, KBUILD_BUILD_HOST and
KBUILD_BUILD_VERSION.
"""


def _source_words(recipe: Recipe, built: Built) -> str:
    if isinstance(recipe.source, TreeSource):
        return f"""\
The source is a tree of Linux {recipe.series}, whose content has the sha256
{recipe.source.sha256},
with the patches and the configuration in recipe/. Whoever passes the kernel on
must have that tree, and pass it on or offer it as well."""
    return f"""\
The source is Debian's package {recipe.source.package}, version
{built.debian_version}, with the patches and the configuration in recipe/.
Debian keeps all versions: https://snapshot.debian.org/package/linux/"""
