"""The command line's options as data, for two parsers: argparse where there is only the standard
library, click in ``tcpexp tcp``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tcpexp.tcp.services.owncontrol import load_control
from tcpexp.tcp.services.words import duration_ns, port_number, port_range, size_bytes


@dataclass(frozen=True)
class Option:
    """``--name``; ``kind`` turns its text into a value (ValueError: wrong), None is a flag.

    ``many`` may be given several times.
    """

    name: str
    kind: Callable[[str], Any] | None
    help: str
    metavar: str = ""
    default: Any = None
    many: bool = False

    @property
    def key(self) -> str:
        """The name among the settings."""
        return self.name.replace("-", "_")


@dataclass(frozen=True)
class Command:
    """A command: what it is for, its arguments (name, may there be several), its options."""

    name: str
    help: str
    arguments: tuple[tuple[str, bool], ...]
    options: tuple[Option, ...]


def generated_file(text: str) -> tuple[str, int, int]:
    """Return (name, size, seed) of ``big=1MB:7``."""
    name, sign, rest = text.partition("=")
    size, _, seed = rest.partition(":")
    if not sign or not name or (seed and not seed.isdigit()):
        raise ValueError(f"'{text}' is not such as big=1MB:7 (name=size:seed)")
    return name, size_bytes(size), int(seed or 0)


NETWORK = (
    Option(
        "address", str, "this end's IP address; over UDP the machine's own when silent", "ADDRESS"
    ),
    Option("udp-port", port_number, "UDP port of this end (serve: 7390; others: any)", "PORT"),
    Option(
        "tun",
        str,
        "real IP packets over a TUN device of this name, in a network namespace of its own; needs"
        " CAP_NET_ADMIN",
        "NAME",
    ),
    Option(
        "peer",
        str,
        "with --tun: the kernel's address on the device, with prefix length; without it --address"
        " is the kernel's own too",
        "CIDR",
    ),
    Option(
        "set",
        str,
        "a setting of the connections, such as mss=1024, sack=off, congestion_control=reno,"
        " msl=500ms",
        "NAME=VALUE",
        many=True,
    ),
    Option(
        "control",
        load_control,
        "a Python file with a congestion control of one's own, a class derived from"
        " CongestionControl; --set congestion_control=NAME uses it",
        "FILE",
        many=True,
    ),
    Option(
        "impair-out",
        str,
        "faults on what this end sends: loss=5%,delay=10ms,reorder=1%,duplicate=1%,drop=3+7,seed=1",
        "FAULTS",
    ),
    Option("impair-in", str, "faults on what arrives here", "FAULTS"),
    Option("events", str, "write the TCP's events to this file, one JSON object per line", "FILE"),
    Option("json", None, "one JSON object per line instead of text"),
    Option("timeout", duration_ns, "give up when nothing has happened for so long", "TIME", "60s"),
    Option("linger", None, "end only when TIME-WAIT is over"),
)
CLIENT = (
    Option("server-udp-port", port_number, "UDP port of the server", "PORT", "7390"),
    Option("local-ports", port_range, "TCP ports of this end", "RANGE", "50000-59999"),
    Option("pause", duration_ns, "wait between two requests", "TIME", "0s"),
)
EACH = Option(
    "each",
    None,
    "a connection for each request, from the next of the local ports; with --set fast_open=on the"
    " first asks for a cookie, and the others have their request in the SYN (RFC 7413)",
)
FILE_PORT, CALCULATOR_PORT, DNS_PORT = 7000, 7001, 7053
COMMANDS = {
    command.name: command
    for command in (
        Command(
            "serve",
            "Serve files, a calculator and DNS names.",
            (),
            (
                Option("files", str, "folder whose files are served", "DIR"),
                Option(
                    "generate",
                    generated_file,
                    "serve a file of pseudo-random bytes",
                    "NAME=SIZE:SEED",
                    many=True,
                ),
                Option("port", port_number, "TCP port for files", "PORT", str(FILE_PORT)),
                Option(
                    "calc-port",
                    port_number,
                    "TCP port of the calculator",
                    "PORT",
                    str(CALCULATOR_PORT),
                ),
                Option("zone", str, "zone file whose names are answered", "FILE"),
                Option("dns-port", port_number, "TCP port for DNS", "PORT", str(DNS_PORT)),
                Option("clients", int, "end after so many connections", "N"),
                *NETWORK,
            ),
        ),
        Command(
            "get",
            "Download files over one connection.",
            (("server", False), ("names", True)),
            (
                Option("port", port_number, "TCP port", "PORT", str(FILE_PORT)),
                Option("out", str, "keep the files in this folder", "DIR"),
                EACH,
                *CLIENT,
                *NETWORK,
            ),
        ),
        Command(
            "calc",
            "Let a server calculate.",
            (("server", False), ("expressions", True)),
            (
                Option("port", port_number, "TCP port", "PORT", str(CALCULATOR_PORT)),
                EACH,
                *CLIENT,
                *NETWORK,
            ),
        ),
        Command(
            "dns",
            "Ask a server for names.",
            (("server", False), ("names", True)),
            (
                Option("port", port_number, "TCP port", "PORT", str(DNS_PORT)),
                Option("type", str, "record type: A, AAAA, CNAME, MX, NS, TXT", "TYPE", "A"),
                EACH,
                *CLIENT,
                *NETWORK,
            ),
        ),
        Command(
            "source",
            "Send octets at a pace.",
            (("server", False),),
            (
                Option("port", port_number, "TCP port", "PORT", str(FILE_PORT)),
                Option("size", size_bytes, "octets per write", "SIZE", "1000"),
                Option("every", duration_ns, "time between two writes", "TIME", "0s"),
                Option("count", int, "writes", "N", "1"),
                *CLIENT,
                *NETWORK,
            ),
        ),
        Command(
            "sink",
            "Take one connection and read at a pace.",
            (),
            (
                Option("port", port_number, "TCP port", "PORT", str(FILE_PORT)),
                Option("read", size_bytes, "octets per read", "SIZE", "64kB"),
                Option(
                    "every",
                    duration_ns,
                    "time between two reads, counted from the first octet's arrival; 0s reads at"
                    " once",
                    "TIME",
                    "0s",
                ),
                *NETWORK,
            ),
        ),
    )
}
