"""Send a typed linked list over TCP, or rebuild the one that comes, print every field and refuse
what is not a list.

    python3 linked_list.py serve --port 5000
    python3 linked_list.py send --to 10.0.0.2 --port 5000 --nodes 10

On the wire, numbers in network byte order: the count (4 bytes), then for each node a header of 276
bytes, laid out as a C compiler lays out ``struct { int32_t id, next_id; int16_t rating; uint32_t
price; char title[255]; uint32_t content_length; }``, and its content. The first node is the head;
``next_id`` -1 ends the list. Ten nodes of 1000 bytes are 4 + 10 x (276 + 1000) = 12764 bytes. The
server answers with one line, ``ok ...`` or ``refused: <why>``.

Both ends speak IPv4 and IPv6 (``serve --address ::``). ``serve --read 8192 --pause 1s`` is a slow
reader; ``send --chunk`` is the size of one write, and ``send --lie`` damages the list on purpose.
"""

import argparse
import hashlib
import json
import os
import socket
import struct
import sys
import time
from dataclasses import dataclass

COUNT = struct.Struct("!I")
#: 2x and x are the padding that aligns the numbers behind them to four bytes.
HEADER = struct.Struct("!iih2xI255sxI")
END = -1
LARGEST_COUNT, LARGEST_CONTENT, LARGEST_LIST = 100_000, 1_000_000, 64_000_000
LIES = (
    "truncate",
    "count",
    "huge-count",
    "content",
    "huge-content",
    "twice",
    "loop",
    "nowhere",
    "tail",
    "title",
)
#: Where a server listens: tcpexp sets TCPEXP_IP to 6 in a network that speaks IPv6.
ANY_ADDRESS = "::" if os.environ.get("TCPEXP_IP") == "6" else "0.0.0.0"
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


class ListError(Exception):
    """What came is not a whole, honest list; the text says what is wrong."""


@dataclass(frozen=True)
class Node:
    """One book; ``next_id`` is the id of the one that follows."""

    id: int
    next_id: int
    rating: int
    price: int
    title: str
    content: bytes


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


def make_list(count: int, content_length: int) -> list[Node]:
    """Return the nodes 0, 1, ... of the example list, each linked to the next."""
    return [
        Node(
            i, i + 1 if i + 1 < count else END, 2 * i, 3 * i, f"Book by {i}", b"a" * content_length
        )
        for i in range(count)
    ]


def encode(nodes: list[Node], lie: str | None = None) -> bytes:
    """Return the list as it goes over the wire, damaged in the way that ``lie`` names."""
    count = {"count": len(nodes) + 1, "huge-count": 0xFFFFFFFF}.get(lie or "", len(nodes))
    pieces = [COUNT.pack(count)]
    for number, node in enumerate(nodes):
        last = number == len(nodes) - 1
        length = (
            {"content": len(node.content) + 1, "huge-content": 0xFFFFFFFF}.get(lie or "", 0)
            if last
            else 0
        )
        node_id = nodes[0].id if last and lie == "twice" else node.id
        next_id = (
            {"loop": nodes[0].id, "nowhere": 9999}.get(lie or "", node.next_id)
            if last
            else node.next_id
        )
        title = b"\xff\xfe" if last and lie == "title" else node.title.encode()
        pieces.append(
            HEADER.pack(
                node_id, next_id, node.rating, node.price, title, length or len(node.content)
            )
        )
        pieces.append(node.content)
    whole = b"".join(pieces)
    if lie == "truncate":
        return whole[: -len(nodes[-1].content) // 2]
    return whole + b"more" if lie == "tail" else whole


class Reader:
    """Reads a connection ``size`` bytes at a time with a pause after each read, and hands them out
    in exact numbers.
    """

    def __init__(
        self, connection: socket.socket, size: int, pause: float, calls: bool = False
    ) -> None:
        self.connection, self.size, self.pause, self.calls = connection, size, pause, calls
        self.waiting = bytearray()
        self.received, self.reads, self.digest = 0, 0, hashlib.sha256()

    def more(self) -> bool:
        """Read once; False when the peer has closed."""
        before = time.monotonic_ns()
        piece = self.connection.recv(self.size)
        took_us = (time.monotonic_ns() - before) // 1000
        if not piece:
            return False
        self.received, self.reads = self.received + len(piece), self.reads + 1
        self.digest.update(piece)
        self.waiting += piece
        if self.pause or self.calls:
            log(
                "read", number=self.reads, bytes=len(piece), received=self.received, took_us=took_us
            )
        if self.pause:
            time.sleep(self.pause)
        return True

    def take(self, count: int, what: str) -> bytes:
        """Return exactly ``count`` bytes; raises ``ListError`` when the peer closes before."""
        while len(self.waiting) < count:
            if not self.more():
                raise ListError(
                    f"truncated: {what} has {count} bytes, and the data ends after"
                    f" {len(self.waiting)} of them"
                )
        piece = bytes(self.waiting[:count])
        del self.waiting[:count]
        return piece


def read_nodes(reader: Reader) -> list[Node]:
    """Return the nodes in the order of the wire.

    Raises ``ListError`` at the first byte that cannot be right.
    """
    (count,) = COUNT.unpack(reader.take(COUNT.size, "the count"))
    if count > LARGEST_COUNT:
        raise ListError(f"the list claims {count} nodes; at most {LARGEST_COUNT} are taken")
    nodes: list[Node] = []
    for number in range(1, count + 1):
        name = f"node {number} of {count}"
        header = HEADER.unpack(reader.take(HEADER.size, f"the header of {name}"))
        node_id, next_id, rating, price, title, length = header
        if length > LARGEST_CONTENT or reader.received + length > LARGEST_LIST:
            raise ListError(
                f"{name} claims {length} bytes of content; at most {LARGEST_CONTENT} are taken"
            )
        try:
            text = title.rstrip(b"\0").decode()
        except UnicodeDecodeError:
            raise ListError(f"the title of {name} is not UTF-8 text") from None
        nodes.append(
            Node(
                node_id, next_id, rating, price, text, reader.take(length, f"the content of {name}")
            )
        )
    if reader.waiting or reader.more():
        raise ListError(f"{len(reader.waiting)} bytes or more follow the last of {count} nodes")
    return nodes


def link(nodes: list[Node]) -> list[Node]:
    """Return the nodes in the order of their links, from the first on.

    Raises ``ListError`` when that is no list.
    """
    by_id: dict[int, Node] = {}
    for node in nodes:
        if node.id in by_id:
            raise ListError(f"two nodes have the id {node.id}")
        by_id[node.id] = node
    linked: dict[int, Node] = {}
    following = nodes[0].id if nodes else END
    while following != END:
        if following in linked:
            raise ListError(f"the list runs in a circle: node {following} follows a second time")
        if following not in by_id:
            raise ListError(f"a node is followed by {following}, which is not in the list")
        linked[following] = by_id[following]
        following = by_id[following].next_id
    if len(linked) != len(nodes):
        raise ListError(f"{len(nodes) - len(linked)} of {len(nodes)} nodes are linked to nothing")
    return list(linked.values())


def receive(connection: socket.socket, arguments: argparse.Namespace) -> str:
    """Read one list, print it, and return the answer to the client."""
    reader = Reader(connection, arguments.read, arguments.pause, arguments.calls)
    try:
        nodes = link(read_nodes(reader))
    except (ListError, TimeoutError) as error:
        why = (
            str(error)
            if isinstance(error, ListError)
            else f"nothing came for {connection.gettimeout():g} s"
        )
        log("refused", why=why, bytes=reader.received)
        return f"refused: {why}\n"
    for number, node in enumerate(() if arguments.brief else nodes):
        content = node.content.decode("utf-8", "replace")
        facts = {key: getattr(node, key) for key in ("id", "next_id", "rating", "price", "title")}
        log("node", number=number, **facts, content_length=len(node.content), content=content)
    digest = reader.digest.hexdigest()
    log("list", nodes=len(nodes), bytes=reader.received, reads=reader.reads, sha256=digest)
    return f"ok nodes={len(nodes)} bytes={reader.received} sha256={digest}\n"


def answer(connection: socket.socket, line: str) -> None:
    """Send the answer and close.

    What is still coming is read first: closing over unread data would send a RST.
    """
    connection.sendall(line.encode())
    connection.shutdown(socket.SHUT_WR)
    connection.settimeout(1.0)
    for _ in range(1000):
        if not connection.recv(65536):
            break


def serve(arguments: argparse.Namespace) -> int:
    """Take one list per connection, one connection after the other."""
    family = socket.AF_INET6 if ":" in arguments.address else socket.AF_INET
    dual = family == socket.AF_INET6 and arguments.address == "::" and socket.has_dualstack_ipv6()
    listener = socket.create_server(
        (arguments.address, arguments.port), family=family, dualstack_ipv6=dual
    )
    log("listening", port=listener.getsockname()[1], family=family.name)
    while True:
        connection, peer = listener.accept()
        connection.settimeout(arguments.timeout)
        log("accept", peer=peer[0], port=peer[1])
        try:
            answer(connection, receive(connection, arguments))
        except OSError as error:
            log("error", why=str(error))
        connection.close()
        log("closed")


def write_all(
    connection: socket.socket, whole: bytes, size: int, blocked_s: float, calls: bool = False
) -> None:
    """Write in chunks of ``size`` and log each write that took ``blocked_s`` seconds or more
    (``calls``: every one), and a summary.
    """
    blocked, blocked_us, longest_us, first = 0, 0, 0, None
    for offset in range(0, len(whole), size):
        chunk, before = whole[offset : offset + size], time.monotonic_ns()
        connection.sendall(chunk)
        took_us = (time.monotonic_ns() - before) // 1000
        longest_us = max(longest_us, took_us)
        if took_us >= blocked_s * 1e6:
            blocked, blocked_us = blocked + 1, blocked_us + took_us
            first = offset if first is None else first
        if calls or took_us >= blocked_s * 1e6:
            log("write", number=offset // size, bytes=len(chunk), offset=offset, took_us=took_us)
    facts = {
        "blocked": blocked,
        "blocked_us": blocked_us,
        "longest_us": longest_us,
        "first_blocked_offset": first,
    }
    digest = hashlib.sha256(whole).hexdigest()
    log("sent", bytes=len(whole), writes=-(-len(whole) // size), **facts, sha256=digest)


def send(arguments: argparse.Namespace) -> int:
    """Send one list; return 0 when the server took it."""
    whole = encode(make_list(arguments.nodes, arguments.content), arguments.lie)
    connection = socket.create_connection((arguments.to, arguments.port), timeout=arguments.timeout)
    log(
        "connected",
        family=connection.family.name,
        mss=connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG),
    )
    connection.settimeout(None)
    line = b""
    try:
        write_all(connection, whole, arguments.chunk, arguments.blocked, arguments.calls)
        connection.shutdown(socket.SHUT_WR)
    except (BrokenPipeError, ConnectionResetError) as error:
        log("cut", why=str(error))
    connection.settimeout(arguments.timeout)
    try:
        while not line.endswith(b"\n") and (more := connection.recv(4096)):
            line += more
    except OSError as error:
        log("error", why=str(error))
    log("answer", text=line.decode("utf-8", "replace").strip())
    connection.close()
    return 0 if line.startswith(b"ok ") else 1


def positive(text: str) -> int:
    """Return a whole number above 0."""
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above 0")
    return int(text)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Send or receive a typed linked list.")
    commands = parser.add_subparsers(dest="command", required=True)
    server = commands.add_parser("serve", help="receive lists")
    server.add_argument(
        "--address", default=ANY_ADDRESS, help="where to listen; :: for IPv6 and IPv4"
    )
    server.add_argument("--port", type=int, required=True, help="0: any free port, logged")
    server.add_argument("--read", type=positive, default=65536, help="bytes per read")
    server.add_argument(
        "--pause", type=duration, default=0.0, help="sleep after each read, such as 1s"
    )
    server.add_argument(
        "--timeout",
        type=duration,
        default=30.0,
        help="refuse a list of which nothing comes for so long",
    )
    server.add_argument("--calls", action="store_true", help="log every read with the time it took")
    server.add_argument("--brief", action="store_true", help="do not print the nodes")
    client = commands.add_parser("send", help="send one list")
    client.add_argument("--to", required=True, help="address of the server, IPv4 or IPv6")
    client.add_argument("--port", type=int, required=True)
    client.add_argument("--nodes", type=positive, default=10)
    client.add_argument("--content", type=positive, default=1000, help="bytes of content per node")
    client.add_argument("--chunk", type=positive, default=4096, help="bytes per write")
    client.add_argument(
        "--blocked", type=duration, default=0.001, help="log writes that took so long or longer"
    )
    client.add_argument(
        "--calls", action="store_true", help="log every write with the time it took"
    )
    client.add_argument(
        "--timeout",
        type=duration,
        default=600.0,
        help="longest wait for connecting and for the answer",
    )
    client.add_argument("--lie", choices=LIES, help="damage the list on purpose")
    return parser.parse_args()


def main() -> int:
    """Serve or send."""
    arguments = parse_arguments()
    return serve(arguments) if arguments.command == "serve" else send(arguments)


if __name__ == "__main__":
    sys.exit(main())
