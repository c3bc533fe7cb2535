"""Wireshark's TCP analysis done again: labels, bytes in flight and the round-trip time of each ACK, of a capture's TCP segments in order.

The rules are those that Wireshark's User's Guide lists (section "TCP Analysis"), completed by what tshark 4.0 prints for captures made
for the purpose; ``tests/ingest/test_readers_agree.py`` compares the two. It is our own code, from the behaviour alone.
A segment is judged by what was captured before it, so this is a loop over segments in Python: each costs some microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable

_FIN, _SYN, _RST, _ACK = 0x01, 0x02, 0x04, 0x10
_CONTROL = _FIN | _SYN | _RST
_MASK, _HALF = 0xFFFFFFFF, 0x80000000

#: Bits of the labels, in the order in which they are listed.
(
    RETRANSMISSION, FAST_RETRANSMISSION, SPURIOUS_RETRANSMISSION, OUT_OF_ORDER, DUPLICATE_ACK, LOST_SEGMENT, ACK_LOST_SEGMENT, ZERO_WINDOW,
    ZERO_WINDOW_PROBE, ZERO_WINDOW_PROBE_ACK, WINDOW_FULL, WINDOW_UPDATE, KEEP_ALIVE, KEEP_ALIVE_ACK, RTO, REUSED_PORTS,
) = (1 << at for at in range(16))  # fmt: skip

#: A repeated segment is a fast retransmission when it follows the last ACK within this time.
_FAST_NS = 20_000_000
#: A segment below the highest is out of order when it follows within the first round-trip time, or within this time where none is known.
_OUT_OF_ORDER_NS = 3_000_000
#: So many unacknowledged segments of a direction are remembered.
_MOST_UNACKED = 1000


class _Lane:
    def __init__(self) -> None:
        self.next_seq = 0
        self.next_at = 0
        self.last_ack = 0
        self.last_ack_at = 0
        self.dup_acks = 0
        self.window = -1
        self.sacks = ()
        self.scaled = -1
        self.last_labels = 0
        self.to_be_acked = 0
        self.valid = True
        self.segments = []  # [seq, next, at]


class _Conn:
    def __init__(self):
        self.lanes = (_Lane(), _Lane())
        self.first_rtt = 0
        self.syn_at = self.synack = None


class Analysis:
    def __init__(self) -> None:
        self._conns = []

    def judge(self, segments):
        out = []
        conns = self._conns
        for stream, side, seq, ack, size, flags, window, scaled, other_scale, now, sacks, reused in segments:
            while stream >= len(conns):
                conns.append(_Conn())
            c = conns[stream]
            f, r = c.lanes[side], c.lanes[1 - side]
            labels = REUSED_PORTS if reused else 0
            end = (seq + size + (1 if flags & (_SYN | _FIN) else 0)) & _MASK
            control = flags & _CONTROL
            has_ack = flags & _ACK
            in_flight = rtt = -1
            done = False
            if size == 1 and seq == f.next_seq and r.window == 0:
                labels |= ZERO_WINDOW_PROBE
                done = True
            if not done:
                if window == 0 and not control:
                    labels |= ZERO_WINDOW
                if f.next_seq and 0 < (seq - f.next_seq) & _MASK < _HALF and not flags & _RST:
                    labels |= LOST_SEGMENT
                    f.valid = False
                    f.to_be_acked = f.to_be_acked or f.next_seq
                if f.next_seq and size <= 1 and seq == (f.next_seq - 1) & _MASK and not control:
                    labels |= KEEP_ALIVE
                if size == 0 and window and window != f.window and seq == f.next_seq and ack == f.last_ack and not control:
                    labels |= WINDOW_UPDATE
                if size and other_scale != -1 and (seq + size) & _MASK == (r.last_ack + r.scaled) & _MASK and not control:
                    labels |= WINDOW_FULL
                same = size == 0 and window == f.window and seq == f.next_seq and not control
                if same and window and ack == f.last_ack and r.last_labels & KEEP_ALIVE:
                    labels |= KEEP_ALIVE_ACK
                elif same and not window and (ack == f.last_ack or ack == f.last_ack + 1) and r.last_labels & ZERO_WINDOW_PROBE:
                    labels |= ZERO_WINDOW_PROBE_ACK
                elif size == 0 and window and (window == f.window or sacks) and not labels & WINDOW_UPDATE and seq == f.next_seq and ack == f.last_ack and not control:
                    f.dup_acks += 1
                    labels |= DUPLICATE_ACK
            if ack != f.last_ack:
                f.dup_acks = 0
            if has_ack and r.to_be_acked and 0 < (ack - r.to_be_acked) & _MASK < _HALF:
                labels |= ACK_LOST_SEGMENT
                r.to_be_acked = 0
            if (size or flags & (_SYN | _FIN)) and not labels & KEEP_ALIVE:
                below = f.next_seq and 0 < (f.next_seq - seq) & _MASK < _HALF
                probed = size > 1 and seq == (f.next_seq - 1) & _MASK
                if size and r.last_ack and (r.last_ack - (seq+size)) & _MASK < _HALF:
                    labels |= SPURIOUS_RETRANSMISSION | RETRANSMISSION
                elif below and not probed:
                    if r.dup_acks >= 2 and r.last_ack == seq and now - r.last_ack_at < _FAST_NS:
                        labels |= FAST_RETRANSMISSION | RETRANSMISSION
                    elif now - f.next_at < (c.first_rtt or _OUT_OF_ORDER_NS) and f.next_seq != end:
                        labels |= OUT_OF_ORDER
                    else:
                        labels |= RETRANSMISSION | RTO
            if size or flags & (_SYN | _FIN):
                if len(f.segments) < _MOST_UNACKED:
                    f.segments.append([seq, end, now])
            first = not f.next_seq
            if (0 < (end - f.next_seq) & _MASK < _HALF or not f.next_seq) and not labels & ZERO_WINDOW_PROBE:
                f.next_seq = end
                f.next_at = now
            if (seq == f.to_be_acked or first) and not labels & ZERO_WINDOW_PROBE:
                f.to_be_acked = f.next_seq
            if has_ack:
                r.valid = True
            f.window = window
            f.sacks = sacks
            f.scaled = scaled
            f.last_ack = ack
            f.last_ack_at = now
            f.last_labels = labels
            if has_ack:
                left = []
                for s in reversed(r.segments):
                    if ack == s[1]:
                        rtt = now - s[2] or -1
                    if (ack - s[1]) & _MASK < _HALF:
                        continue
                    if 0 < (ack - s[0]) & _MASK < _HALF:
                        s[0] = ack
                    left.append(s)
                r.segments = left[::-1]
            if size and f.segments and f.valid:
                low = min((s[0] - seq + _HALF) & _MASK for s in f.segments)
                high = max((s[1] - seq + _HALF) & _MASK for s in f.segments)
                in_flight = (high - low) & _MASK
                if flags & (_SYN | _FIN):
                    in_flight -= 1
                for at in range(0, len(r.sacks), 2):
                    in_flight -= (r.sacks[at + 1] - r.sacks[at]) & _MASK
                if in_flight <= 0:
                    in_flight = -1
            if flags & _SYN:
                if has_ack:
                    c.synack = (seq + 1) & _MASK
                else:
                    c.syn_at, c.syn, c.syn_side = now, (seq + 1) & _MASK, side
            elif has_ack and not c.first_rtt and c.syn_at is not None and side == c.syn_side and seq == c.syn and ack == c.synack:
                c.first_rtt = now - c.syn_at
            out.append((labels, in_flight, rtt))
        return out
