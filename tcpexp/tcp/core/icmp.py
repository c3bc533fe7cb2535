"""What ICMP errors mean for a connection. RFC 9293 section 3.9.2.2, RFC 5927 section 4.1."""

from __future__ import annotations

from tcpexp.tcp.core import events
from tcpexp.tcp.core.config import SOFT_ERRORS
from tcpexp.tcp.core.seqnum import extend
from tcpexp.tcp.core.states import State
from tcpexp.tcp.core.tcb import Tcb, delete_tcb

#: Destination unreachable, codes 2 to 4 of ICMP: end an attempt to connect. So do codes 9, 10 and
#: 13, which RFC 1122 had not heard of: to try again is of no use either.
HARD = (
    "protocol unreachable",
    "port unreachable",
    "administratively prohibited",
    "fragmentation needed",
)
#: The application is told.
SOFT = SOFT_ERRORS


def take_icmp(tcb: Tcb, error: str, seq: int | None) -> None:
    """Ignore a source quench and what is about no segment in flight.

    Tell the application of a soft error; end an attempt on a hard one.

    DEVIATION from RFC 9293 section 3.9.2.2 (SHLD-26): once synchronized, a hard error is taken for
    a soft one, as RFC 5927 section 5.2 advises against blind resets. RFC 9293 section 3.9.2.2
    (MUST-54, MUST-55, MUST-56), RFC 5927 section 4.1.
    Raises: ValueError for an error that is none of these.
    """
    if error == "source quench":
        return
    if error not in HARD + SOFT:
        raise ValueError(
            f"no ICMP error {error!r}; known are {', '.join(HARD + SOFT)}, source quench"
        )
    if seq is not None and not tcb.snd_una <= extend(seq, tcb.snd_una) < tcb.snd_nxt:
        return
    fatal = (*HARD[:3], *tcb.config.icmp_soft_ends_attempts)
    ends = error in fatal and tcb.config.icmp_ends_attempts
    if ends and tcb.state in (State.SYN_SENT, State.SYN_RECEIVED):
        delete_tcb(tcb, "refused", f"ICMP {error}")
    elif tcb.state is not State.CLOSED:
        tcb.events.append(events.Unreachable(tcb.now, error))
