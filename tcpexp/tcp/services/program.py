"""What the commands do: build the network that the options name, run, and report in text or JSON
lines. Standard library only.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tcpexp.tcp.adapters.host import Host
from tcpexp.tcp.adapters.impaired import ImpairedNetwork
from tcpexp.tcp.adapters.network import Carrier, NetworkError, choose_address
from tcpexp.tcp.adapters.record import JsonRecorder
from tcpexp.tcp.adapters.sockets import TcpSocket
from tcpexp.tcp.adapters.tun import TunNetwork
from tcpexp.tcp.adapters.udp import UDP_PORT, UdpNetwork
from tcpexp.tcp.core.connection import CallError
from tcpexp.tcp.services.client import (
    Conversation,
    Opening,
    ServiceError,
    ask_calculator,
    ask_dns,
    download,
)
from tcpexp.tcp.services.dns import RCODES, DnsError, load_zone
from tcpexp.tcp.services.options import COMMANDS
from tcpexp.tcp.services.protocols import (
    CalculatorService,
    DnsService,
    FileService,
    generate,
    load_files,
)
from tcpexp.tcp.services.server import Server
from tcpexp.tcp.services.words import make_config, make_link

#: Exit status: all well; a service or the peer refused; wrong options; this machine lacks
#: something.
WELL, REFUSED, WRONG, LACKING = 0, 1, 2, 3


class Program:
    """One run of a command."""

    def __init__(self, command: str, settings: SimpleNamespace) -> None:
        self.command = command
        self.settings = settings
        self.host: Host
        self.connected = 0

    def log(self, event: str, text: str = "", **facts: object) -> None:
        """Print an event: as JSON with everything, else ``text`` if there is one."""
        if self.settings.json:
            line = json.dumps({"time_ns": time.time_ns(), "event": event, **facts})
        elif text:
            line = text
        else:
            return
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def run(self) -> int:
        """Run the command and return its exit status.

        Raises: NetworkError, ValueError, OSError, CallError, ServiceError, DnsError.
        """
        settings = self.settings
        signal.signal(signal.SIGTERM, _leave)
        if getattr(settings, "out", None) and not Path(settings.out).is_dir():
            raise ValueError(f"--out: there is no folder '{settings.out}'")
        config = make_config(settings.set)
        recorder = JsonRecorder(Path(settings.events)) if settings.events else None
        if recorder is None:
            config = make_config(settings.set, trace=False)
        network = self._network()
        self.host = Host(network, config, recorder=recorder)
        try:
            status = COMMANDS_RUN[self.command](self)
            if not self.host.drain(
                settings.timeout / 1e9 + 2 * config.msl_ns / 1e9 * settings.linger,
                time_wait=settings.linger,
            ):
                self.log("unfinished", "the other end did not close")
            return status
        finally:
            with contextlib.suppress(KeyboardInterrupt, SystemExit):
                for reason, count in sorted(network.discarded.items()):
                    self.log("discarded", reason=reason, segments=count)
            self.host.close()
            if recorder is not None:
                recorder.close()

    def _network(self) -> Carrier:
        settings = self.settings
        network = self._tun() if settings.tun else self._udp()
        outgoing, incoming = (
            make_link(text) if text else None for text in (settings.impair_out, settings.impair_in)
        )
        return ImpairedNetwork(network, outgoing, incoming) if outgoing or incoming else network

    def _tun(self) -> TunNetwork:
        settings = self.settings
        if not settings.address:
            raise ValueError("--tun needs --address")
        network = TunNetwork(settings.tun, settings.address)
        if settings.peer:
            return network.set_up(settings.peer)
        if self.command == "serve":
            ports = [str(settings.port), str(settings.calc_port), str(settings.dns_port)]
        else:
            ports = (
                [str(settings.port)]
                if self.command == "sink"
                else ["{}-{}".format(*settings.local_ports)]
            )
        return network.take_ports(ports)

    def _udp(self) -> UdpNetwork:
        settings = self.settings
        if not hasattr(settings, "server"):
            return UdpNetwork(
                settings.address or "127.0.0.1",
                UDP_PORT if settings.udp_port is None else settings.udp_port,
            )
        server = (settings.server, int(settings.server_udp_port))
        return UdpNetwork(
            settings.address or choose_address(settings.server), settings.udp_port or 0, server
        )

    def connect(self, data: bytes = b"") -> TcpSocket:
        """Connect from one of the ports asked for, each time from the next; ``data`` go first."""
        first, last = self.settings.local_ports
        chosen = self.host.stack._next_port - 49152 + self.connected
        port = first + chosen % (last - first + 1)
        self.connected += 1
        seconds = self.settings.timeout / 1e9
        self.log("connect", server=self.settings.server, port=self.settings.port, local_port=port)
        sock = self.host.connect(
            self.settings.server, self.settings.port, timeout=seconds, local_port=port, data=data
        )
        sock.timeout = seconds
        self.log("connected", server=self.settings.server, port=self.settings.port)
        return sock

    def conversations(self, items: list[str]) -> Iterator[tuple[Conversation, Iterable[str]]]:
        """Yield connections, and what is to be asked on each: all items on one, or with ``--each``
        every item on its own, which begins with the request.
        """
        if not self.settings.each:
            with self.connect() as sock:
                yield sock, self.paced(items)
            return
        for item in self.paced(items):
            with Opening(self.connect) as opening:
                yield opening, [item]

    def rest(self, seconds: float) -> None:
        """Let time pass; the loop goes on."""
        if seconds > 0:
            self.host.run_until(lambda: False, seconds)

    def paced(self, items: list[str]) -> Iterator[str]:
        """Yield the items with the pause in between."""
        for number, item in enumerate(items):
            if number:
                self.rest(self.settings.pause / 1e9)
            yield item


def _leave(*unused: object) -> None:
    raise SystemExit(0)


def serve(program: Program) -> int:
    """Serve until enough clients have come."""
    settings = program.settings
    files = load_files(
        Path(settings.files) if settings.files else None,
        {name: (size, seed) for name, size, seed in settings.generate},
    )
    zone = load_zone(Path(settings.zone).read_text(encoding="utf-8")) if settings.zone else []
    server = Server(program.host, program.log)
    server.offer(settings.port, "files", lambda: FileService(files))
    server.offer(settings.calc_port, "calculator", CalculatorService)
    server.offer(settings.dns_port, "dns", lambda: DnsService(zone))
    where = program.host.network.address
    ports = {"files": settings.port, "calculator": settings.calc_port, "dns": settings.dns_port}
    program.log(
        "listening",
        f"listening at {where}: " + ", ".join(f"{name} {port}" for name, port in ports.items()),
        address=where,
        **ports,
    )
    server.run(settings.clients)
    return WELL


def get(program: Program) -> int:
    """Download."""
    settings, status = program.settings, WELL
    for sock, names in program.conversations(settings.names):
        began = program.host.clock()
        for done in download(sock, names):
            took = program.host.clock() - began
            if done.error or not done.intact:
                status = REFUSED
                error = done.error or "arrived changed: wrong hash"
                program.log("refused", f"{done.name}: {error}", name=done.name, error=error)
            else:
                digest = hashlib.sha256(done.content).hexdigest()
                text = (
                    f"{done.name}: {len(done.content)} bytes in {took / 1e9:.3f} s, sha256 {digest}"
                )
                program.log(
                    "file",
                    text,
                    name=done.name,
                    bytes=len(done.content),
                    sha256=digest,
                    intact=done.intact,
                    took_us=took // 1000,
                )
                if settings.out:
                    (Path(settings.out) / Path(done.name).name).write_bytes(done.content)
            began = program.host.clock()
    return status


def calc(program: Program) -> int:
    """Calculate."""
    status = WELL
    for sock, expressions in program.conversations(program.settings.expressions):
        for expression, value, error in ask_calculator(sock, expressions):
            status = REFUSED if error else status
            program.log(
                "result",
                f"{expression} = {value}" if not error else f"{expression}: {error}",
                expression=expression,
                value=value,
                error=error,
            )
    return status


def dns(program: Program) -> int:
    """Ask for names."""
    status, kind = WELL, program.settings.type.upper()
    for sock, names in program.conversations(program.settings.names):
        for name, answer in ask_dns(sock, names, kind):
            words = [f"{record.name} {record.type} {record.value}" for record in answer.records]
            said = RCODES.get(answer.rcode, str(answer.rcode))
            status = status if words else REFUSED
            text = (
                "\n".join(words)
                or f"{name}: {said if answer.rcode else f'no record of type {kind}'}"
            )
            program.log("answer", text, name=name, type=kind, rcode=said, records=words)
    return status


def source(program: Program) -> int:
    """Send at a pace, each write counted from the first one's time."""
    settings = program.settings
    with program.connect() as sock:
        began, sent, digest = program.host.clock(), 0, hashlib.sha256()
        for number in range(settings.count):
            program.rest((began + number * settings.every - program.host.clock()) / 1e9)
            data = generate(settings.size, number)
            sock.sendall(data)
            digest.update(data)
            sent += len(data)
            program.log("write", number=number + 1, bytes=len(data))
        sock.shutdown()
        while sock.recv(65_536):
            pass
    program.log(
        "sent",
        f"sent {sent} bytes, sha256 {digest.hexdigest()}",
        bytes=sent,
        sha256=digest.hexdigest(),
    )
    return WELL


def sink(program: Program) -> int:
    """Read at a pace."""
    settings, host = program.settings, program.host
    listener = host.listen(settings.port)
    program.log(
        "listening",
        f"listening at {host.network.address}: {settings.port}",
        address=host.network.address,
        port=settings.port,
    )
    with listener.accept() as sock:
        total, number, digest, began = 0, 0, hashlib.sha256(), None
        while True:
            host.run_until(lambda: sock.ready)
            began = host.clock() if began is None else began
            if settings.every:
                program.rest((began + number * settings.every - host.clock()) / 1e9)
            data = sock.recv(settings.read)
            if not data and sock.heard.ended:
                break
            total, number = total + len(data), number + 1
            digest.update(data)
            if settings.every:
                program.log("read", number=number, bytes=len(data))
    program.log(
        "received",
        f"received {total} bytes, sha256 {digest.hexdigest()}",
        bytes=total,
        sha256=digest.hexdigest(),
    )
    return WELL


COMMANDS_RUN: dict[str, Callable[[Program], int]] = {
    "serve": serve,
    "get": get,
    "calc": calc,
    "dns": dns,
    "source": source,
    "sink": sink,
}
assert COMMANDS_RUN.keys() == COMMANDS.keys()


def explain(error: Exception) -> tuple[int, str, str]:
    """Return (exit status, message, hint) of an error that a command ends with."""
    if isinstance(error, NetworkError):
        return LACKING, error.message, error.hint
    if isinstance(error, TimeoutError):
        return (
            REFUSED,
            str(error),
            (
                "is the server running, and reached in the same way (over UDP its port is"
                " --server-udp-port, or --tun at both ends)?"
            ),
        )
    if isinstance(error, ConnectionError | ServiceError):
        return REFUSED, str(error), ""
    if isinstance(error, OSError) and error.filename:
        return WRONG, f"{error.filename}: {error.strerror}", ""
    return WRONG, str(error), ""


def settings_of(command: str, given: dict[str, Any]) -> SimpleNamespace:
    """Return the settings with defaults, each text turned into its value.

    Raises: ValueError naming the option.
    """
    values: dict[str, Any] = {}
    for option in COMMANDS[command].options:
        value = given.get(option.key)
        if option.kind is None:
            values[option.key] = bool(value)
        elif option.many:
            values[option.key] = [_value(option.name, option.kind, text) for text in value or ()]
        else:
            value = option.default if value is None else value
            values[option.key] = None if value is None else _value(option.name, option.kind, value)
    for name, several in COMMANDS[command].arguments:
        values[name] = list(given[name]) if several else given[name]
    return SimpleNamespace(**values)


def _value(name: str, kind: Callable[[str], Any], text: str) -> Any:
    try:
        return kind(text)
    except ValueError as error:
        words = (
            str(error)
            if "'" in str(error) and "literal" not in str(error)
            else f"'{text}' is not a number"
        )
        raise ValueError(f"--{name}: {words}") from None


#: What a command may end with, beside a wrong program.
ERRORS = (NetworkError, ValueError, OSError, CallError, ServiceError, DnsError)
