"""Findings about explicit congestion notification: RFC 3168, and accurate ECN, RFC 9768."""

from __future__ import annotations

from collections.abc import Iterator

from tcpexp.diagnosis.finding import Finding, packets_text
from tcpexp.diagnosis.handshake import Opening
from tcpexp.diagnosis.lanes import lanes_with, many, numbers_of
from tcpexp.diagnosis.segments import LANE
from tcpexp.late import polars as pl

_CLASSIC, _ACCURATE = "RFC 3168 section 6.1.1", "RFC 9768 section 3.1.1"
#: The letters AE, CWR and ECE of a SYN-ACK that answers a SYN with all three (RFC 9768 table 2).
_ANSWERS = {
    "C": ("accurate", "not marked"),
    "EC": ("accurate", "ECT(1)"),
    "e": ("accurate", "ECT(0)"),
    "Ce": ("accurate", "CE"),
    "Ee": ("classic", ""),
    "E": ("classic", ""),
    "": ("none", ""),
    "ECe": ("broken", ""),
}
_CE, _FIRST_ACE = 3, 5


def mode_of(opening: Opening) -> str | None:
    """Return ``accurate``, ``classic``, ``none``, ``broken``, ``offered`` (no answer), or None
    where the handshake was not seen.
    """
    syns, answers = opening.of(True, with_ack=False), opening.of(False, with_ack=True)
    if not syns:
        return None
    offer = _letters(syns[-1]["flags"])
    if not answers:
        return "offered" if "E" in offer and "C" in offer else "none"
    answer = _letters(answers[0]["flags"])
    if "E" not in offer or "C" not in offer:
        return "none"
    if "e" in offer:
        return _ANSWERS[answer][0]
    return "classic" if answer == "E" else "none"


def _letters(flags: str) -> str:
    return "".join(letter for letter in "ECe" if letter in flags)


def find_ecn_offers(opening: Opening) -> Iterator[Finding]:
    """Yield what the handshake says of ECN, where anybody asked for it."""
    syns, answers = opening.of(True, with_ack=False), opening.of(False, with_ack=True)
    offers = [row for row in syns if {"E", "C"} <= set(row["flags"])]
    if not offers:
        return
    rows = [offers[0], *answers[:1]]
    accurate = "e" in offers[0]["flags"]
    kind, source = ("accurate ECN", _ACCURATE) if accurate else ("ECN", _CLASSIC)
    mode = mode_of(opening)
    if mode == "offered":
        text = f"The client offers {kind}; the answer was not captured."
    elif mode == "accurate":
        arrived = _ANSWERS[_letters(answers[0]["flags"])][1]
        text = f"Both ends use accurate ECN; the server's answer says that the SYN came {arrived}."
    elif mode == "classic":
        text = "Both ends use ECN" + (
            ": the client offered accurate ECN, the server knows the classic one."
            if accurate
            else "."
        )
    elif mode == "broken":
        text = "The server reflects the flags of the SYN: ECN is not used."
    elif len(offers) < len(syns):
        text = f"The client offers {kind}, and without an answer a SYN that does not."
    else:
        text = f"The client offers {kind}, the server does not."
    yield opening.say("ecn", text, rows, source=source)


def find_marks(segments: pl.DataFrame) -> Iterator[Finding]:
    """Yield the marks seen on packets and what the ends said of them."""
    for lane, rows in lanes_with(segments, pl.col("ecn") == _CE):
        yield lane.say(
            "congestion_marked",
            f"{many(len(rows), 'packet')} of the {lane.by}"
            f" {'is' if len(rows) == 1 else 'are'} marked CE ({packets_text(numbers_of(rows))}): a"
            " queue before the capture was congested.",
            numbers_of(rows),
            source="RFC 3168 section 5",
        )
    yield from _counted(segments)
    letters = pl.col("flags").str
    echoes = letters.contains("E") & ~pl.col("syn") & pl.col("ace").is_null()
    for lane, rows in lanes_with(segments, echoes):
        yield lane.say(
            "congestion_echoed",
            f"{many(len(rows), 'packet')} of the {lane.by} {'says' if len(rows) == 1 else 'say'}"
            f" that marks arrived (ECE; {packets_text(numbers_of(rows))}).",
            numbers_of(rows),
            because="ECE is repeated until the other end answers with CWR: their number is not"
            " that of the marks",
            source="RFC 3168 section 6.1.3",
        )
    reduced = letters.contains("C") & ~pl.col("syn") & pl.col("ace").is_null()
    for lane, rows in lanes_with(segments, reduced):
        yield lane.say(
            "congestion_answered",
            f"The {lane.by} reduced its window {many(len(rows), 'time')} because of marks (CWR;"
            f" {packets_text(numbers_of(rows))}).",
            numbers_of(rows),
            source="RFC 3168 section 6.1.2",
        )


def _counted(segments: pl.DataFrame) -> Iterator[Finding]:
    """Accurate ECN counts marked packets modulo 8 in every packet, from 5 on (RFC 9768 section
    3.2.1); the client's first ACK tells of the SYN-ACK instead.
    """
    told = segments.filter(pl.col("ace").is_not_null(), ~pl.col("rst"))
    first = pl.col("from_client") & (pl.int_range(pl.len()).over(LANE) == 0)
    told = told.filter(~first)
    before = pl.col("ace").shift().over(LANE).fill_null(_FIRST_ACE)
    told = told.with_columns(marks=(pl.col("ace") - before + 8) % 8)
    for lane, rows in lanes_with(told, (pl.col("marks") > 0) & (pl.col("marks") < 8)):
        count = sum(row["marks"] for row in rows)
        yield lane.say(
            "congestion_echoed",
            f"The {lane.by} says that {many(count, 'packet')} arrived with a mark"
            f" ({packets_text(numbers_of(rows))}).",
            numbers_of(rows),
            sure="likely",
            because="the counter has three bits: after a loss of ACKs there may be 8 more, or"
            " packets in another order may count twice",
            source="RFC 9768 section 3.2.2",
        )
