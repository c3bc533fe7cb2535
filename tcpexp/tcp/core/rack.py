"""RACK: a segment is lost when one that was sent sufficiently later has been delivered.

Time instead of the count of duplicate acknowledgments: it also finds retransmissions that were
lost, and losses at the end of a flight, and bears reordering that it has seen. RFC 8985 section 6.
It needs SACK; without, the rules of RFC 5681 stay (RFC 8985 section 4).
"""

from __future__ import annotations

from tcpexp.tcp.core import losstimer
from tcpexp.tcp.core.dsack import find_duplicate
from tcpexp.tcp.core.segment import SYN, Segment
from tcpexp.tcp.core.sendbuffer import Sent
from tcpexp.tcp.core.tcb import Tcb
from tcpexp.tcp.core.timers import Timer


def sent_after(ns: int, end: int, other_ns: int, other_end: int) -> bool:
    """Return whether the first of two segments left later; of two at the same time, the one with
    the higher end did. RFC 8985 section 6.2 step 2 (RACK_sent_after).
    """
    return ns > other_ns or (ns == other_ns and end > other_end)


def on_ack(tcb: Tcb, segment: Segment) -> bool:
    """Learn from the segments that an acknowledgment delivered, and mark losses; return whether
    there are new ones. RFC 8985 section 6.2.
    """
    by_time = sorted(tcb.out.delivered, key=lambda sent: (sent.sent_ns, sent.end))
    in_order = [sent for sent in tcb.out.delivered if not (tcb.passive and sent.flags & SYN)]
    for sent in in_order if tcb.config.rack_in_sequence else by_time:
        _take_delivered(tcb, sent, segment)
    tcb.rack.reordering_events += sum([_overtaken(tcb, sent) for sent in by_time]) > 0
    _adapt_to_duplicates(tcb, segment)
    return detect_losses(tcb)


def _overtaken(tcb: Tcb, sent: Sent) -> bool:
    """Return whether a segment that was newly delivered was overtaken by one that left after it.

    RFC 8985 section 6.2 step 3.
    """
    rack = tcb.rack
    if sent.end > rack.fack:
        rack.fack = sent.end
    elif sent.end < rack.fack and sent.times == 1:
        rack.reordering_seen = True
        rack.reordering_octets = max(rack.reordering_octets, rack.fack - sent.seq)
        return True
    return False


def _take_delivered(tcb: Tcb, sent: Sent, segment: Segment) -> None:
    """Take a segment that was newly delivered: is it the newest?

    RFC 8985 section 6.2 steps 1 and 2.

    DEVIATION from RFC 8985 section 6.2 step 2: the timestamp that comes back is not asked about a
    segment that was SACKed. Beyond a gap the peer echoes that of the last segment in order (RFC
    7323 section 4.3), which would hide each retransmission from RACK; the round trip decides.
    """
    rack = tcb.rack
    again, least_ns = sent.times > 1, tcb.rtt.minimum_rtt_ns or 0
    rtt_ns = tcb.now - sent.sent_ns
    if again:
        # step 2: an acknowledgment of the original says nothing of the retransmission
        stamps = segment.options.timestamps
        tick = tcb.config.timestamp_tick_ns
        asked = stamps if tcb.timestamps_ok and not sent.sacked else None
        if asked is not None and asked[1] < sent.sent_ns // tick:
            return
        if rtt_ns < least_ns:
            return
    rack.rtt_ns = rtt_ns
    if sent_after(sent.sent_ns, sent.end, rack.xmit_ns, rack.end_seq):
        rack.xmit_ns, rack.end_seq = sent.sent_ns, sent.end


def _adapt_to_duplicates(tcb: Tcb, segment: Segment) -> None:
    """Widen the window for reordering once per round trip in which the peer reports a duplicate: a
    retransmission was needless. Sixteen recoveries without one make it narrow again.

    RFC 8985 section 6.2 step 4.
    """
    rack = tcb.rack
    left, rack.in_recovery = rack.in_recovery, tcb.in_recovery or tcb.in_rto_recovery
    if rack.dsack_round is not None and tcb.snd_una >= rack.dsack_round:
        rack.dsack_round = None
    if rack.dsack_round is None and find_duplicate(tcb, segment) is not None:
        rack.dsack_round = tcb.snd_nxt
        rack.reo_wnd_mult += 1
        rack.reo_wnd_persist = 16
    elif left and not rack.in_recovery:
        rack.reo_wnd_persist -= 1
        if rack.reo_wnd_persist <= 0:
            rack.reo_wnd_mult = 1


def reordering_window_ns(tcb: Tcb) -> int:
    """Return how much later a segment may arrive than one that left after it: nothing until
    reordering has been seen, when losses are being repaired or three segments are SACKed; else a
    quarter of the least round trip, or more. RFC 8985 section 6.2 step 4.
    """
    rack = tcb.rack
    if not rack.reordering_seen and (
        tcb.in_recovery
        or tcb.in_rto_recovery
        or tcb.out.sacked_segments >= tcb.config.duplicate_threshold
    ):
        return 0
    least_ns = tcb.rtt.minimum_rtt_ns or 0
    return min(rack.reo_wnd_mult * least_ns // 4, tcb.rtt.srtt_ns or 0)


def detect_losses(tcb: Tcb) -> bool:
    """Mark lost what left before the newest delivered segment and is late; for what is not late yet
    set the timer. Return whether a loss is new.

    RFC 8985 section 6.2 step 5.
    """
    rack, out = tcb.rack, tcb.out
    window_ns, wait_ns, found = reordering_window_ns(tcb), 0, False
    for sent in out.queue:
        if sent.sacked or sent.lost:
            continue
        if sent.times > 1 and sent.sent_ns == tcb.now:
            continue  # it leaves again at this moment: whatever was delivered left before it
        if sent_after(rack.xmit_ns, rack.end_seq, sent.sent_ns, sent.end):
            remaining_ns = sent.sent_ns + rack.rtt_ns + window_ns - tcb.now
            if remaining_ns <= 0:
                out.mark_lost(sent)
                found = True
            else:
                wait_ns = max(wait_ns, remaining_ns)
    if wait_ns:
        losstimer.start(tcb, Timer.REORDER, wait_ns)
    elif tcb.timers.deadlines[Timer.REORDER] is not None:  # nothing left to wait for
        losstimer.start(tcb, Timer.RETRANSMIT, tcb.rtt.rto_ns)
    return found


def mark_losses_at_timeout(tcb: Tcb) -> None:
    """Mark lost the first segment, and what is late; the rest may still be under way.

    RFC 8985 section 6.3. A peer that has forgotten what it SACKed is taken at its word: RFC 2018
    section 8.
    """
    out, rack = tcb.out, tcb.rack
    if out.queue[0].sacked:
        out.mark_all_lost()
        return
    late_ns = tcb.now - rack.rtt_ns - reordering_window_ns(tcb)
    for sent in out.queue:
        if sent is out.queue[0] or sent.sent_ns <= late_ns:
            out.mark_lost(sent)
