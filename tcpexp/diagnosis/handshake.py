"""Findings about how a connection was opened (RFC 9293 section 3.5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tcpexp.diagnosis.finding import Finding, Side, Sure, packets_text
from tcpexp.late import polars as pl
from tcpexp.words.measured import time_words

_OPENING = "RFC 9293 section 3.5"
_RESET = "RFC 9293 section 3.5.2"
_REPEATED = "RFC 6298 section 2, RFC 9293 section 3.8.1"
Row = dict[str, Any]


@dataclass(frozen=True)
class Opening:
    """The packets that opened one connection, in the order of the capture."""

    connection: int
    capture: str
    first: Row
    syns: Sequence[Row]
    #: The client's first packet behind the first SYN-ACK that acknowledges it.
    confirmed: Row | None
    #: The first RST of either end.
    reset: Row | None
    #: The client's first packet behind its SYN that acknowledges something.
    went_on: Row | None

    def of(self, from_client: bool, *, with_ack: bool) -> list[Row]:
        """Return the SYNs of one end: the plain ones, or those with an ACK."""
        return [
            row
            for row in self.syns
            if row["from_client"] is from_client and row["has_ack"] is with_ack
        ]

    def say(
        self,
        kind: str,
        sentence: str,
        rows: Sequence[Row],
        *,
        sure: Sure = "certain",
        because: str = "",
        source: str = _OPENING,
        by: Side | None = None,
    ) -> Finding:
        """Return a finding about this connection."""
        numbers = tuple(row["number"] for row in rows)
        return Finding(
            self.connection, kind, sentence, numbers, self.capture, sure, because, source, by
        )


_COLUMNS = (
    "connection", "capture", "number", "t_ns", "from_client", "syn", "fin", "rst", "has_ack",
    "seq", "ack_to", "begin", "payload_bytes", "flags", "mss", "wscale", "sack_permitted",
    "ts_val", "options_cut", "fast_open", "mptcp", "mptcp_token", "src", "src_port",
)  # fmt: skip


def openings(segments: pl.DataFrame) -> Iterator[Opening]:
    """Yield the opening of each connection, in the order of their numbers."""
    rows = segments.select(*_COLUMNS, "copy").filter(~pl.col("copy"))
    firsts = {row["connection"]: row for row in _firsts(rows)}
    syns = _lists(rows.filter("syn"))
    resets = {row["connection"]: row for row in _firsts(rows.filter("rst"))}
    answered = (
        rows.filter(pl.col("syn") & pl.col("has_ack") & ~pl.col("from_client"))
        .group_by("connection")
        .agg(answered=pl.col("number").min())
    )
    confirmed = {
        row["connection"]: row
        for row in _firsts(
            rows.join(answered, on="connection", maintain_order="left").filter(
                "from_client", "has_ack", ~pl.col("rst"), pl.col("number") > pl.col("answered")
            )
        )
    }
    went_on = {
        row["connection"]: row
        for row in _firsts(rows.filter("from_client", "has_ack", ~pl.col("rst"), ~pl.col("syn")))
    }
    for connection in sorted(firsts):
        yield Opening(
            connection,
            firsts[connection]["capture"],
            firsts[connection],
            syns.get(connection, []),
            confirmed.get(connection),
            resets.get(connection),
            went_on.get(connection),
        )


def _firsts(rows: pl.DataFrame) -> Iterator[Row]:
    yield from rows.unique("connection", keep="first", maintain_order=True).iter_rows(named=True)


def _lists(rows: pl.DataFrame) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in rows.iter_rows(named=True):
        found.setdefault(row["connection"], []).append(row)
    return found


def find_handshake(opening: Opening) -> Iterator[Finding]:
    """Yield what is to be said about how a connection was opened."""
    plain = opening.of(True, with_ack=False)
    answers = opening.of(False, with_ack=True)
    if not opening.syns:
        yield opening.say(
            "handshake_missing",
            f"The capture shows no SYN: {_begins(opening.first)}.",
            [opening.first],
            because="relative numbers count from the first that was seen, the shift of the windows"
            " is not known, and which end is the client is guessed from the ports",
        )
        return
    crossing = opening.of(False, with_ack=False)
    if crossing:
        yield from _crossed(opening, plain, crossing)
    elif plain and answers:
        yield _answered(opening, plain[0], answers[0])
    elif plain:
        yield _unanswered(opening, plain)
    else:
        yield opening.say(
            "handshake_missing",
            f"The client's SYN is missing; the first packet of the handshake is the SYN-ACK"
            f" ({packets_text([opening.syns[0]['number']])}).",
            opening.syns[:1],
            because="what the client offered in its SYN is not known",
        )
    yield from _repeated(opening, plain, "client", "SYN")
    yield from _repeated(opening, answers, "server", "SYN-ACK")
    yield from _odd(opening)


def _begins(first: Row) -> str:
    size = first["payload_bytes"]
    what = f"a segment of {size} bytes" if size else "an ACK" if first["has_ack"] else "a packet"
    end = "client" if first["from_client"] else "server"
    return f"it begins with {what} of the {end} (packet {first['number']})"


def _answered(opening: Opening, syn: Row, answer: Row) -> Finding:
    done = opening.confirmed
    took = time_words(answer["t_ns"] - syn["t_ns"])
    if done is None:
        sentence = f"SYN, and SYN-ACK {took} later; an ACK of the client does not follow."
        sure: Sure = "certain" if opening.reset is not None else "likely"
        return opening.say(
            "handshake_incomplete",
            sentence,
            [syn, answer],
            sure=sure,
            because="the client answers with a reset"
            if opening.reset is not None and opening.reset["from_client"]
            else "the ACK may have been lost, or have passed where the capture does not see it",
        )
    rest = time_words(done["t_ns"] - answer["t_ns"])
    if answer["number"] < syn["number"]:
        return opening.say(
            "handshake",
            f"SYN, SYN-ACK and ACK are there; the capture has the SYN-ACK (packet"
            f" {answer['number']}) before the SYN that it answers (packet {syn['number']}).",
            [answer, syn, done],
            because="the capture is not in the order of the wire: how long it took is not known",
        )
    return opening.say(
        "handshake",
        f"The handshake took {time_words(done['t_ns'] - syn['t_ns'])}: SYN, SYN-ACK {took} later,"
        f" ACK {rest} after that.",
        [syn, answer, done],
        because="times are those at the capture: the first is the way from it to the server and"
        " back, the second the way to the client and back",
    )


def _unanswered(opening: Opening, plain: Sequence[Row]) -> Finding:
    reset = opening.reset
    count = "A SYN" if len(plain) == 1 else f"{len(plain)} SYNs"
    if reset is not None and not reset["from_client"]:
        waited = time_words(reset["t_ns"] - plain[-1]["t_ns"])
        return opening.say(
            "handshake_refused",
            f"The connection was refused: a reset answers the SYN after {waited}.",
            [*plain, reset],
            because="nothing listens at that port, or a firewall answers so",
            source=_RESET,
            by="server",
        )
    if opening.went_on is not None and opening.went_on["number"] > plain[0]["number"]:
        return opening.say(
            "handshake_missing",
            "The capture lacks the SYN-ACK: the client goes on as if it had got one"
            f" (packet {opening.went_on['number']}).",
            [*plain, opening.went_on],
            because="what the server offered in its SYN-ACK is not known",
        )
    return opening.say(
        "handshake_unanswered",
        f"{count} without an answer.",
        plain,
        sure="likely",
        because="the SYN or its answer was lost or filtered, or the capture sees one direction"
        " only",
        by="server",
    )


def _crossed(opening: Opening, plain: Sequence[Row], crossing: Sequence[Row]) -> Iterator[Finding]:
    split = any(row["has_ack"] for row in opening.of(True, with_ack=True))
    shown = [*plain[:1], *crossing[:1]]
    if split and plain and plain[0]["number"] < crossing[0]["number"]:
        yield opening.say(
            "handshake_split",
            "The server answers the SYN with a SYN of its own, without an ACK, and the client"
            " acknowledges that with a SYN-ACK: a split handshake.",
            [*shown, *opening.of(True, with_ack=True)[:1]],
            sure="likely",
            because="two SYNs that cross on the way (a simultaneous open) look the same where"
            " the capture is near the client",
        )
        return
    yield opening.say(
        "handshake_crossed",
        "Both ends sent a SYN: the connection was opened from both sides at once.",
        shown,
    )


def _repeated(opening: Opening, rows: Sequence[Row], by: Side, word: str) -> Iterator[Finding]:
    again = [row for row in rows[1:] if row["seq"] == rows[0]["seq"]]
    if not again:
        return
    waits = [
        time_words(later["t_ns"] - earlier["t_ns"])
        for earlier, later in zip([rows[0], *again], again, strict=False)
    ]
    times = "once" if len(again) == 1 else f"{len(again)} times"
    yield opening.say(
        "handshake_repeated",
        f"The {by} sent its {word} again {times}, after {', '.join(waits)}.",
        [rows[0], *again],
        because="its answer did not come in time, or did not come at all",
        source=_REPEATED,
        by=by,
    )


def _odd(opening: Opening) -> Iterator[Finding]:
    for row in opening.syns:
        for what, is_so in (("FIN", row["fin"]), ("RST", row["rst"])):
            if is_so:
                yield opening.say(
                    "handshake_odd",
                    f"A SYN that carries {what} as well: no TCP sends that.",
                    [row],
                    source="RFC 9293 section 3.10.7",
                    by="client" if row["from_client"] else "server",
                )
    for side, name in ((True, "client"), (False, "server")):
        numbers = {row["seq"] for row in opening.syns if row["from_client"] is side}
        if len(numbers) > 1:
            rows = [row for row in opening.syns if row["from_client"] is side]
            yield opening.say(
                "handshake_odd",
                f"The SYNs of the {name} begin at {len(numbers)} different sequence numbers.",
                rows,
                because="one that is sent again has the same number",
                by="client" if side else "server",
            )
    for row in opening.of(False, with_ack=True):
        if row["ack_to"] is not None and opening.of(True, with_ack=False) and row["ack_to"] < 1:
            yield opening.say(
                "handshake_odd",
                "A SYN-ACK that does not acknowledge the SYN.",
                [row],
                by="server",
            )
