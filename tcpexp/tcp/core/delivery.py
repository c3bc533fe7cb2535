"""How fast data are delivered, measured at each acknowledgment; and pacing, which spreads segments
over time. For controls that ask for it.

draft-ietf-ccwg-bbr section 4.1: what was delivered between the sending of a segment and its
acknowledgment, over the time that this took.
"""

from __future__ import annotations

from tcpexp.tcp.core.congestion.base import RateSample
from tcpexp.tcp.core.ratestate import Stamp
from tcpexp.tcp.core.sendbuffer import Sent
from tcpexp.tcp.core.tcb import Tcb, note_congestion, set_timer
from tcpexp.tcp.core.timers import Timer

SECOND = 1_000_000_000


def on_sent(tcb: Tcb, sent: Sent) -> None:
    """Stamp a segment that goes out, and put off the next by what it takes at the control's rate.

    draft-ietf-ccwg-bbr section 4.1.2.2, draft-ietf-ccwg-bbr section 5.6.2.
    """
    delivery = tcb.delivery
    if delivery is None:
        return
    octets = sent.end - sent.seq
    if tcb.out.pipe <= octets:  # the first after a pause
        delivery.first_sent_ns = delivery.delivered_ns = tcb.now
    sent.stamp = Stamp(
        delivery.delivered,
        delivery.delivered_ns,
        delivery.first_sent_ns,
        delivery.app_limited > 0,
        tcb.out.pipe,
        delivery.lost,
    )
    rate = tcb.congestion.pacing_rate
    if rate:
        begins_ns = max(delivery.next_send_ns, tcb.now)
        delivery.next_send_ns = begins_ns + round(octets * SECOND / rate)


def must_wait(tcb: Tcb) -> bool:
    """Return whether pacing holds back the next segment; then its timer is set.

    draft-ietf-ccwg-bbr section 5.6.2.
    """
    delivery = tcb.delivery
    if delivery is None or delivery.next_send_ns <= tcb.now or not tcb.congestion.pacing_rate:
        return False
    if tcb.timers.deadlines[Timer.PACE] is None:
        set_timer(tcb, Timer.PACE, delivery.next_send_ns - tcb.now)
    return True


def note_idle_application(tcb: Tcb) -> None:
    """Note that the application, not the network, limits what is sent: nothing waits, and cwnd has
    room. draft-ietf-ccwg-bbr section 4.1.2.4.
    """
    out, delivery = tcb.out, tcb.delivery
    if delivery is None or out.unsent or out.lost_segments:
        return
    if out.pipe + tcb.eff_snd_mss <= tcb.congestion.cwnd:
        delivery.app_limited = delivery.delivered + out.pipe or 1


def on_ack(tcb: Tcb, in_flight_before: int) -> None:
    """Make a sample from the segment sent last among those just delivered, and give it to the
    control. draft-ietf-ccwg-bbr section 4.1.2.3.
    """
    delivery, out = tcb.delivery, tcb.out
    if delivery is None:
        return
    delivery.lost += out.newly_lost
    if not out.newly_delivered:
        return
    delivery.delivered += out.newly_delivered
    delivery.delivered_ns = tcb.now
    if delivery.app_limited and delivery.delivered > delivery.app_limited:
        delivery.app_limited = 0
    stamped = [sent for sent in out.delivered if sent.stamp is not None]
    if not stamped:
        return
    newest = max(stamped, key=lambda sent: (sent.sent_ns, sent.end))
    stamp = newest.stamp
    assert stamp is not None
    delivery.first_sent_ns = newest.sent_ns
    send_ns = newest.sent_ns - stamp.first_sent_ns
    interval_ns = max(send_ns, tcb.now - stamp.delivered_ns)
    delivered = delivery.delivered - stamp.delivered
    least_ns = tcb.rtt.minimum_rtt_ns or 0
    tcb.congestion.on_sample(
        RateSample(
            now=tcb.now,
            # an interval shorter than any round trip says nothing: section 4.1.2.3
            rate=delivered * SECOND / interval_ns if interval_ns and interval_ns >= least_ns else 0,
            rtt_ns=tcb.now - newest.sent_ns if newest.times == 1 else None,
            delivered=delivered,
            prior_delivered=stamp.delivered,
            total_delivered=delivery.delivered,
            newly_delivered=out.newly_delivered,
            newly_lost=out.newly_lost,
            lost=delivery.lost - stamp.lost,
            tx_in_flight=stamp.in_flight,
            in_flight=out.pipe,
            app_limited=stamp.app_limited,
            cwnd_limited=in_flight_before + tcb.eff_snd_mss >= tcb.congestion.cwnd,
        )
    )
    note_congestion(tcb, "rate sample")
