"""Let a link's rate follow a list: the kernel's token bucket is changed in this process, which
costs the guest some 0.1 ms of its time per change.

What tbf does at a change, and what is done about it (docs/concepts/links.md has the measurements):

- It fills its bucket: up to two frames pass that the rates asked for did not allow. They are
  counted as a debt, which the following rates pay back. Where few frames pass between two changes
  the bucket is one frame, and where the debt is as large as all of them, the link stands still and
  is not changed again.
- It does not look at its queue before its old timer ends, which a low rate may have set far ahead.
  A frame larger than the bucket, which tbf refuses at its door, makes it look now; nothing of it
  enters the queue or the link.
- It knows no rate of 0. One byte per second stands for it, with a bucket of one frame.
"""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tcpexp.engine import tbf, wire
from tcpexp.engine.clock import Clock
from tcpexp.engine.journal import JsonLines
from tcpexp.engine.qdiscs import DATAGRAM_BYTES, open_netlink
from tcpexp.errors import RunError
from tcpexp.plan.types import DirectionPlan, LinkRates, Step

if TYPE_CHECKING:
    from tcpexp.engine.assembly import Network

SECOND_NS = 1_000_000_000
HANDLE = int(wire.SHAPER_HANDLE.rstrip(":"), 16) << 16
#: What stands for a rate of 0, in byte/s.
STANDSTILL_BYTE_S = 1
#: With fewer frames than this between two changes the bucket holds one frame instead of two.
FEW_FRAMES = 16
#: How much larger than the bucket the frame is that makes tbf look at its queue.
KICK_BEYOND_BYTES = 64
ETHERNET_BYTES = wire.ETHERNET_HEADER_BYTES


@dataclass
class Bucket:
    """What a token bucket must hold by the rates set, and the debt towards the rates asked for,
    both in bytes.
    """

    burst: int
    level: float
    rate_byte_s: float
    t_ns: int
    sent_bytes: int
    debt: float = 0.0

    def refill(self, t_ns: int, sent_bytes: int, backlog_packets: int, burst: int) -> None:
        """Note that the bucket is filled now by a change.

        What that lets pass becomes debt, unless nothing waits.
        """
        earned = self.rate_byte_s * (t_ns - self.t_ns) / SECOND_NS
        level = min(float(self.burst), self.level + earned - (sent_bytes - self.sent_bytes))
        self.debt = self.debt + burst - level if backlog_packets else 0.0
        self.burst, self.level, self.t_ns, self.sent_bytes = burst, float(burst), t_ns, sent_bytes

    def pay(self, asked_byte_s: float, length_ns: int) -> int:
        """Return the rate to set for the next ``length_ns``, so that with the debt the asked one is
        kept; what cannot be paid stays for later.

        The list's last rate has no known length (0); it pays nothing.
        """
        payment = self.debt * SECOND_NS / length_ns if length_ns else 0.0
        rate = (
            max(STANDSTILL_BYTE_S, round(asked_byte_s - payment))
            if asked_byte_s
            else STANDSTILL_BYTE_S
        )
        self.debt -= (asked_byte_s - rate) * length_ns / SECOND_NS
        self.rate_byte_s = rate
        return rate

    def rests(self, asked_byte_s: float, length_ns: int) -> bool:
        """Whether the link stands still and a debt takes all that it may send in the next
        ``length_ns``; then it is paid.
        """
        due = asked_byte_s * length_ns / SECOND_NS
        if (
            self.rate_byte_s != STANDSTILL_BYTE_S
            or self.debt < due
            or (asked_byte_s and not length_ns)
        ):
            return False
        self.debt -= due
        return True


@dataclass
class RateFollower:
    """One step's list at work: sockets in the wire's namespace, the bucket's account, and which
    entry is next.
    """

    step: Step
    what: LinkRates
    netlink: socket.socket
    kicker: socket.socket
    ifindex: int
    limit: int
    burst: int
    smallest_burst: int
    bucket: Bucket | None = None
    _sequence: int = field(default=0)

    def set_rate(self, number: int) -> dict[str, object]:
        """Set entry ``number`` of the list; return the row for ``raw/rates.jsonl``.

        Raises ``RunError`` when the kernel refuses or reads back different.
        """
        asked, length_ns = self.what.rates_bps[number] / 8, self._length_ns(number)
        burst = (
            self.burst
            if not length_ns or asked * length_ns / SECOND_NS >= FEW_FRAMES * self.smallest_burst
            else self.smallest_burst
        )
        before = self._ask(tbf.get_request(self.ifindex, HANDLE, self._next()))
        t_ns = Clock.monotonic_ns()
        former = before.rate_byte_s
        sent, waiting = before.sample.sent_bytes, before.sample.backlog_packets
        if self.bucket is None:
            self.bucket = Bucket(self.burst, float(self.burst), former, t_ns, sent)
        if waiting and self.bucket.rests(asked, length_ns):
            return self._row(before, self.what.rates_bps[number], former * 8)
        self.bucket.refill(t_ns, sent, waiting, burst)
        rate = self.bucket.pay(asked, length_ns)
        after = self._ask(
            tbf.change_request(self.ifindex, HANDLE, rate, burst, self.limit, self._next())
        )
        if after.rate_byte_s != rate:
            raise RunError(
                f"{self.what.link} towards {self.what.towards}: rate asked {rate} byte/s, reads"
                f" back {after.rate_byte_s}"
            )
        if waiting and rate > former:
            self._kick()
        return self._row(before, self.what.rates_bps[number], after.rate_byte_s * 8)

    def look(self) -> dict[str, object]:
        """Return the row that ends the list: what was sent until now, and no rate."""
        return self._row(self._ask(tbf.get_request(self.ifindex, HANDLE, self._next())), None, None)

    def _row(self, found: tbf.Tbf, asked_bps: int | None, set_bps: int | None) -> dict[str, object]:
        where = {"step": self.step.id, "link": self.what.link, "towards": self.what.towards}
        return {
            **where,
            "asked_bps": asked_bps,
            "set_bps": set_bps,
            "sent_bytes": found.sample.sent_bytes,
            "backlog_packets": found.sample.backlog_packets,
        }

    def _length_ns(self, number: int) -> int:
        after = self.what.after_ns
        return after[number + 1] - after[number] if number + 1 < len(after) else 0

    def _ask(self, request: bytes) -> tbf.Tbf:
        self.netlink.send(request)
        found: tbf.Tbf | None = None
        status: int | None = None
        while status is None:
            told, status = tbf.parse_answer(self.netlink.recv(DATAGRAM_BYTES))
            found = told or found
        if status or found is None:
            raise RunError(
                f"{self.what.link} towards {self.what.towards}: the kernel refuses the change of"
                f" rate: {os.strerror(status)}"
            )
        return found

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence

    def _kick(self) -> None:
        with contextlib.suppress(OSError):  # tbf refuses the frame, as it should
            self.kicker.send(bytes(self.burst + KICK_BEYOND_BYTES))

    def close(self) -> None:
        """Close the sockets."""
        self.netlink.close()
        self.kicker.close()


class LinkRateTable:
    """All lists of a run. Their sockets are opened before t0.

    ``raw/rates.jsonl`` has a row per change.
    """

    def __init__(self, network: Network, path: Path, clock: Clock) -> None:
        self.network = network
        self.path = path
        self.clock = clock
        self.followers: dict[str, RateFollower] = {}
        self._log: JsonLines | None = None

    def install(self, steps: list[Step]) -> None:
        """Make everything ready for the lists among ``steps``; raises ``RunError``."""
        for step in steps:
            if isinstance(step.do, LinkRates):
                self.followers[step.id] = self._install(step, step.do)
        if self.followers:
            self._log = JsonLines(self.path, self.clock)

    def _install(self, step: Step, what: LinkRates) -> RateFollower:
        made, forward = self.network.wire_of(what.link, what.towards)
        direction = made.forward if forward else made.backward
        device = wire.direction_devices(made.link, forward).shaper
        if device is None:
            raise RunError(
                f"link {what.link} carries no shaper from the start, so its rate cannot follow a"
                " list"
            )
        burst = wire.BURST_FRAMES * (made.mtu + ETHERNET_BYTES)
        self.network.raise_mtu(made, device, burst + KICK_BEYOND_BYTES)
        with self.network.inside(made.name):
            netlink = open_netlink()
            ifindex = socket.if_nametoindex(device)
            kicker = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
            kicker.bind((device, 0))
        return RateFollower(
            step,
            what,
            netlink,
            kicker,
            ifindex,
            leaf_limit(direction),
            burst,
            made.mtu + ETHERNET_BYTES,
        )

    def set_rate(self, step_id: str, number: int, planned_ns: int) -> str:
        """Set an entry of a step's list and record it; return what to note about it."""
        follower = self.followers[step_id]
        row = follower.set_rate(number)
        self.network.follow(follower.what.link, follower.what.towards, True)
        self._write({"planned_ns": planned_ns, **row})
        return f"{len(follower.what.rates_bps)} rates, {follower.what.source}"

    def _write(self, row: dict[str, object]) -> None:
        if self._log is not None:
            self._log.write(row)

    def end(self, step_id: str) -> str:
        """Put the former rate back; return what to note about it."""
        follower = self.followers[step_id]
        what = follower.what
        self._write({"planned_ns": None, **follower.look()})
        self.network.follow(what.link, what.towards, False)
        self.network.change_direction(
            what.link, what.towards, self.network.direction(what.link, what.towards)
        )
        return "former rate"

    def close(self) -> None:
        """Close all sockets and the file."""
        for follower in self.followers.values():
            follower.close()
        if self._log is not None:
            self._log.close()


def leaf_limit(direction: DirectionPlan) -> int:
    """Return the limit that a change of tbf hands to its leaf: a fifo's own, in its unit."""
    queue = direction.queue or wire.UNSHAPED_QUEUE
    return wire.queue_limit(queue) if queue.discipline in wire.FIFOS else wire.OTHER_LEAF_LIMIT
