"""SEGMENT ARRIVES in LISTEN and SYN-SENT, and what a SYN agrees on.

RFC 9293 sections 3.10.7.2 and 3.10.7.3.
"""

from __future__ import annotations

from tcpexp.tcp.core import ecn, events, fastopen
from tcpexp.tcp.core.arrives import eighth_check_fin_bit, seventh_process_segment_text
from tcpexp.tcp.core.output import refuse, send_ack, send_syn
from tcpexp.tcp.core.segment import ACK, FIN, RST, SYN, Segment
from tcpexp.tcp.core.seqnum import MASK, extend
from tcpexp.tcp.core.states import State
from tcpexp.tcp.core.tcb import (
    Tcb,
    agree_on_mss,
    delete_tcb,
    drop,
    go_to,
    note_congestion,
    stop_timer,
)
from tcpexp.tcp.core.timers import Timer


def learn_from_syn(tcb: Tcb, segment: Segment) -> None:
    """Take the peer's initial sequence number and options.

    An option that one end lacks is off for both.

    RFC 9293 section 3.10.7.2, RFC 7323 section 2.2, RFC 7323 section 3.2, RFC 2018 section 2.
    """
    options = segment.options
    offered = tcb.rcv_adv - tcb.rcv_nxt
    tcb.irs = segment.seq
    tcb.rcv_nxt = tcb.irs + 1
    tcb.rcv_adv = tcb.rcv_nxt + offered
    tcb.last_ack_sent = tcb.rcv_nxt
    tcb.timestamps_ok = tcb.timestamps_ok and options.timestamps is not None
    if options.timestamps is not None:
        tcb.ts_recent, tcb.ts_recent_ns = options.timestamps[0], tcb.now
    tcb.sack_ok = tcb.sack_ok and options.sack_permitted
    tcb.scaling = tcb.scaling and options.window_scale is not None
    tcb.snd_scale = options.window_scale or 0 if tcb.scaling else 0
    if not tcb.scaling:
        tcb.rcv_scale = 0
    agree_on_mss(tcb, options.mss)
    ecn.learn_from_syn(tcb, segment)
    tcb.snd_wnd = segment.window  # never scaled in a SYN: RFC 7323 section 2.2
    tcb.max_snd_wnd = segment.window
    tcb.snd_wl1 = tcb.irs
    tcb.eff_rcv_mss = min(tcb.config.mss, tcb.eff_snd_mss)


def listen_state(tcb: Tcb, segment: Segment, iss: int, text: bool = False) -> None:
    """Take the SYN that begins a connection; the listener answers everything else.

    DEVIATION from RFC 9293 section 3.10.7.2: text that comes with a SYN is dropped, not queued,
    unless a Fast Open cookie came with it (``text``); the peer sends it again. RFC 9293 section
    3.10.7.2, RFC 9293 section 3.5 (MUST-11), RFC 7413 section 4.2.2.
    """
    tcb.passive = True
    learn_from_syn(tcb, segment)
    tcb.iss = tcb.snd_una = tcb.snd_nxt = iss
    tcb.snd_wl2 = iss
    tcb.fast_retransmit_from = tcb.recover = iss + 1
    go_to(tcb, State.SYN_RECEIVED, "SYN")
    if text:
        fastopen.take_text(tcb, segment)
    send_syn(tcb)
    if (segment.payload and not text) or segment.flags & FIN:
        drop(tcb, segment, "text with SYN")


def syn_sent_state(tcb: Tcb, segment: Segment) -> None:
    """Take the answer to our SYN, or the peer's own SYN.

    RFC 9293 section 3.10.7.3, RFC 9293 section 3.5 (MUST-10).
    """
    ack = extend(segment.ack, tcb.snd_una)
    if segment.flags & ACK and not (
        tcb.snd_una < ack <= tcb.snd_nxt and is_echo_ours(tcb, segment)
    ):  # first
        if not segment.flags & RST:
            refuse(tcb, segment, ack)
        drop(tcb, segment, "ACK of nothing sent")
    elif segment.flags & RST:  # second
        if segment.flags & ACK:
            delete_tcb(tcb, "refused", "RST")
        else:
            drop(tcb, segment, "RST without ACK")
    elif not segment.flags & SYN:  # third is security, which neither end uses; fifth
        drop(tcb, segment, "neither SYN nor RST")
    else:  # fourth
        learn_from_syn(tcb, segment)
        if segment.flags & ACK:
            connected(tcb, segment, ack)
        else:
            tcb.snd_wl2 = tcb.iss
            tcb.fast_open = None  # a SYN,ACK would hand out a cookie: RFC 7413 section 4.1.1
            if (segment.payload or segment.flags & FIN) and tcb.config.take_early != "nothing":
                tcb.early = segment
            tcb.out.cut(tcb.eff_snd_mss)
            go_to(tcb, State.SYN_RECEIVED, "SYN, simultaneous open")
            send_syn(tcb)


def is_echo_ours(tcb: Tcb, segment: Segment) -> bool:
    """Return False for an answer to a SYN of another time, by the timestamp that comes back.

    Only with ``Config.syn_ack_echo``: Linux 7.3, net/ipv4/tcp_input.c:
    tcp_rcv_synsent_state_process(). RFC 7323 section 3 does not ask for it.
    """
    stamps = segment.options.timestamps
    if not tcb.config.syn_ack_echo or not tcb.timestamps_ok or stamps is None or not stamps[1]:
        return True
    tick = tcb.config.timestamp_tick_ns
    began, now = tcb.out.queue[0].first_sent_ns // tick, tcb.now // tick
    return (stamps[1] - began) & MASK <= now - began


def connected(tcb: Tcb, segment: Segment, ack: int) -> None:
    """Enter ESTABLISHED on a SYN,ACK, acknowledge it, and take its text.

    RFC 9293 section 3.10.7.3, RFC 6298 section 5 rule 5.7.
    """
    _, sent_ns = tcb.out.acknowledge(ack)
    tcb.out.cut(tcb.eff_snd_mss)
    tcb.snd_una = tcb.snd_wl2 = ack
    fastopen.take_answer(tcb, segment)
    for sent in tcb.out.queue:  # what went with the SYN, and was not taken: RFC 7413 section 4.2.2
        tcb.out.mark_lost(sent)
    stop_timer(tcb, Timer.RETRANSMIT)
    tcb.timeouts = 0
    if sent_ns is not None:
        tcb.rtt.take(tcb.now - sent_ns)
        if tcb.trace:
            tcb.events.append(
                events.RttSampled(
                    tcb.now, tcb.rtt.latest_ns, tcb.rtt.latest_ns, tcb.rtt.rttvar_ns, tcb.rtt.rto_ns
                )
            )
    go_to(tcb, State.ESTABLISHED, "SYN,ACK")
    if tcb.syn_resent:
        tcb.rtt.reinitialise_after_syn(tcb.config.rto_after_syn_timeout_ns)
        tcb.congestion.on_syn_lost()
    note_congestion(tcb, "start")
    tcb.events.append(events.Established(tcb.now))
    if tcb.fin_wanted:
        go_to(tcb, State.FIN_WAIT_1, "CLOSE")
    tcb.ack_now = True
    if segment.payload:
        seventh_process_segment_text(tcb, segment, tcb.rcv_nxt)
    if segment.flags & FIN:
        eighth_check_fin_bit(tcb, segment, tcb.irs)
    if not tcb.out.unsent and not tcb.fin_wanted and not tcb.out.queue:
        send_ack(tcb)  # else data that were not taken with the SYN carry it
