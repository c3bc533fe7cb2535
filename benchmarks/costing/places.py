"""Where runs are measured: what `tcpexp run` is told, and how each place's guest is watched."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from costing import tclink
from tcpexp.places.image.scratch import scratch_dir

State = dict[str, Any]
#: A place of this name is not tcpexp's: Mininet's own links on this machine's kernel.
TCLINK = "tclink"
DEFAULT_PLACES = ("uml", "uml:6.1", "qemu", TCLINK)


@dataclass(frozen=True)
class Side:
    """One column of the table.

    ``state`` returns the guest's last word (its phase and the experiment's time) by the process id
    of the command, an empty one before it said any.
    """

    name: str
    arguments: tuple[str, ...] = ()
    state: Callable[[int], State] | None = None
    #: Emulates instructions: what takes longer than it is worth is measured once, or not at all.
    slow: bool = False

    @property
    def ours(self) -> bool:
        """Whether tcpexp runs there."""
        return self.name != TCLINK


def side_named(name: str) -> Side:
    """Return the column called ``uml``, ``uml:KERNEL``, ``qemu`` or ``tclink``.

    Raises ``ValueError``.
    """
    place, _, kernel = name.partition(":")
    if place == "uml":
        words = ("--kernel", kernel) if kernel else ()
        return Side(name, ("--on", "uml", *words), uml_state)
    if name == "qemu":
        return Side(name, ("--on", "qemu"), QemuState(), slow=True)
    if name == TCLINK:
        return Side(name)
    raise ValueError(f"there is no place '{name}': uml, uml:KERNEL, qemu or {TCLINK}")


def lack_of(side: Side) -> str | None:
    """Return why nothing can be measured there, None when it can."""
    from tcpexp.places.kernel.kernel import find_kernel, how_to_get, kernel_in_use

    place, _, kernel = side.name.partition(":")
    if side.name == TCLINK:
        return tclink.lack()
    if place == "uml" and find_kernel(kernel or None) is None:
        return f"its kernel is not built: {how_to_get(kernel or kernel_in_use())}"
    if place == "qemu":
        from tcpexp.places.qemu.machine import qemu_missing

        return next((f"{lack.what} is missing: {lack.remedy}" for lack in qemu_missing()), None)
    return None


def version_of(side: Side) -> str:
    """Return what of a place its figures depend on."""
    from tcpexp.places.kernel.kernel import find_kernel
    from tcpexp.places.qemu.machine import qemu_version

    place, _, kernel = side.name.partition(":")
    found = find_kernel(kernel or None) if place == "uml" else None
    if found is not None:
        return f"Linux {found.version}, {found.mode}, {found.sha256[:12]}"
    return f"QEMU {qemu_version()}" if place == "qemu" else f"Linux {os.uname().release}"


def uml_state(pid: int) -> State:
    """Return what the guest of process ``pid`` wrote last into its file ``state``."""
    for path in scratch_dir().glob(f"{pid}-*/run/state"):
        try:
            state: State = json.loads(path.read_bytes().split(b"\0", 1)[0])
        except (OSError, ValueError):  # not there yet, or gone
            return {}
        return state
    return {}


class QemuState:
    """Reads the first block of the result device; it stays open while its command runs."""

    def __init__(self) -> None:
        self._pid = 0
        self._read: Callable[[], State] | None = None

    def __call__(self, pid: int) -> State:
        """Return what the guest of process ``pid`` said last."""
        if pid != self._pid:
            self._pid, self._read = pid, None
        self._read = self._read or _open_device(pid)
        return self._read() if self._read else {}


def _open_device(pid: int) -> Callable[[], State] | None:
    from tcpexp.places.qemu.transfer import ResultDevice

    for path in scratch_dir().glob(f"{pid}-*/out"):
        try:
            return partial(_state_of, ResultDevice(path))  # never closed: that removes the file
        except (OSError, ValueError):  # not there yet, or still empty
            return None
    return None


def _state_of(device: Any) -> State:
    return dict(device.state() or {})


def chosen_sides(names: tuple[str, ...], *, required: bool) -> tuple[list[Side], list[str]]:
    """Return the columns that can be measured, and sentences on those that cannot.

    Raises:
        ValueError: a name is wrong, or, with ``required``, a place is not possible here.
    """
    sides, refused = [], []
    for side in map(side_named, names):
        lack = lack_of(side)
        if lack is None:
            sides.append(side)
        elif required:
            raise ValueError(f"{side.name}: {lack}")
        else:
            refused.append(f"{side.name} is left out: {lack}")
    return sides, refused
