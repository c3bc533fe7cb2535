"""The SACK scoreboard: what the peer's blocks say about the retransmission queue.

RFC 2018 section 5, RFC 6675 section 4.
"""

from __future__ import annotations

from collections.abc import Iterable

from tcpexp.tcp.core.segment import FIN
from tcpexp.tcp.core.sendbuffer import SendBuffer, Sent


def take_blocks(
    buffer: SendBuffer, blocks: Iterable[tuple[int, int]], snd_una: int, snd_nxt: int
) -> tuple[int, int | None]:
    """Mark the segments that ``blocks`` (unbounded edges) cover whole.

    Return the newly SACKed octets and when the newest of those sent only once left (None: none). A
    block outside what is outstanding says nothing and is ignored, as is one that would cover a
    segment in part. RFC 2018 section 5, RFC 6675 section 4 (Update).
    """
    useful = [(left, right) for left, right in blocks if snd_una <= left < right <= snd_nxt]
    if not useful:
        return 0, None
    first, last = min(left for left, _ in useful), max(right for _, right in useful)
    octets, sent_ns = 0, None
    for sent in buffer.queue:
        if sent.seq >= last:
            break
        if sent.sacked or sent.seq < first:
            continue
        # a block counts octets of data: a FIN came with the last of them, if that came
        data_end = sent.end - 1 if sent.flags & FIN and sent.payload else sent.end
        if any(left <= sent.seq and data_end <= right for left, right in useful):
            buffer.mark_sacked(sent)
            octets += sent.end - sent.seq
            if sent.times == 1:
                sent.sampled = True
                sent_ns = sent.sent_ns
    return octets, sent_ns


def mark_losses(buffer: SendBuffer, duplicate_threshold: int, smss: int) -> int:
    """Mark every segment lost that has ``duplicate_threshold`` SACKed ranges, or more octets than
    one segment less, above it; return how many.

    A segment resent in this recovery stays with its retransmission.
    RFC 6675 section 4 (IsLost).
    """
    if not buffer.sacked_segments:
        return 0
    octets = ranges = marked = 0
    left_edge = None
    for sent in reversed(buffer.queue):
        if sent.sacked:
            octets += sent.end - sent.seq
            if sent.end != left_edge:
                ranges += 1
            left_edge = sent.seq
        elif (
            not sent.lost
            and not sent.resent
            and (ranges >= duplicate_threshold or octets > (duplicate_threshold - 1) * smss)
        ):
            buffer.mark_lost(sent)
            marked += 1
    return marked


def next_hole(buffer: SendBuffer) -> Sent | None:
    """Return the first segment below the highest SACKed one that is neither SACKed nor resent.

    RFC 6675 section 4, NextSeg rule 3.
    """
    if not buffer.sacked_segments:
        return None
    hole = None
    for sent in buffer.queue:
        if sent.sacked and hole is not None:
            return hole
        if hole is None and not sent.sacked and not sent.resent:
            hole = sent
    return None
