"""Accept one connection and read from it slowly: a small buffer, a few bytes at a time, with
pauses.

    python3 slow_reader.py --port 5000 --receive-buffer 1024 --read 16 --every 10ms

The receive buffer is set before ``listen``, because the window offered in the SYN-ACK depends on
it. Linux doubles the number (half of it pays for its own bookkeeping) and raises it to a smallest
size of 2304 bytes.
"""

import argparse
import hashlib
import json
import os
import socket
import sys
import time
from typing import Any

#: Where a server listens: tcpexp sets TCPEXP_IP to 6 in a network that speaks IPv6.
FAMILY = socket.AF_INET6 if os.environ.get("TCPEXP_IP") == "6" else socket.AF_INET
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


def log(event: str, **facts: object) -> None:
    """Print one event as a line of JSON, in one piece.

    ``time_ns`` is nanoseconds of the system's clock.
    """
    sys.stdout.write(json.dumps({"time_ns": time.time_ns(), "event": event, **facts}) + "\n")
    sys.stdout.flush()


def endpoint_text(peer: tuple[Any, ...]) -> str:
    """Return an address and its port: ``10.0.0.1:80`` or ``[2001:db8::1]:80``."""
    return f"[{peer[0]}]:{peer[1]}" if ":" in peer[0] else f"{peer[0]}:{peer[1]}"


def duration(text: str) -> float:
    """Return the seconds in a text such as ``10ms`` or ``1.5s``."""
    for unit, factor in UNITS.items():
        if text.endswith(unit) and text[: -len(unit)].replace(".", "", 1).isdigit():
            return float(text[: -len(unit)]) * factor
    raise argparse.ArgumentTypeError(f"'{text}' is not a duration such as 10ms or 1.5s")


def read_slowly(connection: socket.socket, size: int, pause: float) -> tuple[int, str]:
    """Read ``size`` bytes every ``pause`` seconds to the end; return (bytes, sha256).

    The grid is fixed: a late read does not delay the following ones.
    """
    received, digest, reported = 0, hashlib.sha256(), 0
    due = time.monotonic()
    while piece := connection.recv(size):
        received += len(piece)
        digest.update(piece)
        if received - reported >= 1000:
            log("received", bytes=received)
            reported = received
        due += pause
        time.sleep(max(0.0, due - time.monotonic()))
    return received, digest.hexdigest()


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Read slowly from one connection.")
    parser.add_argument("--port", type=int, required=True, help="0: any free port, logged")
    parser.add_argument(
        "--receive-buffer", type=int, help="SO_RCVBUF in bytes (default: the kernel's)"
    )
    parser.add_argument("--read", type=int, default=16, help="bytes per read")
    parser.add_argument(
        "--every", type=duration, default=0.01, help="time between reads, such as 10ms"
    )
    parser.add_argument("--wait", type=duration, default=0.0, help="time before the first read")
    return parser.parse_args()


def main() -> None:
    """Listen, accept once, read to the end, say how much came."""
    arguments = parse_arguments()
    listener = socket.socket(FAMILY, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if arguments.receive_buffer is not None:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, arguments.receive_buffer)
    listener.bind(("", arguments.port))
    listener.listen(1)
    granted = listener.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    log("listening", port=listener.getsockname()[1], receive_buffer=granted)
    connection, peer = listener.accept()
    log("accept", peer=endpoint_text(peer))
    time.sleep(arguments.wait)
    received, digest = read_slowly(connection, arguments.read, arguments.every)
    connection.close()
    log("end", bytes=received, sha256=digest)
    print(f"received {received} bytes", flush=True)


if __name__ == "__main__":
    main()
