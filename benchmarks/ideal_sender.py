"""What Linux's rules alone would give: one sender, segment by segment, on a path that only delays
and loses. The studies' expectations come from here.

    python benchmarks/ideal_sender.py                  the tables behind the studies
    python benchmarks/ideal_sender.py --seconds 1000   longer runs

The studies are cubic_response.yaml and mathis.yaml of experiments/studies.

The path has a constant round-trip time and loses chosen segments; nothing else is in the way. The
rules are those of RFC 5681 with byte counting (RFC 3465); recovery in one round trip by SACK and
proportional rate reduction (RFC 6937), with a quarter of a round trip's patience where fewer than
three later segments were reported (RACK, RFC 8985) and a probe after two round trips where none
was; acknowledgments at once; and the windows of Linux 6.1: Reno in whole segments, CUBIC with the
kernel's integers (net/ipv4/tcp_cubic.c: windows, slopes and the Reno-friendly window are whole
numbers, the clock ticks 250 times a second). There are no time-outs, and no HyStart: slow start
ends with the first loss.
"""

from __future__ import annotations

import argparse
import dataclasses
import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

HZ = 250
INFINITE = 1 << 30
DUPLICATES = 3


class Reno:
    """RFC 5681 in whole segments, as net/ipv4/tcp_cong.c does it."""

    def __init__(self) -> None:
        """Begin in slow start with 10 segments."""
        self.cwnd, self.ssthresh, self._count = 10, INFINITE, 0

    def lost(self, now_s: float) -> None:
        """Set ssthresh. RFC 5681 section 3.1, equation 4."""
        self.ssthresh = max(self.cwnd // 2, 2)

    def recovered(self) -> None:
        """End fast recovery at ssthresh."""
        self.cwnd, self._count = self.ssthresh, 0

    def acked(self, segments: int, now_s: float) -> None:
        """Grow: by what was acknowledged in slow start, then by one segment per window."""
        if self.cwnd < self.ssthresh:
            self.cwnd += segments
        else:
            self._add(segments, self.per_segment(segments, now_s))

    def per_segment(self, segments: int, now_s: float) -> int:
        """Return how many acknowledged segments add one to the window."""
        return self.cwnd

    def _add(self, segments: int, per_segment: int) -> None:
        if self._count >= per_segment:
            self._count, self.cwnd = 0, self.cwnd + 1
        self._count += segments
        self.cwnd += self._count // per_segment
        self._count %= per_segment


class LinuxCubic(Reno):
    """CUBIC (RFC 9438) with the integers of Linux 6.1: ``target - cwnd`` is whole, so the window
    grows by a segment per round trip or hardly at all.
    """

    def __init__(self, rtt_s: float, phase: float = 0.0) -> None:
        """Begin in slow start.

        ``rtt_s`` is the least that was measured, ``phase`` how far into a tick of the kernel's
        clock the flow begins (0 to 1).
        """
        super().__init__()
        self.phase = phase
        self.rtt_ticks = math.ceil(rtt_s * HZ + 0.01)
        self.last_max = self.epoch = self.k = self.origin = self.friendly = self.acks = (
            self.last_cwnd
        ) = self.last_tick = self.pace = 0

    def lost(self, now_s: float) -> None:
        """Set ssthresh to 0.7, and the plateau.

        Lower when the last one was not reached (fast convergence). RFC 9438 sections 4.6 and 4.7.
        """
        self.epoch = 0
        self.last_max = self.cwnd * (1024 + 717) // 2048 if self.cwnd < self.last_max else self.cwnd
        self.ssthresh = max(self.cwnd * 717 // 1024, 2)

    def per_segment(self, segments: int, now_s: float) -> int:
        """Return how many acknowledged segments add one to the window: bictcp_update() of the
        kernel.
        """
        tick = int(now_s * HZ + self.phase) + 1
        self.acks += segments
        if self.last_cwnd == self.cwnd and tick - self.last_tick <= HZ // 32:
            return self.pace
        if not self.epoch or tick != self.last_tick:
            self.last_cwnd, self.last_tick = self.cwnd, tick
            if not self.epoch:
                self._begin_epoch(tick, segments)
            self.pace = self._cubic_pace(tick)
        each = self.cwnd * 15 >> 3  # 1 / alpha of RFC 9438 section 4.3, rounded
        self.friendly, self.acks = (
            self.friendly + max(self.acks - 1, 0) // each,
            self.acks - max(self.acks - 1, 0) // each * each,
        )
        if self.friendly > self.cwnd:
            self.pace = min(self.pace, self.cwnd // (self.friendly - self.cwnd))
        self.pace = max(self.pace, 2)
        return self.pace

    def _begin_epoch(self, tick: int, segments: int) -> None:
        self.epoch, self.acks, self.friendly = tick, segments, self.cwnd
        self.k = int((max(self.last_max - self.cwnd, 0) / 0.4) ** (1 / 3) * 1024)
        self.origin = max(self.last_max, self.cwnd)

    def _cubic_pace(self, tick: int) -> int:
        """Return the pace of the cubic alone.

        RFC 9438 section 4.2, figure 1, one round trip ahead, in units of 1/1024 s.
        """
        elapsed = (tick - self.epoch + self.rtt_ticks) * 1024 // HZ
        distance = 410 * abs(elapsed - self.k) ** 3 >> 40
        target = self.origin - distance if elapsed < self.k else self.origin + distance
        pace = self.cwnd // (target - self.cwnd) if target > self.cwnd else 100 * self.cwnd
        return min(pace, 20) if not self.last_max else pace


@dataclass(frozen=True)
class Way:
    """The path: round-trip time, how long a lonely segment's acknowledgment is delayed, the
    receiver's window, and the least distance of two segments.

    Nothing is delayed as a rule: a burst ends with a segment whose PSH flag makes Linux acknowledge
    it as soon as the program has read it. Where ACKs are delayed, ``ack_every`` segments have one
    at once (RFC 5681 section 4.2: two). With ``BURSTS`` a burst has one ACK, as where a receiver
    takes all of it at once.
    """

    rtt_s: float
    delayed_ack_s: float = 0.0
    window: int = 2100
    spacing_s: float = 0.00005
    ack_every: int = 2


#: What makes one ACK of a burst: no segment is so far behind the one before it.
BURSTS = {"delayed_ack_s": 0.0002, "ack_every": 1_000_000}


@dataclass
class _Receiver:
    """Acknowledges every second segment, at once when something is missing."""

    ack_every: int = 2
    expected: int = 1
    beyond: set[int] = field(default_factory=set)
    waiting: int = 0

    def take(self, number: int) -> bool:
        """Take a segment; return whether it is acknowledged at once."""
        if number != self.expected:
            self.beyond.add(number)
            self.waiting = 0
            return True
        filled = bool(self.beyond)
        self.expected += 1
        while self.expected in self.beyond:
            self.beyond.discard(self.expected)
            self.expected += 1
        self.waiting += 1
        if self.waiting >= self.ack_every or filled:
            self.waiting = 0
            return True
        return False


class Flow:
    """One bulk transfer. ``lost(n)`` says whether the n-th new segment is lost.

    Retransmissions never are.
    """

    def __init__(self, control: Reno, way: Way, lost: Callable[[int], bool]) -> None:
        """Begin with nothing sent."""
        self.control, self.way, self.lost = control, way, lost
        self.receiver = _Receiver(way.ack_every)
        self.events: list[tuple[float, int, str, int, int]] = []
        self.now = self.free = 0.0
        self.order = 0
        self.next = self.una = 1
        self.flight = 0
        # lost and not yet repaired: how many later ones were reported
        self.missing: dict[int, int] = {}
        self.sacked: set[int] = set()
        self.repairs: list[int] = []
        self.recovery = 0  # 0: none, else the number at which it ends
        self.at_loss = self.delivered_in = self.sent_in = 0
        self.delivered = 0

    def goodput(self, start_s: float, end_s: float) -> float:
        """Run to ``end_s``; return segments delivered per second since ``start_s``."""
        self._send()
        before = 0
        while self.events and self.events[0][0] < end_s:
            self.now, _, kind, first, second = heapq.heappop(self.events)
            if self.now < start_s:
                before = self.delivered
            if kind == "segment":
                self._arrived(first)
            elif kind == "delayed" and self.receiver.waiting and self.receiver.expected == first:
                self.receiver.waiting = 0
                self._later(self.way.rtt_s / 2, "ack", first, 0)
            elif kind == "overdue":
                self._overdue(first, reports=second)
                self._send()
            elif kind == "ack":
                self._acknowledged(first, second)
                self._send()
        return (self.delivered - before) / (end_s - start_s)

    def _later(self, delay_s: float, kind: str, first: int, second: int = 0) -> None:
        self.order += 1
        heapq.heappush(self.events, (self.now + delay_s, self.order, kind, first, second))

    def _arrived(self, number: int) -> None:
        at_once = self.receiver.take(number)
        block = number if number in self.receiver.beyond else 0
        if at_once or not self.way.delayed_ack_s:
            self._later(self.way.rtt_s / 2, "ack", self.receiver.expected, block)
        else:
            self._later(self.way.delayed_ack_s, "delayed", self.receiver.expected)

    def _emit(self, number: int, *, repair: bool) -> None:
        self.flight += 1
        self.sent_in += 1
        self.free = max(self.now, self.free) + self.way.spacing_s
        if not repair and self.lost(number):
            self.missing[number] = 0
            self._later(2 * self.way.rtt_s, "overdue", number, 1)
        else:
            self._later(self.free - self.now + self.way.rtt_s / 2, "segment", number)

    def _send(self) -> None:
        while self.flight < self._allowed() and (
            self.repairs or self.next - self.una < self.way.window
        ):
            if self.repairs:
                self._emit(self.repairs.pop(0), repair=True)
            else:
                self.next += 1
                self._emit(self.next - 1, repair=False)

    def _allowed(self) -> int:
        """Return how many segments may be under way: the window, or in recovery what proportional
        rate reduction allows (RFC 6937 section 3).
        """
        control = self.control
        if not self.recovery:
            return control.cwnd
        if self.flight > control.ssthresh:
            more = -(-self.delivered_in * control.ssthresh // self.at_loss) - self.sent_in
        else:
            more = min(control.ssthresh - self.flight, max(self.delivered_in - self.sent_in, 1))
        if not self.sent_in and self.repairs:
            more = max(more, 1)
        return self.flight + max(more, 0)

    def _acknowledged(self, ack: int, block: int) -> None:
        new = 0
        for number in range(self.una, ack):
            new += number not in self.sacked
            self.sacked.discard(number)
            self.missing.pop(number, None)
        self.una = max(self.una, ack)
        if block >= self.una and block not in self.sacked:
            self.sacked.add(block)
            new += 1
        self.flight -= new
        self.delivered += new
        self._look_for_losses(block)
        if self.recovery:
            self.delivered_in += new
            if self.una >= self.recovery:
                self.recovery = 0
                self.control.recovered()
        elif new:
            self.control.acked(new, self.now)

    def _look_for_losses(self, block: int) -> None:
        """Count a report of ``block`` for all that is missing before it.

        Three say that it is lost, and so does one after a quarter of a round trip.
        """
        for number, reports in list(self.missing.items()):
            if reports < DUPLICATES and block > number:
                self.missing[number] += 1
                if self.missing[number] == DUPLICATES:
                    self._repair(number)
                elif self.missing[number] == 1:
                    self._later(self.way.rtt_s / 4, "overdue", number, 0)

    def _overdue(self, number: int, *, reports: int) -> None:
        """Take a segment for lost that was reported too seldom.

        ``reports``: the probe's, where it was never reported.
        """
        known = self.missing.get(number, DUPLICATES)
        if known < DUPLICATES and (not reports or known == 0):
            self.missing[number] = DUPLICATES
            self._repair(number)

    def _repair(self, number: int) -> None:
        self.flight -= 1
        self.repairs.append(number)
        if not self.recovery:
            self.control.lost(self.now)
            self.recovery, self.at_loss, self.delivered_in, self.sent_in = (
                self.next,
                self.control.cwnd,
                0,
                0,
            )


def every(count: int, first: int | None = None) -> Callable[[int], bool]:
    """Lose one segment in ``count``, the first one at ``first``."""
    begin = count if first is None else first
    return lambda number: number >= begin and (number - begin) % count == 0


def at_random(share: float, seed: int) -> Callable[[int], bool]:
    """Lose each segment with the same probability."""
    dice = random.Random(seed)
    return lambda number: dice.random() < share


def mean_window(
    name: str,
    way: Way,
    lost: Callable[[int], bool],
    start_s: float,
    end_s: float,
    phase: float = 0.0,
) -> float:
    """Return goodput times RTT in segments: the mean window of RFC 9438 and of Mathis et al."""
    control = Reno() if name == "reno" else LinuxCubic(way.rtt_s, phase)
    return Flow(control, way, lost).goodput(start_s, end_s) * way.rtt_s


def spread_of(
    name: str, way: Way, lost: Callable[[int], bool], start_s: float, end_s: float, flows: int = 8
) -> tuple[float, float, float]:
    """Return mean, least and most of the mean window over flows that begin at different parts of a
    clock tick, with slightly different round-trip times.

    In small windows whole segments and whole ticks lock onto each other, so one run is as good as
    another within half a segment.
    """
    found = []
    for number in range(flows):
        slightly = dataclasses.replace(
            way, rtt_s=way.rtt_s + 0.00002 * number, spacing_s=way.spacing_s * (0.4 + 0.2 * number)
        )
        found.append(mean_window(name, slightly, lost, start_s, end_s, phase=number / flows))
    return sum(found) / len(found), min(found), max(found)


def random_constant(losses: int = 400_000) -> float:
    """Return C of an ideal sender without recovery whose losses are independent: 1.31 (Ott,
    Kemperman, Mathis 1996).

    Between losses W squared grows by 2 per segment (dW/dn = 1/W), a loss divides it by 4; the mean
    window over time is segments per sum of 1/W.
    """
    dice = random.Random(1)
    square, segments, time = 1.0, 0.0, 0.0
    for _ in range(losses):
        gap = dice.expovariate(1.0)
        after = square + 2 * gap
        segments += gap
        time += math.sqrt(after) - math.sqrt(square)
        square = after / 4
    return segments / time


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=110,
        help=(
            "how long each transfer with RTT 100 ms lasts; the first 30 s do not count (default"
            " 110)"
        ),
    )
    seconds = parser.parse_args().seconds
    print(
        "mean window (segments), one segment in N lost; first loss: after N segments (above) or"
        " after 100 (below); in brackets least and most of 8 (2) flows"
    )
    print(
        f"{'RTT':>7} {'N':>6}  {'Reno':<20} {'CUBIC':<22} {'CUBIC from below':<22} RFC 9438: Reno,"
        " CUBIC"
    )
    for rtt_s, start_s, end_s in ((0.1, 30.0, seconds), (0.01, 3.0, seconds * 15 / 110)):
        for count in (100, 1000, 10000):
            cases = (("reno", None), ("cubic", None), ("cubic", 100))
            flows = 8 if count < 10000 else 2
            found = [
                spread_of(name, Way(rtt_s), every(count, first), start_s, end_s, flows)
                for name, first in cases
            ]
            words = [f"{mean:.1f} ({least:.1f} to {most:.1f})" for mean, least, most in found]
            reno = 1.2 * math.sqrt(count)
            table = f"{reno:.0f}, {max(reno, 1.054 * (rtt_s * count) ** 0.75):.0f}"
            print(
                f"{rtt_s * 1000:>4.0f} ms {count:>6}  {words[0]:<20} {words[1]:<22} {words[2]:<22}"
                f" {table}",
                flush=True,
            )
    bursts = spread_of("cubic", Way(0.01, **BURSTS), every(100), 3.0, 15.0)
    mean, least, most = bursts
    print(f"CUBIC, 10 ms, 100, one ACK for a burst: {mean:.1f} ({least:.1f} to {most:.1f})")
    print(
        f"\nC of Reno: ideal {math.sqrt(1.5):.3f} for periodic losses, {random_constant():.3f} for"
        " independent ones; with recovery:"
    )
    for share in (0.01, 0.003, 0.001):
        way, root = Way(0.1), math.sqrt(share)
        periodic = mean_window("reno", way, every(round(1 / share), 100), 30, 30 + 20 / root) * root
        independent = (
            sum(
                mean_window("reno", way, at_random(share, seed), 30, 30 + 40 / root)
                for seed in range(5)
            )
            / 5
            * root
        )
        print(f"p = {share:<7} periodic {periodic:.3f}   independent {independent:.3f}", flush=True)


if __name__ == "__main__":
    main()
