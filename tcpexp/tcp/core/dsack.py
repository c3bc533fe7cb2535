"""Duplicate SACK: the first block of an acknowledgment says which octets arrived twice, so that the
sender learns of retransmissions that were needless. RFC 2883 section 4.
"""

from __future__ import annotations

from tcpexp.tcp.core.segment import Segment
from tcpexp.tcp.core.seqnum import extend
from tcpexp.tcp.core.tcb import Tcb


def note_arrival(tcb: Tcb, seq: int, end: int) -> None:
    """Remember the octets from ``seq`` to ``end`` that had arrived before, for the next
    acknowledgment, which then goes out at once. RFC 2883 sections 4.1 and 4.2.
    """
    if not (tcb.config.dsack and tcb.sack_ok) or end <= seq:
        return
    if seq < tcb.rcv_nxt:
        tcb.duplicate = (seq, min(end, tcb.rcv_nxt))
    else:
        for block in tcb.received.blocks:
            left, right = max(seq, block.left), min(end, block.right)
            if left < right:
                tcb.duplicate = (left, right)
                break
        else:
            return
    tcb.ack_now = True


def find_duplicate(tcb: Tcb, segment: Segment) -> tuple[int, int] | None:
    """Return the octets that an acknowledgment reports as duplicates, None when it reports none:
    its first block lies below what it acknowledges, or inside its second block.

    RFC 2883 section 4.
    """
    blocks = segment.options.sack
    if not blocks or not tcb.sack_ok:
        return None
    near = tcb.snd_una
    left, right = extend(blocks[0][0], near), extend(blocks[0][1], near)
    if right <= extend(segment.ack, near):
        return left, right
    if len(blocks) > 1:
        outer = extend(blocks[1][0], near), extend(blocks[1][1], near)
        if outer[0] <= left and right <= outer[1]:
            return left, right
    return None
