"""What one connection knows of explicit congestion notification.

RFC 3168 section 6.1, RFC 9768 section 3.2.1.
"""

from __future__ import annotations

from dataclasses import dataclass

from tcpexp.tcp.core.segment import NOT_ECT


@dataclass(slots=True)
class Counters:
    """What is counted: ``r_`` of what arrives here, ``s_`` of what the peer has told.

    Packets with CE (``cep``), octets with ECT(0), CE and ECT(1). RFC 9768 section 3.2.1: none
    begins at zero, so that a path that clears fields is noticed.
    """

    syn_ecn: int = NOT_ECT  # of the peer's SYN or SYN,ACK
    r_cep: int = 5
    r_e0b: int = 1
    r_ceb: int = 0
    r_e1b: int = 1
    s_cep: int = 5
    s_e0b: int = 1
    s_ceb: int = 0
    s_e1b: int = 1
    reading: bool = True  # feedback is believed: RFC 9768 section 3.2.2.1, note 1
    handshake: bool = False  # the next pure acknowledgment is that of the SYN,ACK
    told_cep: int = 5  # r_cep in the last acknowledgment
    told_octets: tuple[int, int, int] = (0, 0, 0)  # in the last option
    last_ecn: int = NOT_ECT  # of the packet that arrived last
    option_seen: bool = False  # the peer's option gets through
    last_stamp: int | None = None  # TSval of the acknowledgment that came last
    packets_per_ack: float = 0.0  # a mean


@dataclass(slots=True)
class Ecn:
    """What one connection knows of ECN; numbers are unbounded sequence numbers.

    RFC 3168 section 6.1. With ``counters`` it is accurate ECN: RFC 9768 section 3.2.1.
    """

    on: bool = False
    willing: bool = False  # whether this end sets ECT
    echo: bool = False  # a mark arrived, and the peer has not answered: RFC 3168 section 6.1.3
    cwr: bool = False  # the window was reduced, and the peer is not told: RFC 3168 section 6.1.2
    reduced_at: int = 0  # SND.NXT when the window was last reduced
    marked: bool = False  # the acknowledgment under way tells of a mark
    counters: Counters | None = None
