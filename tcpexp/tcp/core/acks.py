"""Acknowledgments in both directions.

What an arriving one says of our data, and when ours is due.
"""

from __future__ import annotations

from tcpexp.tcp.core import events, loss, losstimer
from tcpexp.tcp.core.output import send_ack
from tcpexp.tcp.core.scoreboard import take_blocks
from tcpexp.tcp.core.segment import FIN, SYN, Segment
from tcpexp.tcp.core.seqnum import HALF, MASK, extend
from tcpexp.tcp.core.tcb import Tcb, set_timer, stop_timer
from tcpexp.tcp.core.timers import Timer
from tcpexp.tcp.core.window import take_window


def take_ack(tcb: Tcb, segment: Segment, seq: int, ack: int) -> None:
    """Do what ESTABLISHED does with an acceptable ACK: free what it covers, measure, update the
    window, detect loss.

    RFC 9293 section 3.10.7.4, fifth step; RFC 5681 section 2 (DUPLICATE ACKNOWLEDGMENT).
    """
    window = segment.window << tcb.snd_scale
    # a peer's data that acknowledge nothing new
    if (
        ack == tcb.snd_una
        and segment.payload
        and window == tcb.snd_wnd
        and not segment.options.sack
    ):
        tcb.snd_wl1, tcb.snd_wl2 = max(seq, tcb.snd_wl1), ack
        return
    flight, newly_sacked, sacked_sent_ns = tcb.flight, 0, None
    tcb.out.begin_ack()
    if segment.options.sack and tcb.sack_ok:
        blocks = [
            (extend(left, tcb.snd_una), extend(right, tcb.snd_una))
            for left, right in segment.options.sack
        ]
        newly_sacked, sacked_sent_ns = take_blocks(
            tcb.out, blocks, max(tcb.snd_una, ack), tcb.snd_nxt
        )
    if ack > tcb.snd_una:
        take_window(tcb, seq, ack, window)
        _advance(tcb, segment, ack, sacked_sent_ns)
        if tcb.repairs:
            loss.after_ack(tcb, segment, ack, flight, advanced=True)
        return
    same_window = window == tcb.snd_wnd
    take_window(tcb, seq, ack, window)
    repeated = (
        ack == tcb.snd_una
        and not segment.payload
        and not segment.flags & (SYN | FIN)
        and same_window
    )
    # the answer to a probe of a closed window looks like a duplicate ACK, but tells of no loss
    duplicate = repeated and bool(tcb.out.queue) and window > 0
    # RFC 6675 section 2: with SACK, a duplicate is what SACKs something new
    if newly_sacked if tcb.sack_ok else duplicate:
        loss.on_duplicate_ack(tcb)
    if tcb.repairs and (repeated or segment.options.sack):
        loss.after_ack(tcb, segment, ack, flight, advanced=False)
    if tcb.snd_wnd > 0 and tcb.timers.deadlines[Timer.PERSIST] is not None:
        reopen(tcb)


def _advance(tcb: Tcb, segment: Segment, ack: int, sacked_sent_ns: int | None) -> None:
    """Move SND.UNA to ``ack``.

    RFC 9293 section 3.10.7.4, fifth step; RFC 6298 section 5 rules 5.2 and 5.3.
    """
    flight = tcb.flight
    octets, sent_ns = tcb.out.acknowledge(ack)
    tcb.snd_una = ack
    if tcb.snd_up is not None and tcb.snd_up <= ack:
        tcb.snd_up = None
    rtt_ns = measure(tcb, segment, sent_ns if sent_ns is not None else sacked_sent_ns, flight)
    tcb.probes = 0
    losstimer.after_ack(tcb)
    if tcb.timers.deadlines[Timer.PERSIST] is not None:
        reopen(tcb)
    loss.on_new_ack(tcb, octets, flight, rtt_ns)
    if tcb.write_refused and tcb.out.space:
        tcb.write_refused = False
        tcb.events.append(events.SpaceFreed(tcb.now, tcb.out.space))


def reopen(tcb: Tcb) -> None:
    """Stop probing: the peer's window opened, or it took the probe's octet.

    RFC 9293 section 3.8.6.1.
    """
    if tcb.snd_wnd == 0:
        return
    stop_timer(tcb, Timer.PERSIST)
    tcb.probes = 0
    for sent in tcb.out.queue:  # the octet that the peer refused is still due
        tcb.out.mark_lost(sent)


def measure(tcb: Tcb, segment: Segment, sent_ns: int | None, flight: int) -> int | None:
    """Take a round-trip sample: from the newest segment covered that was sent once only, else from
    the timestamp that comes back. Return it, None where there is none.

    RFC 6298 section 3, RFC 9293 section 3.8.1 (MUST-18), RFC 7323 section 4.1, RFC 7323 appendix G.
    """
    if sent_ns is not None:
        rtt_ns = tcb.now - sent_ns
    elif (
        tcb.timestamps_ok
        and segment.options.timestamps is not None
        and segment.options.timestamps[1]
    ):
        tick = tcb.config.timestamp_tick_ns
        ticks = (tcb.now // tick - segment.options.timestamps[1]) & MASK
        if ticks >= HALF:  # an echo of nothing that this end has sent yet
            return None
        rtt_ns = ticks * tick
    else:
        return None
    samples = max(1, -(-flight // (2 * tcb.eff_snd_mss))) if tcb.timestamps_ok else 1
    tcb.rtt.take(rtt_ns, samples)
    tcb.tlp.measured = True
    if tcb.trace:
        tcb.events.append(
            events.RttSampled(
                tcb.now, rtt_ns, tcb.rtt.srtt_ns or 0, tcb.rtt.rttvar_ns, tcb.rtt.rto_ns
            )
        )
    return rtt_ns


def acknowledge_soon(tcb: Tcb, octets: int) -> None:
    """Owe the peer an acknowledgment for ``octets`` that arrived in order: at every second full
    segment, or when the timer expires.

    RFC 9293 section 3.8.6.3 (MUST-40), RFC 5681 section 4.2.
    """
    tcb.data_came = True
    tcb.unacked_octets += octets
    tcb.unacked_segments += 1
    every = tcb.config.ack_every_segments
    if (
        not tcb.config.delayed_ack
        or tcb.quick_acks > 0
        or tcb.unacked_octets >= every * tcb.eff_rcv_mss
        or (tcb.config.ack_small_segments and tcb.unacked_segments >= every)
    ):
        tcb.ack_now = True
    elif not tcb.ack_now and tcb.timers.deadlines[Timer.DELAYED_ACK] is None:
        set_timer(tcb, Timer.DELAYED_ACK, tcb.config.delayed_ack_ns)


def acknowledge_at_once(tcb: Tcb) -> None:
    """Send a duplicate ACK for a segment beyond a gap, so that the peer can count them.

    RFC 5681 section 4.2, RFC 9293 section 3.10.7.4 (MAY-13).
    """
    send_ack(tcb)
