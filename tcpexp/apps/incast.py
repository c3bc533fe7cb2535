"""Barrier-synchronised reads: a client asks many servers at once for a block each, and asks again
when it has all of them.

    python3 incast.py serve --port 7100 [--congestion-control reno]
    python3 incast.py read --from 10.0.0.1:7100 --from 10.0.1.1:7100 --block 32000 --seconds 5

So do storage systems that stripe a file over servers, and searches that ask many machines for a
part of the answer. A request is a number of bytes (8 bytes, big-endian) on a connection that stays
open; the answer is so many bytes. The client prints a line of JSON per round.
"""

import argparse
import json
import os
import selectors
import socket
import struct
import sys
import threading
import time

REQUEST = struct.Struct("!Q")
LARGEST_BLOCK = 100_000_000
CHUNK = 1 << 16
CONNECT_LIMIT_S = 10.0
#: Where a server listens: tcpexp sets TCPEXP_IP to 6 in a network that speaks IPv6.
ANY_ADDRESS = "::" if os.environ.get("TCPEXP_IP") == "6" else "0.0.0.0"


def log(event: str, **facts: object) -> None:
    """Print one event as a line of JSON, in one piece.

    ``time_ns`` is nanoseconds of the system's clock.
    """
    sys.stdout.write(json.dumps({"time_ns": time.time_ns(), "event": event, **facts}) + "\n")
    sys.stdout.flush()


def family(address: str) -> socket.AddressFamily:
    """Return the address family of an address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def endpoint(text: str) -> tuple[str, int]:
    """Return address and port of ``10.0.0.1:7100`` or ``[2001:db8::1]:7100``."""
    address, _, port = text.rpartition(":")
    if not address or not port.isdigit():
        raise argparse.ArgumentTypeError(f"'{text}' is not an address and a port")
    return address.strip("[]"), int(port)


def serve(arguments: argparse.Namespace) -> int:
    """Answer requests until a signal ends the program."""
    listener = socket.socket(family(ANY_ADDRESS), socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if arguments.congestion_control:
        listener.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_CONGESTION, arguments.congestion_control.encode()
        )
    listener.bind((arguments.address or ANY_ADDRESS, arguments.port))
    listener.listen(64)
    log("listening", port=listener.getsockname()[1])
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


def answer(connection: socket.socket) -> None:
    """Send what each request on a connection asks for."""
    content = memoryview(bytes(CHUNK))
    with connection:
        try:
            while request := connection.recv(REQUEST.size, socket.MSG_WAITALL):
                (left,) = REQUEST.unpack(request)
                while left:
                    left -= connection.send(content[: min(left, CHUNK)])
        except (OSError, struct.error):
            return  # the client has gone


def read(arguments: argparse.Namespace) -> int:
    """Read a block from every server, again and again; print each round and what came of it."""
    connections = [connect(address) for address in arguments.source]
    log("connected", servers=len(connections))
    began = time.monotonic()
    rounds = total = 0
    while time.monotonic() - began < arguments.seconds and (
        not arguments.rounds or rounds < arguments.rounds
    ):
        started = time.monotonic()
        total += read_round(connections, arguments.block)
        rounds += 1
        log("round", number=rounds, seconds=round(time.monotonic() - started, 9))
    seconds = time.monotonic() - began
    log("end", rounds=rounds, bytes=total, seconds=round(seconds, 9))
    return 0


def connect(address: tuple[str, int]) -> socket.socket:
    """Connect to a server; requests leave at once."""
    connection = socket.socket(family(address[0]), socket.SOCK_STREAM)
    connection.settimeout(CONNECT_LIMIT_S)
    connection.connect(address)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def read_round(connections: list[socket.socket], block: int) -> int:
    """Ask every server for ``block`` bytes and read until all have sent them.

    Return how many came.
    """
    left = {connection: block for connection in connections}
    with selectors.DefaultSelector() as selector:
        for each in connections:
            each.settimeout(None)
            each.sendall(REQUEST.pack(block))
            selector.register(each, selectors.EVENT_READ, each)
        while left:
            for key, _ in selector.select():
                connection: socket.socket = key.data
                got = len(connection.recv(min(CHUNK, left[connection])))
                if not got:
                    raise ConnectionError("a server has closed its connection")
                left[connection] -= got
                if not left[connection]:
                    del left[connection]
                    selector.unregister(connection)
    return block * len(connections)


def parse_arguments() -> argparse.Namespace:
    """Read the command line and refuse what is out of bounds."""
    parser = argparse.ArgumentParser(description="Barrier-synchronised reads from many servers.")
    modes = parser.add_subparsers(dest="mode", required=True)
    server = modes.add_parser("serve")
    server.add_argument("--address", default="", help="address to listen on; all when silent")
    server.add_argument("--port", type=int, required=True)
    server.add_argument("--congestion-control", default="")
    client = modes.add_parser("read")
    client.add_argument(
        "--from",
        dest="source",
        type=endpoint,
        action="append",
        required=True,
        help="address:port of a server; repeat",
    )
    client.add_argument(
        "--block", type=int, required=True, help="bytes that each server sends per round"
    )
    client.add_argument("--seconds", type=float, default=5.0, help="no round begins after so many")
    client.add_argument("--rounds", type=int, default=0, help="at most so many; 0 for no limit")
    arguments = parser.parse_args()
    if arguments.mode == "read" and not 0 < arguments.block <= LARGEST_BLOCK:
        parser.error(f"a block has 1 to {LARGEST_BLOCK} bytes")
    return arguments


def main() -> int:
    """Run the chosen mode."""
    arguments = parse_arguments()
    return serve(arguments) if arguments.mode == "serve" else read(arguments)


if __name__ == "__main__":
    sys.exit(main())
