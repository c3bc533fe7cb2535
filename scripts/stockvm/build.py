"""Make a stock Debian system as Vagrant's box has it, provision it as the Vagrantfile does, and put
it on a disk.

Kept in the cache: the bare system of a suite, and the provisioned disk, which is made again when
something changes that provisioning reads.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

Say = Callable[[str], None]
ROOT = Path(__file__).resolve().parents[2]
#: What a Debian box has beyond the packages of priority "important".
PACKAGES = (
    *("linux-image-amd64", "systemd-sysv", "dbus", "sudo", "python3", "ca-certificates"),
    *("curl", "less", "locales", "man-db", "bash-completion"),
)
USER = "vagrant"
CHECKOUT = "/vagrant"
#: What the Vagrantfile does not copy into the machine, and what no machine needs.
EXCLUDED = (
    ".git",
    ".venv",
    ".vagrant",
    "results",
    "__pycache__",
    "*.egg-info",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
)
#: The disk is sparse: this is room, not size.
DISK_BYTES = 12 << 30
#: Runs what the share holds at boot. The share is a folder of this machine (virtio-9p).
UNIT = """[Unit]
Description=What scripts/stock-vm wants done
After=multi-user.target
[Service]
Type=oneshot
ExecStartPre=/bin/mkdir -p /share
ExecStartPre=/sbin/modprobe 9pnet_virtio
ExecStartPre=/bin/mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288 share /share
ExecStart=/bin/sh /share/start.sh
ExecStopPost=/bin/systemctl poweroff
StandardOutput=journal+console
StandardError=journal+console
[Install]
WantedBy=graphical.target
"""


class BuildError(Exception):
    """The system could not be made."""


@dataclass(frozen=True)
class System:
    """A provisioned system: its disk, and the kernel and initramfs to boot it with."""

    disk: Path
    kernel: Path
    initrd: Path


def missing_tools() -> list[str]:
    """Return what this machine lacks to build and boot, each with the command that mends it."""
    tools = {
        "mmdebstrap": "mmdebstrap",
        "mkfs.ext4": "e2fsprogs",
        "rsync": "rsync",
        "qemu-system-x86_64": "qemu-system-x86",
    }
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    found = [
        f"{tool}: apt install {package}"
        for tool, package in tools.items()
        if shutil.which(tool, path=path) is None
    ]
    if not any(Path("/usr/share/keyrings").glob("debian-archive-keyring.*")):
        found.append("Debian's archive keys: apt install debian-archive-keyring")
    return found


def system_key(suite: str) -> str:
    """Return a hash of what a provisioned system depends on."""
    digest = hashlib.sha256(suite.encode())
    for name in ("setup.py", "pyproject.toml", "scripts/provision.sh", "scripts/stockvm/build.py"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()[:16]


def find_system(cache: Path, suite: str) -> System | None:
    """Return the provisioned system of a suite when the cache has it."""
    folder = cache / f"{suite}-{system_key(suite)}"
    return (
        System(folder / "disk.raw", folder / "vmlinuz", folder / "initrd")
        if (folder / "disk.raw").exists()
        else None
    )


def build_system(cache: Path, suite: str, mirrors: list[str], say: Say) -> System:
    """Return the provisioned system of a suite, made where the cache has none.

    Raises ``BuildError``.
    """
    found = find_system(cache, suite)
    if found is not None:
        return found
    if os.geteuid() != 0:
        raise BuildError("building the system needs root: run it with sudo")
    cache.mkdir(parents=True, exist_ok=True)
    bare = bare_system(cache, suite, mirrors, say)
    for old in cache.glob(f"{suite}-*"):
        shutil.rmtree(old)
    with tempfile.TemporaryDirectory(prefix="building-", dir=cache) as name:
        work = Path(name)
        tree, made = work / "tree", work / "made"
        made.mkdir()
        call(["cp", "-a", "--reflink=auto", str(bare), str(tree)])
        say(f"provisioning {suite} as the Vagrantfile does")
        provision(tree)
        say("writing the disk")
        for pattern, target in (("vmlinuz-*", "vmlinuz"), ("initrd.img-*", "initrd")):
            shutil.copyfile(sorted((tree / "boot").glob(pattern))[-1], made / target)
        with (made / "disk.raw").open("wb") as disk:
            disk.truncate(DISK_BYTES)
        call(["mkfs.ext4", "-q", "-F", "-L", "root", "-d", str(tree), str(made / "disk.raw")])
        made.rename(cache / f"{suite}-{system_key(suite)}")
    found = find_system(cache, suite)
    assert found is not None
    return found


def bare_system(cache: Path, suite: str, mirrors: list[str], say: Say) -> Path:
    """Return the tree of a suite as a box has it before it is provisioned, made where the cache has
    none.
    """
    target = cache / f"bare.{suite}"
    if target.exists():
        return target
    say(f"fetching and unpacking Debian {suite} (mmdebstrap)")
    draft = cache / f"draft.{suite}"
    shutil.rmtree(draft, ignore_errors=True)
    call(
        [
            "mmdebstrap",
            "--mode=root",
            "--variant=important",
            f"--include={','.join(PACKAGES)}",
            suite,
            str(draft),
            *mirrors,
        ]
    )
    furnish(draft)
    draft.rename(target)
    return target


def furnish(tree: Path) -> None:
    """Give a system its user, its names and the unit that does what is wanted at boot."""
    call(
        [
            "chroot",
            str(tree),
            "useradd",
            "--create-home",
            "--shell",
            "/bin/bash",
            "--user-group",
            USER,
        ]
    )
    (tree / "etc/sudoers.d" / USER).write_text(f"{USER} ALL=(ALL) NOPASSWD: ALL\n")
    (tree / "etc/hostname").write_text("tcpexp\n")
    (tree / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 tcpexp\n::1 localhost\n")
    (tree / "etc/fstab").write_text("/dev/vda / ext4 defaults,noatime 0 1\n")
    (tree / "etc/systemd/system/stockvm.service").write_text(UNIT)
    (tree / "etc/systemd/network").mkdir(exist_ok=True)
    (tree / "etc/systemd/network/lan.network").write_text(
        "[Match]\nType=ether\nDriver=virtio_net\n[Network]\nDHCP=yes\n"
    )
    call(["chroot", str(tree), "systemctl", "enable", "systemd-networkd", "stockvm"])


def provision(tree: Path) -> None:
    """Run ``scripts/provision.sh --without-guest`` in the tree as its user, as the Vagrantfile
    does; here, because it takes a tenth of the time.
    """
    checkout = tree / CHECKOUT.lstrip("/")
    checkout.mkdir()
    call(
        [
            "rsync",
            "-a",
            "--no-owner",
            "--no-group",
            *(f"--exclude={pattern}" for pattern in EXCLUDED),
            f"{ROOT}/",
            f"{checkout}/",
        ]
    )
    (checkout / "results").mkdir(exist_ok=True)
    call(["chroot", str(tree), "chown", "-R", f"{USER}:{USER}", CHECKOUT])
    with at_work(tree):
        trust = [f"{name}={os.environ[name]}" for name in ("PIP_CERT",) if name in os.environ]
        user = ["chroot", str(tree), "sudo", "-u", USER, "-i", "env", *trust]
        call([*user, f"{CHECKOUT}/scripts/provision.sh", "--without-guest"])
        # An emulated processor has no AVX2, without which the usual build of polars dies.
        call([*user, f"{CHECKOUT}/.venv/bin/pip", "install", "--quiet", "polars[rtcompat]"])
        call(["chroot", str(tree), "apt-get", "clean"])


@contextmanager
def at_work(tree: Path) -> Iterator[None]:
    """Lend the tree this machine's names, trusted certificates, /proc and /dev for a while, and let
    no service start.
    """
    lent = ("etc/resolv.conf", "etc/ssl/certs/ca-certificates.crt")
    own = {}
    for name in lent:
        path = tree / name
        own[name] = (
            (os.readlink(path), None)
            if path.is_symlink()
            else (None, path.read_bytes() if path.exists() else None)
        )
        path.unlink(missing_ok=True)
        shutil.copyfile(Path("/") / name, path)
    policy = tree / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    call(["mount", "-t", "proc", "proc", str(tree / "proc")])
    call(["mount", "--bind", "/dev", str(tree / "dev")])
    try:
        yield
    finally:
        call(["umount", str(tree / "dev")])
        call(["umount", str(tree / "proc")])
        policy.unlink()
        for name, (link, content) in own.items():
            path = tree / name
            path.unlink()
            if link is not None:
                path.symlink_to(link)
            elif content is not None:
                path.write_bytes(content)


def call(argv: list[str]) -> None:
    """Run a command; raises ``BuildError`` with its last words."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    done = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env={**os.environ, "PATH": path, "LC_ALL": "C.UTF-8"},
    )
    if done.returncode != 0:
        raise BuildError(
            f"'{' '.join(argv)[:200]}' failed with status"
            f" {done.returncode}:\n{(done.stdout + done.stderr).strip()[-3000:]}"
        )
