"""What User-Mode Linux needs of this machine, found by looking; nothing is built."""

from __future__ import annotations

import platform
import shutil

from tcpexp import paths
from tcpexp.errors import Missing, TcpexpError
from tcpexp.findings import Finding, room_finding
from tcpexp.places.image.image import find_image
from tcpexp.places.image.image import missing_for_build as missing_for_image
from tcpexp.places.uml.build import missing_for_build as missing_for_kernel
from tcpexp.places.uml.kernel import find_kernel
from tcpexp.places.uml.tree import missing_for_tree, tree_key, trees_dir

#: Free space that building a kernel or an image needs.
BUILD_BYTES = 3 << 30
#: What starts the kernel process; all of util-linux.
STARTERS = ("setpriv", "prlimit", "taskset", "setarch")


def missing_here() -> tuple[Missing, ...]:
    """Return what is missing to run, or to build what runs; empty where a run can be tried."""
    if platform.machine() != "x86_64":
        return (
            Missing("an x86-64 processor", "User-Mode Linux", "use --on qemu, which emulates one"),
        )
    lacks = tuple(
        Missing(tool, "starting the kernel", "apt install util-linux")
        for tool in STARTERS
        if shutil.which(tool) is None
    )
    try:
        kernel, image = find_kernel(), find_image()
    except PermissionError as error:
        folder = Missing("the cache", f"{error.filename} cannot be read", "set XDG_CACHE_HOME")
        return (*lacks, folder)
    if kernel is None:
        lacks += missing_for_kernel()
    if image is None:
        lacks += missing_for_image()
    if image is None or not (trees_dir() / f"root-{tree_key(image)[:16]}").is_dir():
        lacks += missing_for_tree()
    return tuple(dict.fromkeys(lacks))


def examine_uml() -> list[Finding]:
    """Return what is there and what is missing: kernel, image, tools, room."""
    try:
        lacks = missing_here()
        kernel, image = find_kernel(), find_image()
    except TcpexpError as error:
        return [Finding("missing", "kernel or image", error.message, error.hint)]
    findings = [Finding("missing", lack.what, f"needed for {lack.needed_for}", lack.remedy) for lack in lacks]
    if kernel is not None:
        words = f"{kernel.name}, Linux {kernel.version}, {kernel.sha256[:12]} in {kernel.path}"
        findings.append(Finding("ok", "kernel", words))
    elif not lacks:
        findings.append(Finding("note", "kernel", "not built yet; the first run builds it (10 min)", "tcpexp kernel build"))
    if image is not None:
        findings.append(Finding("ok", "image", f"{image.sha256[:12]} in {image.path}"))
    elif not lacks:
        findings.append(Finding("note", "image", "not built yet; the first run builds it", "tcpexp guest build"))
    if kernel is None or image is None:
        findings.append(room_finding("room to build", paths.cache_dir(), BUILD_BYTES, "free some space, or set XDG_CACHE_HOME"))
    return findings
