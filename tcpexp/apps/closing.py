"""Be one end of a TCP connection that sends and closes at set times.

    python3 closing.py --listen 5000 1s:send:20kB 2s:close
    python3 closing.py --to 10.0.0.2 --port 5000 500ms:shutdown
    python3 closing.py --meet 5000 --to 10.0.0.2 --port 5000 1s:close

Each step is ``TIME:WHAT``. ``send:SIZE`` writes so many bytes; ``shutdown`` closes the sending side
only and reads on (a half-close); ``close`` gives the whole connection up: nothing more to send,
nothing more to read; ``reset`` gives it up with RST instead of FIN. What arrives in between is read
at once.

Both ends count their times from one moment: the client's first 32 bytes say what its clock showed
when it was connected. So two ends on one machine can close together (simultaneous close).

With ``--meet PORT`` there is no server: both ends connect from this port when SIGUSR1 comes. If
their SYNs cross, the connection opens all the same (simultaneous open); each end then counts from
its own signal.

A program whose steps contain no ``close`` closes when its steps are done and the peer has closed;
with ``--hold`` it never does.
"""

import argparse
import errno
import hashlib
import json
import os
import select
import signal
import socket
import struct
import sys
import time
from typing import Any

#: Where a server listens: tcpexp sets TCPEXP_IP to 6 in a network that speaks IPv6.
FAMILY = socket.AF_INET6 if os.environ.get("TCPEXP_IP") == "6" else socket.AF_INET
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
SIZES = {"kB": 1000, "MB": 1_000_000, "B": 1}
GREETING_BYTES = 32


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


def size(text: str) -> int:
    """Return the bytes in a text such as ``100B`` or ``20kB``."""
    for unit, factor in SIZES.items():
        if text.endswith(unit) and text[: -len(unit)].isdigit():
            return int(text[: -len(unit)]) * factor
    raise argparse.ArgumentTypeError(f"'{text}' is not a size such as 100B or 20kB")


def step(text: str) -> tuple[float, str, int]:
    """Return (seconds, what, bytes) of a text such as ``1s:send:20kB`` or ``2s:close``."""
    when, _, rest = text.partition(":")
    what, _, amount = rest.partition(":")
    if what == "send":
        return duration(when), what, size(amount)
    if what in ("shutdown", "close", "reset") and not amount:
        return duration(when), what, 0
    raise argparse.ArgumentTypeError(
        f"'{text}' is not a step such as 1s:send:20kB, 1s:shutdown, 1s:close or 1s:reset"
    )


class Received:
    """What has come in so far, and whether the peer has closed its sending side."""

    def __init__(self) -> None:
        self.bytes = 0
        self.digest = hashlib.sha256()
        self.ended = False


def receive(connection: socket.socket, received: Received) -> None:
    """Read once; an empty read means that the peer's FIN has arrived."""
    piece = connection.recv(65536)
    received.bytes += len(piece)
    received.digest.update(piece)
    if piece:
        log("received", bytes=received.bytes)
    else:
        received.ended = True
        log("end_of_data", bytes=received.bytes, sha256=received.digest.hexdigest())


def read_until(connection: socket.socket, received: Received, due: float | None) -> None:
    """Read until the clock shows ``due``.

    Without it, until the peer has closed its sending side.
    """
    while due is None or time.time() < due:
        if received.ended:
            if due is None:
                return
            time.sleep(max(0.0, due - time.time()))
        else:
            wait = None if due is None else max(0.0, due - time.time())
            if select.select([connection], [], [], wait)[0]:
                receive(connection, received)


def play(
    connection: socket.socket, steps: list[tuple[float, str, int]], zero: float, hold: bool
) -> None:
    """Take the steps at their times, counted from ``zero`` (seconds of the system's clock).

    Read in between.
    """
    received, sent, digest = Received(), 0, hashlib.sha256()
    for after, what, amount in sorted(steps, key=lambda each: each[0]):
        read_until(connection, received, zero + after)
        log(
            what,
            after_ms=round((time.time() - zero) * 1000, 3),
            **({"bytes": amount} if amount else {}),
        )
        if what == "send":
            content = bytes([ord("A") + sent % 26]) * amount
            connection.sendall(content)
            sent += amount
            digest.update(content)
        elif what == "shutdown":
            connection.shutdown(socket.SHUT_WR)
            log("sent", bytes=sent, sha256=digest.hexdigest())
        else:
            # SO_LINGER with a time of 0: close() sends RST and forgets everything
            if what == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            log("sent", bytes=sent, sha256=digest.hexdigest())
            return
    read_until(connection, received, None)
    while hold:
        time.sleep(3600)
    connection.close()
    log("sent", bytes=sent, sha256=digest.hexdigest())
    log("close")


def connect(address: str, port: int) -> tuple[socket.socket, float]:
    """Connect, tell the server the time, and return (connection, that time)."""
    connection = socket.create_connection((address, port))
    zero_ns = time.time_ns()
    log("connected", peer=endpoint_text((address, port)), zero_ns=zero_ns)
    connection.sendall(f"{zero_ns}".encode().ljust(GREETING_BYTES))
    return connection, zero_ns / 1e9


def meet(own_port: int, address: str, port: int) -> tuple[socket.socket, float]:
    """Connect from ``own_port`` when SIGUSR1 comes; return (connection, the time of the signal)."""
    connection = socket.socket(
        socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM
    )
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    connection.bind(("", own_port))
    log("waiting", signal="SIGUSR1")
    signal.sigwait([signal.SIGUSR1])
    zero_ns = time.time_ns()
    log("connect", peer=endpoint_text((address, port)), zero_ns=zero_ns)
    connection.connect((address, port))
    log("connected", peer=endpoint_text((address, port)), zero_ns=zero_ns)
    return connection, zero_ns / 1e9


def accept(port: int) -> tuple[socket.socket, float]:
    """Listen, accept one connection, close the listening socket, and return (connection, the
    client's time).
    """
    listener = socket.socket(FAMILY, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("", port))
    listener.listen(1)
    log("listening", port=listener.getsockname()[1])
    connection, peer = listener.accept()
    listener.close()
    greeting = b""
    while len(greeting) < GREETING_BYTES:
        more = connection.recv(GREETING_BYTES - len(greeting))
        if not more:
            raise ConnectionError("the client closed before it had told the time")
        greeting += more
    log("accept", peer=endpoint_text(peer), zero_ns=int(greeting))
    return connection, int(greeting) / 1e9


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Send and close at set times.")
    role = parser.add_mutually_exclusive_group(required=True)
    role.add_argument(
        "--listen", type=int, metavar="PORT", help="be the server; 0: any free port, logged"
    )
    role.add_argument("--to", metavar="ADDRESS", help="be the client of this server")
    parser.add_argument("--port", type=int, help="the other end's port (with --to)")
    parser.add_argument(
        "--meet",
        type=int,
        metavar="PORT",
        help="connect from this port when SIGUSR1 comes (with --to)",
    )
    parser.add_argument(
        "--keep-alive",
        action="store_true",
        help="let the kernel probe the idle connection (SO_KEEPALIVE)",
    )
    parser.add_argument("--hold", action="store_true", help="never close, whatever the peer does")
    parser.add_argument(
        "steps",
        nargs="*",
        type=step,
        metavar="TIME:WHAT",
        help="such as 1s:send:20kB, 2s:shutdown, 3s:close",
    )
    arguments = parser.parse_args()
    if arguments.to is not None and arguments.port is None:
        parser.error("--to needs --port")
    if arguments.to is None and arguments.meet is not None:
        parser.error("--meet needs --to")
    return arguments


def main() -> int:
    """Connect or accept, take the steps.

    Return 1 when the connection ended with an error, and log which.
    """
    arguments = parse_arguments()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])  # kept until somebody waits for it
    try:
        if arguments.to is None:
            connection, zero = accept(arguments.listen)
        elif arguments.meet is not None:
            connection, zero = meet(arguments.meet, arguments.to, arguments.port)
        else:
            connection, zero = connect(arguments.to, arguments.port)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(arguments.keep_alive))
        play(connection, arguments.steps, zero, arguments.hold)
    except OSError as error:
        log("error", name=errno_name(error), text=str(error))
        return 1
    return 0


def errno_name(error: OSError) -> str:
    """Return the name of a system error as the manuals have it, such as ``ETIMEDOUT``."""
    return errno.errorcode.get(error.errno or 0, type(error).__name__)


if __name__ == "__main__":
    sys.exit(main())
