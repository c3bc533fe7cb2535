"""The guest's recipe: which distribution, kernel and packages its image is made of, and how.

Its hash names the image's kind: change anything here, or ``files/init.sh``, and the image is built
again. The packages come from the distribution's own
archive (with its security and stable updates, mmdebstrap's default) at build time; the exact
versions are listed in the image's manifest, and a run's manifest carries the sha256 of the image.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

SUITE = "bookworm"
ARCHITECTURE = "amd64"
KERNEL_PACKAGE = "linux-image-cloud-amd64"
PACKAGES = (
    KERNEL_PACKAGE,
    "python3",
    "mininet",
    "iproute2",
    "iptables",
    "nftables",
    "ethtool",
    "iperf3",
    "tcpdump",
    "curl",
    "wget",
    "procps",
    "kmod",
    "nmap",
    "iputils-ping",
    "busybox-static",
    "netbase",
)
#: Loaded by the initramfs, in this order: memory devices, the root file system, what the network
#: needs.
MODULES = ("libnvdimm", "nd_btt", "nd_pmem", "nfit", "libcrc32c", "erofs", "overlay")
EXCLUDED_PATHS = (
    "/usr/share/man/*",
    "/usr/share/doc/*",
    "/usr/share/locale/*",
    "/usr/share/info/*",
    "/usr/share/lintian/*",
)
#: Removed from the tree: what a guest never reads, and what differs from build to build.
REMOVED = (
    "boot/initrd.img*",
    "boot/System.map*",
    "var/cache/*",
    "var/lib/apt/lists/*",
    "var/log/*",
    "etc/machine-id",
    "var/lib/dbus/machine-id",
    "etc/hostname",
    "etc/resolv.conf",
    "usr/lib/modules/*/kernel/drivers/gpu",
    "usr/lib/modules/*/kernel/drivers/infiniband",
    "usr/lib/modules/*/kernel/drivers/scsi",
    "usr/lib/modules/*/kernel/fs/btrfs",
    "usr/lib/modules/*/kernel/fs/xfs",
)
SOURCE_DATE_EPOCH = 1767225600
#: Run in the tree: what Python has is compiled once.
COMPILE_PYTHON = (
    'chroot "$1" python3 -m compileall -q --invalidation-mode unchecked-hash'
    " /usr/lib/python3.11 /usr/lib/python3/dist-packages || true"
)
#: What mmdebstrap is told that the tree depends on; the rest is about the building machine.
TREE_ARGUMENTS = (
    "--variant=apt",
    f"--architectures={ARCHITECTURE}",
    f"--include={','.join(PACKAGES)}",
    '--aptopt=APT::Install-Recommends "false"',
    *(f"--dpkgopt=path-exclude={path}" for path in EXCLUDED_PATHS),
    f"--customize-hook={COMPILE_PYTHON}",
)
#: What mkfs.erofs is told.
PACK_ARGUMENTS = (
    "--quiet",
    "--all-root",
    "-x-1",
    f"-T{SOURCE_DATE_EPOCH}",
    "-U74637065-7870-4000-8000-000000000001",
)
#: NVDIMM regions are laid out in steps of 128 MiB on x86: the root is filled up to whole ones.
DEVICE_STEP = 128 << 20
#: First process of the guest, in the initramfs.
INIT = Path(__file__).parent / "files" / "init.sh"
#: Part of the recipe: changed by hand when the way of building changes.
REVISION = 1
#: Of a recipe's hash, the hashes by which earlier versions knew the very same recipe.
FORMER_HASHES: dict[str, tuple[str, ...]] = {
    "a4676fe43b3baa4c3890b4515a7a1749947c26bb3ea81f56aa97508aea8d2c60": (
        "72103cac72b9c7a03d6d588dad1a41deb3015da34877a4727482add59a44f3d3",
    ),
}


def recipe_hash() -> str:
    """Return the sha256 of all that decides what is in an image, as hexadecimal text."""
    parts = [
        SUITE,
        TREE_ARGUMENTS,
        MODULES,
        REMOVED,
        PACK_ARGUMENTS,
        DEVICE_STEP,
        SOURCE_DATE_EPOCH,
        INIT.read_text(encoding="utf-8"),
        REVISION,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def recipe_hashes() -> tuple[str, ...]:
    """Return all hashes of the present recipe: its own, and those of earlier versions."""
    own = recipe_hash()
    return (own, *FORMER_HASHES.get(own, ()))
