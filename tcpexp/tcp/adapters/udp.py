"""Segments inside UDP datagrams: for a laptop without privileges. The datagram's payload is the
segment as it would stand in an IP packet.

Both ends must see the same addresses, since the TCP checksum covers them: there is no translation
of addresses on the way.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
import struct
import sys
from collections.abc import Iterator

from tcpexp.tcp.adapters.network import Arrival, IpHeader, NetworkError, NetworkTrouble
from tcpexp.tcp.core.isn import Endpoint
from tcpexp.tcp.core.options import SegmentError
from tcpexp.tcp.core.segment import Segment, decode_segment, encode_segment

#: Where a server's datagrams arrive when nothing else is said.
UDP_PORT = 7390
BURST = 64
BUFFER = 4 << 20
#: Room for what the kernel tells of a datagram beside its bytes.
CONTROL = 64


class UdpNetwork:
    """A UDP socket.

    Whoever sends from a TCP port is answered at the UDP port from which it came.
    """

    def __init__(
        self, address: str, port: int = 0, server: tuple[str, int] | None = None, mtu: int = 1472
    ) -> None:
        """Bind to ``address`` and ``port`` (0: any).

        ``server`` is where segments go to an address that has sent nothing yet.

        ``mtu`` counts a datagram's payload, and an IP header that is not there, so that the MSS is
        the same sum as over TUN: 1472 + 20 - 40.
        Raises: NetworkError when the address is not this machine's or the port is taken.
        """
        try:
            address = str(ipaddress.ip_address(address))
        except ValueError:
            raise NetworkError(
                f"'{address}' is not an IP address", "write such as 127.0.0.1 or ::1"
            ) from None
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            self._socket.bind((address, port))
        except OSError as error:
            self._socket.close()
            hint = (
                "write an address of this machine"
                if error.errno == errno.EADDRNOTAVAIL
                else "choose another with --udp-port"
            )
            raise NetworkError(
                f"cannot open UDP port {port} at {address}: {error.strerror}", hint
            ) from None
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        with contextlib.suppress(OSError, AttributeError):  # without it, marks are not seen
            if family == socket.AF_INET:
                self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
            else:
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
        self.address = str(ipaddress.ip_address(self._socket.getsockname()[0]))
        self.port: int = self._socket.getsockname()[1]
        self.mtu = mtu + (40 if ":" in self.address else 20)
        self.discarded: dict[str, int] = {}
        self.header = IpHeader()
        self.headers: dict[tuple[int, Endpoint], IpHeader] = {}
        self._server = server
        self._paths: dict[Endpoint, tuple[str, int]] = {}

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._socket.fileno()

    def send(self, local: Endpoint, remote: Endpoint, segment: Segment, now: int) -> None:
        """Send one datagram; what the kernel refuses is lost."""
        path = self._paths.get(remote, self._server)
        if path is None:
            self._discard("no UDP port known")
            return
        try:
            self._socket.sendmsg(
                [encode_segment(segment, local.address, remote.address)],
                self._control(local, remote, segment.ecn),
                0,
                path,
            )
        except OSError as error:
            self._discard(f"not sent: {error.strerror}")

    def _control(self, local: Endpoint, remote: Endpoint, ecn: int) -> list[tuple[int, int, bytes]]:
        """Return what the datagram's own IP header is to say, where it is not the machine's
        default.
        """
        header = self.headers.get((local.port, remote), self.header)
        if header == IpHeader() and not ecn:
            return []
        fields = (
            (header.dscp << 2 | ecn, socket.IP_TOS, socket.IPV6_TCLASS),
            (header.hop_limit, socket.IP_TTL, socket.IPV6_HOPLIMIT),
        )
        if ":" in self.address:
            return [
                (socket.IPPROTO_IPV6, option, struct.pack("i", value))
                for value, _, option in fields
            ]
        return [(socket.IPPROTO_IP, option, struct.pack("i", value)) for value, option, _ in fields]

    def receive(self, now: int) -> Iterator[Arrival | NetworkTrouble]:
        """Yield the segments that have arrived.

        A SYN from another UDP port takes over the TCP port that it names; other segments do not.
        """
        for _ in range(BURST):
            try:
                data, control, _, (address, port, *_) = self._socket.recvmsg(65536, CONTROL)
            except BlockingIOError:
                return
            except OSError as error:
                # an ICMP error about an earlier datagram: the peer's UDP port is closed
                self._discard(f"UDP: {error.strerror}")
                continue
            try:
                segment = decode_segment(data, address, self.address, _ecn(control))
            except SegmentError as error:
                self._discard(str(error))
                continue
            remote = Endpoint(address, segment.src_port)
            if self._paths.setdefault(remote, (address, port)) != (address, port):
                if not segment.flags & 2:
                    self._discard("another UDP port")
                    continue
                self._paths[remote] = (address, port)
            yield Arrival(address, segment)

    def _discard(self, reason: str) -> None:
        self.discarded[reason] = self.discarded.get(reason, 0) + 1

    def next_timer(self) -> int | None:
        """Return None: a socket has no timers."""
        return None

    def handle_timer(self, now: int) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def _ecn(control: list[tuple[int, int, bytes]]) -> int:
    """Return the ECN field of a datagram's IP header, 0 where the kernel does not say."""
    for level, _, data in control:
        if level in (socket.IPPROTO_IP, socket.IPPROTO_IPV6) and data:
            return int.from_bytes(data, sys.byteorder) & 3
    return 0
