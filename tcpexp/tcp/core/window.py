"""The receive window: how much to offer, and when to tell the peer of more.

RFC 9293 sections 3.8.6 and 3.8.6.2.2, RFC 7323 section 2.
"""

from __future__ import annotations

from tcpexp.tcp.core import events
from tcpexp.tcp.core.tcb import Tcb


def right_edge(tcb: Tcb) -> int:
    """Return the right window edge to offer now; it never moves back.

    With silly-window avoidance it moves only by a whole segment or half the buffer, and never by
    what the header's field cannot say. RFC 9293 section 3.8.6.2.2 (MUST-39), RFC 9293 section
    3.8.6, RFC 7323 section 2.2.
    """
    received = tcb.received
    most = 0xFFFF << (tcb.rcv_scale if tcb.scaling else 0)
    edge = tcb.rcv_nxt + min(received.capacity - len(received.readable), most)
    gain = edge - tcb.rcv_adv
    if gain <= 0:
        return tcb.rcv_adv
    if tcb.config.offer_all_space and edge - tcb.rcv_nxt >= tcb.eff_snd_mss:
        return edge
    if (
        gain < tcb.eff_snd_mss
        and 2 * gain < received.capacity
        and tcb.config.receiver_sws_avoidance
    ):
        return tcb.rcv_adv
    return edge


def offer_window(tcb: Tcb, scaled: bool) -> int:
    """Return the window field for a segment that goes out now, and remember what it offers.

    RFC 7323 section 2.3, RFC 9293 section 3.8.6.

    A window that the shift cannot express is rounded down, unless that would take back what was
    offered: then up.
    """
    shift = tcb.rcv_scale if scaled and tcb.scaling else 0
    window = right_edge(tcb) - tcb.rcv_nxt
    field = window >> shift
    if tcb.config.round_window_up or tcb.rcv_nxt + (field << shift) < tcb.rcv_adv:
        field = (window + (1 << shift) - 1) >> shift
    field = min(field, 0xFFFF)
    offered = tcb.rcv_nxt + (field << shift)
    tcb.rcv_adv = max(tcb.rcv_adv, offered)
    return field


def receive_window(tcb: Tcb) -> int:
    """Return RCV.WND: what the peer may send after RCV.NXT. RFC 9293 section 3.3.1."""
    return tcb.rcv_adv - tcb.rcv_nxt


def update_is_due(tcb: Tcb) -> bool:
    """Return whether what the application has read is worth a window update of its own, or the next
    acknowledgment is early enough to tell of it.

    While the peer may still send more than half the buffer, an acknowledgment comes with the second
    segment or the delayed-ACK timer, and carries the new window: an update besides would be one
    more ACK and, since it also covers a segment that waits for company, undo the delay (RFC 9293
    section 3.8.6.2.2: the rule for the window "combines with the delayed ACK algorithm"). Below
    that the peer could be stopped by the window, and nothing else might go out: then two segments,
    half the buffer, or the end of a window smaller than a segment are worth one. Without
    silly-window avoidance every octet is.
    """
    gain = right_edge(tcb) - tcb.rcv_adv
    if gain <= 0:
        return False
    if not tcb.config.receiver_sws_avoidance:
        return True
    offered, capacity = receive_window(tcb), tcb.received.capacity
    if tcb.config.updates_by_gain and gain >= max(2 * tcb.eff_snd_mss, capacity // 4):
        return True
    return offered < tcb.eff_snd_mss or (
        2 * offered <= capacity and gain >= min(2 * tcb.eff_snd_mss, capacity // 2)
    )


def take_window(tcb: Tcb, seq: int, ack: int, window: int) -> bool:
    """Update SND.WND from an acceptable segment, unless it is older than the last that did.

    Return whether the window changed.

    RFC 9293 section 3.10.7.4, fifth step; RFC 9293 section 3.8.6 (MUST-34).
    """
    if not (tcb.snd_wl1 < seq or (tcb.snd_wl1 == seq and tcb.snd_wl2 <= ack)):
        return False
    tcb.snd_wl1, tcb.snd_wl2 = seq, ack
    changed = window != tcb.snd_wnd
    tcb.snd_wnd = window
    if changed:
        tcb.max_snd_wnd = max(tcb.max_snd_wnd, window)
        if tcb.trace:
            tcb.events.append(events.WindowChanged(tcb.now, window))
    return changed
