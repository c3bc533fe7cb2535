"""Boot a system in QEMU: with KVM where it really boots a kernel, else emulated on a clock that
does not starve.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stockvm.build import System

QEMU = "qemu-system-x86_64"
#: As in the Vagrantfile.
MEMORY_MIB = 4096
#: What a machine of one's own does some time after its boot, and what would only take time here.
MASKED = (
    *(
        "apt-daily.timer",
        "apt-daily-upgrade.timer",
        "man-db.timer",
        "dpkg-db-backup.timer",
        "fstrim.timer",
        "e2scrub_all.timer",
    ),
    *(
        "e2scrub_reap.service",
        "logrotate.timer",
        "systemd-networkd-wait-online.service",
        "systemd-timesyncd.service",
    ),
)
KERNEL_OPTIONS = (
    "root=/dev/vda rw console=ttyS0 systemd.show_status=0 quiet mitigations=off "
    + " ".join(f"systemd.mask={unit}" for unit in MASKED)
)
#: One processor whose clock counts its instructions, 1 ns each, and jumps ahead when it idles:
#: however slow the emulation, nothing comes late.
EMULATED = (
    *(
        "-accel",
        "tcg,thread=single,tb-size=1024",
        "-icount",
        "shift=0,sleep=off",
        "-rtc",
        "clock=vm",
    ),
    *("-cpu", "Nehalem", "-smp", "1"),
)
EMULATED_OPTIONS = "tsc_early_khz=1000000 lpj=4000000"
WITH_KVM = ("-accel", "kvm", "-cpu", "host", "-smp", "2")


@dataclass(frozen=True)
class Ended:
    """How a machine ended: ``off`` when it switched itself off in time."""

    off: bool
    seconds: float
    console: str


def kvm_boots(system: System) -> bool:
    """Return whether KVM boots this kernel here: without a root file system that ends in a panic,
    and so in QEMU's exit.
    """
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    argv = [
        QEMU,
        *WITH_KVM,
        "-machine",
        "q35",
        "-m",
        "512",
        "-display",
        "none",
        "-nodefaults",
        "-no-reboot",
        "-serial",
        "stdio",
    ]
    argv += ["-kernel", str(system.kernel), "-append", "console=ttyS0 panic=-1"]
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and b"Kernel panic" in done.stdout


def machine_argv(system: System, share: Path, console: Path, *, kvm: bool) -> list[str]:
    """Return QEMU's command line; what the machine writes to its disk is thrown away at its end."""
    options = KERNEL_OPTIONS if kvm else f"{KERNEL_OPTIONS} {EMULATED_OPTIONS}"
    return [
        QEMU,
        *(WITH_KVM if kvm else EMULATED),
        "-machine",
        "q35",
        "-m",
        str(MEMORY_MIB),
        "-display",
        "none",
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
        "-kernel",
        str(system.kernel),
        "-initrd",
        str(system.initrd),
        "-append",
        options,
        "-drive",
        f"file={system.disk},if=virtio,format=raw,cache=unsafe,snapshot=on",
        "-netdev",
        "user,id=lan,restrict=on",
        "-device",
        "virtio-net-pci,netdev=lan,romfile=",
        "-device",
        "virtio-rng-pci",
        "-virtfs",
        f"local,path={share},mount_tag=share,security_model=none",
        "-serial",
        f"file:{console}",
    ]


def run_machine(
    system: System, share: Path, *, kvm: bool, limit_s: float, watch: Callable[[], None]
) -> Ended:
    """Boot the system, let it do what the share holds, and wait for its end.

    ``watch`` is called every second.
    """
    console = share / "console.log"
    began = time.monotonic()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            machine_argv(system, share, console, kvm=kvm),
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
        )
        try:
            while process.poll() is None and time.monotonic() - began < limit_s:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(1.0)
                watch()
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait()
        errors.seek(0)
        words = errors.read().decode(errors="replace")
    text = console.read_text(errors="replace") if console.exists() else ""
    return Ended(
        process.returncode == 0 and (share / "done").exists(),
        time.monotonic() - began,
        words + text,
    )
