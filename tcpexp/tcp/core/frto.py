"""F-RTO: was the time-out spurious? Two new segments after it, instead of more retransmissions, and
the next acknowledgments tell. RFC 5682, and what to do then: RFC 4015.
"""

from __future__ import annotations

import copy

from tcpexp.tcp.core import events
from tcpexp.tcp.core.lossstate import Frto
from tcpexp.tcp.core.output import send_segment
from tcpexp.tcp.core.tcb import Tcb, note_congestion


def on_timeout(tcb: Tcb) -> None:
    """Remember what the window was, before the first of a row of time-outs changes it.

    RFC 5682 section 2.1 step 1: not when an earlier time-out is still being repaired.
    """
    tcb.frto = None
    if tcb.config.frto and not tcb.timeouts and not tcb.in_rto_recovery and not tcb.in_recovery:
        tcb.frto = Frto(copy.copy(tcb.congestion), tcb.flight)


def on_ack(tcb: Tcb, advanced: bool) -> None:
    """Take the first or second acknowledgment after a time-out: one that advanced SND.UNA, or a
    duplicate.

    RFC 5682 sections 2.1 and 3.1, steps 2 and 3.
    """
    frto = tcb.frto
    if frto is None:
        return
    if not frto.waiting:
        repaired = advanced and tcb.snd_una < tcb.recover and not tcb.out.queue[0].resent
        if not repaired or not _send_new(tcb):
            tcb.frto = None  # step 2a; or nothing new to send: as without F-RTO
        else:
            frto.waiting = True  # step 2b
    elif advanced or any(sent.times == 1 and sent.end <= tcb.recover for sent in tcb.out.delivered):
        _undo(tcb, frto)  # step 3b: it acknowledges, or SACKs, what was not sent again
    else:
        tcb.frto = None  # step 3a
        tcb.congestion.cwnd = 3 * tcb.eff_snd_mss  # the two new ones, and one to send again
        note_congestion(tcb, "time-out confirmed")


def _send_new(tcb: Tcb) -> bool:
    """Send up to two new segments, and return whether there were any to send.

    RFC 5682 section 2.1 step 2b.
    """
    sent = False
    for _ in range(2):
        room = tcb.snd_una + tcb.snd_wnd - tcb.snd_nxt
        length = min(tcb.eff_snd_mss, len(tcb.out.unsent), room)
        if length > 0:
            send_segment(tcb, length)
            sent = True
    return sent


def _undo(tcb: Tcb, frto: Frto) -> None:
    """Take back what the time-out did: nothing was lost, and the window is what it was, but filled
    no faster than acknowledgments come.

    RFC 5682 section 2.1 step 3b; RFC 4015 section 3: cwnd is FlightSize and what was acknowledged,
    ssthresh what was in flight.
    """
    acknowledged = tcb.out.newly_acknowledged
    tcb.frto = None
    tcb.out.unmark_lost()
    tcb.in_rto_recovery = False
    tcb.fast_retransmit_from = tcb.recover = tcb.snd_una
    tcb.congestion = frto.control
    tcb.congestion.ssthresh = max(frto.flight, tcb.congestion.ssthresh)
    tcb.congestion.cwnd = tcb.flight + min(acknowledged, tcb.congestion.initial_cwnd)
    if tcb.trace:
        tcb.events.append(events.TimeoutUndone(tcb.now))
    note_congestion(tcb, "spurious time-out")
