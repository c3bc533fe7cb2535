"""What set-up has still to make, one word a line: ``python -m tcpexp.places.ready [KERNEL...]``.

``image`` for the guest's root file system, and the name of each kernel that is not in the cache.
Without arguments, the kernel that runs use; ``all`` means every kernel that comes with tcpexp.
One process answers it all, because set-up asks before every run of ``scripts/run``.
"""

from __future__ import annotations

import platform
import sys

from tcpexp.errors import TcpexpError


def lacking(kernels: list[str]) -> list[str]:
    """Return what has to be made; what is damaged counts, so that making it says why."""
    from tcpexp.places.image.image import find_image
    from tcpexp.places.uml.kernel import find_kernel, kernel_in_use
    from tcpexp.places.uml.recipe import shipped_recipes

    wanted = list(shipped_recipes()) if "all" in kernels else kernels or [kernel_in_use()]
    found = []
    try:
        found += [] if find_image() else ["image"]
    except TcpexpError:
        found.append("image")
    for name in wanted if platform.machine() == "x86_64" else ():
        try:
            found += [] if find_kernel(name) else [name]
        except TcpexpError:
            found.append(name)
    return found


if __name__ == "__main__":
    for word in lacking(sys.argv[1:]):
        print(word)
