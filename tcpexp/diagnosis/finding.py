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
    "handshake_missing": "packets before the capture's first one opened it",
    "handshake_unanswered": "a SYN that nobody answered",
    "handshake_incomplete": "a SYN-ACK that the client does not confirm",
    "handshake_refused": "a SYN that was answered with a reset",
    "handshake_repeated": "SYNs or SYN-ACKs that were sent more than once",
    "handshake_crossed": "both ends sent a SYN: a simultaneous open",
    "handshake_split": "a SYN answered with an ACK and a SYN of their own: four packets for three",
    "handshake_odd": "packets of a handshake that the protocol does not foresee",
}
