"""Connect and write a piece at fixed intervals, then close.

    python3 paced_sender.py --to 10.0.0.2 --port 5000 --size 200 --every 1s --count 60
    python3 paced_sender.py --to 10.0.0.2 --port 5000 --size 200 --every 100ms --count 60 --pause 1s
    --pause-after 30

The grid is fixed: a write that blocks does not move the ones after it, it only makes them late, and
the log says by how much. ``--pause`` adds a longer silence after every ``--pause-after`` writes.
"""

import argparse
import json
import socket
import sys
import time

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


def due_times(count: int, every: float, pause: float, pause_after: int) -> list[float]:
    """Return when each write is due, in seconds from the first one."""
    return [number * every + (number // pause_after) * pause for number in range(count)]


def send_paced(connection: socket.socket, size: int, times: list[float]) -> None:
    """Write a piece of ``size`` bytes at each of ``times``, in seconds from now."""
    start = time.monotonic()
    for number, after in enumerate(times):
        due = start + after
        time.sleep(max(0.0, due - time.monotonic()))
        late_us = round((time.monotonic() - due) * 1e6)
        before = time.monotonic_ns()
        connection.sendall(bytes([ord("A") + number % 26]) * size)
        took_us = (time.monotonic_ns() - before) // 1000
        log("write", number=number, bytes=size, late_us=late_us, took_us=took_us)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Send a piece at fixed intervals over one connection."
    )
    parser.add_argument("--to", required=True, help="address of the server")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--size", type=int, default=200, help="bytes per write")
    parser.add_argument(
        "--every", type=duration, default=1.0, help="time between writes, such as 1s"
    )
    parser.add_argument("--count", type=int, default=10, help="number of writes")
    parser.add_argument(
        "--pause", type=duration, default=0.0, help="extra silence after every --pause-after writes"
    )
    parser.add_argument("--pause-after", type=int, default=1, help="writes between two pauses")
    parser.add_argument("--no-delay", action="store_true", help="switch Nagle's algorithm off")
    return parser.parse_args()


def main() -> None:
    """Connect, send on the grid, close the sending side and wait for the other one to close too."""
    arguments = parse_arguments()
    connection = socket.socket(
        socket.AF_INET6 if ":" in arguments.to else socket.AF_INET, socket.SOCK_STREAM
    )
    if arguments.no_delay:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.connect((arguments.to, arguments.port))
    log("connected", mss=connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG))
    times = due_times(
        arguments.count, arguments.every, arguments.pause, max(arguments.pause_after, 1)
    )
    send_paced(connection, arguments.size, times)
    connection.shutdown(socket.SHUT_WR)
    log("sent", bytes=arguments.count * arguments.size)
    while connection.recv(65536):
        pass
    connection.close()
    log("closed")


if __name__ == "__main__":
    main()
