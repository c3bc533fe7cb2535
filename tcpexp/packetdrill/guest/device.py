"""The network of one script: a namespace, a TUN device with one address and one route, and a packet
socket that sees with the kernel's time what goes out.

Source: the kernel's Documentation/networking/tuntap.rst, packet(7), rtnetlink(7).
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
from dataclasses import dataclass
from typing import Any

NAME = "tun0"
CLONE_NEWNET = 0x40000000
TUNSETIFF, TUNSETOFFLOAD = 0x400454CA, 0x400454D0
IFF_TUN, IFF_NO_PI, IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
#: TUN_F_CSUM, _TSO4, _TSO6 and _TSO_ECN: like a usual Ethernet card.
OFFLOADS = 0x01 | 0x02 | 0x04 | 0x08
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFMTU = 0x8913, 0x8914, 0x8922
IFF_UP = 1
#: struct virtio_net_hdr: flags, kind of segmentation, header's length, segment's length, checksum.
VIRTIO = struct.Struct("=BBHHHH")
GSO_TCPV4, GSO_TCPV6 = 1, 4
PACKET_OUTGOING = 4
ETH_P_ALL = 3
SO_TIMESTAMPNS = 35
SNIFFED_BYTES = 1 << 17
BUFFER_BYTES = 1 << 23
RTM_NEWADDR, RTM_NEWROUTE = 20, 24
NLM_F_REQUEST, NLM_F_ACK, NLM_F_CREATE, NLM_F_REPLACE = 1, 4, 0x400, 0x100
IFA_ADDRESS, IFA_LOCAL = 1, 2
RTA_DST, RTA_OIF, RTA_GATEWAY = 1, 4, 5
RT_TABLE_MAIN, RTPROT_BOOT, RT_SCOPE_UNIVERSE, RTN_UNICAST = 254, 3, 0, 1


@dataclass(frozen=True)
class Addresses:
    """The addresses on the wire of one way to play a script: ``ipv4``, or ``ipv6``."""

    local: str
    prefix: int
    gateway: str
    remote: str
    mtu: int | None = None

    @property
    def family(self) -> socket.AddressFamily:
        """Return the family of the packets."""
        return socket.AF_INET6 if ":" in self.local else socket.AF_INET

    def packed(self, address: str) -> bytes:
        """Return an address as it stands in a packet."""
        return socket.inet_pton(self.family, address)


class Device:
    """The TUN device; its namespace becomes this process's.

    Raises:
        OSError: the kernel refuses.
    """

    def __init__(self, addresses: Addresses) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        self.tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR
        fcntl.ioctl(self.tun, TUNSETIFF, struct.pack("=16sH22x", NAME.encode(), flags))
        fcntl.ioctl(self.tun, TUNSETOFFLOAD, OFFLOADS)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            if addresses.mtu is not None:
                request = struct.pack("=16si20x", NAME.encode(), addresses.mtu)
                fcntl.ioctl(control, SIOCSIFMTU, request)
            for name in ("lo", NAME):
                _set_up(control, name)
        self.index = socket.if_nametoindex(NAME)
        self._configure(addresses)
        self.sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.sniffer.bind((NAME, ETH_P_ALL))
        self.sniffer.setsockopt(socket.SOL_SOCKET, 33, BUFFER_BYTES)  # SO_RCVBUFFORCE
        self.sniffer.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)

    def _configure(self, addresses: Addresses) -> None:
        family = addresses.family
        local, remote = addresses.packed(addresses.local), addresses.packed(addresses.remote)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
            head = struct.pack("=BBBBI", family, addresses.prefix, 0, 0, self.index)
            body = head + _attribute(IFA_LOCAL, local) + _attribute(IFA_ADDRESS, local)
            _ask(netlink, RTM_NEWADDR, body)
            head = struct.pack(
                "=BBBBBBBBI",
                family,
                len(remote) * 8,
                0,
                0,
                RT_TABLE_MAIN,
                RTPROT_BOOT,
                RT_SCOPE_UNIVERSE,
                RTN_UNICAST,
                0,
            )
            body = head + _attribute(RTA_DST, remote)
            body += _attribute(RTA_OIF, struct.pack("=I", self.index))
            body += _attribute(RTA_GATEWAY, addresses.packed(addresses.gateway))
            _ask(netlink, RTM_NEWROUTE, body)

    def inject(self, data: bytes, segment: int = 0) -> None:
        """Let the kernel receive an IP packet; ``segment`` is the MSS of one that GRO would make
        of several, 0 for a plain one.
        """
        kind = (GSO_TCPV6 if data[0] >> 4 == 6 else GSO_TCPV4) if segment else 0
        os.writev(self.tun, [VIRTIO.pack(0, kind, 0, segment, 0, 0), data])

    def sniff(self, timeout_s: float) -> tuple[int, bytes] | None:
        """Return when the next packet went out (nanoseconds of the real-time clock), and the
        packet; None when none came in time.

        What went out is taken from the device as well: the kernel counts it as sent by then.
        """
        self.sniffer.settimeout(max(timeout_s, 1e-9))
        try:
            data, control, _, sender = self.sniffer.recvmsg(SNIFFED_BYTES, 256)
        except (TimeoutError, BlockingIOError):
            return None
        if sender[2] != PACKET_OUTGOING:
            return 0, b""
        self.take()
        seconds, nanoseconds = struct.unpack("=qq", _of(control, SO_TIMESTAMPNS))
        return seconds * 1_000_000_000 + nanoseconds, data

    def take(self) -> None:
        """Take one packet from the device."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.tun, VIRTIO.size + 1)


def _of(control: list[tuple[int, int, bytes]], kind: int) -> bytes:
    return next(data for _, name, data in control if name == kind)


def _set_up(control: socket.socket, name: str) -> None:
    request = struct.pack("=16sh22x", name.encode(), 0)
    flags = struct.unpack_from("=h", fcntl.ioctl(control, SIOCGIFFLAGS, request), 16)[0]
    fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("=16sh22x", name.encode(), flags | IFF_UP))


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


def _ask(netlink: socket.socket, kind: int, body: bytes) -> None:
    flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE
    netlink.send(struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body)
    answer = netlink.recv(8192)
    error = struct.unpack_from("=i", answer, 16)[0]
    if error:
        raise OSError(-error, f"rtnetlink {kind}: {os.strerror(-error)}")


def addresses_of(job: dict[str, Any]) -> Addresses:
    """Return the addresses that a job names."""
    return Addresses(**job)
