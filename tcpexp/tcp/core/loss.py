"""Loss detection: which segments are lost, and when recovery begins and ends. What that does to
cwnd is the congestion control's.

Without SACK by duplicate ACKs (RFC 5681 section 3.2, RFC 6582), with SACK by the scoreboard (RFC
6675) or by time (RFC 8985), and by the timer in both (RFC 6298).
"""

from __future__ import annotations

from tcpexp.tcp.core import delivery, ecn, frto, losstimer, prr, rack, tlp
from tcpexp.tcp.core.congestion.base import AckReport
from tcpexp.tcp.core.output import retransmit
from tcpexp.tcp.core.scoreboard import mark_losses
from tcpexp.tcp.core.segment import Segment
from tcpexp.tcp.core.tcb import Tcb, note_congestion
from tcpexp.tcp.core.timers import Timer


def on_new_ack(tcb: Tcb, octets: int, flight_before: int, rtt_ns: int | None = None) -> None:
    """Take an acknowledgment that advanced SND.UNA over ``octets`` of data; ``rtt_ns`` is what it
    measured.

    RFC 5681 section 3, RFC 6582 section 3.2, RFC 6675 section 5.
    """
    repeated = 0 if tcb.sack_ok else tcb.duplicate_acks
    tcb.duplicate_acks = 0
    tcb.limited_octets = 0
    tcb.timeouts = 0
    if tcb.in_rto_recovery and tcb.snd_una >= tcb.recover:
        tcb.in_rto_recovery = False
    if not tcb.in_recovery:
        if octets and not tcb.ecn.marked:
            if tcb.config.growth_by_delivery:
                octets = max(tcb.out.newly_delivered - repeated * tcb.eff_snd_mss, 0)
                flight_before = _most_of_round(tcb, flight_before)
            srtt_ns, una, nxt = tcb.rtt.srtt_ns, tcb.snd_una, tcb.snd_nxt
            report = AckReport(octets, tcb.now, srtt_ns, flight_before, rtt_ns, una, nxt)
            tcb.congestion.on_ack(report)
            note_congestion(tcb, "new ACK")
    elif tcb.snd_una >= tcb.recover:
        leave_recovery(tcb, "full ACK")
    elif tcb.sack_ok:
        if not tcb.config.rack:
            mark_losses(tcb.out, tcb.config.duplicate_threshold, tcb.eff_snd_mss)
            _repair_first(tcb)
    elif tcb.congestion.recovery == "reno":
        leave_recovery(tcb, "new ACK")
    else:
        on_partial_ack(tcb, octets)


def _most_of_round(tcb: Tcb, flight: int) -> int:
    """Return the most octets that were outstanding during this round trip and the one before.

    RFC 7661 section 4.3: a window is used if it was so at some time of the last round trip.
    """
    congestion = tcb.congestion
    if tcb.snd_una > congestion.round_end:
        congestion.round_end, congestion.round_most = tcb.snd_nxt, flight
    congestion.round_most = max(congestion.round_most, flight)
    return congestion.round_most


def after_ack(tcb: Tcb, segment: Segment, ack: int, flight: int, advanced: bool) -> None:
    """Let the newer ways of finding and repairing losses take an acknowledgment; ``flight`` are the
    octets outstanding before it.

    RFC 5682 section 2.1, RFC 8985 sections 6.2 and 7.4, RFC 9937 section 6.2.
    """
    if tcb.frto is not None:
        frto.on_ack(tcb, advanced)
    if tcb.config.tail_loss_probe:
        tlp.on_ack(tcb, segment, ack, flight, advanced)
    if tcb.uses_rack:
        _recover_by_time(tcb, rack.on_ack(tcb, segment), advanced)
        if tcb.timers.deadlines[Timer.PROBE] is not None and not losstimer.probe_is_due(tcb):
            losstimer.start(tcb, Timer.RETRANSMIT, tcb.rtt.rto_ns)
    prr.on_ack(tcb, advanced)
    delivery.on_ack(tcb, flight)


def _recover_by_time(tcb: Tcb, found: bool, advanced: bool | None) -> None:
    """Begin recovery if RACK has found a loss and none is being repaired. RFC 8985 section 6.2."""
    if found and not tcb.in_recovery and not tcb.in_rto_recovery and may_recover(tcb):
        enter_recovery(tcb, advanced)


def on_reorder_timeout(tcb: Tcb) -> None:
    """Look again for losses: what was to be late by now is. RFC 8985 section 6.2 step 5."""
    _recover_by_time(tcb, rack.detect_losses(tcb), None)
    if tcb.out.queue and not losstimer.running(tcb):
        losstimer.start(tcb, Timer.RETRANSMIT, tcb.rtt.rto_ns)


def _repair_first(tcb: Tcb) -> None:
    """Take the first segment for lost when a partial ACK with SACK shows that nothing else covers
    it. RFC 6675 section 5 (step C, NextSeg rule 3).

    It goes out before new data. A tail without SACKed octets above is left to the timer.
    """
    first = tcb.out.queue[0] if tcb.out.queue else None
    if first is not None and not first.sacked and not first.resent and tcb.out.sacked_segments:
        tcb.out.mark_lost(first)


def on_partial_ack(tcb: Tcb, octets: int) -> None:
    """Send the next hole at once, and deflate. RFC 6582 section 3.2 step 3.

    DEVIATION from RFC 6582 section 3.2 step 3: every partial ACK restarts the retransmission timer,
    not only the first (the "slow but steady" variant), so that recovery from many losses is seen to
    its end.
    """
    tcb.congestion.on_partial_ack(octets)
    note_congestion(tcb, "partial ACK")
    if tcb.out.queue:
        first = tcb.out.queue[0]
        tcb.out.mark_lost(first)
        retransmit(tcb, first, "partial ACK")


def leave_recovery(tcb: Tcb, cause: str) -> None:
    """End fast recovery. RFC 5681 section 3.2 step 6, RFC 6582 section 3.2 step 3.

    Reno without SACK keeps no ``recover``: three duplicate ACKs behind a partial one are a new loss
    to it, and halve the window again.
    """
    tcb.in_recovery = False
    tcb.fast_retransmit_from = (
        tcb.snd_una if tcb.congestion.recovery == "reno" and not tcb.sack_ok else tcb.recover
    )
    tcb.congestion.on_recovered(tcb.flight, tcb.now)
    prr.end(tcb, completed=True)
    note_congestion(tcb, cause)


def on_duplicate_ack(tcb: Tcb) -> None:
    """Count a duplicate ACK; the third begins recovery, further ones inflate the window.

    RFC 5681 section 3.2 steps 1 to 4, RFC 6675 section 5 steps 1 to 4.
    """
    if tcb.uses_rack:
        tcb.duplicate_acks += not tcb.in_recovery
        return
    if tcb.in_recovery:
        if tcb.sack_ok:
            mark_losses(tcb.out, tcb.config.duplicate_threshold, tcb.eff_snd_mss)
        else:
            tcb.congestion.on_duplicate_ack()
            note_congestion(tcb, "duplicate ACK")
        return
    tcb.duplicate_acks += 1
    if may_recover(tcb) and (
        tcb.duplicate_acks >= tcb.config.duplicate_threshold or first_is_lost(tcb)
    ):
        enter_recovery(tcb)


def may_recover(tcb: Tcb) -> bool:
    """Return whether the last loss is settled, so that duplicate ACKs mean a new one.

    RFC 6582 section 3.2 step 2, RFC 6675 section 5.1.

    DEVIATION from RFC 6582 section 3.2 step 2: after recovery (not after a time-out) an ACK for
    exactly ``recover`` is enough; read strictly, the loss of the very next segment could be
    repaired by the timer only.
    """
    return tcb.snd_una >= tcb.fast_retransmit_from and bool(tcb.out.queue)


def first_is_lost(tcb: Tcb) -> bool:
    """Return whether the scoreboard shows the first segment lost before the duplicate ACKs add up.

    RFC 6675 section 5 step 2 (IsLost).
    """
    return (
        tcb.sack_ok
        and mark_losses(tcb.out, tcb.config.duplicate_threshold, tcb.eff_snd_mss) > 0
        and tcb.out.queue[0].lost
    )


def enter_recovery(tcb: Tcb, advanced: bool | None = False) -> None:
    """Fast retransmit, and fast recovery if the control has one.

    RFC 5681 section 3.2 steps 2 and 3, RFC 6582 section 3.2 step 2, RFC 6675 section 5 step 4.
    """
    flight = tcb.in_use(tcb.flight - tcb.limited_octets)
    tcb.recover = tcb.snd_nxt
    tcb.fast_retransmit_from = tcb.snd_nxt
    tlp.forget(tcb)
    first = next(tcb.out.lost()) if tcb.uses_rack else tcb.out.queue[0]
    if tcb.congestion.recovery == "none":
        tcb.out.mark_all_lost()
        tcb.congestion.on_recovery(flight, tcb.now, 0)
        tcb.fast_retransmit_from = tcb.snd_nxt + 1
    else:
        tcb.in_recovery = True
        tcb.congestion.on_recovery(flight, tcb.now, 0 if tcb.sack_ok else tcb.duplicate_acks)
        if not tcb.uses_rack:
            mark_losses(tcb.out, tcb.config.duplicate_threshold, tcb.eff_snd_mss)
            tcb.out.mark_lost(first)
        prr.begin(tcb, advanced)
    ecn.note_reduction(tcb)
    note_congestion(tcb, "fast retransmit")
    retransmit(tcb, first, "fast retransmit")


def on_timeout(tcb: Tcb) -> None:
    """Take everything outstanding for lost and fall back to slow start.

    RFC 5681 section 3.1, RFC 6298 section 5, RFC 6582 section 3.2 step 4.

    RACK knows of some that they may still be under way: RFC 8985 section 6.3.
    """
    flight = tcb.in_use(tcb.flight)
    frto.on_timeout(tcb)
    prr.end(tcb, completed=False)
    tlp.forget(tcb)
    tcb.in_recovery = False
    tcb.in_rto_recovery = True
    tcb.duplicate_acks = 0
    tcb.limited_octets = 0
    tcb.recover = tcb.snd_nxt
    tcb.fast_retransmit_from = tcb.snd_nxt + 1
    if tcb.uses_rack:
        rack.mark_losses_at_timeout(tcb)
    else:
        tcb.out.mark_all_lost()
    tcb.congestion.on_timeout(flight, tcb.now, repeated=tcb.timeouts > 0)
    ecn.note_reduction(tcb)
    note_congestion(tcb, "timeout")
