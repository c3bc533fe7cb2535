"""What this machine can and cannot do, for the guest and for the host, each lack with the command that mends it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tcpexp import paths
from tcpexp.errors import Missing, TcpexpError

State = Literal["ok", "missing", "note"]
Say = Callable[[str], None]
#: Free space that an image build needs, and that a run should have.
IMAGE_BYTES = 3 << 30
RUN_BYTES = 1 << 30


@dataclass(frozen=True)
class Finding:
    """One thing looked at: ``missing`` keeps something from working, ``note`` limits it."""

    state: State
    what: str
    found: str
    remedy: str | None = None


@dataclass(frozen=True)
class Examination:
    """All findings by section; ``guest`` and ``host`` say whether experiments can run there."""

    sections: dict[str, list[Finding]] = field(default_factory=dict)
    guest: bool = False
    host: bool = False


def examine(say: Say) -> Examination:
    """Look at this machine; builds nothing and changes nothing."""
    machine, guest, host = examine_machine(), examine_guest(say), examine_host()
    analysis_works = not any(finding.state == "missing" for finding in machine)
    return Examination(
        {"This machine": machine, "Guest (no root needed)": guest, "Host (as root)": host},
        guest=analysis_works and not any(finding.state == "missing" for finding in guest),
        host=analysis_works and not any(finding.state == "missing" and finding.what == "essentials" for finding in host),
    )


# ------------------------------------------------------------------------------------------------- this machine


def examine_machine() -> list[Finding]:
    """Return what every place needs: Python packages, tshark, room on the disk."""
    try:
        system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        system = platform.system()
    findings = [
        Finding("ok", "system", f"{system}, Linux {platform.release()}, {platform.machine()}, {os.cpu_count()} processors"),
        Finding("ok", "Python", f"{platform.python_version()} in {sys.prefix}"),
        *package_findings(),
        tool_finding("tshark", "reads the captures", "apt install tshark"),
        room_finding("results folder", paths.default_results_dir(), RUN_BYTES, "choose another one with --out DIR"),
    ]
    return findings


def package_findings() -> list[Finding]:
    """Return one finding for the Python packages that tcpexp's metadata names."""
    absent = []
    for requirement in importlib.metadata.requires("tcpexp") or []:
        match = re.match(r"[A-Za-z0-9._-]+", requirement)
        if match is None or "extra ==" in requirement:
            continue
        try:
            importlib.metadata.version(match[0])
        except importlib.metadata.PackageNotFoundError:
            absent.append(match[0])
    if absent:
        return [Finding("missing", "Python packages", ", ".join(absent), f"pip install {' '.join(absent)}")]
    return [Finding("ok", "Python packages", "all of them are installed")]


def tool_finding(tool: str, purpose: str, remedy: str, state: State = "missing") -> Finding:
    """Return where a program is, or that it is missing."""
    path = find_tool(tool)
    return Finding(state, tool, f"not installed; {purpose}", remedy) if path is None else Finding("ok", tool, path)


def find_tool(tool: str) -> str | None:
    """Return the path of a program, also one that only root has on the PATH."""
    return shutil.which(tool, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))


def room_finding(what: str, folder: Path, wanted: int, remedy: str) -> Finding:
    """Return how much room there is in ``folder``, or where it would be made."""
    existing = next(each for each in (folder, *folder.absolute().parents) if each.is_dir())
    if not os.access(existing, os.W_OK):
        return Finding("missing", what, f"{folder} cannot be written", remedy)
    free = shutil.disk_usage(existing).free
    words = f"{folder}, {free / 2**30:.1f} GiB free"
    return Finding("ok", what, words) if free >= wanted else Finding("note", what, f"{words}: little", remedy)


# -------------------------------------------------------------------------------------------------------- guest


def examine_guest(say: Say) -> list[Finding]:
    """Return what the guest needs: QEMU, the image or what builds it, and what limits it."""
    from tcpexp.places.guest import machine

    findings = [Finding("missing", lack.what, "not installed", lack.remedy) for lack in machine.qemu_missing()]
    if not findings:
        findings.append(Finding("ok", machine.QEMU, machine.qemu_version()))
    findings += image_findings()
    compiler = tool_finding("gcc", "without it a run may differ by a microsecond now and then", "apt install gcc libc6-dev", "note")
    findings.append(compiler)
    findings.append(kvm_finding(say))
    return findings


def image_findings() -> list[Finding]:
    """Return the image, or whether it can be built here."""
    from tcpexp.places.guest.image import find_image, missing_for_build

    try:
        image = find_image()
    except TcpexpError as error:
        return [Finding("missing", "image", error.message, error.hint)]
    if image is not None:
        return [Finding("ok", "image", f"{image.sha256[:12]}, Linux {image.kernel}, {image.bytes >> 20} MiB in {image.path}")]
    lacks = missing_for_build()
    findings = [Finding("missing", lack.what, "not installed; builds the image", lack.remedy) for lack in lacks]
    findings.append(room_finding("room for the image", paths.cache_dir(), IMAGE_BYTES, "free some space, or set XDG_CACHE_HOME"))
    if not lacks:
        findings.append(Finding("note", "image", "not built yet; the first run builds it", "tcpexp guest build"))
    return findings


def kvm_finding(say: Say) -> Finding:
    """Return whether KVM really boots the guest's kernel; only ``--clock real`` uses it."""
    from tcpexp.places.guest import machine
    from tcpexp.places.guest.image import find_image

    device = Path("/dev/kvm")
    if not device.exists():
        return Finding("note", "KVM", "no /dev/kvm; --clock real is emulated and slow, the virtual clock does not need it")
    if not os.access(device, os.R_OK | os.W_OK):
        return Finding("note", "KVM", "/dev/kvm may not be opened by this user", "sudo usermod -aG kvm $USER, then log in again")
    try:
        image = find_image()
    except TcpexpError:
        image = None
    if image is None or machine.qemu_missing():
        return Finding("note", "KVM", "/dev/kvm is there; whether it works is tried when there is an image")
    say("trying KVM (up to 15 s, once per boot of this machine)")
    if machine.kvm_works(image):
        return Finding("ok", "KVM", "works; --clock real uses it")
    return Finding("note", "KVM", "/dev/kvm is there but a guest does not boot with it; --clock real is emulated and slow")


# --------------------------------------------------------------------------------------------------------- host


def examine_host() -> list[Finding]:
    """Return what the host lacks, and which of the shipped experiments it can run."""
    findings = [root_finding()]
    lacks: dict[str, Missing] = {}
    able, unable = [], []
    for name, found in shipped_lacks().items():
        lacks |= {lack.what: lack for lack in found}
        if found:
            unable.append(f"{name} ({', '.join(lack.what for lack in found)})")
        else:
            able.append(name)
    findings += [Finding("missing", lack.what, f"needed for {lack.needed_for}", lack.remedy) for lack in lacks.values()]
    if able:
        findings.append(Finding("ok", "experiments", ", ".join(able)))
    else:
        findings.append(Finding("missing", "essentials", "no shipped experiment can run on this machine's kernel", "mend what is missing above"))
    if unable:
        findings.append(Finding("note", "experiments that cannot run here", "; ".join(unable), "run them in the guest: --on guest"))
    return findings


def root_finding() -> Finding:
    """Return whether this is root; the host needs it, and some checks can be done by root only."""
    if os.geteuid() == 0:
        return Finding("ok", "root", "yes")
    return Finding("note", "root", "no; runs on the host need it, and some lacks show only to it", "sudo tcpexp doctor")


def shipped_lacks() -> dict[str, tuple[Missing, ...]]:
    """Return, for each shipped experiment, what the host lacks to run it."""
    from tcpexp.catalogue import load_catalogue
    from tcpexp.places.host import HostPlace
    from tcpexp.plan.compile import compile_plan
    from tcpexp.spec.load import load_spec

    place = HostPlace()
    found = {}
    for path in paths.shipped_specs():
        catalogue = load_catalogue()
        found[path.stem] = place.check(compile_plan(load_spec(path, catalogue), catalogue))
    return found
