"""Duplicate SACK, the sender's side: the first block of an acknowledgment says which octets arrived
twice, so that retransmissions that were needless are known for it. RFC 2883 section 4.

The receiver's side is :meth:`tcpexp.tcp.core.receivebuffer.ReceiveBuffer.note_duplicate`.
"""

from __future__ import annotations

from tcpexp.tcp.core.segment import Segment
from tcpexp.tcp.core.seqnum import extend
from tcpexp.tcp.core.tcb import Tcb


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
