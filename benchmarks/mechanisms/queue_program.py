"""The counting of one rule ("the N-th data segment") as a program behind NFQUEUE: a netlink socket,
no library. queue.c does the same.

With the argument ``count`` it keeps each flow's state, without it every packet passes unread.
"""

import socket
import struct
import sys

QUEUE, NTH = 7, 1_000_000
CONFIG, VERDICT = (3 << 8) | 2, (3 << 8) | 1
PACKET_HEADER, PAYLOAD = 1, 10
VERDICT_HEAD = struct.pack("=IHHIIBBHHH", 32, VERDICT, 1, 0, 0, 0, 0, socket.htons(QUEUE), 12, 2)


def configure(link: socket.socket, kind: int, value: bytes) -> None:
    """Set something of the queue; raises ``OSError``."""
    attribute = struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)
    body = struct.pack("!BBH", 0, 0, QUEUE) + attribute
    link.send(struct.pack("=IHHII", 16 + len(body), CONFIG, 5, 0, 0) + body)
    status = struct.unpack_from("=i", link.recv(4096), 16)[0]
    if status:
        raise OSError(-status, "the queue was refused")


def decide(buffer: bytearray, at: int, flows: dict[tuple[bytes, int, int], list[int]]) -> int:
    """Return the verdict, 0 to drop and 1 to pass, on the IPv4 packet at ``at``."""
    ip = (buffer[at] & 15) * 4
    total = struct.unpack_from("!H", buffer, at + 2)[0]
    source, target, seq = struct.unpack_from("!HHI", buffer, at + ip)
    payload = total - ip - (buffer[at + ip + 12] >> 4) * 4
    key, end = (bytes(buffer[at + 12 : at + 20]), source, target), (seq + payload) & 0xFFFFFFFF
    state = flows.get(key)
    if state is None or buffer[at + ip + 13] & 2:
        flows[key] = [end, int(payload > 0)]
    elif payload and 0 < (end - state[0]) & 0xFFFFFFFF < 1 << 31:
        state[0], state[1] = end, state[1] + 1
        return int(state[1] != NTH)
    return 1


def main() -> None:
    """Answer for every packet until killed."""
    link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
    link.bind((0, 0))
    configure(link, 1, struct.pack("!BxH", 1, 0))
    configure(link, 2, struct.pack("!IB", 128, 2))
    print("ready", flush=True)
    buffer, count = bytearray(65536), "count" in sys.argv[1:]
    flows: dict[tuple[bytes, int, int], list[int]] = {}
    while True:
        size, at, verdict = link.recv_into(buffer), 20, 1
        while at + 4 <= size:
            length, kind = struct.unpack_from("=HH", buffer, at)
            if kind == PACKET_HEADER:
                number = bytes(buffer[at + 4 : at + 8])
            elif kind == PAYLOAD and count:
                verdict = decide(buffer, at + 4, flows)
            at += (length + 3) & ~3
        link.send(VERDICT_HEAD + struct.pack("!I", verdict) + number)


if __name__ == "__main__":
    main()
