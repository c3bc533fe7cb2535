"""What goes out: how a segment is formed, and when the rules let data go.

RFC 9293 sections 3.7, 3.8.6 and 3.10.2.
"""

from __future__ import annotations

from tcpexp.tcp.core import accecn, delivery, ecn, events, losstimer, prr
from tcpexp.tcp.core.config import SECOND
from tcpexp.tcp.core.options import NONE, Options
from tcpexp.tcp.core.scoreboard import next_hole
from tcpexp.tcp.core.segment import ACK, FIN, NOT_ECT, PSH, RST, SYN, URG, Segment
from tcpexp.tcp.core.sendbuffer import Sent
from tcpexp.tcp.core.seqnum import MASK
from tcpexp.tcp.core.states import SENDING, State
from tcpexp.tcp.core.tcb import Tcb, go_to, note_congestion, set_timer, stop_timer
from tcpexp.tcp.core.timers import Timer
from tcpexp.tcp.core.window import offer_window


def syn_options(tcb: Tcb) -> Options:
    """Return what a SYN offers, or a SYN,ACK agrees to.

    RFC 9293 section 3.7.1 (MUST-14, MUST-67), RFC 7323 section 2.2, RFC 2018 section 2, RFC 7413
    section 4.1.1.
    """
    stamps = (timestamp(tcb), tcb.ts_recent) if tcb.timestamps_ok else None
    shift = tcb.rcv_scale if tcb.scaling else None
    cookie = tcb.fast_open
    return Options(tcb.config.mss, shift, tcb.sack_ok, (), stamps, cookie, tcb.fast_open_old)


def timestamp(tcb: Tcb) -> int:
    """Return TSval: the clock in ticks of 1 ms to 1 s. RFC 7323 section 5.4."""
    return (tcb.now // tcb.config.timestamp_tick_ns) & MASK


def options_for(tcb: Tcb, flags: int, payload: bytes) -> Options:
    """Return the options of a segment that goes out now, those of ECN left out.

    RFC 7323 section 3.2, RFC 2018 section 4.
    """
    if flags & SYN:
        return syn_options(tcb)
    if flags & RST:  # RFC 7323 section 3.2: timestamps SHOULD be in it
        agreed = tcb.timestamps_ok and tcb.state is not State.SYN_SENT
        return Options(timestamps=(timestamp(tcb), tcb.ts_recent)) if agreed else NONE
    reports = tcb.sack_ok and not payload and tcb.received.to_report
    if tcb.timestamps_ok:
        sack = wire_blocks(tcb, 3) if reports else ()
        return Options(
            None, None, False, sack, (tcb.now // tcb.config.timestamp_tick_ns & MASK, tcb.ts_recent)
        )
    return Options(sack=wire_blocks(tcb, 4)) if reports else NONE


def emit(tcb: Tcb, seq: int, flags: int, payload: bytes = b"", new: bool = False) -> None:
    """Form a segment with the current acknowledgment and window, and queue it for the lower layer.

    ``new`` says that its octets have not been sent before.

    RFC 9293 section 3.10.7.4, RFC 9293 section 3.2 (MUST-65), RFC 9293 section 3.9.1.1 (MUST-45),
    RFC 7323 section 3.2, RFC 2018 section 4.
    DEVIATION from RFC 2018 section 4: SACK blocks ride on pure acknowledgments only, so that data
    segments keep their size.
    """
    acking = flags & ACK
    options = options_for(tcb, flags, payload)
    window = 0
    if not flags & RST or tcb.config.reset_window:
        window = offer_window(tcb, scaled=not flags & SYN)
    mark = NOT_ECT
    if tcb.config.ecn != "off":
        if flags & SYN:
            flags |= ecn.handshake_flags(tcb, flags)
        if tcb.ecn.on:
            flags, mark = ecn.on_departure(tcb, flags, payload, new)
            options = accecn.with_option(tcb, options, flags, payload)
    if tcb.snd_up is not None and tcb.snd_up > seq and payload:
        flags |= URG
    urgent = min(tcb.snd_up - seq, 0xFFFF) if flags & URG and tcb.snd_up is not None else 0
    ack = 0
    if acking:
        ack = tcb.rcv_nxt & MASK
        tcb.last_ack_sent = tcb.rcv_nxt
        tcb.ack_now = False
        tcb.unacked_octets = 0
        tcb.unacked_segments = 0
        if tcb.quick_acks:
            # whoever answers with data has no use for them: its data carry the acknowledgment
            tcb.quick_acks = tcb.quick_acks - 1 if not payload or tcb.rcv_nxt == tcb.irs + 1 else 0
        if tcb.timers.deadlines[Timer.DELAYED_ACK] is not None:
            stop_timer(tcb, Timer.DELAYED_ACK)
    segment = Segment(
        tcb.local.port,
        tcb.remote.port,
        seq & MASK,
        ack,
        flags,
        window,
        payload,
        options,
        urgent,
        mark,
    )
    tcb.outbox.append(segment)
    if tcb.trace:
        tcb.events.append(events.SegmentSent(tcb.now, segment, tcb.out.pipe))


def wire_blocks(tcb: Tcb, most: int) -> tuple[tuple[int, int], ...]:
    """Return the SACK blocks to report, as 32-bit numbers. RFC 2018 section 4."""
    return tuple((left & MASK, right & MASK) for left, right in tcb.received.sack_blocks(most))


def send_ack(tcb: Tcb) -> None:
    """Send ``<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`` at once. RFC 9293 section 3.10.7.4."""
    if tcb.config.repeat_fin and tcb.state is State.CLOSING and tcb.out.queue:
        emit(tcb, tcb.snd_nxt - 1, ACK | FIN)
        return
    emit(tcb, tcb.snd_nxt, ACK)


def send_challenge_ack(tcb: Tcb) -> None:
    """Send a challenge ACK, unless this second has had its share.

    RFC 5961 sections 3.2, 4.2 and 5.2; RFC 5961 section 7 (throttling).
    """
    tcb.challenges = [at for at in tcb.challenges if at > tcb.now - SECOND]
    if len(tcb.challenges) < tcb.config.challenge_acks_per_second:
        tcb.challenges.append(tcb.now)
        emit(tcb, tcb.snd_nxt, ACK)


def send_reset(tcb: Tcb, seq: int) -> None:
    """Send ``<SEQ=seq><CTL=RST>``. RFC 9293 section 3.5.2."""
    emit(tcb, seq, RST | ACK if tcb.config.reset_acknowledges and tcb.rcv_nxt else RST)


def reset_for(segment: Segment) -> Segment | None:
    """Return the reset that answers a segment for no connection.

    None for one that is itself a reset.

    RFC 9293 section 3.10.7.1, RFC 9293 section 3.5.2.
    """
    if segment.flags & RST:
        return None
    if segment.flags & ACK:
        return Segment(segment.dst_port, segment.src_port, segment.ack, 0, RST, 0)
    return Segment(
        segment.dst_port, segment.src_port, 0, (segment.seq + segment.length) & MASK, RST | ACK, 0
    )


def refuse(tcb: Tcb, segment: Segment, seq: int) -> None:
    """Answer a segment with ``<SEQ=seq><CTL=RST>``, or as if there were no connection.

    RFC 9293 section 3.5.2; ``Config.reset_by_segment``.
    """
    reset = reset_for(segment) if tcb.config.reset_by_segment else None
    if reset is None:
        send_reset(tcb, seq)
    else:
        tcb.outbox.append(reset)


def send_syn(tcb: Tcb, data: bytes = b"") -> None:
    """Send the SYN, or the SYN,ACK, and put it on the retransmission queue.

    ``data`` go with it, and stand behind it on the queue, so that they are sent again by themselves
    if the SYN,ACK does not cover them: RFC 7413 section 4.2.2.

    RFC 9293 sections 3.10.1 and 3.10.7.2.
    """
    flags = SYN if tcb.state is State.SYN_SENT else SYN | ACK
    if not tcb.out.queue:
        tcb.out.add(Sent(tcb.iss, tcb.iss + 1, b"", SYN, tcb.now, tcb.now))
        tcb.snd_nxt = tcb.iss + 1 + len(data)
        if data:
            # if they go again by themselves, they are pushed: a program waits for the answer
            tcb.out.add(Sent(tcb.iss + 1, tcb.snd_nxt, data, PSH, tcb.now, tcb.now))
    else:
        tcb.out.queue[0].times += 1  # simultaneous open: the SYN goes again, with an ACK
    emit(tcb, tcb.iss, flags, data)
    set_timer(tcb, Timer.RETRANSMIT, tcb.rtt.rto_ns)


def retransmit(tcb: Tcb, sent: Sent, reason: str) -> None:
    """Send a segment of the retransmission queue again.

    RFC 6298 section 5, RFC 9293 section 3.8.1.
    """
    tcb.out.mark_resent(sent, tcb.now)
    if tcb.trace:
        tcb.events.append(events.Retransmitted(tcb.now, sent.seq, sent.end, reason, sent.times - 1))
    flags = sent.flags
    if not flags & SYN or tcb.state is not State.SYN_SENT:
        flags |= ACK
    emit(tcb, sent.seq, flags, sent.payload)
    tcb.last_sent_ns = tcb.now
    if tcb.repairs:
        prr.on_sent(tcb, sent.end - sent.seq)
        delivery.on_sent(tcb, sent)
    if not losstimer.running(tcb) and tcb.timers.deadlines[Timer.PERSIST] is None:
        set_timer(tcb, Timer.RETRANSMIT, tcb.rtt.rto_ns)


def send_what_may_go(tcb: Tcb) -> None:
    """Send lost segments, then new data and the FIN, as far as windows allow.

    Then the acknowledgment, if nothing carried it.

    RFC 9293 section 3.10.2, RFC 6675 section 5 (step C), RFC 9293 section 3.10.7.4 (MUST-58).
    """
    out = tcb.out
    waiting = tcb.frto is not None and tcb.frto.waiting  # RFC 5682 section 2.1 step 3
    # RFC 7413 section 4.2.2: a server that took data with the SYN need not wait to answer
    may_send = tcb.state in SENDING or (tcb.fast_opened and tcb.state is State.SYN_RECEIVED)
    if (out.queue or out.unsent or tcb.fin_wanted) and may_send and not waiting:
        if not out.queue:
            restart_after_idle(tcb)
        if out.lost_segments:
            send_lost(tcb)
        if (out.unsent or tcb.fin_wanted) and not out.lost_segments:  # what was lost goes first
            send_new(tcb)
        if tcb.in_recovery and tcb.sack_ok and not tcb.config.rack:
            send_holes(tcb)
        if tcb.delivery is not None:
            delivery.note_idle_application(tcb)
    if tcb.ack_now:
        send_ack(tcb)


def restart_after_idle(tcb: Tcb) -> None:
    """Shrink cwnd before the first data after an idle time longer than the RTO.

    RFC 5681 section 4.1.
    """
    if (
        not tcb.config.restart_after_idle
        or tcb.snd_wnd == 0
        or tcb.out.queue
        or not tcb.out.unsent
        or tcb.last_sent_ns is None
    ):
        return
    if tcb.now - tcb.last_sent_ns > tcb.rtt.rto_ns:
        tcb.congestion.on_idle()
        note_congestion(tcb, "idle")


def send_lost(tcb: Tcb) -> None:
    """Send again what was found lost, as cwnd and the peer's window allow.

    RFC 6675 section 4 (NextSeg rule 1), RFC 9293 section 3.8.6 (SHLD-16).
    """
    reason = "after loss"
    if tcb.in_recovery:
        reason = "RACK" if tcb.uses_rack else "SACK" if tcb.sack_ok else "partial ACK"
    edge = tcb.snd_una + tcb.snd_wnd
    for sent in list(tcb.out.lost()):
        if tcb.out.pipe and tcb.out.pipe + (sent.end - sent.seq) > tcb.congestion.cwnd:
            return
        if (sent.end > edge and sent.seq != tcb.snd_una) or delivery.must_wait(tcb):
            return
        retransmit(tcb, sent, reason)


def send_holes(tcb: Tcb) -> None:
    """With no new data to send, resend what lies below the highest SACKed octet.

    RFC 6675 section 4 (NextSeg rule 3).

    DEVIATION from RFC 6675 section 4: rule 4, the rescue retransmission, is not used; the timer
    repairs a lost tail.
    """
    while not tcb.out.unsent and (hole := next_hole(tcb.out)) is not None:
        if tcb.out.pipe + (hole.end - hole.seq) > tcb.congestion.cwnd or delivery.must_wait(tcb):
            return
        retransmit(tcb, hole, "SACK")


def send_new(tcb: Tcb) -> None:
    """Send new data in segments of at most the effective send MSS.

    RFC 9293 section 3.7, RFC 9293 section 3.8.6.2.1.
    """
    out, mss = tcb.out, tcb.eff_snd_mss
    # an answer to data on the SYN: the SYN,ACK's own octet, not acknowledged yet, is neither in the
    # window that the SYN offered nor of the data that cwnd counts (RFC 7413 section 4.2.2)
    syn = int(tcb.state is State.SYN_RECEIVED)
    while out.unsent:
        usable = tcb.snd_una + syn + tcb.snd_wnd - tcb.snd_nxt
        length = mss if mss <= usable and mss <= len(out.unsent) else min(len(out.unsent), usable)
        if length <= 0:
            break
        if length < mss and not may_send(tcb, length, usable):
            if out.pipe == 0 and tcb.timers.deadlines[Timer.SWS_OVERRIDE] is None:
                set_timer(tcb, Timer.SWS_OVERRIDE, tcb.config.sws_override_ns)
            return
        under_way = out.pipe - syn if tcb.sack_ok or not tcb.in_recovery else tcb.flight
        if tcb.duplicate_acks and not tcb.in_recovery and not tcb.uses_rack:
            under_way = tcb.flight - limited_room(tcb)
        if under_way + length > tcb.congestion.cwnd and out.pipe:
            return
        if tcb.delivery is not None and delivery.must_wait(tcb):
            return
        send_segment(tcb, length)
        tcb.override_sws = False
    if not out.unsent:
        if tcb.fin_wanted and not tcb.fin_sent:
            send_segment(tcb, 0)
    elif not out.queue:
        ask_for_window(tcb)


def may_send(tcb: Tcb, length: int, usable: int) -> bool:
    """Return whether ``length`` octets may go now: sender's silly-window avoidance, with Nagle's
    algorithm.

    RFC 9293 section 3.8.6.2.1 (MUST-38), RFC 9293 section 3.7.4 (MUST-17).
    """
    if tcb.override_sws:  # rule 4; rule 1, a whole segment, is the caller's
        return True
    # a SYN,ACK alone holds nothing back: RFC 7413 section 4.2.2
    idle = tcb.nodelay or tcb.snd_nxt == max(tcb.snd_una, tcb.iss + 1)
    if tcb.config.nagle_small_only and tcb.small_sent <= tcb.snd_una:
        idle = True
    if not tcb.config.sender_sws_avoidance:
        return idle
    # rule 2: all that is queued, pushed by the SEND call (or by CLOSE)
    if length == len(tcb.out.unsent):
        return idle or tcb.fin_wanted
    return idle and 2 * min(length, usable) >= tcb.max_snd_wnd  # rule 3


def limited_room(tcb: Tcb) -> int:
    """Return what the first duplicate ACKs let out beyond cwnd: a segment each.

    RFC 5681 section 3.2 step 1, RFC 6675 section 5 step 3.
    """
    if (
        tcb.config.limited_transmit
        and not tcb.in_recovery
        and tcb.snd_una >= tcb.fast_retransmit_from
    ):
        return min(tcb.duplicate_acks, 2) * tcb.eff_snd_mss
    return 0


def send_segment(tcb: Tcb, length: int) -> None:
    """Send ``length`` new octets, with PSH when they are the last queued and FIN when CLOSE was
    called.

    RFC 9293 section 3.9.1.2 (MUST-60, MUST-61), RFC 9293 section 3.10.4.
    """
    out = tcb.out
    payload = out.take(length)
    flags, end = 0, tcb.snd_nxt + length
    if not out.unsent:
        if length:
            flags = PSH
        if tcb.fin_wanted:
            flags |= FIN
            end += 1
    if tcb.duplicate_acks and not tcb.in_recovery:
        tcb.limited_octets += length
    seq = tcb.snd_nxt
    sent = Sent(seq, end, payload, flags, tcb.now, tcb.now)
    out.add(sent)
    tcb.snd_nxt = end
    if tcb.repairs:
        prr.on_sent(tcb, end - seq)
        delivery.on_sent(tcb, sent)
    if 0 < length < tcb.eff_snd_mss:
        tcb.small_sent = end
    emit(tcb, seq, flags | ACK, payload, new=True)
    tcb.last_sent_ns = tcb.now
    if flags & FIN:
        tcb.fin_sent = True
        if tcb.state is State.CLOSE_WAIT:
            go_to(tcb, State.LAST_ACK, "FIN sent")
    idle = not losstimer.running(tcb)
    losstimer.after_new_data(tcb)
    if idle:
        stop_timer(tcb, Timer.PERSIST)


def ask_for_window(tcb: Tcb) -> None:
    """Start the persist timer when the peer's window keeps data back and nothing is under way.

    RFC 9293 section 3.8.6 (MUST-35), RFC 9293 section 3.8.6.1 (MUST-36).
    """
    if tcb.config.zero_window_probes and tcb.timers.deadlines[Timer.PERSIST] is None:
        set_timer(tcb, Timer.PERSIST, tcb.rtt.rto_ns)
