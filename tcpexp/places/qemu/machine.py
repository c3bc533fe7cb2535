"""The virtual machine: QEMU's command line, and everything about it that a capture's bytes depend
on.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from tcpexp.errors import HostError, Missing
from tcpexp.paths import cache_dir
from tcpexp.places.image.image import Image
from tcpexp.places.image.recipe import DEVICE_STEP

Clock = Literal["virtual", "real"]
QEMU = "qemu-system-x86_64"
#: Guest memory; sparse on the host, so only what the guest touches counts.
RAM_BYTES = 1 << 30
#: Room for a plan and its files, and for the results.
PLAN_BYTES = DEVICE_STEP
OUT_BYTES = 8 * DEVICE_STEP

#: Boot options: no entropy from timing jitter, no self tests, no address randomisation; and nothing
#: that protects or accounts for what only one experiment uses, since every instruction costs wall
#: time: page clearing, usercopy checks, stack randomisation, pressure and memory accounting,
#: security modules, audit, watchdogs, huge pages. clearcpuid=112 (REP_GOOD): a string instruction
#: is emulated piece by piece, a loop is not. thash_entries: each listing of the sockets walks the
#: whole table of connections.
KERNEL_OPTIONS = (
    "console=ttyS0 quiet loglevel=2 nokaslr norandmaps panic=-1 random.trust_cpu=on mitigations=off"
    " no_timer_check cryptomgr.notests init_on_alloc=0 hardened_usercopy=off"
    " randomize_kstack_offset=off psi=0 cgroup_disable=memory lsm=capability audit=0 nowatchdog"
    " noautogroup transparent_hugepage=never clearcpuid=112 thash_entries=1024"
    " trace_options=norecord-cmd systemd.show_status=0 ipv6.disable_ipv6=0 net.ifnames=0"
)
VIRTUAL_OPTIONS = "tsc_early_khz=1000000 lpj=4000000"


@dataclass(frozen=True)
class MachineFiles:
    """The host files behind the guest's memory devices and its console."""

    ram: Path | None
    plan: Path
    out: Path
    console: Path
    monitor: Path


def qemu_missing() -> tuple[Missing, ...]:
    """Return what is missing to start a guest."""
    if shutil.which(QEMU) is None:
        return (Missing(QEMU, "running a guest", "apt install qemu-system-x86"),)
    return ()


@lru_cache(maxsize=1)
def qemu_version() -> str:
    """Return QEMU's version line; part of what a capture's identity depends on.

    Raises ``HostError``.
    """
    if qemu_missing():
        raise HostError("QEMU is not installed", missing=qemu_missing())
    done = subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.splitlines()[0].removeprefix("QEMU emulator version ").strip()


def kvm_works(image: Image) -> bool:
    """Whether KVM really boots the guest's kernel here: the device may exist and fail. Tried once
    per boot of this machine.

    The trial boots the kernel without a root file system, which ends in a panic and so in QEMU's
    exit.
    """
    if platform.machine() != "x86_64" or not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    remembered = cache_dir() / "kvm.json"
    try:
        answer = json.loads(remembered.read_text())
        if answer["boot_id"] == boot_id and answer["image"] == image.sha256:
            return bool(answer["works"])
    except (OSError, ValueError, KeyError):
        pass
    works = _kvm_boots(image)
    remembered.parent.mkdir(parents=True, exist_ok=True)
    remembered.write_text(json.dumps({"boot_id": boot_id, "image": image.sha256, "works": works}))
    return works


def _kvm_boots(image: Image) -> bool:
    argv = [
        QEMU,
        "-accel",
        "kvm",
        "-cpu",
        "host",
        "-machine",
        "q35",
        "-m",
        "256M",
        "-display",
        "none",
        "-nodefaults",
        "-no-reboot",
    ]
    argv += [
        "-kernel",
        str(image.kernel_path),
        "-append",
        "console=ttyS0 panic=-1",
        "-serial",
        "stdio",
    ]
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=15, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and b"Kernel panic" in done.stdout


def qemu_argv(
    image: Image,
    initrd: Path,
    files: MachineFiles,
    *,
    clock: Clock,
    private_ram: bool,
    incoming: bool,
    shell: bool = False,
) -> list[str]:
    """Return QEMU's arguments.

    ``private_ram`` maps the memory file copy-on-write (a run); otherwise it is written (building a
    template). ``incoming`` starts the machine stopped, to be restored from a saved state. QEMU is
    to be started in the monitor's folder: its socket's path, which may have 107 bytes, is the bare
    name. The order of the memory devices is the order of their guest addresses.
    """
    argv = [
        QEMU,
        *("-name", "tcpexp,debug-threads=on"),
        *("-machine", "q35,nvdimm=on,hpet=on,memory-backend=ram"),
        *("-m", f"{RAM_BYTES >> 20}M,slots=4,maxmem=16G"),
        *("-smp", "1"),
        *("-nodefaults", "-no-user-config"),
        *("-display", "none"),
        "-no-reboot",
        *("-object", _ram_object(files.ram, private_ram)),
        *_memory_device("root", image.root, image.root.stat().st_size, readonly=True),
        *_memory_device("plan", files.plan, PLAN_BYTES, readonly=True),
        *_memory_device("out", files.out, OUT_BYTES, readonly=False),
        *(() if shell else ("-monitor", f"unix:{files.monitor.name},server=on,wait=off")),
        *("-device", "isa-debug-exit,iobase=0xf4,iosize=1"),
        *("-device", "ib700"),
        *("-action", "watchdog=pause"),
        *("-kernel", str(image.kernel_path)),
        *("-initrd", str(initrd)),
        *("-append", _kernel_options(clock, shell)),
        *("-serial", "mon:stdio" if shell else f"file:{files.console}"),
        *_clock_argv(image, clock),
    ]
    return [*argv, "-incoming", "defer"] if incoming else argv


def _kernel_options(clock: Clock, shell: bool) -> str:
    """Return what the guest's kernel is told."""
    options = KERNEL_OPTIONS + (f" {VIRTUAL_OPTIONS}" if clock == "virtual" else "")
    options += " tcpexp.shell" if shell else ""
    return options + ("" if clock == "virtual" else " tcpexp.direct")


def _clock_argv(image: Image, clock: Clock) -> tuple[str, ...]:
    """Return what makes time pass: instructions that are counted, or this machine's clock."""
    if clock == "virtual":
        return (
            *("-accel", "tcg"),
            *("-cpu", "qemu64,+rdrand"),
            *("-seed", "42"),
            *("-icount", "shift=0,sleep=off"),
            *("-rtc", "base=2026-01-01T00:00:00,clock=vm"),
        )
    if kvm_works(image):
        return ("-accel", "kvm", "-cpu", "host")
    return ("-accel", "tcg", "-cpu", "qemu64,+rdrand")


def _ram_object(path: Path | None, private: bool) -> str:
    if path is None:
        return f"memory-backend-ram,id=ram,size={RAM_BYTES}"
    share = "off" if private else "on"
    return f"memory-backend-file,id=ram,size={RAM_BYTES},mem-path={path},share={share}"


def _memory_device(name: str, path: Path, size: int, *, readonly: bool) -> list[str]:
    backend = f"memory-backend-file,id=m-{name},share=on,mem-path={path},size={size}" + (
        ",readonly=on" if readonly else ""
    )
    return [
        "-object",
        backend,
        "-device",
        f"nvdimm,memdev=m-{name}" + (",unarmed=on" if readonly else ""),
    ]


def machine_key(image: Image, engine_sha256: str, shim_sha256: str | None) -> str:
    """Return the hash of everything that a template depends on: image, engine, QEMU, the machine's
    configuration.
    """
    dummy = MachineFiles(Path("ram"), Path("plan"), Path("out"), Path("console"), Path("monitor"))
    argv = [
        part.replace(str(image.path), "")
        for part in qemu_argv(
            image, Path("initrd"), dummy, clock="virtual", private_ram=True, incoming=True
        )
    ]
    parts = [image.sha256, engine_sha256, shim_sha256, qemu_version(), argv]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
