"""Real IP packets through a TUN device: this end of it is a host of its own, or the kernel's own
address on some ports.

With ``peer`` the kernel gets an address on the device and this TCP another of the same subnet: two
hosts on one wire. With ``ports`` this TCP has the kernel's own address, and segments to those ports
are led to the device (policy routing: ``ip rule ... ipproto tcp dport``), so that it stands on the
host's real links: routes, queues, captures and faults see nothing unusual. The kernel forwards, as
a router would.
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import os
import struct
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from tcpexp.tcp.adapters.ip import TCP, PacketError, decode_icmp, decode_packet, encode_packet
from tcpexp.tcp.adapters.network import Arrival, IpHeader, NetworkError, NetworkTrouble
from tcpexp.tcp.core.isn import Endpoint
from tcpexp.tcp.core.options import SegmentError
from tcpexp.tcp.core.segment import Segment, decode_segment, encode_segment

DEVICE = "/dev/net/tun"
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
#: The routing table of segments that are led to a device, and where its rules stand: before the
#: table "local".
TABLE, LED, LOCAL = 7390, 100, 200
#: Packets taken at most before timers are looked at again.
BURST = 64
#: Packets that the device holds for this program. The kernel's default of 500 is less than a large
#: window: acknowledgments and data would be lost while the program sends a burst, or has no
#: processor.
QUEUE = 4096


class TunNetwork:
    """One end of a TUN device. The device goes away when it is closed."""

    def __init__(self, name: str, address: str, mtu: int = 1500) -> None:
        """Make the device ``name``, not yet set up.

        Raises: NetworkError without the device file or the right (CAP_NET_ADMIN), or in the
            machine's own network namespace.
        """
        refuse_own_namespace()
        self.name = name
        self.address = str(ipaddress.ip_address(address))
        self.mtu = mtu
        self.discarded: dict[str, int] = {}
        self.header = IpHeader()
        self.headers: dict[tuple[int, Endpoint], IpHeader] = {}
        self._identification = 0
        self._undo: list[list[str]] = []
        try:
            self._file = os.open(DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise NetworkError(
                f"cannot open {DEVICE}: {error.strerror}", "load the module: modprobe tun"
            ) from None
        try:
            fcntl.ioctl(
                self._file, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI)
            )
        except OSError as error:
            os.close(self._file)
            raise NetworkError(
                f"cannot make the TUN device {name}: {error.strerror}",
                "it needs CAP_NET_ADMIN, and a name of its own",
            ) from None

    @property
    def version(self) -> int:
        """4 or 6."""
        return ipaddress.ip_address(self.address).version

    def set_up(self, peer: str) -> TunNetwork:
        """Give the kernel's end the address ``peer``, written with its prefix length
        (``10.9.0.1/24``). Raises: NetworkError.
        """
        self._ip("link", "set", self.name, "mtu", str(self.mtu), "txqueuelen", str(QUEUE))
        self._ip("addr", "add", peer, "dev", self.name, *(("nodad",) if self.version == 6 else ()))
        self._ip("link", "set", self.name, "up")
        return self

    def take_ports(self, ports: Sequence[str]) -> TunNetwork:
        """Lead what arrives for this host's own address at ``ports`` (``7000``, ``40000-40999``) to
        the device. Raises: NetworkError.

        The table "local" moves behind the new rules. Packets from the device carry an address that
        is the kernel's own: accept_local lets them in.
        """
        version = "-4" if self.version == 4 else "-6"
        self._ip("link", "set", self.name, "mtu", str(self.mtu), "txqueuelen", str(QUEUE))
        self._ip("link", "set", self.name, "up")
        if self.version == 4:
            _sysctl("net/ipv4/conf/all/forwarding", "1")
            for key, value in (("accept_local", "1"), ("rp_filter", "0"), ("forwarding", "1")):
                _sysctl(f"net/ipv4/conf/{self.name}/{key}", value)
            _sysctl("net/ipv4/conf/all/rp_filter", "0")
            _sysctl("net/ipv4/conf/all/send_redirects", "0")
        else:
            _sysctl("net/ipv6/conf/all/forwarding", "1")
        rules = self._ip(version, "rule", "show")
        if f"{LOCAL}:" not in rules:
            self._ip(version, "rule", "add", "pref", str(LOCAL), "lookup", "local")
            self._ip(version, "rule", "del", "pref", "0", "lookup", "local")
        table = str(TABLE + sum(map(ord, self.name)) % 1000)
        for span in ports:
            rule = [
                "pref",
                str(LED),
                "to",
                self.address,
                "ipproto",
                "tcp",
                "dport",
                span,
                "lookup",
                table,
            ]
            self._ip(version, "rule", "add", *rule)
            self._undo.append([version, "rule", "del", *rule])
        self._ip(version, "route", "add", "default", "dev", self.name, "table", table)
        return self

    def _ip(self, *words: str) -> str:
        """Run ``ip``. Raises: NetworkError with what it said."""
        done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
        if done.returncode:
            raise NetworkError(f"'ip {' '.join(words)}' failed: {done.stderr.strip()}")
        return done.stdout

    def fileno(self) -> int:
        """Return the device's descriptor."""
        return self._file

    def send(self, local: Endpoint, remote: Endpoint, segment: Segment, now: int) -> None:
        """Write one packet; one for which the kernel has no room is lost, as on any wire."""
        self._identification = (self._identification + 1) & 0xFFFF
        header = (
            self.headers.get((local.port, remote), self.header) if self.headers else self.header
        )
        packet = encode_packet(
            local.address,
            remote.address,
            encode_segment(segment, local.address, remote.address),
            self._identification,
            header,
            segment.ecn,
        )
        try:
            os.write(self._file, packet)
        except OSError as error:
            self._discard(f"not sent: {error.strerror}")

    def receive(self, now: int) -> Iterator[Arrival | NetworkTrouble]:
        """Yield segments for this address, and ICMP errors about its own."""
        for _ in range(BURST):
            try:
                data = os.read(self._file, 65536)
            except BlockingIOError:
                return
            try:
                packet = decode_packet(data)
                if packet.destination != self.address:
                    self._discard("not for this address")
                elif packet.protocol == TCP:
                    source, destination = packet.source, packet.destination
                    segment = decode_segment(packet.payload, source, destination, packet.ecn)
                    yield Arrival(source, segment)
                elif (trouble := decode_icmp(packet, self.address)) is not None:
                    yield trouble
                else:
                    self._discard("not TCP")
            except (PacketError, SegmentError) as error:
                self._discard(str(error))

    def _discard(self, reason: str) -> None:
        self.discarded[reason] = self.discarded.get(reason, 0) + 1

    def next_timer(self) -> int | None:
        """Return None: a device has no timers."""
        return None

    def handle_timer(self, now: int) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Take the device and its rules away."""
        for words in self._undo:
            with contextlib.suppress(NetworkError):
                self._ip(*words)
        self._undo.clear()
        os.close(self._file)


def refuse_own_namespace() -> None:
    """Raise NetworkError in the network namespace of process 1, whose routes and devices are not an
    experiment's to change.
    """
    try:
        same = os.stat("/proc/self/ns/net").st_ino == os.stat("/proc/1/ns/net").st_ino
    except OSError:  # without the right to look, there is none to make a device either
        return
    if same:
        hint = (
            "ip netns add lab && ip netns exec lab tcpexp tcp ..., or: unshare --user"
            " --map-root-user --net"
        )
        raise NetworkError(
            "a TUN device is made in a network namespace of the experiment's own only", hint
        )


def _sysctl(key: str, value: str) -> None:
    """Write a sysctl of this namespace and read it back. Raises: NetworkError."""
    path = Path("/proc/sys") / key
    try:
        path.write_text(value)
        found = path.read_text().strip()
    except OSError as error:
        raise NetworkError(f"cannot set {key.replace('/', '.')}: {error.strerror}") from None
    if found != value:
        raise NetworkError(f"{key.replace('/', '.')} is {found} after setting it to {value}")
