"""bpf(2) by ctypes: find the maps of a loaded program, read and write their entries.

Standard library only.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import time
from dataclasses import dataclass

#: include/uapi/linux/bpf.h, enum bpf_cmd.
MAP_LOOKUP_ELEM, MAP_UPDATE_ELEM = 1, 2
PROG_GET_FD_BY_ID, MAP_GET_FD_BY_ID, OBJ_GET_INFO_BY_FD = 13, 14, 15
#: bpf(2) has no wrapper in the C library.
SYS_BPF = {"x86_64": 321, "aarch64": 280}
MAX_MAPS = 32
#: The kernel refills what it allocates entries from by an interrupt of its own: after a burst of
#: new entries (each host of a large network is one) that must have had its turn.
REFILL_S, REFILLS = 0.01, 20
#: struct bpf_prog_info up to map_ids, struct bpf_map_info up to name; the kernel fills what it is
#: given room for.
PROG_INFO = struct.Struct("=II8sIIQQQIIQ")
MAP_INFO = struct.Struct("=IIIIII16s")

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Map:
    """An open BPF map."""

    name: str
    file: int
    key_bytes: int
    value_bytes: int
    entries: int

    def read(self, key: bytes) -> bytes:
        """Return the value of ``key``; raises ``OSError`` (ENOENT when there is none)."""
        value = ctypes.create_string_buffer(self.value_bytes)
        self._call(MAP_LOOKUP_ELEM, key, value)
        return value.raw

    def write(self, key: bytes, value: bytes) -> None:
        """Set the value of ``key``; raises ``OSError``.

        Waits a little where the kernel has no entry at hand (ENOMEM of a map that is not allocated
        beforehand).
        """
        if (len(key), len(value)) != (self.key_bytes, self.value_bytes):
            raise ValueError(
                f"map {self.name} takes {self.key_bytes} + {self.value_bytes} bytes, not {len(key)}"
                f" + {len(value)}"
            )
        for _ in range(REFILLS):
            try:
                return self._call(
                    MAP_UPDATE_ELEM, key, ctypes.create_string_buffer(value, len(value))
                )
            except OSError as error:
                if error.errno != errno.ENOMEM:
                    raise
            time.sleep(REFILL_S)
        return self._call(MAP_UPDATE_ELEM, key, ctypes.create_string_buffer(value, len(value)))

    def _call(self, command: int, key: bytes, value: ctypes.Array[ctypes.c_char]) -> None:
        held = ctypes.create_string_buffer(key, len(key))
        bpf(
            command,
            struct.pack("=IxxxxQQQ", self.file, ctypes.addressof(held), ctypes.addressof(value), 0),
        )


def maps_of_program(program_id: int) -> dict[str, Map]:
    """Return the maps of the program with that id (as ``tc filter show`` prints it), opened, by
    name; raises ``OSError``.
    """
    program = bpf(PROG_GET_FD_BY_ID, struct.pack("=III", program_id, 0, 0))
    try:
        ids = (ctypes.c_uint32 * MAX_MAPS)()
        info = PROG_INFO.pack(0, 0, b"", 0, 0, 0, 0, 0, 0, MAX_MAPS, ctypes.addressof(ids))
        count = PROG_INFO.unpack(object_info(program, info))[9]
        return {opened.name: opened for opened in (_open_map(ids[index]) for index in range(count))}
    finally:
        os.close(program)


def _open_map(map_id: int) -> Map:
    file = bpf(MAP_GET_FD_BY_ID, struct.pack("=III", map_id, 0, 0))
    _kind, _id, key_bytes, value_bytes, entries, _flags, name = MAP_INFO.unpack(
        object_info(file, bytes(MAP_INFO.size))
    )
    return Map(name.rstrip(b"\0").decode(), file, key_bytes, value_bytes, entries)


def object_info(file: int, given: bytes) -> bytes:
    """Return what the kernel says about an open program or map, as long as ``given``."""
    info = ctypes.create_string_buffer(given, len(given))
    bpf(OBJ_GET_INFO_BY_FD, struct.pack("=IIQ", file, len(given), ctypes.addressof(info)))
    return info.raw


def bpf(command: int, attributes: bytes) -> int:
    """Call bpf(2); raises ``OSError``.

    ``attributes`` is the part of ``union bpf_attr`` that the command reads.
    """
    number = SYS_BPF.get(platform.machine())
    if number is None:
        raise OSError(f"the number of bpf(2) on {platform.machine()} is not known")
    held = ctypes.create_string_buffer(attributes, len(attributes))
    result = int(_libc.syscall(number, command, held, len(attributes)))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"bpf command {command}: {os.strerror(error)}")
    return result
