"""What runs on this machine leave outside of their namespaces, written down so that only our own
leftovers are ever removed.

A run's namespaces, processes, qdiscs and rules end with its process. What remains after ``kill -9``
is a folder, a trace instance, and a run directory whose files belong to root; the run's journal
names them, and who called sudo.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tcpexp.errors import DataError, HostError
from tcpexp.paths import give_tree, invoking_user

STATE_DIR = Path("/run/tcpexp")
TRACE_INSTANCES = (
    Path("/sys/kernel/tracing/instances"),
    Path("/sys/kernel/debug/tracing/instances"),
)
SLOTS = 200


@dataclass(frozen=True)
class JournalEntry:
    """One run: its owner (process id and start time, which together are never used twice in one
    boot) and what it made.

    ``results`` is the run directory, with its device and inode, and the user and group who called
    sudo; None when nobody did.
    """

    token: str
    pid: int
    start_ticks: int
    boot_id: str
    folders: tuple[str, ...] = ()
    trace_instances: tuple[str, ...] = field(default=())
    results: Results | None = None


@dataclass(frozen=True)
class Results:
    """A run directory as it was made, and whose it shall be."""

    path: str
    device: int
    inode: int
    user: int
    group: int


def own_results(run_dir: Path) -> Results | None:
    """Return the run directory with the user who called sudo, None when nobody did or it is not
    there.
    """
    owner = invoking_user()
    if owner is None or not run_dir.is_dir():
        return None
    found = run_dir.stat()
    return Results(str(run_dir.resolve()), found.st_dev, found.st_ino, *owner)


def own_entry(
    token: str, folders: tuple[Path, ...], results: Results | None = None
) -> JournalEntry:
    """Return the entry of a run that this process owns."""
    return JournalEntry(
        token=token,
        pid=os.getpid(),
        start_ticks=start_ticks(os.getpid()) or 0,
        boot_id=boot_id(),
        folders=tuple(map(str, folders)),
        trace_instances=(f"tcpexp-{token}",),
        results=results,
    )


def write_entry(entry: JournalEntry, state_dir: Path = STATE_DIR) -> Path:
    """Write a journal entry, whole or not at all; return its path.

    Raises ``HostError`` when the folder cannot be written.
    """
    path = state_dir / f"run-{entry.token}.json"
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(entry)) + "\n")
        draft.rename(path)
    except OSError as error:
        raise HostError(
            f"{state_dir} cannot be written: {error.strerror}", hint="run as root"
        ) from None
    return path


def read_entry(path: Path) -> JournalEntry:
    """Return a journal entry; raises ``DataError`` when the file is none."""
    try:
        raw = json.loads(path.read_text())
        return JournalEntry(
            token=str(raw["token"]),
            pid=int(raw["pid"]),
            start_ticks=int(raw["start_ticks"]),
            boot_id=str(raw["boot_id"]),
            folders=tuple(map(str, raw["folders"])),
            trace_instances=tuple(map(str, raw["trace_instances"])),
            results=Results(**raw["results"]) if raw.get("results") else None,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not a journal of a run: {error}") from None


def is_alive(entry: JournalEntry) -> bool:
    """Return whether the process that owns the run still exists."""
    return entry.boot_id == boot_id() and start_ticks(entry.pid) == entry.start_ticks


def trace_instances() -> Path:
    """Return where the kernel shows instances of its trace.

    The second place is looked at only without the first: a look mounts it (debugfs).
    """
    first, second = TRACE_INSTANCES
    return first if first.is_dir() else second


def remove_run(entry: JournalEntry, state_dir: Path = STATE_DIR) -> list[str]:
    """Remove what a run has left and then its journal; return what was removed, in words."""
    removed = []
    for folder in map(Path, entry.folders):
        if folder.parent == state_dir and folder.is_dir():
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(f"folder {folder}")
    for name in entry.trace_instances:
        left = trace_instances() / name
        if name.startswith("tcpexp-") and "/" not in name and left.is_dir():
            with contextlib.suppress(OSError):
                left.rmdir()
                removed.append(f"trace instance {name}")
    (state_dir / f"run-{entry.token}.json").unlink(missing_ok=True)
    return removed


def clean_leftovers(state_dir: Path = STATE_DIR) -> list[str]:
    """Remove what runs have left whose owner is gone, and hand their results over.

    Return what was done, in words. Others' things are never touched.
    """
    removed: list[str] = []
    for path in sorted(state_dir.glob("run-*.json")) if state_dir.is_dir() else ():
        try:
            entry = read_entry(path)
        except DataError:
            continue
        if not is_alive(entry):
            handed = hand_over(entry.results)
            removed += [*remove_run(entry, state_dir), *handed] or [f"journal {path.name}"]
    return removed


def hand_over(results: Results | None) -> list[str]:
    """Give a killed run's directory to the user who called sudo, if it is still the one that was
    made; return what was given, in words.
    """
    if results is None:
        return []
    path = Path(results.path)
    try:
        found = path.lstat()
        if (found.st_dev, found.st_ino) != (results.device, results.inode):
            return []
        give_tree(path, results.user, results.group)
    except OSError:
        return []
    return [f"root's ownership of {path}"]


@contextlib.contextmanager
def acquire_slot(state_dir: Path = STATE_DIR) -> Iterator[int]:
    """Hold the lowest free slot: the number k of a subnet 10.k.0.0/16 that no other run on this
    machine has now.

    The kernel frees it when the process ends, however it ends.

    Raises:
        HostError: the folder cannot be written, or all slots are taken.
    """
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        for number in range(SLOTS):
            file = os.open(
                state_dir / f"slot-{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
                continue
            try:
                yield number
            finally:
                os.close(file)
            return
    except PermissionError as error:
        raise HostError(
            f"{state_dir} cannot be written: {error.strerror}", hint="run as root"
        ) from None
    raise HostError(
        f"all {SLOTS} slots for runs on this machine are taken", hint="wait for other runs to end"
    )


def start_ticks(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot.

    None when there is none (a zombie counts as none).
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def boot_id() -> str:
    """Return this boot's id."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
