"""Echo over TCP or UDP, with every socket call logged: what the program asks of the kernel, beside
what goes over the wire.

    python3 echo.py serve --protocol tcp --port 7
    python3 echo.py send --protocol udp --to 10.0.0.2 --port 7 --messages 3 --size 100

Each call is logged when it returns, with its name, its result and how long it blocked. The server
handles one client after the other. Addresses are IPv4 or IPv6 (``serve --address ::1``).
"""

import argparse
import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

LARGEST_DATAGRAM = 65535
#: Where a server listens: tcpexp sets TCPEXP_IP to 6 in a network that speaks IPv6.
ANY_ADDRESS = "::" if os.environ.get("TCPEXP_IP") == "6" else "0.0.0.0"
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


def called(name: str, call: Callable[[], Any], **facts: object) -> Any:
    """Make a socket call, log it with its result, and return that.

    An error is logged and raised.
    """
    before = time.monotonic_ns()
    try:
        result = call()
    except OSError as error:
        log(
            "call",
            call=name,
            **facts,
            error=str(error),
            took_us=(time.monotonic_ns() - before) // 1000,
        )
        raise
    log(
        "call",
        call=name,
        **facts,
        **_result(result),
        took_us=(time.monotonic_ns() - before) // 1000,
    )
    return result


def _result(result: Any) -> dict[str, object]:
    """Return what is told of a call's result: numbers of bytes, and addresses."""
    if isinstance(result, bytes):
        return {"bytes": len(result)}
    if isinstance(result, int):
        return {"bytes": result}
    if isinstance(result, tuple):  # recvfrom and accept: data or a socket, and where from
        first, peer = result
        return {
            **({"bytes": len(first)} if isinstance(first, bytes) else {}),
            "peer": endpoint_text(peer),
        }
    return {}


def open_socket(address: str, protocol: str) -> socket.socket:
    """Return a socket of the address's family."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    opened: socket.socket = called(
        "socket", lambda: socket.socket(family, kind), family=family.name, kind=kind.name
    )
    return opened


def echo_stream(connection: socket.socket) -> None:
    """Send back what one client sends, until it closes."""
    while data := called("recv", partial(connection.recv, 4096)):
        called("sendall", partial(connection.sendall, data), bytes=len(data))


def serve_tcp(listener: socket.socket) -> None:
    """Accept one client after the other and send back what it sends, until it closes."""
    called("listen", lambda: listener.listen(5))
    log("listening", port=listener.getsockname()[1], protocol="tcp")
    while True:
        connection, _ = called("accept", listener.accept)
        with contextlib.suppress(OSError):  # logged; the client is gone
            echo_stream(connection)
        called("close", connection.close)


def serve_udp(endpoint: socket.socket) -> None:
    """Send each datagram back to where it came from: there is no connection, so there is no end."""
    log("listening", port=endpoint.getsockname()[1], protocol="udp")
    while True:
        data, peer = called("recvfrom", lambda: endpoint.recvfrom(LARGEST_DATAGRAM))
        called("sendto", partial(endpoint.sendto, data, peer))


def serve(arguments: argparse.Namespace) -> int:
    """Bind and serve until stopped."""
    server = open_socket(arguments.address, arguments.protocol)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    called("bind", lambda: server.bind((arguments.address, arguments.port)), port=arguments.port)
    if arguments.protocol == "tcp":
        serve_tcp(server)
    else:
        serve_udp(server)
    return 0


def exchange_tcp(client: socket.socket, message: bytes) -> bytes:
    """Send a message and read until as many bytes have come back: TCP is a stream and knows no
    messages.
    """
    called("sendall", lambda: client.sendall(message), bytes=len(message))
    back = b""
    while len(back) < len(message):
        more = called("recv", lambda: client.recv(4096))
        if not more:
            break
        back += more
    return back


def exchange_udp(client: socket.socket, message: bytes) -> bytes:
    """Send a datagram and wait for one: it comes back whole or not at all, nobody says which."""
    called("send", lambda: client.send(message))
    try:
        back: bytes = called("recv", lambda: client.recv(LARGEST_DATAGRAM))
    except TimeoutError:
        return b""
    return back


def send(arguments: argparse.Namespace) -> int:
    """Send the messages, one after the other; return 0 when all came back unchanged."""
    client = open_socket(arguments.to, arguments.protocol)
    client.settimeout(arguments.timeout)
    exchange = exchange_tcp if arguments.protocol == "tcp" else exchange_udp
    same = 0
    try:
        called(
            "connect", lambda: client.connect((arguments.to, arguments.port)), port=arguments.port
        )
        for number in range(arguments.messages):
            message = bytes([ord("A") + number % 26]) * arguments.size
            before = time.monotonic_ns()
            back = exchange(client, message)
            same += back == message
            log(
                "echo",
                number=number,
                bytes=len(back),
                same=back == message,
                took_us=(time.monotonic_ns() - before) // 1000,
            )
    except OSError as error:
        log("failed", why=str(error))
    called("close", client.close)
    log("end", sent=arguments.messages, same=same)
    return 0 if same == arguments.messages else 1


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Echo over TCP or UDP, with every socket call logged."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    server = commands.add_parser("serve", help="send back what comes")
    server.add_argument("--address", default=ANY_ADDRESS, help="where to listen")
    client = commands.add_parser("send", help="send messages and wait for each")
    client.add_argument("--to", required=True, help="address of the server")
    client.add_argument("--messages", type=int, default=3)
    client.add_argument("--size", type=int, default=100, help="bytes per message")
    client.add_argument(
        "--timeout", type=duration, default=1.0, help="longest wait for an answer, such as 1s"
    )
    for each in (server, client):
        each.add_argument("--protocol", choices=("tcp", "udp"), required=True)
        each.add_argument("--port", type=int, required=True)
    return parser.parse_args()


def main() -> int:
    """Serve or send."""
    arguments = parse_arguments()
    return serve(arguments) if arguments.command == "serve" else send(arguments)


if __name__ == "__main__":
    sys.exit(main())
