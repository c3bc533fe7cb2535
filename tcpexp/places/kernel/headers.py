"""A kernel's headers: what a module for it is compiled against, small, and kept with the kernel.

``make -C FOLDER ARCH=um M=DIR modules`` works in the unpacked folder as any user. Of the source
there are the headers that the network's and TCP's own ones need, and the scripts of the build.
Text only: the two programs that a module's build calls are compiled where they are unpacked.
The archive has no owners and no times, and is sorted: the same kernel, the same bytes.
"""

from __future__ import annotations

import io
import lzma
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tcpexp.errors import DataError, HostError, Missing, RunError
from tcpexp.places.image.image import locked
from tcpexp.places.kernel.kernel import HEADERS, Kernel, headers_sha256, kernels_dir, sha256_of
from tcpexp.places.kernel.programs import call, clean_environment
from tcpexp.store.rundir import disk_errors
from tcpexp.telling import Say

#: Where an ``#include`` of a kernel for User-Mode Linux is looked for, in the source and in what
#: the build made: arch/um/Makefile, arch/x86/Makefile.um and LINUXINCLUDE of the top Makefile.
FOLDERS = (
    "include",
    "include/uapi",
    "include/generated",
    "include/generated/uapi",
    "scripts/include",
    *(
        f"arch/{arch}"
        for arch in (
            "um/include",
            "um/include/shared",
            "um/include/shared/skas",
            "um/include/uapi",
            "um/include/generated",
            "um/include/generated/uapi",
            "x86/um",
            "x86/um/shared",
            "x86/include",
            "x86/include/uapi",
            "x86/include/generated",
            "x86/include/generated/uapi",
        )
    ),
)
#: Headers of ``include/linux`` that a module may begin with.
BASICS = """
average bpf btf btf_ids circ_buf compiler-version compiler_types cordic crc32 debugfs
delay fixp-arith hrtimer inet_diag init interval_tree int_log iopoll kconfig kernel kfifo
ktime kthread livepatch math64 minmax mm module moduleparam netdevice netfilter
netfilter_ipv4 netfilter_ipv6 overflow percpu polynomial prandom proc_fs random ratelimit
rational rbtree_augmented relay reciprocal_div sched/signal seq_file siphash skbuff slab
sockptr sort sysctl sysfs tcp timekeeping timer tracepoint u64_stats_sync vermagic vmalloc
win_minmax workqueue xarray build-salt elfnote-lto export-internal
"""
#: What a module may begin with; what these include comes along.
ROOTS = (
    "include/net/*.h",
    "include/net/netfilter/*.h",
    "include/trace/*.h",
    "include/trace/stages/*.h",
    "include/trace/events/net.h",
    "include/trace/events/sock.h",
    "include/trace/events/tcp.h",
    *(f"include/linux/{name}.h" for name in BASICS.split()),
)
#: The scripts and rules of the build.
RULES = (
    "COPYING",
    "LICENSES/preferred/GPL-2.0",
    "Makefile",
    "arch/um/Makefile*",
    "arch/x86/Makefile*",
    "scripts/Makefile*",
    "scripts/*.include",
    "scripts/*.sh",
    "scripts/check-local-export",
    "scripts/module-common.c",
    "scripts/basic/*.c",
    "scripts/mod/*.[ch]",
    "scripts/mod/Makefile",
)
#: What the build made, that modules need.
MADE = (
    "include/config/auto.conf",
    "include/config/kernel.release",
    "include/generated/**/*.h",
    "include/generated/rustc_cfg",
    "arch/*/include/generated/**/*.h",
    "scripts/module.lds",
    "scripts/mod/*.h",
)
#: The programs that the build of a module calls, and their sources.
TOOLS = {
    "scripts/basic/fixdep": ("scripts/basic/fixdep.c",),
    "scripts/mod/modpost": (
        "scripts/mod/modpost.c",
        "scripts/mod/file2alias.c",
        "scripts/mod/sumversion.c",
        "scripts/mod/symsearch.c",
    ),
}
_INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"\n]+)[>"]', re.MULTILINE)
#: How hard xz tries: a fixed number, for the bytes to be the same.
_PRESET = 6


def pack_headers(tree: Path, build: Path, target: Path) -> None:
    """Write the headers of a kernel that was built in ``build`` from ``tree`` to ``target``.

    The kernel must know modules, and ``make modules_prepare`` must have been called. Of the lists
    of symbols that one counts which the linking of the kernel wrote: the other is of whoever built
    modules in ``build``, and may be older.
    """
    files = dict.fromkeys(_glob(tree, RULES))
    made = _glob(build, MADE)
    roots = [(tree, name) for name in (*_glob(tree, ROOTS), *files)]
    paths = {name: tree / name for name in files}
    for folder, name in _closure((tree, build), [*roots, *((build, name) for name in made)]):
        paths[name] = folder / name
    paths |= {name: build / name for name in made}
    paths["Module.symvers"] = next(
        path for name in ("vmlinux.symvers", "Module.symvers") if (path := build / name).is_file()
    )
    with (
        lzma.open(target, "wb", preset=_PRESET) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name in sorted(paths):
            content = paths[name].read_bytes()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = 0o755 if paths[name].stat().st_mode & 0o100 else 0o644
            tar.addfile(member, io.BytesIO(content))


def _glob(folder: Path, patterns: Iterable[str]) -> list[str]:
    """Return the files below ``folder`` that match, by name."""
    return [
        str(path.relative_to(folder))
        for pattern in patterns
        for path in sorted(folder.glob(pattern))
        if path.is_file()
    ]


def _closure(folders: tuple[Path, Path], roots: list[tuple[Path, str]]) -> list[tuple[Path, str]]:
    """Return ``roots``, the headers that they include, and theirs, whatever is configured."""
    seen: dict[str, Path] = {}
    looked_for: set[str] = set()
    todo = list(roots)
    while todo:
        base, name = todo.pop()
        if name in seen or not name.endswith((".h", ".c", ".S")):
            continue
        seen[name] = base
        text = (base / name).read_text(errors="replace")
        for included in _INCLUDE.findall(text):
            for place in (*FOLDERS, os.path.dirname(name)):
                found = os.path.normpath(os.path.join(place, included))
                if found not in looked_for and not found.startswith(".."):
                    looked_for.add(found)
                    todo += [(base, found) for base in folders if (base / found).is_file()][:1]
    return [(base, name) for name, base in seen.items()]


def kernel_headers(kernel: Kernel, say: Say) -> Path:
    """Return a folder in which ``make -C FOLDER ARCH=um M=DIR modules`` builds for ``kernel``.

    It is unpacked when it is first asked for, beside the kernel.

    Raises:
        HostError: the kernel came without headers, a compiler is missing, or there is no room.
        DataError: the archive of the headers is damaged.
    """
    digest = headers_sha256(kernel)
    if digest is None:
        raise HostError(
            f"the kernel {kernel.name} {kernel.sha256[:12]} has no headers to build a module with",
            hint=how_to_get_headers(kernel),
        )
    folder = kernel.path / f"headers-{digest[:12]}"
    if folder.is_dir():
        return folder
    lacks = tuple(
        Missing(tool, "building a kernel's module", f"apt install {tool}")
        for tool in ("gcc", "make")
        if shutil.which(tool, path=clean_environment()["PATH"]) is None
    )
    if lacks:
        raise HostError("this machine cannot build a module of the kernel", missing=lacks)
    archive = kernel.path / HEADERS
    if not archive.is_file() or sha256_of(archive) != digest:
        hint = f"tcpexp kernel build --force {kernel.name}, or import it"
        raise DataError(f"the kernel in {kernel.path} is damaged: {HEADERS}", hint=hint)
    with disk_errors(kernel.path), locked(kernels_dir() / "headers.lock", say):
        if not folder.is_dir():
            _unpack(kernel, archive, folder)
    return folder


def how_to_get_headers(kernel: Kernel) -> str:
    """Return what brings the headers of a kernel that came without."""
    return (
        f"tcpexp kernel build --force {kernel.name} makes it again, with them: the same kernel, "
        "where the compiler is the same"
    )


def _unpack(kernel: Kernel, archive: Path, folder: Path) -> None:
    for left in kernel.path.glob("unpacking-*"):
        shutil.rmtree(left, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix="unpacking-", dir=kernel.path))
    try:
        _extract(archive, work / "headers")
        for program, sources in TOOLS.items():
            _compile(work / "headers", program, sources, work / "log")
        work.chmod(0o755)
        (work / "headers").rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _extract(archive: Path, folder: Path) -> None:
    """Unpack plain files below ``folder``; raises ``DataError`` for anything else."""
    with tarfile.open(archive, "r:xz") as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.isreg() else None
            if stream is None or member.name.startswith("/") or ".." in Path(member.name).parts:
                raise DataError(f"{archive} holds '{member.name[:80]}', which no headers have")
            target = folder / member.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(stream.read())
            target.chmod(0o755 if member.mode & 0o100 else 0o644)


def _compile(folder: Path, program: str, sources: tuple[str, ...], log: Path) -> None:
    """Compile a program of the build's; of ``sources`` those that this series has."""
    there = [name for name in sources if (folder / name).is_file()]
    argv = ["gcc", "-O2", "-std=gnu11", "-w", "-Iscripts/include", "-o", program, *there]
    try:
        call(argv, log, cwd=folder, what=f"{program} of the kernel's headers does not compile")
    except RunError as error:
        error.hint = "apt install libc6-dev"  # the log goes with the folder
        raise
