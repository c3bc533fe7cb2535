"""What each timer does when it expires. RFC 9293 section 3.10.8, RFC 6298 section 5."""

from __future__ import annotations

from tcpexp.tcp.core import events, fastopen, loss, losstimer, tlp
from tcpexp.tcp.core.output import emit, retransmit, send_ack, send_reset
from tcpexp.tcp.core.segment import ACK, SYN
from tcpexp.tcp.core.sendbuffer import Sent
from tcpexp.tcp.core.states import State
from tcpexp.tcp.core.tcb import Tcb, delete_tcb, set_timer
from tcpexp.tcp.core.timers import LABELS, Timer


def expire(tcb: Tcb, timer: Timer) -> None:
    """Handle one expired timer. RFC 9293 section 3.10.8."""
    tcb.timers.deadlines[timer] = None
    if tcb.trace:
        tcb.events.append(events.TimerChanged(tcb.now, LABELS[timer], "expired", tcb.now))
    HANDLERS[timer](tcb)


def time_wait_expired(tcb: Tcb) -> None:
    """Delete the TCB after 2 MSL. RFC 9293 section 3.10.8, RFC 9293 section 3.6.1 (MUST-13)."""
    delete_tcb(tcb, "closed", "2 MSL")


def retransmission_timeout(tcb: Tcb) -> None:
    """Send the earliest unacknowledged segment again, and double the timeout.

    Give up when R2 is over.

    RFC 6298 section 5 (rules 5.4 to 5.7), RFC 9293 section 3.8.3 (MUST-20, MUST-21, MUST-22,
    MUST-23), RFC 9293 section 3.8.1.
    """
    if not tcb.out.queue:
        return
    first = tcb.out.queue[0]
    limit = tcb.config.r2_syn_ns if first.flags & SYN else tcb.config.r2_ns
    if tcb.now - first.first_sent_ns >= limit:
        give_up(tcb)
        return
    if first.flags & SYN:
        tcb.syn_resent = True
        fastopen.on_syn_timeout(tcb)
        tcb.out.mark_lost(first)
    else:
        loss.on_timeout(tcb)
    tcb.timeouts += 1
    if not (tcb.state is State.SYN_SENT and tcb.timeouts <= tcb.config.syn_linear_timeouts):
        tcb.rtt.back_off()
    retransmit(tcb, first, "timeout")
    wait_ns = tcb.rtt.rto_ns
    if first.flags & SYN and tcb.config.r2_syn_sharp:
        wait_ns = min(wait_ns, first.first_sent_ns + limit - tcb.now)
    losstimer.start(tcb, Timer.RETRANSMIT, wait_ns)
    if tcb.timeouts == tcb.config.r1_retransmissions:
        tcb.events.append(events.Trouble(tcb.now, tcb.timeouts))


def give_up(tcb: Tcb) -> None:
    """End a connection whose peer does not answer.

    RFC 9293 section 3.8.3 (MUST-20), RFC 9293 section 3.10.8 (USER TIMEOUT).
    """
    if tcb.state not in (State.SYN_SENT, State.SYN_RECEIVED):
        send_reset(tcb, tcb.snd_nxt)
    delete_tcb(tcb, "timed out", "no answer")


def probe_window(tcb: Tcb) -> None:
    """Send one octet into a closed window, and wait longer before the next.

    A peer that answers may keep it closed for ever.

    RFC 9293 section 3.8.6.1 (MUST-36, MUST-37), RFC 1122 section 4.2.2.17.
    """
    out = tcb.out
    if not out.queue and out.unsent and tcb.config.empty_probes:
        _wait_for_answer(tcb)
        emit(tcb, tcb.snd_una - 1, ACK)
    elif out.queue:
        first = out.queue[0]
        if (
            tcb.now - tcb.last_arrival_ns >= tcb.config.r2_ns
            and tcb.probes > tcb.config.r1_retransmissions
        ):
            give_up(tcb)
            return
        _wait_for_answer(tcb)
        retransmit(tcb, first, "probe")
    elif out.unsent:
        _wait_for_answer(tcb)
        payload = out.take(1)
        out.add(Sent(tcb.snd_nxt, tcb.snd_nxt + 1, payload, 0, tcb.now, tcb.now))
        tcb.snd_nxt += 1
        emit(tcb, tcb.snd_nxt - 1, ACK, payload)


def _wait_for_answer(tcb: Tcb) -> None:
    """Set the persist timer anew, twice as long for each probe.

    RFC 9293 section 3.8.6.1 (SHLD-30).
    """
    tcb.probes += 1
    set_timer(tcb, Timer.PERSIST, min(tcb.rtt.rto_ns << min(tcb.probes, 16), tcb.config.rto_max_ns))


def override_silly_window(tcb: Tcb) -> None:
    """Let small segments go: the peer's largest window may have been a wrong guess.

    RFC 9293 section 3.8.6.2.1, rule 4.
    """
    tcb.override_sws = True


def delayed_ack_timeout(tcb: Tcb) -> None:
    """Send the acknowledgment that waited for company. RFC 9293 section 3.8.6.3 (MUST-40)."""
    send_ack(tcb)


def keepalive_timeout(tcb: Tcb) -> None:
    """Probe an idle connection with an old sequence number and no data.

    Close it after several unanswered ones.

    RFC 9293 section 3.8.4 (MUST-24, MUST-25, MUST-26, MUST-27, MUST-28, MUST-29).
    """
    config = tcb.config
    if tcb.out.queue or tcb.state not in (State.ESTABLISHED, State.CLOSE_WAIT, State.FIN_WAIT_2):
        set_timer(tcb, Timer.KEEPALIVE, config.keepalive_idle_ns)
        return
    idle_ns = tcb.now - tcb.last_arrival_ns
    if tcb.last_arrival_ns >= tcb.probed_ns:  # the last probe was answered
        tcb.probes = 0
    if idle_ns < config.keepalive_idle_ns:
        set_timer(tcb, Timer.KEEPALIVE, config.keepalive_idle_ns - idle_ns)
    elif tcb.probes >= config.keepalive_probes:
        give_up(tcb)
    else:
        tcb.probes += 1
        tcb.probed_ns = tcb.now
        emit(tcb, tcb.snd_nxt - 1, ACK)
        set_timer(tcb, Timer.KEEPALIVE, config.keepalive_interval_ns)


def pacing_timeout(tcb: Tcb) -> None:
    """Do nothing but wake: the next segment may go. draft-ietf-ccwg-bbr section 5.6.2.

    RFC 9293 section 3.10.8.
    """


HANDLERS = {
    Timer.TIME_WAIT: time_wait_expired,
    Timer.RETRANSMIT: retransmission_timeout,
    Timer.PERSIST: probe_window,
    Timer.SWS_OVERRIDE: override_silly_window,
    Timer.DELAYED_ACK: delayed_ack_timeout,
    Timer.KEEPALIVE: keepalive_timeout,
    Timer.REORDER: loss.on_reorder_timeout,
    Timer.PROBE: tlp.send_probe,
    Timer.PACE: pacing_timeout,
}
