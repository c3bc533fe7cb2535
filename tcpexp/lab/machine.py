"""What this machine offers to a knob: the kernels that are here, and the congestion controls that
each of them has.
"""

from __future__ import annotations

from contextlib import suppress

from tcpexp.errors import DataError
from tcpexp.lab.knobs import Choices
from tcpexp.places.image.unpacked import trees_dir
from tcpexp.places.inventory import load_inventory
from tcpexp.places.kernel.kernel import find_kernel, is_present, list_kernels
from tcpexp.spec.congestion import CONGESTION_CONTROLS


def choices_of(kernel: str | None = None) -> Choices:
    """Return what can be chosen here; ``kernel`` is the chosen one, None the usual."""
    usual = find_kernel()
    names = dict.fromkeys(found.name for found in list_kernels() if is_present(found))
    if usual is None or usual.name not in names:
        return Choices((), "", tuple(CONGESTION_CONTROLS))
    ordered = (usual.name, *(name for name in names if name != usual.name))
    chosen = kernel if kernel in names else usual.name
    return Choices(ordered, chosen, congestion_of(chosen))


def congestion_of(name: str) -> tuple[str, ...]:
    """Return the congestion controls of a kernel: by its guest's own word where it has been asked
    before, else those of the stock kernel.
    """
    kernel = find_kernel(name)
    if kernel is not None:
        known = sorted(trees_dir().glob(f"inventory-{kernel.sha256[:16]}-*.json"))
        with suppress(DataError):
            controls = load_inventory(known[-1]).congestion_controls if known else None
            if controls is not None:
                return tuple(sorted(controls))
    return tuple(CONGESTION_CONTROLS)
