"""Proportional rate reduction: during recovery cwnd goes down to ssthresh step by step, with each
acknowledgment, so that something is sent all the time. RFC 9937 section 6.

DEVIATION from RFC 9937 section 6: only with SACK, which says what was delivered.
"""

from __future__ import annotations

from tcpexp.tcp.core.lossstate import Prr
from tcpexp.tcp.core.tcb import Tcb, note_congestion


def begin(tcb: Tcb, advanced: bool | None) -> None:
    """Begin with a recovery, after ssthresh is set. What was SACKed before it cannot be delivered
    again, what this acknowledgment brought counts. RFC 9937 section 6.1.

    The acknowledgment that begins it is the first of section 6.2: the fast retransmit is part of
    what it lets out. ``advanced`` is None when a timer began it.
    """
    if not tcb.config.prr or not tcb.sack_ok or not tcb.congestion.reduces_in_steps:
        return
    sacked = sum(sent.end - sent.seq for sent in tcb.out.queue if sent.sacked)
    if advanced is None:
        tcb.prr = Prr(max(1, tcb.flight - sacked))
        return
    tcb.prr = Prr(max(1, tcb.flight - sacked + tcb.out.newly_delivered))
    on_ack(tcb, advanced)
    tcb.prr.begun_by_ack = tcb.out.newly_delivered > 0


def on_ack(tcb: Tcb, advanced: bool) -> None:
    """Set cwnd so that as much may go out as this acknowledgment allows; ``advanced`` says whether
    it moved SND.UNA.

    RFC 9937 section 6.2.
    """
    prr, delivered = tcb.prr, tcb.out.newly_delivered
    if prr is None or not delivered:
        return
    if prr.begun_by_ack:  # by this one
        prr.begun_by_ack = False
        return
    prr.delivered += delivered
    ssthresh, in_flight = tcb.congestion.ssthresh, tcb.out.pipe
    if in_flight > ssthresh:  # in proportion: ssthresh leaves while RecoverFS arrives
        may_send = -(-prr.delivered * ssthresh // prr.recover_fs) - prr.out
    else:  # as much as was delivered, and in slow start's steps while all goes well
        may_send = max(prr.delivered - prr.out, delivered)
        if advanced and not tcb.out.newly_lost:  # safeACK
            may_send += tcb.eff_snd_mss
        may_send = min(ssthresh - in_flight, may_send)
    if not prr.out and may_send <= 0:
        may_send = tcb.eff_snd_mss  # the fast retransmit
    tcb.congestion.cwnd = in_flight + max(0, may_send)
    note_congestion(tcb, "PRR")


def on_sent(tcb: Tcb, octets: int) -> None:
    """Count what goes out. RFC 9937 section 6.3."""
    if tcb.prr is not None:
        tcb.prr.out += octets


def end(tcb: Tcb, completed: bool) -> None:
    """End with the recovery: cwnd is ssthresh if it was completed, and the timer's own else.

    RFC 9937 section 6.4.
    """
    if tcb.prr is not None:
        tcb.prr = None
        if completed:
            tcb.congestion.cwnd = tcb.congestion.ssthresh
