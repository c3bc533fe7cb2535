"""Which timer waits for acknowledgments: the retransmission timer, RACK's reordering timer, or that
of the tail loss probe; one of them at a time. RFC 6298 section 5, RFC 8985 section 8.
"""

from __future__ import annotations

from tcpexp.tcp.core.segment import SYN
from tcpexp.tcp.core.tcb import Tcb, set_timer, stop_timer
from tcpexp.tcp.core.timers import Timer

KINDS = (Timer.RETRANSMIT, Timer.REORDER, Timer.PROBE)
_FIRST_PTO_NS = 1_000_000_000


def running(tcb: Tcb) -> bool:
    """Return whether one of the three is set. RFC 8985 section 8."""
    deadlines = tcb.timers.deadlines
    return (
        deadlines[Timer.RETRANSMIT] is not None
        or deadlines[Timer.REORDER] is not None
        or deadlines[Timer.PROBE] is not None
    )


def start(tcb: Tcb, timer: Timer, delay_ns: int) -> None:
    """Set one of the three, and stop the others. RFC 8985 section 8."""
    for other in KINDS:
        if other is not timer:
            stop_timer(tcb, other)
    set_timer(tcb, timer, delay_ns)


def stop(tcb: Tcb) -> None:
    """Stop all three: nothing is outstanding. RFC 6298 section 5 (rule 5.2)."""
    for timer in KINDS:
        stop_timer(tcb, timer)


def after_new_data(tcb: Tcb) -> None:
    """Start the retransmission timer unless one is running; or, where a probe may go out before it
    expires, the probe's anew. RFC 6298 section 5 (rule 5.1), RFC 8985 section 7.2.
    """
    if probe_is_due(tcb):
        start(tcb, Timer.PROBE, probe_timeout_ns(tcb))
    elif not running(tcb):
        set_timer(tcb, Timer.RETRANSMIT, tcb.rtt.rto_ns)


def after_ack(tcb: Tcb) -> None:
    """Start anew when new data were acknowledged; stop when all are.

    RFC 6298 section 5 (rules 5.2 and 5.3), RFC 8985 section 7.2.
    """
    if not tcb.out.queue:
        stop(tcb)
    elif probe_is_due(tcb):
        start(tcb, Timer.PROBE, probe_timeout_ns(tcb))
    else:
        start(tcb, Timer.RETRANSMIT, tcb.rtt.rto_ns)


def probe_is_due(tcb: Tcb) -> bool:
    """Return whether a tail loss probe is to go out if nothing is heard: not while losses are being
    repaired, nor with SACKed segments, for which RACK has its own timer. RFC 8985 section 7.2.
    """
    return (
        tcb.config.tail_loss_probe
        and tcb.sack_ok
        and bool(tcb.out.queue)
        and not tcb.out.queue[0].flags & SYN
        and not tcb.in_recovery
        and not tcb.in_rto_recovery
        and not tcb.out.sacked_segments
    )


def probe_timeout_ns(tcb: Tcb) -> int:
    """Return PTO: two round trips, and for one segment the peer's delay of its acknowledgment; not
    later than the retransmission timer. RFC 8985 section 7.2 (TLP_calc_PTO).
    """
    queue = tcb.out.queue
    if tcb.rtt.srtt_ns is None:
        pto_ns = _FIRST_PTO_NS
    else:
        pto_ns = 2 * tcb.rtt.srtt_ns
        if len(queue) == 1:
            pto_ns += tcb.config.tlp_max_ack_delay_ns
    return max(0, min(pto_ns, queue[0].sent_ns + tcb.rtt.rto_ns - tcb.now))
