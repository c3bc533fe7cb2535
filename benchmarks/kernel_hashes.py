"""Is a kernel the same where somebody else builds it? Build it in a fresh Debian 12, as another
user, in another folder, under another host name and time zone, and compare the hashes.

    sudo python -m benchmarks.kernel_hashes 7.3 [--suite bookworm] [--keep FOLDER]

The kernel must be here already (tcpexp kernel build). Needs root (a chroot), mmdebstrap, 4 GB of
disk, the network, and as long as a build takes. The fresh system has the compiler of its suite:
with another compiler than here the kernel is another one, and the table says so.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tcpexp.paths import PACKAGE
from tcpexp.places.kernel.kernel import HEADERS, Kernel, find_kernel, how_to_get, sha256_of

#: What building a kernel needs, and Python for tcpexp's own code.
PACKAGES = (
    "make",
    "gcc",
    "libc6-dev",
    "binutils",
    "bc",
    "flex",
    "bison",
    "patch",
    "xz-utils",
    "debian-archive-keyring",
    "ca-certificates",
    "python3",
    "util-linux",
    "passwd",
)
USER = "somebody"
#: What tcpexp's own code that builds needs of Python's packages.
REQUIREMENTS = ("pydantic", "pyyaml", "click", "rich")
LIBRARIES = "/opt/libraries"
SOURCE, CACHE = "/srv/somebody-else/tcpexp-source", "/srv/somebody-else/a/deeper/cache"
#: Run inside: PYTHONPATH leads to a copy of this tcpexp.
BUILD = """\
import json, sys, time
from tcpexp.places.kernel.build import build_kernel
started = time.monotonic()
kernel = build_kernel(sys.argv[1], lambda text: print(text, file=sys.stderr, flush=True))
print(json.dumps({"path": str(kernel.path), "seconds": round(time.monotonic() - started)}))
"""


def main() -> None:
    """Build the kernel in a fresh system and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kernel", help="a name of tcpexp kernel list")
    parser.add_argument("--suite", default="bookworm", help="the fresh system's suite of Debian")
    parser.add_argument("--keep", type=Path, help="make the system here, and keep it")
    asked = parser.parse_args()
    here = find_kernel(asked.kernel)
    if here is None:
        raise SystemExit(f"the kernel {asked.kernel} is not here: {how_to_get(asked.kernel)}")
    if os.geteuid() != 0:
        raise SystemExit("this makes a chroot: run it as root")
    with tempfile.TemporaryDirectory(prefix="tcpexp-fresh-") as name:
        root = asked.keep or Path(name) / "root"
        if not (root / LIBRARIES.lstrip("/")).exists():
            make_system(root, asked.suite)
        there, seconds = build_inside(root, here.name)
        print_table(here, there, seconds)
        same = facts_of(here.path) == facts_of(there)
    raise SystemExit(0 if same else 1)


def make_system(root: Path, suite: str) -> None:
    """Make a small Debian in ``root`` that can build kernels, with a user and tcpexp's needs."""
    mirrors = [text for text in os.environ.get("TCPEXP_DEBIAN_MIRRORS", "").split(";") if text]
    include = f"--include={','.join(PACKAGES)}"
    call("mmdebstrap", "--variant=minbase", include, suite, str(root), *mirrors)
    shutil.copyfile("/etc/resolv.conf", root / "etc/resolv.conf")
    inside(root, "root", f"useradd --create-home --shell /bin/sh {USER}")
    version = inside(root, "root", "python3 --version").split()[1]
    target = str(root / LIBRARIES.lstrip("/"))
    wheels = ("--only-binary=:all:", "--python-version", version, "--target", target)
    call(sys.executable, "-m", "pip", "install", "-q", *wheels, *REQUIREMENTS)


def build_inside(root: Path, kernel: str) -> tuple[Path, int]:
    """Build ``kernel`` in the system; return its folder as seen from here, and the seconds."""
    source = root / SOURCE.lstrip("/")
    shutil.rmtree(source, ignore_errors=True)
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, source / "tcpexp", ignore=skip)
    cache = root / CACHE.lstrip("/")
    cache.mkdir(parents=True, exist_ok=True)
    (source / "build.py").write_text(BUILD)
    inside(root, "root", f"chown -R {USER}: /srv/somebody-else")
    words = (
        f"cd {SOURCE} && umask 027 && TZ=Asia/Tokyo LANG=de_DE.UTF-8 XDG_CACHE_HOME={CACHE}"
        f" PYTHONPATH={SOURCE}:{LIBRARIES} python3 build.py {kernel}"
    )
    said = json.loads(inside(root, USER, words).splitlines()[-1])
    return root / said["path"].lstrip("/"), int(said["seconds"])


def inside(root: Path, user: str, words: str) -> str:
    """Run a shell's line in the system under another host name; return what it printed."""
    chroot = f"mount -t proc proc {root}/proc 2>/dev/null; hostname elsewhere; exec chroot"
    script = f'{chroot} {root} su {user} -s /bin/sh -c "$1"'
    return call("unshare", "--mount", "--uts", "sh", "-c", script, "inside", words)


def call(*argv: str) -> str:
    """Run a program, its errors shown as they come; return its output, or end with its status."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{argv[0]} failed with status {done.returncode}")
    return done.stdout


def facts_of(folder: Path) -> dict[str, Any]:
    """Return what must be the same: the hashes of binary, configuration and headers."""
    raw = json.loads((folder / "kernel.json").read_text())
    archive = folder / HEADERS
    return {
        "kernel": sha256_of(folder / "linux"),
        "configuration": raw["config_sha256"],
        "headers": sha256_of(archive) if archive.is_file() else "none",
        "compiler": raw["compiler"],
        "source": raw["debian_version"],
    }


def print_table(here: Kernel, there: Path, seconds: int) -> None:
    """Print a line for each fact, and whether it is the same."""
    load = os.getloadavg()[0]
    print(f"{here.name}, built again in {seconds} s (load {load:.1f} at the end)")
    print(f"{'':14} {'here':24} {'in the fresh system':24} same")
    mine, other = facts_of(here.path), facts_of(there)
    for name, value in mine.items():
        words = [
            str(text)[-24:] if name == "compiler" else str(text)[:24]
            for text in (value, other[name])
        ]
        print(f"{name:14} {words[0]:24} {words[1]:24} {'yes' if value == other[name] else 'NO'}")
    print(time.strftime("%Y-%m-%d"))


if __name__ == "__main__":
    main()
