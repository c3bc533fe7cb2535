"""A User-Mode Linux kernel, as something that can be handed on."""

from __future__ import annotations

from pathlib import Path

from tcpexp.errors import HostError
from tcpexp.places.kernel.archive import export_kernel, import_kernel
from tcpexp.places.kernel.kernel import find_kernel


class KernelPart:
    """A User-Mode Linux kernel."""

    name = "kernel"
    commands = "kernel"

    def find(self, sha256: str) -> bool:
        """Return whether this machine has the kernel."""
        return find_kernel(sha256) is not None

    def export(self, sha256: str, path: Path) -> None:
        """Write the kernel to ``path``. Raises ``HostError``."""
        kernel = find_kernel(sha256)
        if kernel is None:
            raise HostError(f"this machine has no kernel {sha256} to send")
        export_kernel(kernel, path)

    def take(self, path: Path, sha256: str) -> None:
        """Import the kernel. Raises ``HostError`` or ``DataError``."""
        import_kernel(path, lambda text: None, activate=False, expect=sha256)


KERNEL = KernelPart()
