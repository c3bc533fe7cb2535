"""A load balancer in its simplest form: accept a user's connection, open one to a server, copy
bytes both ways.

    python3 relay.py --port 80 --to 10.0.0.1:80 --to 10.0.0.9:80 --receive-buffer 16384

Each connection goes to the next of the servers in turn. Two threads copy, one per direction. A copy
that cannot write stops reading: the relay keeps no more than one read, so a slow user holds the
server back through TCP's window. ``--receive-buffer`` and ``--send-buffer`` set SO_RCVBUF and
SO_SNDBUF of both connections (the kernel's own when silent).
"""

import argparse
import contextlib
import ipaddress
import itertools
import json
import os
import socket
import sys
import threading
import time
from typing import Any

#: Where a server listens: tcpexp sets TCPEXP_IP to 6 in a network that speaks IPv6.
ANY_ADDRESS = "::" if os.environ.get("TCPEXP_IP") == "6" else "0.0.0.0"
CHUNK = 16384


def log(event: str, **facts: object) -> None:
    """Print one event as a line of JSON, in one piece.

    ``time_ns`` is nanoseconds of the system's clock.
    """
    sys.stdout.write(json.dumps({"time_ns": time.time_ns(), "event": event, **facts}) + "\n")
    sys.stdout.flush()


def endpoint(text: str) -> tuple[str, int]:
    """Return (address, port) of ``10.0.0.1:80`` or ``[fd00::1]:80``."""
    address, _, port = text.rpartition(":")
    try:
        return str(ipaddress.ip_address(address.strip("[]"))), int(port)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not an address with a port, such as 10.0.0.1:80"
        ) from None


def endpoint_text(peer: tuple[Any, ...]) -> str:
    """Return an address and its port: ``10.0.0.1:80`` or ``[2001:db8::1]:80``."""
    return f"[{peer[0]}]:{peer[1]}" if ":" in peer[0] else f"{peer[0]}:{peer[1]}"


def set_buffers(each: socket.socket, arguments: argparse.Namespace) -> None:
    """Fix the buffers of a socket.

    Must happen before it connects or listens, because the window depends on it.
    """
    for option, size in (
        (socket.SO_RCVBUF, arguments.receive_buffer),
        (socket.SO_SNDBUF, arguments.send_buffer),
    ):
        if size is not None:
            each.setsockopt(socket.SOL_SOCKET, option, size)


def copy(source: socket.socket, target: socket.socket, name: str) -> None:
    """Copy until ``source`` ends, then close ``target``'s sending side.

    An error closes both connections.
    """
    copied = 0
    try:
        while data := source.recv(CHUNK):
            before = time.monotonic_ns()
            target.sendall(data)
            copied += len(data)
            took_us = (time.monotonic_ns() - before) // 1000
            if took_us >= 1_000_000:
                log("blocked", direction=name, took_us=took_us, copied=copied)
        target.shutdown(socket.SHUT_WR)
        log("end", direction=name, copied=copied)
    except OSError as error:
        log("broken", direction=name, copied=copied, why=error.strerror or str(error))
        for each in (source, target):
            with contextlib.suppress(OSError):  # it was closed already
                each.shutdown(socket.SHUT_RDWR)


def relay(user: socket.socket, to: tuple[str, int], arguments: argparse.Namespace) -> None:
    """Open the connection to the server and copy both ways until both directions have ended."""
    peer = user.getpeername()
    server = socket.socket(socket.AF_INET6 if ":" in to[0] else socket.AF_INET, socket.SOCK_STREAM)
    set_buffers(server, arguments)
    try:
        server.connect(to)
    except OSError as error:
        log("unreachable", server=f"{to[0]}:{to[1]}", why=error.strerror or str(error))
        user.close()
        return
    log("relay", user=endpoint_text(peer), server=endpoint_text(to))
    up = threading.Thread(target=copy, args=(user, server, "to server"), daemon=True)
    up.start()
    copy(server, user, "to user")
    up.join()
    user.close()
    server.close()
    log("closed", user=endpoint_text(peer))


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Relay TCP connections to one of several servers.")
    parser.add_argument("--address", default=ANY_ADDRESS, help="where to listen")
    parser.add_argument("--port", type=int, required=True, help="0: any free port, logged")
    parser.add_argument(
        "--to",
        type=endpoint,
        action="append",
        required=True,
        help="a server, such as 10.0.0.1:80; may be repeated",
    )
    parser.add_argument(
        "--receive-buffer",
        type=int,
        help="SO_RCVBUF of both connections in bytes (default: the kernel's)",
    )
    parser.add_argument(
        "--send-buffer",
        type=int,
        help="SO_SNDBUF of both connections in bytes (default: the kernel's)",
    )
    return parser.parse_args()


def main() -> int:
    """Listen and relay until stopped."""
    arguments = parse_arguments()
    family = socket.AF_INET6 if ":" in arguments.address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    set_buffers(listener, arguments)
    listener.bind((arguments.address, arguments.port))
    listener.listen(128)
    log(
        "listening",
        port=listener.getsockname()[1],
        servers=[endpoint_text(each) for each in arguments.to],
    )
    servers = itertools.cycle(arguments.to)
    while True:
        user, _ = listener.accept()
        threading.Thread(target=relay, args=(user, next(servers), arguments), daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
