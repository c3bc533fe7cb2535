"""What a connection says about itself: one dataclass per kind of event, all with ``at_ns``.

Those under "for the application" always come; the others while ``Config.trace`` is set. Sequence
numbers are unbounded (:mod:`tcpexp.tcp.core.seqnum`); subtract the connection's ``iss`` or ``irs``
for relative ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from tcpexp.tcp.core.segment import Segment
from tcpexp.tcp.core.states import State


@dataclass(slots=True)
class Event:
    """Something happened at ``at_ns``."""

    at_ns: int


# For the application.


@dataclass(slots=True)
class Established(Event):
    """The handshake is complete. RFC 9293 section 3.5."""


@dataclass(slots=True)
class DataArrived(Event):
    """``readable`` bytes wait for ``Connection.read``.

    The first such event after the buffer was empty. RFC 9293 section 3.10.7.4.
    """

    readable: int


@dataclass(slots=True)
class SpaceFreed(Event):
    """Acknowledgments made room in a send buffer that had refused data.

    RFC 9293 section 3.10.7.4.
    """

    writable: int


@dataclass(slots=True)
class EndOfStream(Event):
    """The peer's FIN arrived: after what is readable now nothing comes.

    RFC 9293 section 3.10.7.4.
    """


@dataclass(slots=True)
class UrgentArrived(Event):
    """Urgent data end ``distance`` octets after what has been read.

    RFC 9293 section 3.8.5 (MUST-32).
    """

    distance: int


@dataclass(slots=True)
class Trouble(Event):
    """R1 retransmissions went unanswered; the connection tries on.

    RFC 9293 section 3.8.3 (MUST-20).
    """

    retransmissions: int


@dataclass(slots=True)
class Unreachable(Event):
    """The network reported an error that does not end the connection, such as ``host unreachable``.

    RFC 9293 section 3.9.2.2 (MUST-54).
    """

    error: str


@dataclass(slots=True)
class Closed(Event):
    """The connection is gone: ``closed``, ``aborted``, ``reset``, ``refused``, ``timed out``.

    RFC 9293 section 3.6 (MUST-12).
    """

    reason: str


# The trace.


@dataclass(slots=True)
class SegmentSent(Event):
    """A segment was handed to the lower layer. RFC 9293 section 3.9.2."""

    segment: Segment
    in_flight: int


@dataclass(slots=True)
class SegmentReceived(Event):
    """A segment arrived, before anything is done with it. RFC 9293 section 3.10.7."""

    segment: Segment


@dataclass(slots=True)
class SegmentDropped(Event):
    """An arriving segment, or what was left of it, was discarded, for this reason.

    RFC 9293 section 3.10.7.
    """

    segment: Segment
    reason: str


@dataclass(slots=True)
class Retransmitted(Event):
    """Octets from ``seq`` to ``end`` are sent again, for the ``times``-th time.

    Reasons: ``timeout``, ``fast retransmit``, ``partial ACK`` (NewReno), ``SACK`` (a hole on the
    scoreboard), ``RACK`` (late), ``loss probe``, ``after loss`` (what else was outstanding at a
    time-out, or for Tahoe at a loss; and what a window that opens lets out again), ``probe`` (of a
    closed window). RFC 6298 section 5, RFC 5681 section 3.2, RFC 6582 section 3.2, RFC 6675 section
    4, RFC 8985 sections 6.2 and 7.3.
    """

    seq: int
    end: int
    reason: str
    times: int


@dataclass(slots=True)
class TimerChanged(Event):
    """A timer was ``set`` to expire at ``expires_ns``, was ``stopped``, or ``expired``.

    RFC 9293 section 3.10.8.
    """

    timer: str
    what: str
    expires_ns: int | None


@dataclass(slots=True)
class StateChanged(Event):
    """The connection went from one state to another. RFC 9293 section 3.3.2."""

    old: State
    new: State
    cause: str


@dataclass(slots=True)
class CongestionChanged(Event):
    """cwnd, ssthresh (bytes) or mode changed.

    Modes: ``slow start``, ``congestion avoidance``, ``fast recovery``, and with HyStart++
    ``conservative slow start``. RFC 5681 section 3, RFC 9406 section 4.2.
    """

    cwnd: int
    ssthresh: int
    mode: str
    cause: str


@dataclass(slots=True)
class RttSampled(Event):
    """A round-trip time was measured, and the timeout computed anew; all in nanoseconds.

    RFC 6298 section 2.
    """

    rtt_ns: int
    srtt_ns: int
    rttvar_ns: int
    rto_ns: int


@dataclass(slots=True)
class TimeoutUndone(Event):
    """A time-out proved to be spurious, and what it did to the window was taken back.

    RFC 5682 section 2.1, RFC 4015 section 3.
    """


@dataclass(slots=True)
class WindowChanged(Event):
    """The peer offers another window, in octets. RFC 9293 section 3.8.6."""

    window: int
