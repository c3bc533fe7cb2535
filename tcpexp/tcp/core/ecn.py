"""Explicit congestion notification: who agrees to it, which packets can be marked, and what a mark
does at either end. RFC 3168 section 6.1.

A mark (CE) says what a loss would say, without the loss. The receiver echoes it, with ECE in every
acknowledgment until the sender answers with CWR; or it counts marks, where both ends have accurate
ECN (:mod:`tcpexp.tcp.core.accecn`).
"""

from __future__ import annotations

from tcpexp.tcp.core import accecn
from tcpexp.tcp.core.ecnstate import Counters
from tcpexp.tcp.core.segment import ACK, AE, CE, CWR, ECE, ECT_0, NOT_ECT, RST, SYN, Segment
from tcpexp.tcp.core.states import State
from tcpexp.tcp.core.tcb import Tcb, note_congestion

_FLAGS = AE | CWR | ECE


def handshake_flags(tcb: Tcb, flags: int) -> int:
    """Return the ECN flags of a SYN or SYN,ACK that goes out.

    One that is repeated does without, in case something on the way drops it for them: after the
    first time-out, with accurate ECN after the second. RFC 3168 section 6.1.1.1, RFC 9768 sections
    3.1.4.1 and 3.2.3.2.2.
    """
    times = tcb.out.queue[0].times
    state = tcb.ecn
    if flags & ACK:
        if state.counters is not None:
            if times > 2:
                state.willing = False  # RFC 9768 section 3.1.5: a server that sent (0,0,0)
                return 0
            return accecn.ace_flags(accecn.HANDSHAKE[state.counters.syn_ecn])
        return ECE if state.on else 0
    asks = tcb.config.ecn_as_client or tcb.config.ecn
    if asks == "accurate" and times <= 2:
        return AE | CWR | ECE
    return CWR | ECE if asks == "request" and times <= 1 + tcb.config.ecn_syn_retries else 0


def learn_from_syn(tcb: Tcb, segment: Segment) -> None:
    """Agree on what the peer's SYN or SYN,ACK and this end's own settings have in common.

    RFC 3168 section 6.1.1, RFC 9768 section 3.1.2 (table 2).
    """
    offered, choice, state = segment.flags & _FLAGS, tcb.config.ecn, tcb.ecn
    if choice == "off":
        return
    if segment.flags & ACK:
        choice = tcb.config.ecn_as_client or choice
        # the last row of table 2: a server that only reflects the flags has no ECN
        accurate = choice == "accurate" and offered not in (0, ECE, AE | CWR | ECE)
        classic = choice in ("request", "accurate") and offered == ECE
    else:
        # RFC 9768 section 3.1.3: what is not known yet is taken for a request
        accurate = choice == "accurate" and offered not in (0, CWR | ECE)
        classic = not accurate and offered & (CWR | ECE) == CWR | ECE
    state.on = state.willing = accurate or classic
    state.reduced_at = tcb.iss
    if accurate:
        state.counters = Counters(syn_ecn=segment.ecn)
        if segment.flags & ACK:
            accecn.learn_from_syn_ack(tcb, segment)


def learn_from_syn_again(tcb: Tcb, segment: Segment) -> None:
    """Take the IP-ECN field of a SYN that comes again, for the SYN,ACK; one without flags says that
    something on the way may drop the others, and no packet is to be marked.

    RFC 9768 section 3.1.5.
    """
    if tcb.ecn.counters is not None:
        tcb.ecn.counters.syn_ecn = segment.ecn
        tcb.ecn.willing = tcb.ecn.willing and segment.flags & _FLAGS != 0


def on_departure(tcb: Tcb, flags: int, payload: bytes, new: bool) -> tuple[int, int]:
    """Return the flags, and the ECN field of the IP header, of a segment that goes out.

    Only data sent for the first time can be marked: no acknowledgment, no retransmission, no window
    probe (RFC 3168 sections 6.1.4, 6.1.5 and 6.1.6). CWR goes with the first new data after the
    window was reduced: RFC 3168 section 6.1.2.
    """
    state = tcb.ecn
    if flags & (SYN | RST):
        return flags, NOT_ECT
    in_time_wait = tcb.state is State.TIME_WAIT and not tcb.config.accecn_in_time_wait
    if state.counters is not None and not in_time_wait:
        flags |= accecn.ace_flags(accecn.ace_to_send(tcb, payload))
    elif state.counters is None:
        if state.echo:  # RFC 3168 section 6.1.3: in every acknowledgment
            flags |= ECE
        if new and payload and state.cwr:
            flags |= CWR
            state.cwr = False
    can_be_marked = (new and payload) or (tcb.config.ecn_on_all and state.counters is not None)
    return flags, ECT_0 if can_be_marked and state.willing else NOT_ECT


def on_arrival(tcb: Tcb, segment: Segment) -> None:
    """Note the mark of a segment that was acceptable, and the peer's answer to an earlier one.

    RFC 3168 section 6.1.3: CWR ends the echo, and a mark on the same segment begins it anew.
    """
    if tcb.ecn.counters is not None:
        accecn.count_arrival(tcb, segment)
        return
    if not segment.payload:
        return
    if segment.flags & CWR:
        tcb.ecn.echo = False
    if segment.ecn == CE:
        tcb.ecn.echo = True


def on_feedback(tcb: Tcb, segment: Segment, ack: int) -> None:
    """Take what an acceptable acknowledgment tells of marks, before it is counted for the window:
    one that tells of a mark does not open it (RFC 3168 section 6.1.2).
    """
    state = tcb.ecn
    if state.counters is not None:
        state.marked = accecn.take_feedback(tcb, segment, ack) > 0
    else:
        state.marked = bool(segment.flags & ECE)


def respond(tcb: Tcb, ack: int, flight: int) -> None:
    """Reduce the window for a mark among what ``ack`` tells of: once per window of data, and not
    after a loss in that window.

    RFC 3168 section 6.1.2. ``flight`` are the octets outstanding before the acknowledgment.
    """
    if not tcb.ecn.marked:
        return
    tcb.ecn.marked = False
    if ack > tcb.ecn.reduced_at and not tcb.in_recovery:
        tcb.congestion.on_congestion(tcb.in_use(flight), tcb.now)
        note_reduction(tcb)
        note_congestion(tcb, "ECN")


def note_reduction(tcb: Tcb) -> None:
    """Remember that the window was reduced, for whatever reason, and that the peer is to be told.

    RFC 3168 section 6.1.2.
    """
    tcb.ecn.reduced_at = tcb.snd_nxt
    tcb.ecn.cwr = tcb.ecn.on
