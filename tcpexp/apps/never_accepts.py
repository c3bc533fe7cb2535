"""Listen and never accept: the kernel completes handshakes until the accept queue is full.

    python3 never_accepts.py --port 80 --backlog 1

``accept()`` is what takes a connection out of that queue, so here it only grows. Its length (how
many wait to be accepted) is logged whenever it changes; a socket in LISTEN tells it in ``TCP_INFO``
(tcpi_unacked), and `ss -ltn` calls it Recv-Q. With ``--accept-after`` the server wakes up after
all: it accepts all that wait and says whether the client is still there.
"""

import argparse
import json
import os
import select
import socket
import struct
import sys
import time
from typing import Any

#: Where a server listens: tcpexp sets TCPEXP_IP to 6 in a network that speaks IPv6.
FAMILY = socket.AF_INET6 if os.environ.get("TCPEXP_IP") == "6" else socket.AF_INET
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
#: Where struct tcp_info (linux/tcp.h) keeps tcpi_unacked (of a listening socket: connections that
#: wait) and tcpi_sacked (its backlog).
QUEUE = struct.Struct("=24xII")


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


def accept_queue(listener: socket.socket) -> tuple[int, int]:
    """Return how many connections wait to be accepted, and the backlog."""
    waiting, backlog = QUEUE.unpack(
        listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, QUEUE.size)
    )
    return waiting, backlog


def watch(listener: socket.socket, every: float, until: float) -> None:
    """Log the accept queue's length whenever it has changed, looking ``every`` seconds, until the
    monotonic time ``until``.
    """
    before = 0
    while time.monotonic() < until:
        waiting, backlog = accept_queue(listener)
        if waiting != before:
            log("queue", waiting=waiting, backlog=backlog)
            before = waiting
        time.sleep(every)


def what_waits(connection: socket.socket) -> dict[str, object]:
    """Return how many bytes the client has sent, and whether it has gone (it closed, or reset the
    connection).
    """
    sent = 0
    try:
        while piece := connection.recv(65536):
            sent += len(piece)
    except BlockingIOError:
        return {"bytes": sent, "gone": False}
    except ConnectionResetError:
        pass
    return {"bytes": sent, "gone": True}


def accept_all(listener: socket.socket) -> int:
    """Accept every connection that waits, log what its client has sent, close it.

    Return how many there were.
    """
    accepted = 0
    while select.select([listener], [], [], 0)[0]:
        connection, peer = listener.accept()
        with connection:
            connection.setblocking(False)
            log("accept", peer=endpoint_text(peer), **what_waits(connection))
        accepted += 1
    return accepted


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Listen and never accept.")
    parser.add_argument("--port", type=int, required=True, help="0: any free port, logged")
    parser.add_argument(
        "--backlog",
        type=int,
        default=1,
        help="second argument of listen(): the accept queue holds one more than this",
    )
    parser.add_argument(
        "--every", type=duration, default=0.1, help="how often to look at the queue, such as 100ms"
    )
    parser.add_argument(
        "--accept-after", type=duration, help="accept after this time after all (default: never)"
    )
    return parser.parse_args()


def main() -> None:
    """Listen, watch the queue fill, and accept only when told to."""
    arguments = parse_arguments()
    listener = socket.socket(FAMILY, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("", arguments.port))
    listener.listen(arguments.backlog)
    log("listening", port=listener.getsockname()[1], backlog=arguments.backlog)
    if arguments.accept_after is None:
        watch(listener, arguments.every, float("inf"))
    else:
        watch(listener, arguments.every, time.monotonic() + arguments.accept_after)
        print(f"accepted {accept_all(listener)} connections", flush=True)


if __name__ == "__main__":
    main()
