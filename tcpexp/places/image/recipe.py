"""The guest's recipe: which distribution, kernel and packages its image is made of. Its hash names
the image's kind.

Change anything here and the image is built again. The packages come from the distribution's own
archive (with its security and stable updates, mmdebstrap's default) at build time; the exact
versions are listed in the image's manifest, and a run's manifest carries the sha256 of the image.
"""

from __future__ import annotations

import hashlib
import json

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
#: Part of the recipe: changed by hand when the way of building changes.
REVISION = 1


def recipe_hash() -> str:
    """Return the sha256 of everything above, as hexadecimal text."""
    parts = [
        SUITE,
        ARCHITECTURE,
        PACKAGES,
        MODULES,
        EXCLUDED_PATHS,
        REMOVED,
        SOURCE_DATE_EPOCH,
        REVISION,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
