"""``Finding``: one statement about a connection or a capture, with the packets that show it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

#: ``certain`` follows from the packets by the protocol's rules, whatever happened outside them;
#: ``likely`` is the usual reason of what was seen, and another one is possible; ``unsure`` cannot
#: be decided from this capture.
Sure = Literal["certain", "likely", "unsure"]
#: The ends of a connection: the client sent the first SYN.
Side = Literal["client", "server"]
#: So many packet numbers are written out in a sentence.
NAMED = 3


@dataclass(frozen=True)
class Finding:
    """One statement.

    ``connection`` is its number in the table ``connections``, None for what is about a whole
    capture. ``kind`` is a word that stays the same (``KINDS`` says what each means). ``packets``
    are frame numbers in ``capture``. ``because`` says what the statement rests on, or why it is not
    certain. ``source`` is the section of an RFC, or the paper, whose rule is applied. ``by`` is the
    end that it is about, None where it is both or neither.
    """

    connection: int | None
    kind: str
    sentence: str
    packets: tuple[int, ...]
    capture: str
    sure: Sure = "certain"
    because: str = ""
    source: str = ""
    by: Side | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"'{self.kind}' is no kind of finding")


def packets_text(numbers: Iterable[int]) -> str:
    """Return the packets in words: ``packet 7``, ``packets 7 and 9``, ``packets 7, 9, 11 and 4
    more``; empty without any.
    """
    known = list(numbers)
    first, more = [str(number) for number in known[:NAMED]], len(known) - NAMED
    if not known:
        return ""
    if len(known) == 1:
        return f"packet {first[0]}"
    if more > 0:
        return f"packets {', '.join(first)} and {more} more"
    return f"packets {', '.join(first[:-1])} and {first[-1]}"


#: What each kind of finding is about.
KINDS: dict[str, str] = {
    "handshake": "how the connection was opened, and how long that took",
    "handshake_missing": "packets before the capture's first one opened it, or it lacks some",
    "handshake_unanswered": "a SYN that nobody answered",
    "handshake_incomplete": "a SYN-ACK that the client does not confirm",
    "handshake_refused": "a SYN that was answered with a reset",
    "handshake_repeated": "SYNs or SYN-ACKs that were sent more than once",
    "handshake_crossed": "both ends sent a SYN: a simultaneous open",
    "handshake_split": "a SYN answered with a SYN of the server's own: four packets for three",
    "handshake_odd": "packets of a handshake that the protocol does not foresee",
    "options": "which options both ends offered, and which are in use",
    "option_changed": "a SYN that is repeated with other options",
    "option_odd": "options that should not be there, or are missing",
    "fast_open": "a Fast Open cookie asked for or used, and whether its data were taken",
    "syn_data": "data in a SYN without Fast Open",
    "mptcp": "a connection of MPTCP, or one more subflow of one",
    "syn_cookie": "a SYN-ACK that looks like one with a SYN cookie",
    "ecn": "whether both ends use explicit congestion notification, of which kind",
    "congestion_marked": "packets with the mark CE",
    "congestion_echoed": "packets that tell the sender of marks (ECE)",
    "congestion_answered": "packets that say that the sender reduced its window (CWR)",
    "volume": "how much an end sent, and how fast",
    "round_trip": "how long a way from the capture to an end and back takes",
    "vantage": "at which end the capture was made",
    "segment_size": "the size of full segments, and what decides it",
    "super_packets": "segments larger than the wire's: TSO, GSO, GRO",
    "path_mtu": "a sign of a path that takes only smaller packets",
    "icmp_error": "what routers and hosts say of packets by ICMP",
    "lost_segments": "what was sent again because it was lost: where, and how repaired",
    "spurious_retransmissions": "what was sent again although the receiver had it",
    "probe": "zero-window probes and keep-alives",
    "reordered": "packets that were overtaken, by how many",
    "copies": "packets that the capture has twice",
    "acked_unseen": "ACKs of data that the capture does not show",
    "not_captured": "data that the capture never shows",
    "zero_window": "an end that closed its window",
    "window_full": "segments that filled the offered window",
    "beyond_window": "segments that end beyond the offered window",
    "silly_window": "windows smaller than a segment",
    "scale_unknown": "windows whose scale was not captured",
    "delayed_acks": "ACKs that waited for a timer",
    "stretched_acks": "one ACK for many segments",
    "closed": "both ends closed the connection",
    "half_closed": "only one end closed",
    "fin_repeated": "a FIN that was sent again",
    "reset": "a connection that ended with a reset",
    "open": "a connection that had not ended when the capture did",
    "one_direction": "packets of one end only",
    "damaged": "packets with a wrong checksum, which the receiver drops",
    "checksums_unset": "wrong checksums that say nothing: offload, or changed addresses",
    "joined": "a connection that two captures have, and by what they were recognised",
    "joined_lost": "packets that left one capture and never came to the other",
    "joined_delay": "how long packets took from one capture to the other",
    "joined_reordered": "packets that were overtaken between the captures, by how many",
    "joined_copies": "packets that arrived more than once",
    "joined_made": "packets that only the capture behind has",
    "joined_cut": "segments that were cut or joined between the captures",
    "joined_damaged": "packets that were damaged between the captures",
    "joined_translated": "addresses and ports changed on the way",
    "joined_numbers": "sequence numbers changed on the way",
    "joined_option": "TCP options changed or taken out on the way",
    "joined_window": "receive windows changed on the way",
    "joined_ecn": "ECN fields and flags changed on the way",
    "joined_hops": "how many routers lie between the captures",
    "joined_alone": "connections that only one of two captures has",
    "clocks": "how the clocks of two captures differ",
    "clock_back": "a clock that went back",
    "clock_coarse": "a clock that counts in long steps, or stands still",
    "capture_dropped": "packets that the capturing system says it lost",
    "capture_cut": "packets that were not captured whole",
    "capture_damaged": "a file that could not be read to its end",
}
