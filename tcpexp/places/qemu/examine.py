"""What QEMU needs of this machine, found by looking and trying."""

from __future__ import annotations

import os
from pathlib import Path

from tcpexp import paths
from tcpexp.errors import TcpexpError
from tcpexp.machine.findings import Finding, room_finding, tool_finding
from tcpexp.places.image.image import find_image, missing_for_build
from tcpexp.places.qemu import machine
from tcpexp.telling import Say

#: Free space that an image build needs.
IMAGE_BYTES = 3 << 30


def examine_qemu(say: Say) -> list[Finding]:
    """Return what the guest needs: QEMU, the image or what builds it, and what limits it."""
    findings = [
        Finding("missing", lack.what, "not installed", lack.remedy)
        for lack in machine.qemu_missing()
    ]
    if not findings:
        findings.append(Finding("ok", machine.QEMU, machine.qemu_version()))
    findings += image_findings()
    compiler = tool_finding(
        "gcc",
        "without it a run may differ by a microsecond now and then",
        "apt install gcc libc6-dev",
        "note",
    )
    findings.append(compiler)
    findings.append(kvm_finding(say))
    return findings


def image_findings() -> list[Finding]:
    """Return the image, or whether it can be built here."""
    try:
        image = find_image()
        if image is not None:
            for part in (image.root, image.kernel_path, image.initrd):
                part.open("rb").close()
    except TcpexpError as error:
        return [Finding("missing", "image", error.message, error.hint)]
    except OSError as error:
        remedy = "chown it to this user, or set XDG_CACHE_HOME to a folder of this user's"
        return [
            Finding(
                "missing",
                "image",
                f"{error.filename} cannot be used by this user ({error.strerror})",
                remedy,
            )
        ]
    if image is not None:
        return [
            Finding(
                "ok",
                "image",
                f"{image.sha256[:12]}, Linux {image.kernel}, {image.bytes >> 20} MiB in"
                f" {image.path}",
            )
        ]
    lacks = missing_for_build()
    findings = [
        Finding("missing", lack.what, "not installed; builds the image", lack.remedy)
        for lack in lacks
    ]
    findings.append(
        room_finding(
            "room for the image",
            paths.cache_dir(),
            IMAGE_BYTES,
            "free some space, or set XDG_CACHE_HOME",
        )
    )
    if not lacks:
        findings.append(
            Finding("note", "image", "not built yet; the first run builds it", "tcpexp guest build")
        )
    return findings


def kvm_finding(say: Say) -> Finding:
    """Return whether KVM really boots the guest's kernel; only ``--clock real`` uses it."""
    device = Path("/dev/kvm")
    if not device.exists():
        return Finding(
            "note",
            "KVM",
            "no /dev/kvm; --clock real is emulated and slow, the virtual clock does not need it",
        )
    if not os.access(device, os.R_OK | os.W_OK):
        return Finding(
            "note",
            "KVM",
            "/dev/kvm may not be opened by this user",
            "sudo usermod -aG kvm $USER, then log in again",
        )
    try:
        image = find_image()
    except TcpexpError:
        image = None
    if image is None or machine.qemu_missing():
        return Finding(
            "note", "KVM", "/dev/kvm is there; whether it works is tried when there is an image"
        )
    say("trying KVM (up to 15 s, once per boot of this machine)")
    if machine.kvm_works(image):
        return Finding("ok", "KVM", "works; --clock real uses it")
    return Finding(
        "note",
        "KVM",
        "/dev/kvm is there but a guest does not boot with it; --clock real is emulated and slow",
    )
