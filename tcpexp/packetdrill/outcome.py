"""What became of a script that was played: event by event, and the first thing that was wrong.

Every player returns this, and what shows a failure (:mod:`tcpexp.packetdrill.show`) needs no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tcpexp.packetdrill.script import Event, Packet

Verdict = Literal["agrees", "disagrees", "broken"]
#: All that can become of a play, in the order in which it is told.
VERDICTS = ("agrees", "disagrees", "broken", "not played")


def counted_words(counts: Mapping[str, int]) -> str:
    """Return how many have each verdict, in words: ``1 agrees, 3 disagree, 2 not played``."""
    plural = {"agrees": "agree", "disagrees": "disagree"}
    found = [
        f"{count} {verdict if count == 1 else plural.get(verdict, verdict)}"
        for verdict in VERDICTS
        if (count := counts.get(verdict, 0))
    ]
    return ", ".join(found) or "none"


class Unplayable(Exception):
    """A player cannot do what a script asks for; the message says what, and is no failure of TCP.

    One sentence part, such as ``a socket of the kind SOCK_DGRAM``, that many scripts may share.
    """


@dataclass(frozen=True)
class Happened:
    """What became of one event.

    ``at_ns`` is when, after the script's begin; ``expected_ns`` when it should have been, at the
    earliest. ``seen`` is the packet that went out or was injected, in the script's numbers.
    ``wrong`` says what was wrong, None for nothing.
    """

    event: Event
    expected_ns: int | None = None
    at_ns: int | None = None
    end_ns: int | None = None
    seen: Packet | None = None
    result: int | None = None
    wrong: str | None = None


@dataclass(frozen=True)
class Judged:
    """A script played: ``wrong`` says what the first event that was wrong is wrong in.

    ``broken`` is not the TCP's doing: the player failed. ``besides`` are packets that went out and
    that no line named, with their times after the begin: packetdrill itself overlooks them.
    """

    verdict: Verdict
    happened: tuple[Happened, ...]
    wrong: str | None = None
    line: int | None = None
    besides: tuple[tuple[int, Packet], ...] = ()

    @property
    def latest_ns(self) -> int:
        """How far at most a packet was off its time: before the earliest, after the latest."""
        return max((abs(off_ns(each)) for each in self.happened), default=0)


def off_ns(happened: Happened) -> int:
    """Return how far a packet that went out was off its time, 0 if within it or without one."""
    packet = happened.event.action
    when = happened.event.when
    if not isinstance(packet, Packet) or packet.direction != "out" or when.kind == "any":
        return 0
    if happened.at_ns is None or happened.expected_ns is None:
        return 0
    last = happened.expected_ns + ((when.until_ns or when.at_ns) - when.at_ns)
    return min(happened.at_ns - happened.expected_ns, 0) or max(happened.at_ns - last, 0)
