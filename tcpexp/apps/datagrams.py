"""Send numbered UDP datagrams as fast as the socket takes them, or read them slowly and say which
are missing.

    python3 datagrams.py receive --port 5000 --receive-buffer 16384 --every 10ms
    python3 datagrams.py send --to 10.0.0.2 --port 5000 --size 1000 --count 200

Each datagram begins with its number (4 bytes). Nothing tells the sender how the receiver fares. The
receiver ends when nothing has come for ``--silence``.
"""

import argparse
import json
import os
import socket
import struct
import sys
import time

NUMBER = struct.Struct("!I")
#: Where a server listens: tcpexp sets TCPEXP_IP to 6 in a network that speaks IPv6.
ANY_ADDRESS = "::" if os.environ.get("TCPEXP_IP") == "6" else "0.0.0.0"
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


def send(arguments: argparse.Namespace) -> int:
    """Send ``count`` datagrams, one every ``every`` seconds, or without a pause."""
    family = socket.AF_INET6 if ":" in arguments.to else socket.AF_INET
    endpoint = socket.socket(family, socket.SOCK_DGRAM)
    endpoint.connect((arguments.to, arguments.port))
    start, refused = time.monotonic(), 0
    for number in range(arguments.count):
        time.sleep(max(0.0, start + number * arguments.every - time.monotonic()))
        try:
            endpoint.send(NUMBER.pack(number).ljust(arguments.size, b"."))
        except ConnectionRefusedError:  # an ICMP "port unreachable" came back for an earlier one
            refused += 1
    took_us = round((time.monotonic() - start) * 1e6)
    log(
        "sent",
        datagrams=arguments.count,
        bytes=arguments.count * arguments.size,
        refused=refused,
        took_us=took_us,
    )
    return 0


def read_slowly(endpoint: socket.socket, pause: float, silence: float) -> tuple[list[int], int]:
    """Read one datagram every ``pause`` seconds until none has come for ``silence``.

    Return (numbers, bytes).
    """
    numbers: list[int] = []
    received = 0
    endpoint.settimeout(None)
    while True:
        try:
            data = endpoint.recv(65535)
        except TimeoutError:
            return numbers, received
        endpoint.settimeout(silence)
        if len(data) < NUMBER.size:
            log("refused", why="a datagram without a number", bytes=len(data))
            continue
        numbers.append(NUMBER.unpack_from(data)[0])
        received += len(data)
        time.sleep(pause)


def receive(arguments: argparse.Namespace) -> int:
    """Bind, read slowly, say what came and what is missing."""
    family = socket.AF_INET6 if ":" in arguments.address else socket.AF_INET
    endpoint = socket.socket(family, socket.SOCK_DGRAM)
    if arguments.receive_buffer is not None:
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, arguments.receive_buffer)
    endpoint.bind((arguments.address, arguments.port))
    granted = endpoint.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    log("listening", port=endpoint.getsockname()[1], receive_buffer=granted)
    numbers, received = read_slowly(endpoint, arguments.every, arguments.silence)
    missing = sorted(set(range(max(numbers) + 1)) - set(numbers))
    log(
        "end",
        datagrams=len(numbers),
        bytes=received,
        highest=max(numbers),
        missing_below=len(missing),
        first_missing=missing[:1],
    )
    return 0


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Send or receive numbered UDP datagrams.")
    commands = parser.add_subparsers(dest="command", required=True)
    sender = commands.add_parser("send")
    sender.add_argument("--to", required=True, help="address of the receiver")
    sender.add_argument("--size", type=int, default=1000, help="bytes per datagram")
    sender.add_argument("--count", type=int, default=200, help="number of datagrams")
    sender.add_argument(
        "--every",
        type=duration,
        default=0.0,
        help="time between datagrams, such as 10ms; 0: no pause",
    )
    receiver = commands.add_parser("receive")
    receiver.add_argument("--address", default=ANY_ADDRESS, help="where to listen")
    receiver.add_argument(
        "--receive-buffer", type=int, help="SO_RCVBUF in bytes (default: the kernel's)"
    )
    receiver.add_argument(
        "--every", type=duration, default=0.01, help="sleep after each datagram, such as 10ms"
    )
    receiver.add_argument(
        "--silence", type=duration, default=2.0, help="end when nothing has come for so long"
    )
    for each in (sender, receiver):
        each.add_argument(
            "--port", type=int, required=True, help="0: any free port, logged (receive)"
        )
    return parser.parse_args()


def main() -> int:
    """Send or receive."""
    arguments = parse_arguments()
    return send(arguments) if arguments.command == "send" else receive(arguments)


if __name__ == "__main__":
    sys.exit(main())
