"""A prompt in the guest: boot it on the real clock with its serial console on this terminal."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from tcpexp.errors import HostError
from tcpexp.places.image.image import build_image
from tcpexp.places.image.scratch import scratch_dir, scratch_prefix
from tcpexp.places.qemu import machine
from tcpexp.places.qemu.template import engine_initrd
from tcpexp.places.qemu.transfer import make_device_file


def open_shell(say: Callable[[str], None]) -> int:
    """Boot the guest and connect its console to this terminal until it is switched off.

    Return QEMU's exit status.

    Nothing that is changed inside is kept. Raises ``HostError`` when QEMU is missing.
    """
    if machine.qemu_missing():
        raise HostError("this machine cannot start a guest", missing=machine.qemu_missing())
    image = build_image(say)
    say("booting; 'exit' ends the shell, Ctrl-A X ends the machine")
    with tempfile.TemporaryDirectory(prefix=scratch_prefix(), dir=scratch_dir()) as name:
        folder = Path(name)
        files = machine.MachineFiles(
            None, folder / "plan", folder / "out", folder / "console", folder / "monitor"
        )
        make_device_file(files.plan, machine.PLAN_BYTES)
        make_device_file(files.out, machine.OUT_BYTES)
        initrd = folder / "initrd.cpio"
        initrd.write_bytes(engine_initrd(image))
        argv = machine.qemu_argv(
            image, initrd, files, clock="real", private_ram=True, incoming=False, shell=True
        )
        return subprocess.run(argv, check=False).returncode
