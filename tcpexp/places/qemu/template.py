"""The template: a guest that has booted, imported the engine and stopped at a defined virtual
instant.

Kept in ``$XDG_CACHE_HOME/tcpexp/templates/<key>/``: ``ram`` (the guest's memory, sparse), ``state``
(its devices), ``initrd.cpio``, ``template.json``. Every run restores it with a private
copy-on-write mapping of ``ram``, so that a fresh template and an old one give the same run.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tcpexp.errors import DataError, RunError
from tcpexp.paths import cache_dir
from tcpexp.places.guestcode import read_engine_files, read_wordless
from tcpexp.places.image.cpio import Entry, make_cpio
from tcpexp.places.image.image import Image, locked
from tcpexp.places.qemu.machine import (
    OUT_BYTES,
    PLAN_BYTES,
    RAM_BYTES,
    MachineFiles,
    machine_key,
    qemu_argv,
)
from tcpexp.places.qemu.monitor import Monitor
from tcpexp.places.qemu.shim import find_shim, shim_sha256
from tcpexp.places.qemu.transfer import make_device_file
from tcpexp.store.manifest import sha256_of
from tcpexp.telling import Say

FILES = Path(__file__).parent / "files"
BUILD_LIMIT_S = 300.0
#: So many times in a row, so far apart, all of QEMU's threads must be seen asleep before the
#: machine counts as stopped.
STILL_SAMPLES = 4
STILL_INTERVAL_S = 0.05


@dataclass(frozen=True)
class Template:
    """A template in the cache, ready to be restored."""

    path: Path
    key: str
    facts: dict[str, Any]

    @property
    def ram(self) -> Path:
        """The guest's memory."""
        return self.path / "ram"

    @property
    def state(self) -> Path:
        """The saved device state."""
        return self.path / "state"

    @property
    def initrd(self) -> Path:
        """The initramfs with the engine in it.

        QEMU wants it again, though a restored guest does not read it.
        """
        return self.path / "initrd.cpio"


def engine_entries() -> list[Entry]:
    """Return the files that the guest runs, as they go into its initramfs."""
    entries = [
        Entry("engine/agent.py", read_wordless(FILES / "agent.py"), executable=True),
        Entry("engine/start.sh", (FILES / "start.sh").read_bytes(), executable=True),
    ]
    entries += [Entry(f"engine/{name}", data) for name, data in read_engine_files().items()]
    return entries


def engine_initrd(image: Image) -> bytes:
    """Return the image's initramfs followed by an archive of the engine."""
    return image.initrd.read_bytes() + make_cpio(engine_entries())


def find_template(image: Image) -> Template | None:
    """Return the template that fits the image, the engine, QEMU and the machine, or None."""
    key = template_key(image)
    folder = cache_dir() / "templates" / key[:16]
    if not (folder / "template.json").exists():
        return None
    try:
        facts = json.loads((folder / "template.json").read_text())
    except ValueError:
        raise DataError(f"{folder}/template.json is damaged", hint=f"rm -r {folder}") from None
    os.utime(folder)
    return Template(folder, key, facts)


def template_key(image: Image) -> str:
    """Return the hash that names the template of ``image`` with the present engine, QEMU and
    machine.
    """
    engine = hashlib.sha256(engine_initrd(image)).hexdigest()
    return machine_key(image, engine, shim_sha256() if find_shim() else None)


def build_template(image: Image, say: Say, *, force: bool = False) -> Template:
    """Return the template of ``image``, booting a guest to make it when the cache has none (about
    20 s).

    Raises:
        RunError: the guest did not come up; its console is kept and shown.
    """
    templates = cache_dir() / "templates"
    templates.mkdir(parents=True, exist_ok=True)
    found = None if force else find_template(image)
    if found is not None:
        return found
    with locked(templates / "build.lock", say):
        found = None if force else find_template(image)
        if found is not None:
            return found
        say("guest template: booting once (about 20 s); later runs start from its snapshot")
        work = Path(tempfile.mkdtemp(prefix="building-", dir=templates))
        try:
            _boot_and_save(image, work)
            target = templates / template_key(image)[:16]
            if target.exists():
                target.rename(work / "old")
            (work / "template").rename(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        _drop_old(templates, keep=4)
    found = find_template(image)
    if found is None:
        raise RunError("the guest template vanished while it was built")
    return found


def shim_environment(warp: str) -> dict[str, str]:
    """Return the environment for QEMU: with the shim preloaded where it could be compiled, ``warp``
    being ``hold`` or ``direct``.
    """
    shim = find_shim()
    return dict(os.environ, LD_PRELOAD=str(shim), TCPEXP_WARP=warp) if shim else dict(os.environ)


def _boot_and_save(image: Image, work: Path) -> None:
    started = time.monotonic()
    folder = work / "template"
    folder.mkdir()
    (folder / "initrd.cpio").write_bytes(engine_initrd(image))
    files = MachineFiles(
        folder / "ram", work / "plan", work / "out", work / "console", work / "monitor"
    )
    make_device_file(folder / "ram", RAM_BYTES)
    make_device_file(files.plan, PLAN_BYTES)
    make_device_file(files.out, OUT_BYTES)
    argv = qemu_argv(
        image, folder / "initrd.cpio", files, clock="virtual", private_ram=False, incoming=False
    )
    with (work / "qemu.log").open("wb") as log:
        process = subprocess.Popen(
            argv,
            env=shim_environment("hold"),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=work,
        )
    try:
        _wait_until_ready(files, process, started)
        _wait_until_still(files, process, started)
        with Monitor(files.monitor, timeout_s=BUILD_LIMIT_S) as monitor:
            while "watchdog" not in monitor.command("info status"):
                _check_alive(files, process, started)
                time.sleep(0.1)
            monitor.command("migrate_set_capability x-ignore-shared on")
            answer = monitor.command(f'migrate "exec:cat > {folder}/state"')
            status = monitor.command("info migrate")
            if "completed" not in status:
                raise RunError(f"the guest's state could not be saved: {answer or status}")
            monitor.command("info status")
    except RunError as error:
        console = (
            files.console.read_text(errors="replace")[-2000:] if files.console.exists() else ""
        )
        log_text = (work / "qemu.log").read_text(errors="replace")[-2000:]
        raise RunError(
            f"the guest template could not be made: {error.message}",
            hint=f"console:\n{console}\nqemu:\n{log_text}",
        ) from None
    finally:
        process.kill()
        process.wait()
    facts = {
        "build_seconds": round(time.monotonic() - started, 2),
        # equal for equal keys: every capture follows from it
        "ram_sha256": sha256_of(folder / "ram"),
        "ram_bytes_on_disk": files.ram.stat().st_blocks * 512 if files.ram else 0,
        "state_bytes": (folder / "state").stat().st_size,
        "shim": find_shim() is not None,
    }
    (folder / "template.json").write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")


def _wait_until_ready(
    files: MachineFiles, process: subprocess.Popen[bytes], started: float
) -> None:
    """Wait until the agent says in the result device that it is ready.

    The monitor stays quiet meanwhile.
    """
    while True:
        with files.out.open("rb") as out:
            if b'"ready"' in out.read(64):
                return
        _check_alive(files, process, started)
        time.sleep(0.1)


def _wait_until_still(
    files: MachineFiles, process: subprocess.Popen[bytes], started: float
) -> None:
    """Wait until the watchdog has stopped the machine, told by QEMU's threads, which then all
    sleep.

    The monitor would tell it too, but a command that reaches a running machine makes its main loop
    and its processor thread meet at a moment that depends on the host: on a busy one the template,
    and so every capture, could differ.
    """
    still = 0
    while still < STILL_SAMPLES:
        _check_alive(files, process, started)
        time.sleep(STILL_INTERVAL_S)
        still = still + 1 if all_asleep(process.pid) else 0


def all_asleep(pid: int) -> bool:
    """Return whether every thread of the process sleeps: none runs or waits for a processor.

    False when it has ended. proc(5), ``stat``.
    """
    try:
        states = [
            (task / "stat").read_text().rpartition(") ")[2][:1]
            for task in Path(f"/proc/{pid}/task").iterdir()
        ]
    except OSError:
        return False
    return bool(states) and all(state == "S" for state in states)


def _check_alive(files: MachineFiles, process: subprocess.Popen[bytes], started: float) -> None:
    text = files.console.read_text(errors="replace") if files.console.exists() else ""
    if "TCPEXP-INIT-FAILED" in text or "TCPEXP-AGENT-ENDED" in text or "Kernel panic" in text:
        raise RunError("the guest ended before it was ready")
    if process.poll() is not None:
        raise RunError(f"QEMU ended with status {process.returncode}")
    if time.monotonic() - started > BUILD_LIMIT_S:
        raise RunError(f"the guest was not ready after {BUILD_LIMIT_S:.0f} s")


def _drop_old(templates: Path, keep: int) -> None:
    folders = sorted(
        (path for path in templates.iterdir() if (path / "template.json").exists()),
        key=lambda path: path.stat().st_mtime,
    )
    for folder in folders[:-keep]:
        shutil.rmtree(folder, ignore_errors=True)
