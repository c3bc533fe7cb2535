"""The headers of a kernel of Debian's own, for which modules are built: fetched as packages, and
unpacked into the cache.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tcpexp.errors import HostError, Missing, RunError
from tcpexp.paths import cache_dir
from tcpexp.places.image.image import Image, locked
from tcpexp.places.image.recipe import SUITE
from tcpexp.places.kernel.source import fetch_packages
from tcpexp.places.modules.build import Target
from tcpexp.store.rundir import disk_errors
from tcpexp.telling import Say

SUITES = (SUITE, f"{SUITE}-updates", f"{SUITE}-security")
TOOLS = {"apt-get": "apt", "apt-cache": "apt", "dpkg-deb": "dpkg"}


def image_target(image: Image, say: Say) -> Target:
    """Return the kernel of a guest's image as one that modules can be built for.

    Raises:
        HostError: the headers of this version cannot be had any more, or tools are missing.
        RunError: apt or dpkg failed.
    """
    version = image.packages.get(f"linux-image-{image.kernel}")
    if version is None:
        raise HostError(f"the image does not say which package its kernel {image.kernel} is of")
    headers = debian_headers(image.kernel, version, say)
    words = f"Linux {image.kernel} (Debian's {version})"
    # Debian's own compiler is named in the headers; whatever gcc is here will do
    return Target(headers, f"{image.kernel} {version}", words, ("CC=gcc",))


def header_packages(release: str, version: str) -> dict[str, str]:
    """Return the packages that hold a kernel's headers, each with its version.

    >>> list(header_packages("6.1.0-57-cloud-amd64", "6.1.192-3"))
    ['linux-headers-6.1.0-57-cloud-amd64', 'linux-headers-6.1.0-57-common', 'linux-kbuild-6.1']
    """
    match = re.match(r"((\d+\.\d+)[\w.+~]*(-\d+)?)", release)
    if match is None:
        raise HostError(f"'{release}' is no release of a kernel of Debian's")
    # up to Debian 12 one for all kernels of a series, since then one for each
    kbuild = match[2] if match[3] else match[1]
    names = (f"linux-headers-{release}", f"linux-headers-{match[1]}-common")
    return dict.fromkeys((*names, f"linux-kbuild-{kbuild}"), version)


def debian_headers(release: str, version: str, say: Say) -> Path:
    """Return the folder in which modules for a kernel of Debian's are made, fetched once."""
    kept = cache_dir() / "headers"
    folder = kept / f"{release}_{re.sub(r'[^A-Za-z0-9.+~-]', '_', version)}"
    inside = folder / "usr" / "src" / f"linux-headers-{release}"
    if folder.is_dir():
        return inside
    lacks = tuple(
        Missing(tool, "the headers of the guest's kernel", f"apt install {package}")
        for tool, package in TOOLS.items()
        if shutil.which(tool) is None
    )
    if lacks:
        raise HostError("this machine cannot fetch Debian's packages", missing=lacks)
    kept.mkdir(parents=True, exist_ok=True)
    with disk_errors(kept), locked(kept / "build.lock", say):
        if not folder.is_dir():
            _fetch(release, version, kept, folder, say)
    return inside


def _fetch(release: str, version: str, kept: Path, folder: Path, say: Say) -> None:
    for left in kept.glob("building-*"):
        shutil.rmtree(left, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix="building-", dir=kept))
    try:
        packages = header_packages(release, version)
        try:
            debs = fetch_packages(packages, SUITES, work, work / "log", say)
        except HostError as error:
            if error.hint is None:
                error.hint = "tcpexp guest build --force makes an image with the kernel of today"
            raise
        for deb in debs:
            argv = ["dpkg-deb", "-x", str(deb), str(work / "tree")]
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise RunError(f"{deb.name} cannot be unpacked: {done.stderr.strip()}")
        made = work / "tree" / "usr" / "src" / f"linux-headers-{release}" / "Makefile"
        # where it says that the common part is, which is installed there and nowhere else
        made.write_text(made.read_text().replace("/usr/src/", f"{folder}/usr/src/"))
        (work / "tree").chmod(0o755)
        (work / "tree").rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
