"""SYN cookies: a listener that keeps nothing for a SYN, because the number it answers with says
all. RFC 4987 section 3.6, RFC 4987 appendix A.

The cookie is an ISN: 5 bits of a slow clock, 3 bits for the MSS, 24 bits of a keyed hash.
DEVIATION: window scale, SACK and timestamps of such a connection are lost, as with the cookies of
the RFC; the effective MSS is the largest of eight that fits.
"""

from __future__ import annotations

from tcpexp.tcp.core.isn import Endpoint, keyed_hash
from tcpexp.tcp.core.seqnum import MASK

MSS_VALUES = (64, 512, 536, 1024, 1220, 1440, 1460, 8960)
PERIOD_NS = 64_000_000_000
#: A cookie is good for the period in which it was made and the next one.
PERIODS = 2


def make_cookie(
    key: bytes, local: Endpoint, remote: Endpoint, client_isn: int, mss: int, now: int
) -> int:
    """Return the ISN for a SYN,ACK of which nothing is kept. RFC 4987 appendix A."""
    period = now // PERIOD_NS
    index = max((at for at, value in enumerate(MSS_VALUES) if value <= mss), default=0)
    digest = keyed_hash(key, "cookie", *local, *remote, client_isn, period, index) & 0xFFFFFF
    return (period % 32) << 27 | index << 24 | digest


def check_cookie(
    key: bytes, local: Endpoint, remote: Endpoint, client_isn: int, cookie: int, now: int
) -> int | None:
    """Return the MSS in a cookie that this end made less than two periods ago, None for any other
    number. RFC 4987 appendix A.
    """
    index = cookie >> 24 & 7
    for period in range(now // PERIOD_NS, max(-1, now // PERIOD_NS - PERIODS), -1):
        if cookie >> 27 == period % 32:
            digest = (
                keyed_hash(key, "cookie", *local, *remote, client_isn & MASK, period, index)
                & 0xFFFFFF
            )
            return MSS_VALUES[index] if digest == cookie & 0xFFFFFF else None
    return None
