"""Switch the congestion control of a live process's sockets: copy the socket out of the process,
set it, read it back.
"""

from __future__ import annotations

import os
import socket

from tcpexp.engine.namespaces import copy_file_descriptor
from tcpexp.errors import RunError

TCP_CONGESTION = 13
TCP_ESTABLISHED = 1


def switch_congestion_control(pid: int, port: int, algorithm: str) -> list[str]:
    """Switch all established TCP sockets to or from ``port`` of a process and its children.

    Returns one line per socket, such as ``pid 41 fd 5 10.0.0.1:40001 -> 10.0.0.2:5201: cubic ->
    bbr``.

    Raises:
        RunError: there is no such socket, or the kernel refuses the algorithm, or it reads back
            different.
    """
    switched = []
    for member in [pid, *descendants(pid)]:
        for number in socket_descriptors(member):
            copy = _copy_socket(member, number)
            if copy is None:
                continue
            with copy:
                if _is_established_on(copy, port):
                    switched.append(f"pid {member} fd {number} {_switch(copy, algorithm)}")
    if not switched:
        raise RunError(f"process {pid} has no established TCP socket on port {port}")
    return switched


def descendants(pid: int) -> list[int]:
    """Return the ids of a process's children, their children and so on."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    parent = int(file.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(name))
    found, todo = [], [pid]
    while todo:
        for child in children.get(todo.pop(), []):
            found.append(child)
            todo.append(child)
    return sorted(found)


def socket_descriptors(pid: int) -> list[int]:
    """Return the numbers of a process's descriptors that are sockets."""
    found = []
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return []
    for name in names:
        try:
            if os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
                found.append(int(name))
        except OSError:
            continue
    return sorted(found)


def _copy_socket(pid: int, number: int) -> socket.socket | None:
    """Return the process's TCP socket as one of ours, None when it is no TCP socket or gone."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    try:
        copy = socket.socket(fileno=copy_file_descriptor(pidfd, number))
    except OSError as error:
        raise RunError(f"socket {number} of process {pid} could not be copied: {error}") from None
    finally:
        os.close(pidfd)
    if copy.family in (socket.AF_INET, socket.AF_INET6) and copy.type & 0xF == socket.SOCK_STREAM:
        return copy
    copy.close()
    return None


def _is_established_on(copy: socket.socket, port: int) -> bool:
    try:
        state = copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        return state == TCP_ESTABLISHED and port in (copy.getsockname()[1], copy.getpeername()[1])
    except OSError:
        return False


def _switch(copy: socket.socket, algorithm: str) -> str:
    before = _read(copy)
    ends = f"{_end(copy.getsockname())} -> {_end(copy.getpeername())}"
    try:
        copy.setsockopt(socket.IPPROTO_TCP, TCP_CONGESTION, algorithm.encode())
    except OSError as error:
        raise RunError(f"{ends}: congestion control {algorithm}: {error.strerror}") from None
    after = _read(copy)
    if after != algorithm:
        raise RunError(f"{ends}: congestion control asked {algorithm}, reads back {after}")
    return f"{ends}: {before} -> {after}"


def _read(copy: socket.socket) -> str:
    return copy.getsockopt(socket.IPPROTO_TCP, TCP_CONGESTION, 16).split(b"\0", 1)[0].decode()


def _end(address: tuple[str, int]) -> str:
    return f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"
