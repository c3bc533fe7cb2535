"""SEGMENT ARRIVES in the synchronized states and SYN-RECEIVED: the eight steps of RFC 9293 section
3.10.7.4, one function each, in order.

A step returns True when the next one is to go on, and False when the RFC says "drop the segment and
return".
"""

from __future__ import annotations

from tcpexp.tcp.core import accecn, ecn, events
from tcpexp.tcp.core.acks import acknowledge_at_once, acknowledge_soon, take_ack
from tcpexp.tcp.core.config import SECOND
from tcpexp.tcp.core.output import refuse, retransmit, send_ack, send_challenge_ack, send_reset
from tcpexp.tcp.core.segment import ACK, FIN, RST, SYN, URG, Segment
from tcpexp.tcp.core.seqnum import HALF, MASK, extend
from tcpexp.tcp.core.states import RECEIVING, State
from tcpexp.tcp.core.tcb import Tcb, delete_tcb, drop, go_to, note_congestion, set_timer, stop_timer
from tcpexp.tcp.core.timers import Timer

#: RFC 7323 section 5.5: a connection idle for 24 days has no valid TS.Recent.
TS_RECENT_LIFE_NS = 24 * 86_400 * SECOND


def other_states(tcb: Tcb, segment: Segment) -> None:
    """Take a segment through the eight steps. RFC 9293 section 3.10.7.4."""
    seq = extend(segment.seq, tcb.rcv_nxt)
    if not first_check_sequence_number(tcb, segment, seq):
        return
    if segment.flags & RST and not second_check_rst_bit(tcb, segment, seq):
        return
    if not third_check_security(tcb, segment):
        return
    if tcb.ecn.on:
        ecn.on_arrival(tcb, segment)
    if segment.flags & SYN and not fourth_check_syn_bit(tcb, segment, seq):
        return
    if not fifth_check_ack_field(tcb, segment, seq):
        return
    if segment.flags & URG:
        sixth_check_urg_bit(tcb, segment, seq)
    if segment.payload:
        seventh_process_segment_text(tcb, segment, seq)
    if segment.flags & FIN or tcb.received.fin is not None:
        eighth_check_fin_bit(tcb, segment, seq)


def first_check_sequence_number(tcb: Tcb, segment: Segment, seq: int) -> bool:
    """Refuse old duplicates and what lies outside the window.

    With a zero window still take ACKs, URGs and RSTs.

    RFC 9293 section 3.10.7.4, RFC 9293 section 3.4 (MUST-66), RFC 7323 section 5.3.
    """
    window = tcb.rcv_adv - tcb.rcv_nxt
    if tcb.config.accept_beyond_offer and not by_offer_only(tcb):
        window = max(window, tcb.received.space)
    if tcb.timestamps_ok and not check_timestamp(tcb, segment, seq):
        reason = "PAWS"
    elif (seq == tcb.rcv_nxt and window > 0) or acceptable(
        seq, segment.length, tcb.rcv_nxt, window
    ):
        # the expected one needs no table
        return True
    elif window == 0 and seq == tcb.rcv_nxt and segment.flags & (ACK | RST):
        return take_without_text(tcb, segment, seq)
    else:
        reason = "outside the window" if seq >= tcb.rcv_nxt else "old duplicate"
    if not segment.flags & RST:
        answer_unacceptable(tcb, segment, seq, reason)
    drop(tcb, segment, reason)
    return False


def answer_unacceptable(tcb: Tcb, segment: Segment, seq: int, reason: str) -> None:
    """Acknowledge what is not taken: the peer did not get our last ACK.

    RFC 9293 section 3.10.7.4, first step.
    """
    if tcb.state is State.TIME_WAIT and segment.flags & FIN:
        set_timer(tcb, Timer.TIME_WAIT, 2 * tcb.config.msl_ns)
    if tcb.config.dsack:
        report_twice(tcb, segment, seq)
    if reason == "old duplicate" and is_last_again(tcb, segment, seq):
        take_timestamp(tcb, segment, seq)
    if reason == "old duplicate" and tcb.config.take_old_acks and not segment.flags & SYN:
        fifth_check_ack_field(tcb, segment, seq)
    if segment.flags & SYN and is_syn_again(tcb, segment):
        ecn.learn_from_syn_again(tcb, segment)
        retransmit(tcb, tcb.out.queue[0], "SYN came again")
    elif segment.flags & SYN:
        accecn.answer_syn_ack(tcb, segment)
        send_challenge_ack(tcb)  # RFC 5961 section 4.2: irrespective of the sequence number
    else:
        send_ack(tcb)


def report_twice(tcb: Tcb, segment: Segment, seq: int) -> None:
    """Note octets that came again, for the next acknowledgment to report. RFC 2883 section 4.

    With ``Config.dsack_controls`` a FIN too, and the SYN,ACK of an end that opened at the same
    time: Linux 7.3, net/ipv4/tcp_input.c: tcp_send_dupack(), tcp_data_queue().
    """
    length = len(segment.payload)
    opening = tcb.state is State.SYN_RECEIVED and not tcb.passive
    if tcb.config.dsack_controls and (opening or not segment.flags & SYN):
        length = segment.length
    if length:
        tcb.received.note_duplicate(seq, seq + length, tcb.rcv_nxt)


def is_last_again(tcb: Tcb, segment: Segment, seq: int) -> bool:
    """Return whether the peer repeats what our last acknowledgment was of: that one was lost.

    DEVIATION from RFC 7323 section 5.3, whose rule R2 rejects it before R3 records its timestamp.
    Our answer would echo the first copy, and the peer take its own time-out for a round trip. Linux
    and the BSDs record it (tcp_sequence() of net/ipv4/tcp_input.c, tcp_do_segment()).
    """
    ack = extend(segment.ack, tcb.snd_una)
    return (
        bool(segment.flags & ACK)
        and not segment.flags & SYN
        and seq + segment.length == tcb.last_ack_sent
        and tcb.snd_una - tcb.max_snd_wnd <= ack <= tcb.snd_nxt
    )


def is_syn_again(tcb: Tcb, segment: Segment) -> bool:
    """Return whether the peer sends its SYN again because our answer was lost, and is to get that
    answer again. RFC 9293 section 3.10.7.4 has an acknowledgment in its place.
    """
    return (
        tcb.config.repeat_syn_ack
        and tcb.state is State.SYN_RECEIVED
        and tcb.passive
        and not segment.flags & ACK
        and segment.seq == tcb.irs & MASK
    )


def by_offer_only(tcb: Tcb) -> bool:
    """Return whether a BSD system has no buffer yet, or none any more, to accept by.

    In SYN-RECEIVED from LISTEN it keeps an entry of a cache, in TIME-WAIT less than a connection.
    RFC 9293 section 3.10.7.4 knows no such difference.
    """
    return tcb.state is State.TIME_WAIT or (tcb.state is State.SYN_RECEIVED and tcb.passive)


def acceptable(seq: int, length: int, rcv_nxt: int, rcv_wnd: int) -> bool:
    """Return the verdict of table 6. RFC 9293 section 3.10.7.4, RFC 9293 section 3.4."""
    if length == 0:
        return seq == rcv_nxt if rcv_wnd == 0 else rcv_nxt <= seq < rcv_nxt + rcv_wnd
    if rcv_wnd == 0:
        return False
    return rcv_nxt <= seq < rcv_nxt + rcv_wnd or rcv_nxt <= seq + length - 1 < rcv_nxt + rcv_wnd


def take_without_text(tcb: Tcb, segment: Segment, seq: int) -> bool:
    """Process the control part of a segment whose text a zero window refuses, and answer it.

    RFC 9293 section 3.4 (MUST-66).
    """
    drop(tcb, segment, "zero window")
    if segment.flags & RST:
        return second_check_rst_bit(tcb, segment, seq)
    if (
        not segment.flags & SYN
        and fifth_check_ack_field(tcb, segment, seq)
        and tcb.state is not State.CLOSED
    ):
        if segment.flags & URG:
            sixth_check_urg_bit(tcb, segment, seq)
        send_ack(tcb)
    return False


def check_timestamp(tcb: Tcb, segment: Segment, seq: int) -> bool:
    """Return False for a segment from the past. RFC 7323 section 5.3 rule R1."""
    stamps = segment.options.timestamps
    # DEVIATION from RFC 7323 section 3.2, which would drop it: some middleboxes remove the option
    if stamps is None:
        return True
    age = (tcb.ts_recent - stamps[0]) & MASK
    if 0 < age < HALF:
        if tcb.now - tcb.ts_recent_ns > TS_RECENT_LIFE_NS:
            tcb.ts_recent, tcb.ts_recent_ns = stamps[0], tcb.now
            return True
        return bool(segment.flags & RST) or not tcb.config.paws
    return True


def take_timestamp(tcb: Tcb, segment: Segment, seq: int) -> None:
    """Keep the timestamp of an acceptable segment if it is the one to echo.

    RFC 7323 section 5.3 rule R3, after R1 and R2; RFC 7323 section 4.3.
    DEVIATION from RFC 7323 section 5.3: not before the acknowledgment is found acceptable too. A
    blind guess would else shut the peer out by a timestamp of the future (RFC 5961 section 5.2).
    """
    stamps = segment.options.timestamps
    if stamps is not None and seq <= tcb.last_ack_sent:
        tcb.ts_recent, tcb.ts_recent_ns = stamps[0], tcb.now


def second_check_rst_bit(tcb: Tcb, segment: Segment, seq: int) -> bool:
    """Reset if the sequence number is exactly the expected one, else challenge.

    RFC 9293 section 3.10.7.4, RFC 5961 section 3.2.
    """
    if seq != tcb.rcv_nxt and tcb.config.challenge_acks and tcb.config.challenge_rst:
        drop(tcb, segment, "RST not at RCV.NXT")
        send_challenge_ack(tcb)
        return False
    if tcb.state is State.SYN_RECEIVED:
        # the listener forgets it: "return to LISTEN"; the user need not be informed
        if tcb.passive:
            delete_tcb(tcb, "refused", "RST in SYN-RECEIVED, back to LISTEN")
        else:
            delete_tcb(tcb, "refused", "RST")
    elif tcb.state is State.TIME_WAIT and not tcb.config.rst_ends_time_wait:
        drop(tcb, segment, "RST in TIME-WAIT")
    elif tcb.state in (State.CLOSING, State.LAST_ACK, State.TIME_WAIT):
        delete_tcb(tcb, "closed", "RST")
    else:
        delete_tcb(tcb, "reset", "RST")
    return False


def third_check_security(tcb: Tcb, segment: Segment) -> bool:
    """Go on: neither end uses security compartments.

    RFC 9293 section 3.10.7.4, RFC 9293 appendix A.1.
    """
    return True


def fourth_check_syn_bit(tcb: Tcb, segment: Segment, seq: int) -> bool:
    """Challenge a SYN on a connection that exists; in SYN-RECEIVED from LISTEN it ends the attempt.

    RFC 9293 section 3.10.7.4, RFC 5961 section 4.2.
    """
    drop(tcb, segment, "SYN in a synchronized state")
    if tcb.state is State.SYN_RECEIVED and tcb.passive:
        delete_tcb(tcb, "refused", "SYN in SYN-RECEIVED, back to LISTEN")
    elif tcb.config.challenge_acks and tcb.config.challenge_syn:
        send_challenge_ack(tcb)
    elif seq < tcb.rcv_nxt:  # not the SYN is in the window, but what comes with it
        send_ack(tcb)
    else:  # RFC 793's rule, kept in RFC 9293 for those without RFC 5961
        send_reset(tcb, tcb.snd_nxt)
        delete_tcb(tcb, "reset", "SYN")
    return False


def fifth_check_ack_field(tcb: Tcb, segment: Segment, seq: int) -> bool:
    """Take the acknowledgment, and what it means for the state.

    RFC 9293 section 3.10.7.4, RFC 5961 section 5.2.
    """
    if not segment.flags & ACK:
        drop(tcb, segment, "no ACK")
        return False
    ack = extend(segment.ack, tcb.snd_una)
    counts = tcb.ecn.on  # whether its flags tell of marks
    if tcb.state is State.SYN_RECEIVED:
        if not tcb.snd_una < ack <= tcb.snd_nxt:
            refuse(tcb, segment, ack)
            drop(tcb, segment, "ACK of nothing sent")
            return False
        establish(tcb, segment, seq, ack)
        counts = tcb.ecn.counters is not None and not accecn.take_handshake(tcb, segment)
    elif ack > tcb.snd_nxt or (ack < tcb.snd_una - tcb.max_snd_wnd and tcb.config.challenge_acks):
        drop(tcb, segment, "ACK of nothing sent" if ack > tcb.snd_nxt else "ACK too old")
        send_challenge_ack(tcb) if tcb.config.challenge_acks else send_ack(tcb)
        return False
    take_timestamp(tcb, segment, seq)
    if counts:
        ecn.on_feedback(tcb, segment, ack)
    flight = tcb.flight
    take_ack(tcb, segment, seq, ack)
    if tcb.ecn.marked:
        ecn.respond(tcb, ack, flight)
    if tcb.state is State.TIME_WAIT:
        return answer_in_time_wait(tcb, segment, seq, ack)
    if tcb.fin_sent and not tcb.out.queue:
        return fin_acknowledged(tcb, segment)
    return True


def establish(tcb: Tcb, segment: Segment, seq: int, ack: int) -> None:
    """Enter ESTABLISHED from SYN-RECEIVED.

    RFC 9293 section 3.10.7.4, fifth step; RFC 6298 section 5 rule 5.7.
    """
    tcb.snd_wnd = segment.window << tcb.snd_scale
    tcb.max_snd_wnd = max(tcb.max_snd_wnd, tcb.snd_wnd)
    tcb.snd_wl1, tcb.snd_wl2 = seq, ack
    go_to(tcb, State.FIN_WAIT_1 if tcb.fin_wanted else State.ESTABLISHED, "ACK of SYN")
    if tcb.syn_resent:
        tcb.rtt.reinitialise_after_syn(tcb.config.rto_after_syn_timeout_ns)
        tcb.congestion.on_syn_lost()
    note_congestion(tcb, "start")
    tcb.events.append(events.Established(tcb.now))
    if tcb.early is not None:
        take_early_text(tcb)


def take_early_text(tcb: Tcb) -> None:
    """Take what came with the peer's SYN when both ends opened at once.

    RFC 9293 section 3.10.7.3: "queue for processing after the ESTABLISHED state is reached".
    """
    early, tcb.early = tcb.early, None
    assert early is not None
    if early.payload:
        seventh_process_segment_text(tcb, early, tcb.irs + 1)
    if early.flags & FIN and tcb.config.take_early == "all":
        eighth_check_fin_bit(tcb, early, tcb.irs)


def fin_acknowledged(tcb: Tcb, segment: Segment) -> bool:
    """Go on from FIN-WAIT-1, CLOSING or LAST-ACK now that our FIN is acknowledged.

    RFC 9293 section 3.10.7.4, fifth step.
    """
    if tcb.state is State.FIN_WAIT_1:
        go_to(tcb, State.FIN_WAIT_2, "ACK of FIN")
    elif tcb.state is State.CLOSING:
        enter_time_wait(tcb, "ACK of FIN")
    elif tcb.state is State.LAST_ACK:
        delete_tcb(tcb, "closed", "ACK of FIN")
        return False
    return True


def answer_in_time_wait(tcb: Tcb, segment: Segment, seq: int, ack: int) -> bool:
    """Acknowledge what comes in TIME-WAIT, a FIN above all, which also begins the wait anew.

    RFC 9293 section 3.10.7.4, fifth step ("Acknowledge it, and restart the 2 MSL timeout").
    DEVIATION from RFC 9293 section 3.10.7.4: not an ACK without text that is up to date, or two
    ends in TIME-WAIT would never stop.
    """
    if segment.flags & FIN:
        set_timer(tcb, Timer.TIME_WAIT, 2 * tcb.config.msl_ns)
    if segment.length or seq != tcb.rcv_nxt or ack != tcb.snd_nxt:
        send_ack(tcb)
    return False


def enter_time_wait(tcb: Tcb, cause: str) -> None:
    """Wait twice the maximum segment lifetime, with all other timers off.

    RFC 9293 section 3.6.1 (MUST-13), RFC 9293 section 3.10.7.4.
    """
    go_to(tcb, State.TIME_WAIT, cause)
    for timer in Timer:
        stop_timer(tcb, timer)
    set_timer(tcb, Timer.TIME_WAIT, 2 * tcb.config.msl_ns)


def sixth_check_urg_bit(tcb: Tcb, segment: Segment, seq: int) -> None:
    """Note where urgent data end, and tell the application once.

    RFC 9293 section 3.10.7.4, RFC 9293 section 3.8.5 (MUST-30, MUST-31, MUST-32, MUST-62).
    """
    if tcb.state not in RECEIVING:
        return
    pointer = seq + segment.urgent
    consumed = tcb.rcv_nxt - len(tcb.received.readable)
    in_urgent_mode = tcb.rcv_up is not None and tcb.rcv_up > consumed
    tcb.rcv_up = pointer if tcb.rcv_up is None else max(tcb.rcv_up, pointer)
    if tcb.rcv_up > consumed and not in_urgent_mode:
        tcb.events.append(events.UrgentArrived(tcb.now, tcb.rcv_up - consumed))


def seventh_process_segment_text(tcb: Tcb, segment: Segment, seq: int) -> None:
    """Store the text, cut to the window, and owe an acknowledgment for it.

    RFC 9293 section 3.10.7.4 (MUST-58, MUST-59), RFC 5681 section 4.2, RFC 9293 section 3.6.1 (data
    after CLOSE).
    """
    if tcb.state not in RECEIVING:
        drop(tcb, segment, "text after FIN")
        return
    if (
        tcb.reading_closed
        and tcb.config.reset_on_unread_data
        and seq + len(segment.payload) > tcb.rcv_nxt
    ):
        refuse(tcb, segment, tcb.snd_nxt)
        delete_tcb(tcb, "aborted", "data after CLOSE")
        return
    payload, received, before = segment.payload, tcb.received, tcb.rcv_nxt
    room = tcb.rcv_adv - seq
    if len(payload) > room:
        payload = payload[: max(0, room)]
    if received.fin is not None and seq + len(payload) > received.fin:
        payload = payload[: max(0, received.fin - seq)]
    had_gap = bool(received.starts)
    was_empty = not received.readable
    if tcb.config.dsack:
        received.note_duplicate(seq, seq + len(payload), before)
    tcb.rcv_nxt = received.store(seq, payload, before)
    if tcb.rcv_nxt == before and segment.flags & FIN and seq + len(segment.payload) == before:
        tcb.ack_now = True  # the FIN behind old text is new: one acknowledgment for both
    elif tcb.rcv_nxt == before:
        acknowledge_at_once(tcb)  # out of order, or nothing new: a duplicate ACK
    elif had_gap or received.twice is not None:
        tcb.ack_now = True  # all or part of a gap is filled, or some of it arrived twice
    else:
        tcb.eff_rcv_mss = max(tcb.eff_rcv_mss, len(payload))
        acknowledge_soon(tcb, tcb.rcv_nxt - before)
    if was_empty and received.readable:
        tcb.events.append(events.DataArrived(tcb.now, len(received.readable)))


def eighth_check_fin_bit(tcb: Tcb, segment: Segment, seq: int) -> None:
    """Once everything before the peer's FIN has arrived, advance over it, acknowledge it and change
    the state. RFC 9293 section 3.10.7.4.
    """
    received = tcb.received
    if segment.flags & FIN and received.fin is None and tcb.state in RECEIVING:
        end = seq + len(segment.payload) + (1 if segment.flags & SYN else 0)
        if end < tcb.rcv_adv or (end == tcb.rcv_adv == tcb.rcv_nxt):
            received.fin = end
            if end > tcb.rcv_nxt and not segment.payload:
                acknowledge_at_once(tcb)  # out of order: RFC 5681 section 4.2
    if received.fin is None or tcb.rcv_nxt != received.fin or tcb.state not in RECEIVING:
        return
    tcb.rcv_nxt += 1
    tcb.rcv_adv = max(tcb.rcv_adv, tcb.rcv_nxt)
    if tcb.config.fin_ends_dsack:
        received.twice = None
    waits = tcb.config.delay_fin_ack and tcb.state is State.ESTABLISHED and tcb.data_came
    if waits and not tcb.ack_now:
        if tcb.timers.deadlines[Timer.DELAYED_ACK] is None:
            set_timer(tcb, Timer.DELAYED_ACK, tcb.config.delayed_ack_ns)
    else:
        tcb.ack_now = True
    tcb.events.append(events.EndOfStream(tcb.now))
    if tcb.state is State.ESTABLISHED:
        go_to(tcb, State.CLOSE_WAIT, "FIN")
    elif tcb.state is State.FIN_WAIT_1:
        go_to(tcb, State.CLOSING, "FIN")
    else:
        enter_time_wait(tcb, "FIN")
