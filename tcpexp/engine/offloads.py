"""Segmentation and checksum offloads by ioctl, as ``ethtool -K`` does, without a process per
interface.
"""

from __future__ import annotations

import array
import fcntl
import socket
import struct

from tcpexp.errors import RunError

SIOCETHTOOL = 0x8946
#: Name as ``ethtool -K`` spells it: (get command, set command). In the order in which they are
#: switched.
FEATURES = {
    "tso": (0x1E, 0x1F),
    "gso": (0x23, 0x24),
    "gro": (0x2B, 0x2C),
    "tx": (0x16, 0x17),
}


def set_offloads(control: socket.socket, interface: str, wanted: dict[str, bool]) -> None:
    """Switch each named offload of ``interface``, read it back.

    ``control`` is any socket of the interface's network namespace.

    Raises:
        RunError: a setting reads back different.
    """
    for name, value in wanted.items():
        _ioctl(control, interface, FEATURES[name][1], int(value))
    for name, value in wanted.items():
        found = get_offload(control, interface, name)
        if found != value:
            raise RunError(
                f"offload {name} of {interface}: asked {_word(value)}, reads back {_word(found)}"
            )


def get_offload(control: socket.socket, interface: str, name: str) -> bool:
    """Return whether an offload is on."""
    return bool(_ioctl(control, interface, FEATURES[name][0], 0))


def _ioctl(control: socket.socket, interface: str, command: int, value: int) -> int:
    data = array.array("I", [command, value])
    request = struct.pack("16sP16x", interface.encode(), data.buffer_info()[0])
    try:
        fcntl.ioctl(control.fileno(), SIOCETHTOOL, request)
    except OSError as error:
        raise RunError(f"ethtool command {command:#x} on {interface}: {error}") from None
    return data[1]


def _word(value: bool) -> str:
    return "on" if value else "off"
