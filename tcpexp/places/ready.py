"""What set-up has still to make, one word a line: ``python -m tcpexp.places.ready [KERNEL...]``.

``image`` for the guest's root file system, and the name of each kernel that is not in the cache.
Without arguments, the kernel that runs use; ``all`` means every kernel that comes with tcpexp.
One process answers it all, because set-up asks before every run of ``scripts/run``.
"""

from __future__ import annotations

import sys

from tcpexp.places.registry import all_kinds


def lacking(kernels: list[str]) -> list[str]:
    """Return what has to be made for any kind of place, each thing once."""
    return list(dict.fromkeys(word for kind in all_kinds() for word in kind.unmade(kernels)))


if __name__ == "__main__":
    for word in lacking(sys.argv[1:]):
        print(word)
