"""How Linux hands segments down: in large packets that a device cuts, each of which ends with PSH.

This TCP sends segments one by one. Where Linux would have made one packet of several, PSH is set on
the last of them, and a comparison with a script's large packets sees it where Linux has it. It is
not kept for when the same octets go again.

Source: Linux 7.3, net/ipv4/tcp_output.c: __tcp_transmit_skb() (PSH), tcp_tso_autosize() (how
many), tcp_bound_to_half_wnd(), tcp_cwnd_test(); net/ipv4/tcp_input.c: tcp_update_pacing_rate().
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tcpexp.tcp.core.connection import Connection
from tcpexp.tcp.core.segment import FIN, PSH, SYN, Segment

MOST_OCTETS = 65536
#: 2^9 us: tcp_tso_rtt_log, by which nearby peers get larger packets.
RTT_LOG = 9
#: sk_pacing_shift: a packet holds 1/1024 s of the pacing rate.
PACING_SHIFT = 10


@dataclass
class Offload:
    """How large a packet can be: Linux's sysctls, ratios in percent."""

    least_segments: int = 2
    slow_start_percent: int = 200
    avoidance_percent: int = 120
    packets: dict[tuple[int, int], int] = field(default_factory=dict)

    def most_segments(self, connection: Connection) -> int:
        """Return how many segments a packet of new data holds now."""
        tcb = connection.tcb
        mss = tcb.eff_snd_mss
        control, rtt = tcb.congestion, tcb.rtt
        octets = MOST_OCTETS
        if rtt.srtt_ns:
            slow = control.cwnd < control.ssthresh / 2
            percent = self.slow_start_percent if slow else self.avoidance_percent
            rate = control.cwnd * percent // 100 * 10**9 // rtt.srtt_ns
            octets = rate >> PACING_SHIFT
            octets += MOST_OCTETS >> min((rtt.minimum_rtt_ns or 0) // 1000 >> RTT_LOG, 31)
        octets = min(octets, MOST_OCTETS, tcb.max_snd_wnd // 2)
        most = max(octets // mss, self.least_segments)
        return min(most, max(control.cwnd // mss // 2, 1))

    def push(self, connection: Connection, segments: Sequence[Segment]) -> list[Segment]:
        """Return what goes out at one time, with PSH at the end of every packet of several.

        What goes again is in one packet at most with what it was in the first time.
        """
        most = self.most_segments(connection)
        done: list[Segment] = []
        size, packet = 0, 0
        for segment in segments:
            key = (id(connection), segment.seq)
            before = self.packets.get(key)
            joins = bool(done) and size > 0 and _follows(done[-1], segment, connection)
            if joins and (size < most if before is None else before == packet):
                size += 1
            else:
                _end(done, size)
                size = int(bool(segment.payload) and not segment.flags & SYN)
                packet = len(self.packets) + 1 if before is None else before
            if size:
                self.packets.setdefault(key, packet)
            done.append(segment)
        _end(done, size)
        return done


def _end(done: list[Segment], size: int) -> None:
    """Set PSH on the last segment of a packet of ``size``."""
    if size > 1:
        done[-1] = replace(done[-1], flags=done[-1].flags | PSH)


def _follows(before: Segment, segment: Segment, connection: Connection) -> bool:
    """Return whether a segment may stand in one packet with the one before it."""
    return (
        bool(segment.payload)
        and before.seq + len(before.payload) & 0xFFFFFFFF == segment.seq
        and len(before.payload) == connection.tcb.eff_snd_mss
        and not (before.flags | segment.flags) & SYN
        and not before.flags & (PSH | FIN)
        and before.ack == segment.ack
    )
