"""A run of User-Mode Linux inside another machine: QEMU emulates another processor model, and the
image's own Debian kernel runs there. Root tree, engine and plan are the same bytes.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import tempfile
from pathlib import Path

from tcpexp.places.image.cpio import Entry, make_cpio
from tcpexp.places.image.image import Image
from tcpexp.places.image.scratch import scratch_dir, scratch_prefix
from tcpexp.places.kernel.kernel import Kernel
from tcpexp.places.qemu import machine as qemu
from tcpexp.places.qemu.transfer import make_device_file
from tcpexp.places.uml.machine import kernel_argv, kernel_environment, layout_argv
from tcpexp.places.uml.place import UmlPlace
from tcpexp.places.uml.tree import MOUNT_POINTS, process_1
from tcpexp.plan.types import RunPlan, to_json

HERE = Path(__file__).parent
#: Has XSAVE, which seccomp mode needs, but neither AVX2 nor AVX-512.
PROCESSOR = "SandyBridge"
LIMIT_S = 1800.0
INSIDE = "engine/uml"
DIGEST = re.compile(r"TCPEXP-DIGEST ([0-9a-f]{64})")


def run_inside(kernel: str, plan: RunPlan, processor: str = PROCESSOR) -> str:
    """Make one run in a QEMU machine and return the digest of its captures.

    Raises:
        SystemExit: it did not come to an end; says what the machine's console said.
    """
    made = UmlPlace(kernel=kernel).prepare()
    with tempfile.TemporaryDirectory(prefix=scratch_prefix(), dir=scratch_dir()) as name:
        folder = Path(name)
        initrd = folder / "initrd.cpio"
        entries = files_inside(made.kernel, made.engine, plan)
        initrd.write_bytes(made.image.initrd.read_bytes() + make_cpio(entries))
        argv, console = machine_argv(made.image, initrd, folder, processor)
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                ["setpriv", "--pdeathsig", "KILL", *argv],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=LIMIT_S,
                check=False,
            )
        said = console.read_text(errors="replace") if console.exists() else ""
    found = DIGEST.search(said)
    if found is None:
        raise SystemExit(f"no run inside QEMU ({processor}); its console:\n{said[-3000:]}")
    return found[1]


def machine_argv(
    image: Image, initrd: Path, folder: Path, processor: str
) -> tuple[list[str], Path]:
    """Return QEMU's arguments, for emulation with ``processor``, and where its console goes."""
    names = ("plan", "out", "console", "monitor")
    files = qemu.MachineFiles(None, *(folder / name for name in names))
    make_device_file(files.plan, qemu.PLAN_BYTES)
    make_device_file(files.out, qemu.OUT_BYTES)
    argv = qemu.qemu_argv(
        image, initrd, files, clock="real", private_ram=True, incoming=False, shell=False
    )
    at = argv.index("-accel")
    argv[at : at + 4] = ["-accel", "tcg", "-cpu", f"{processor},+rdrand"]
    watchdog = argv.index("ib700")
    del argv[watchdog - 1 : watchdog + 3]
    return argv, files.console


def files_inside(kernel: Kernel, engine: Path, plan: RunPlan) -> list[Entry]:
    """Return what the machine's first file system brings along beside the image's own."""
    argv = [*layout_argv(kernel), "/opt/tcpexp/uml/linux", *kernel_argv(kernel)[1:]]
    command = {"argv": argv, "environment": kernel_environment(kernel)}
    entries = [
        Entry("engine/start.sh", (HERE / "start.sh").read_bytes(), executable=True),
        Entry(f"{INSIDE}/inside.py", (HERE / "inside.py").read_bytes()),
        Entry(f"{INSIDE}/command.json", json.dumps(command).encode()),
        Entry(f"{INSIDE}/linux", kernel.binary.read_bytes(), executable=True),
        Entry(f"{INSIDE}/plan.json", to_json(plan).encode()),
        Entry(f"{INSIDE}/tree/opt/tcpexp/init.py", process_1()),
    ]
    entries += [Entry(f"{INSIDE}/tree/{point}/.keep", b"") for point in MOUNT_POINTS]
    for path in sorted(engine.rglob("*")):
        if path.is_file():
            entries.append(Entry(f"{INSIDE}/engine/{path.relative_to(engine)}", path.read_bytes()))
    return entries
