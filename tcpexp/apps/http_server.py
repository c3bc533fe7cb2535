"""Serve files over HTTP with plain sockets: one thread per connection, one log line per event.

    python3 http_server.py --port 80 --file index.html=/srv/hello.txt --generate big.bin=10000000:1

Without ``--keep-alive`` the server closes the connection after its answer (HTTP/1.0), so the server
holds TIME-WAIT. With it the connection stays open and the client closes first (HTTP/1.1).
"""

import argparse
import hashlib
import json
import os
import random
import socket
import sys
import threading
import time
from typing import Any

CHUNK = 1 << 20
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


def generate(size: int, seed: int) -> bytes:
    """Return ``size`` bytes that depend only on ``seed``."""
    source = random.Random(seed)
    content = bytearray()
    while len(content) < size:
        content += source.randbytes(min(CHUNK, size - len(content)))
    return bytes(content)


def load_files(arguments: argparse.Namespace) -> dict[str, bytes]:
    """Return {path: content} of everything to serve."""
    files = {}
    for item in arguments.file:
        name, _, source = item.partition("=")
        with open(source, "rb") as stream:
            files["/" + name] = stream.read()
    for item in arguments.generate:
        name, _, numbers = item.partition("=")
        size, _, seed = numbers.partition(":")
        files["/" + name] = generate(int(size), int(seed or 0))
    return files


def read_request(
    connection: socket.socket, rest: bytes
) -> tuple[str, str, dict[str, str], bytes] | None:
    """Return (method, path, headers, bytes after the request), None when the client has closed."""
    while b"\r\n\r\n" not in rest:
        more = connection.recv(65536)
        if not more or len(rest) > 65536:
            return None
        rest += more
    head, _, rest = rest.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, *_version = [*first.split(" "), "", ""]
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines)
    }
    return method, path, headers, rest


def answer(
    connection: socket.socket, status: str, content: bytes, keep_alive: bool, with_body: bool = True
) -> None:
    """Send one response; a short one leaves in a single segment."""
    version, close = ("HTTP/1.1", "keep-alive") if keep_alive else ("HTTP/1.0", "close")
    lines = f"{version} {status}\r\nContent-Length: {len(content)}\r\nConnection: {close}\r\n\r\n"
    head = lines.encode()
    if not with_body:
        connection.sendall(head)
        return
    connection.sendall(head + content[: CHUNK - len(head)])
    if len(content) > CHUNK - len(head):
        connection.sendall(memoryview(content)[CHUNK - len(head) :])


def serve(
    connection: socket.socket,
    peer: tuple[str, int],
    files: dict[str, bytes],
    hashes: dict[str, str],
    keep_alive: bool,
) -> None:
    """Answer the requests of one connection until one side closes it."""
    name = endpoint_text(peer)
    log("accept", peer=name)
    closer = "server"
    try:
        rest = b""
        while True:
            request = read_request(connection, rest)
            if request is None:
                closer = "client"
                break
            method, path, headers, rest = request
            log("request", peer=name, method=method, path=path)
            stay = keep_alive and headers.get("connection", "").lower() != "close"
            if method not in ("GET", "HEAD"):
                status, content = "405 Method Not Allowed", b""
            elif path in files:
                status, content = "200 OK", files[path]
            else:
                status, content = "404 Not Found", b"not here\n"
            answer(connection, status, content, stay, with_body=method != "HEAD")
            log(
                "response",
                peer=name,
                path=path,
                status=int(status[:3]),
                bytes=len(content),
                sha256=hashes.get(path),
            )
            if not stay:
                break
    except OSError as error:
        closer = f"error: {error}"
    connection.close()
    log("close", peer=name, closer=closer)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Serve files over HTTP.")
    parser.add_argument(
        "--address", default=ANY_ADDRESS, help="address to listen on (default: all)"
    )
    parser.add_argument("--port", type=int, default=80)
    parser.add_argument("--backlog", type=int, default=128, help="second argument of listen(2)")
    parser.add_argument(
        "--user-timeout", type=duration, help="TCP_USER_TIMEOUT of each connection, such as 10s"
    )
    parser.add_argument(
        "--keep-alive", action="store_true", help="leave connections open for further requests"
    )
    parser.add_argument("--file", action="append", default=[], metavar="NAME=SOURCE")
    parser.add_argument("--generate", action="append", default=[], metavar="NAME=BYTES[:SEED]")
    return parser.parse_args()


def main() -> None:
    """Load the files, listen, and serve until stopped."""
    arguments = parse_arguments()
    files = load_files(arguments)
    hashes = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    for path, content in sorted(files.items()):
        log("file", path=path, bytes=len(content), sha256=hashes[path])
    listener = socket.socket(
        socket.AF_INET6 if ":" in arguments.address else socket.AF_INET, socket.SOCK_STREAM
    )
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((arguments.address, arguments.port))
    listener.listen(arguments.backlog)
    log("listening", port=listener.getsockname()[1], backlog=arguments.backlog)
    while True:
        connection, peer = listener.accept()
        if arguments.user_timeout is not None:
            connection.setsockopt(
                socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(arguments.user_timeout * 1000)
            )
        thread = threading.Thread(
            target=serve, args=(connection, peer, files, hashes, arguments.keep_alive), daemon=True
        )
        thread.start()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
