"""What loss detection and recovery remember, beyond the variables of RFC 5681: RACK and its tail
loss probe, proportional rate reduction, F-RTO.
"""

from __future__ import annotations

from dataclasses import dataclass

from tcpexp.tcp.core.congestion.base import CongestionControl


@dataclass(slots=True)
class Rack:
    """RACK's variables; times in nanoseconds. RFC 8985 section 5.3."""

    xmit_ns: int = -1  # when the newest segment that was delivered had left
    end_seq: int = 0  # its end
    rtt_ns: int = 0  # what it took
    fack: int = 0  # the highest octet delivered
    reordering_seen: bool = False
    reordering_events: int = 0  # acknowledgments that showed some
    reordering_octets: int = 0  # the farthest that a segment was overtaken
    dsack_round: int | None = None
    reo_wnd_mult: int = 1
    reo_wnd_persist: int = 16
    in_recovery: bool = False  # at the acknowledgment before


@dataclass(slots=True)
class Tlp:
    """The tail loss probe's variables. RFC 8985 section 5.3, RFC 8985 section 7.1."""

    end_seq: int | None = None  # SND.NXT at the probe that is not answered yet
    is_retrans: bool = False
    measured: bool = True  # a round trip was measured since the last probe


@dataclass(slots=True)
class Prr:
    """Octets of one recovery. RFC 9937 section 5."""

    recover_fs: int  # in flight when it began
    delivered: int = 0
    out: int = 0
    begun_by_ack: bool = False  # the acknowledgment under way began it, and is counted


@dataclass(slots=True)
class Frto:
    """A time-out that may be spurious. RFC 5682 section 2.1, RFC 4015 section 3."""

    control: CongestionControl  # as it was before
    flight: int  # FlightSize before
    waiting: bool = False  # step 3: two new segments are out, the second acknowledgment is to come
