"""TCP Fast Open: data on the SYN, for a client that has shown before that its address is its own.

RFC 7413. The server hands out a cookie, which the client brings along the next time.
"""

from __future__ import annotations

from dataclasses import replace

from tcpexp.tcp.core import events
from tcpexp.tcp.core.isn import keyed_hash
from tcpexp.tcp.core.options import SegmentError, encode_options
from tcpexp.tcp.core.output import syn_options
from tcpexp.tcp.core.segment import SYN, Segment
from tcpexp.tcp.core.tcb import Tcb

COOKIE_OCTETS = 8


def make_cookie(key: bytes, address: str) -> bytes:
    """Return the cookie of a client's address: nobody else can make it, and the server keeps none.

    RFC 7413 section 4.1.2.
    """
    halves = (keyed_hash(key, "fast open", part, address) for part in range(2))
    return b"".join(half.to_bytes(COOKIE_OCTETS // 2, "big") for half in halves)


def fits(tcb: Tcb, cookie: bytes) -> bool:
    """Return whether a cookie has room beside a SYN's other options. RFC 7413 section 4.1.1."""
    try:
        encode_options(replace(syn_options(tcb), fast_open=cookie))
    except SegmentError:
        return False
    return True


def take_answer(tcb: Tcb, segment: Segment) -> None:
    """Take what a SYN,ACK says of Fast Open: a new cookie, or that the server took none of the data
    and gives none, after which it is left alone for a while.

    RFC 7413 section 4.1.3.1 (negative responses), RFC 7413 section 4.2.2.
    """
    if not tcb.config.fast_open:
        return
    tcb.learned_cookie = segment.options.fast_open or b""
    tcb.learned_old = segment.options.fast_open_old
    if not tcb.learned_cookie and tcb.fast_open is not None:
        asked = tcb.fast_open == b"" and not tcb.config.fast_open_asks_again
        tcb.fast_open_refused = asked or (bool(tcb.out.queue) and tcb.snd_una == tcb.iss + 1)


def data_for_syn(tcb: Tcb, mss: int | None) -> bytes:
    """Return the octets that go with the SYN: as many as the server's MSS of last time takes, less
    the options; without a cookie, none. RFC 7413 sections 4.1.3 and 4.2.2.
    """
    if not tcb.fast_open:
        return b""
    room = min(mss or tcb.config.default_send_mss, tcb.config.mss)
    room -= tcb.config.fast_open_option_space or len(encode_options(syn_options(tcb)))
    return tcb.out.take(max(0, min(room, len(tcb.out.unsent))))


def on_syn_timeout(tcb: Tcb) -> None:
    """Go on without Fast Open: the SYN goes again alone, its data wait for the handshake.

    RFC 7413 section 4.2.1.
    """
    tcb.fast_open = None
    for sent in tcb.out.queue:
        if not sent.flags & SYN:
            tcb.out.mark_lost(sent)


def take_text(tcb: Tcb, segment: Segment) -> None:
    """Take the text of a SYN whose cookie is right: it can be read before the handshake is over.

    RFC 7413 section 4.2.2.
    """
    tcb.fast_opened = True
    text = segment.payload[: tcb.received.capacity]
    if text:
        tcb.rcv_nxt = tcb.received.store(tcb.rcv_nxt, text, tcb.rcv_nxt)
        tcb.events.append(events.DataArrived(tcb.now, len(tcb.received.readable)))
