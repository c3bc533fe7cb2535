"""Open connections to a web server, ask each for a file and never read: every zero-window probe is
answered with window 0.

    python3 never_reads.py --to 10.0.0.2 --port 80 --path /big.bin --connections 20 --hold 60s

The receive buffer is the smallest that Linux grants, so the window shuts after the first bytes;
then the kernel answers the server's probes by itself, for as long as this program lives. Bounded in
number (1000 at most) and in time, and for private addresses only: it belongs into a network of
experiments.
"""

import argparse
import ipaddress
import json
import select
import socket
import sys
import time

LARGEST_COUNT = 1000
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


def log(event: str, **facts: object) -> None:
    """Print one event as a line of JSON, in one piece.

    ``time_ns`` is nanoseconds of the system's clock.
    """
    sys.stdout.write(json.dumps({"time_ns": time.time_ns(), "event": event, **facts}) + "\n")
    sys.stdout.flush()


def duration(text: str) -> float:
    """Return the seconds in a text such as ``10ms`` or ``1.5s``."""
    for unit, factor in UNITS.items():
        if text.endswith(unit) and text[: -len(unit)].replace(".", "", 1).isdigit():
            return float(text[: -len(unit)]) * factor
    raise argparse.ArgumentTypeError(f"'{text}' is not a duration such as 10ms or 1.5s")


def open_one(arguments: argparse.Namespace) -> socket.socket:
    """Connect with a tiny receive buffer and ask for the file."""
    connection = socket.socket(
        socket.AF_INET6 if ":" in arguments.to else socket.AF_INET, socket.SOCK_STREAM
    )
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, arguments.receive_buffer)
    connection.connect((arguments.to, arguments.port))
    connection.sendall(f"GET {arguments.path} HTTP/1.1\r\nHost: {arguments.to}\r\n\r\n".encode())
    return connection


def watch(connections: list[socket.socket], hold: float) -> int:
    """Wait ``hold`` seconds without reading; log each connection that the server gives up.

    Return how many are left.
    """
    numbers = {each.fileno(): number for number, each in enumerate(connections)}
    poller = select.poll()
    for each in connections:
        poller.register(each, 0)  # nothing but errors and hang-ups
    end = time.monotonic() + hold
    while (rest := end - time.monotonic()) > 0:
        for descriptor, _ in poller.poll(rest * 1000):
            poller.unregister(descriptor)
            log("given up", connection=numbers.pop(descriptor))
    return len(numbers)


def parse_arguments() -> argparse.Namespace:
    """Read the command line and refuse what is out of bounds."""
    parser = argparse.ArgumentParser(
        description="Hold connections to a web server without ever reading."
    )
    parser.add_argument("--to", required=True, help="address of the server")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", default="/big.bin")
    parser.add_argument("--connections", type=int, default=20, help=f"at most {LARGEST_COUNT}")
    parser.add_argument("--receive-buffer", type=int, default=1024, help="SO_RCVBUF in bytes")
    parser.add_argument("--hold", type=duration, default=60.0, help="how long, such as 60s")
    arguments = parser.parse_args()
    if not 0 < arguments.connections <= LARGEST_COUNT:
        parser.error(f"connections must be 1 to {LARGEST_COUNT}")
    try:
        private = ipaddress.ip_address(arguments.to).is_private
    except ValueError:
        private = False
    if not private:
        parser.error(f"{arguments.to} is not an address of a private network")
    return arguments


def main() -> int:
    """Open all, hold, say how many the server still has."""
    arguments = parse_arguments()
    connections = [open_one(arguments) for _ in range(arguments.connections)]
    log("holding", connections=len(connections))
    left = watch(connections, arguments.hold)
    log("end", left=left, given_up=len(connections) - left)
    return 0


if __name__ == "__main__":
    sys.exit(main())
