"""The tail loss probe: when nothing is heard for two round trips, one segment goes out to draw an
acknowledgment, from which RACK learns of losses at the end of a flight. RFC 8985 section 7.
"""

from __future__ import annotations

from tcpexp.tcp.core import ecn, losstimer
from tcpexp.tcp.core.dsack import find_duplicate
from tcpexp.tcp.core.output import retransmit, send_segment
from tcpexp.tcp.core.segment import Segment
from tcpexp.tcp.core.tcb import Tcb, note_congestion
from tcpexp.tcp.core.timers import Timer


def send_probe(tcb: Tcb) -> None:
    """Send new data if there are any and the peer has room, else the last segment again; neither
    waits for cwnd. Then wait for the retransmission timer.

    One probe at a time, and none before a round trip has been measured since the last. RFC 8985
    section 7.3.
    """
    tlp, out = tcb.tlp, tcb.out
    if out.queue and tlp.end_seq is None and tlp.measured:
        length = min(tcb.eff_snd_mss, len(out.unsent), tcb.snd_una + tcb.snd_wnd - tcb.snd_nxt)
        tlp.is_retrans = length <= 0
        if tlp.is_retrans:
            retransmit(tcb, out.queue[-1], "loss probe")
        else:
            send_segment(tcb, length)
        tlp.end_seq, tlp.measured = tcb.snd_nxt, False
    if out.queue:
        losstimer.start(tcb, Timer.RETRANSMIT, tcb.rtt.rto_ns)


def forget(tcb: Tcb) -> None:
    """End the probe's episode: a recovery begins, which reduces the window for the loss that the
    probe was about. RFC 8985 section 7.1.
    """
    tcb.tlp.end_seq, tcb.tlp.is_retrans = None, False


def on_ack(tcb: Tcb, segment: Segment, ack: int, flight: int, advanced: bool) -> None:
    """End the probe's episode once its end is acknowledged. A probe that was a retransmission
    repaired a loss, unless something shows that its original had arrived too; then the window is
    reduced as for any other loss. ``flight`` are the octets outstanding before, ``advanced`` says
    whether SND.UNA moved.

    RFC 8985 section 7.4.2.
    """
    tlp = tcb.tlp
    if tlp.end_seq is None or ack < tlp.end_seq:
        return
    duplicate = find_duplicate(tcb, segment)
    if not tlp.is_retrans or (duplicate is not None and duplicate[1] >= tlp.end_seq):
        tlp.end_seq = None  # new data; or case 1: the peer says that it had it
    elif ack > tlp.end_seq:  # case 2
        tlp.end_seq = None
        tcb.congestion.on_congestion(flight, tcb.now)
        ecn.note_reduction(tcb)
        note_congestion(tcb, "loss probe")
    elif not advanced and not segment.payload and not segment.options.sack:
        tlp.end_seq = None  # case 3: one acknowledgment for the original, one for the probe
