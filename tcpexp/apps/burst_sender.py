"""Connect, write a number of pieces as fast as the socket takes them, close, and wait for the peer
to close.

    python3 burst_sender.py --to 10.0.0.2 --port 5000 --size 1100 --count 10

Each write is logged with the time it took: a write that blocks shows that the send buffer is full.
"""

import argparse
import hashlib
import json
import socket
import sys
import time


def log(event: str, **facts: object) -> None:
    """Print one event as a line of JSON, in one piece.

    ``time_ns`` is nanoseconds of the system's clock.
    """
    sys.stdout.write(json.dumps({"time_ns": time.time_ns(), "event": event, **facts}) + "\n")
    sys.stdout.flush()


def piece(number: int, size: int) -> bytes:
    """Return piece ``number``: one letter repeated, so that a capture shows where each went."""
    return bytes([ord("A") + number % 26]) * size


def send_all(connection: socket.socket, count: int, size: int) -> str:
    """Write ``count`` pieces of ``size`` bytes; return the sha256 of everything written."""
    digest = hashlib.sha256()
    for number in range(count):
        content = piece(number, size)
        before = time.monotonic_ns()
        connection.sendall(content)
        digest.update(content)
        log("write", number=number, bytes=size, took_us=(time.monotonic_ns() - before) // 1000)
    return digest.hexdigest()


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Send a burst of writes over one connection.")
    parser.add_argument("--to", required=True, help="address of the server")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--size", type=int, default=1100, help="bytes per write")
    parser.add_argument("--count", type=int, default=10, help="number of writes")
    parser.add_argument(
        "--send-buffer", type=int, help="SO_SNDBUF in bytes (default: the kernel's)"
    )
    parser.add_argument(
        "--congestion-control",
        help="the socket's congestion control, such as reno (default: the host's)",
    )
    parser.add_argument("--no-delay", action="store_true", help="switch Nagle's algorithm off")
    return parser.parse_args()


def main() -> None:
    """Connect, send, close the sending side and wait for the other side to close too."""
    arguments = parse_arguments()
    connection = socket.socket(
        socket.AF_INET6 if ":" in arguments.to else socket.AF_INET, socket.SOCK_STREAM
    )
    if arguments.send_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, arguments.send_buffer)
    if arguments.no_delay:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if arguments.congestion_control is not None:
        connection.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_CONGESTION, arguments.congestion_control.encode()
        )
    connection.connect((arguments.to, arguments.port))
    log("connected", mss=connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG))
    digest = send_all(connection, arguments.count, arguments.size)
    connection.shutdown(socket.SHUT_WR)
    log("sent", bytes=arguments.count * arguments.size, sha256=digest)
    while connection.recv(65536):
        pass
    connection.close()
    log("closed")


if __name__ == "__main__":
    main()
