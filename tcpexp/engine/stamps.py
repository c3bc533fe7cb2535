"""The kernel's own time stamp of what a socket receives (``SO_TIMESTAMPNS``, socket(7))."""

from __future__ import annotations

import socket
import struct

from tcpexp.errors import RunError

SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("=qq")


def arrival_ns(ancillary: list[tuple[int, int, bytes]]) -> int:
    """Return when a packet arrived by its ancillary data, CLOCK_REALTIME in ns.

    Raises ``RunError`` when the kernel gave no stamp.
    """
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    raise RunError("the kernel gave no time stamp for a probe's arrival")
