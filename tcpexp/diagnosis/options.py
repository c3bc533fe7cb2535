"""Findings about TCP options: who offered what, what is in use, and what should not be there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tcpexp.diagnosis.finding import Finding, packets_text
from tcpexp.diagnosis.handshake import Opening
from tcpexp.diagnosis.lanes import lanes_with, many, numbers_of
from tcpexp.late import polars as pl

Row = dict[str, Any]
_SCALE, _STAMPS, _SACK = "RFC 7323 section 2.2", "RFC 7323 section 3.2", "RFC 2018 section 2"
#: RFC 7323 section 2.3; RFC 9293 section 3.7.1 with RFC 791: every host takes 576 bytes.
_LARGEST_SCALE, _SMALLEST_MSS = 14, 536
#: What an end offers, by the column: in words, and where it is said.
_OFFERS = {
    "wscale": ("window scaling", _SCALE),
    "sack_permitted": ("SACK", _SACK),
    "ts_val": ("time stamps", _STAMPS),
}


def find_options(opening: Opening) -> Iterator[Finding]:
    """Yield which options both ends offered, and what is odd about them."""
    syns, answers = opening.of(True, with_ack=False), opening.of(False, with_ack=True)
    if syns and answers:
        syn, answer = syns[-1], answers[0]
        used = [words for name, (words, _) in _OFFERS.items() if _has(syn, name) and
                _has(answer, name)]  # fmt: skip
        yield opening.say(
            "options",
            f"The client offers {_offer_words(syn)}; the server {_offer_words(answer)}. In use:"
            f" {', '.join(used) or 'none of them'}.",
            [syn, answer],
            source="RFC 9293 section 3.2",
            sure="unsure" if _cut(syn) or _cut(answer) else "certain",
            because="options were cut off by the capture" if _cut(syn) or _cut(answer) else "",
        )
        if not _cut(syn):
            yield from _unasked(opening, syn, answer)
    elif syns:
        yield opening.say("options", f"The client offers {_offer_words(syns[0])}.", syns[:1])
    elif answers:
        yield opening.say("options", f"The server offers {_offer_words(answers[0])}.", answers[:1])
    for row in opening.syns:
        yield from _strange(opening, row)
    yield from _changed(opening, syns, "client")
    yield from _changed(opening, answers, "server")


def _has(row: Row, name: str) -> bool:
    return bool(row[name]) if name == "sack_permitted" else row[name] is not None


def _cut(row: Row) -> bool:
    return bool(row["options_cut"])


def _offer_words(row: Row) -> str:
    parts = []
    if row["mss"] is not None:
        parts.append(f"MSS {row['mss']}")
    if row["wscale"] is not None:
        parts.append(f"window scale {row['wscale']}")
    parts += [words for name, (words, _) in _OFFERS.items() if name != "wscale" and _has(row, name)]
    if row["fast_open"] is not None:
        parts.append("Fast Open")
    if row["mptcp"]:
        parts.append("MPTCP")
    return ", ".join(parts) if parts else "no option"


def _unasked(opening: Opening, syn: Row, answer: Row) -> Iterator[Finding]:
    for name, (words, source) in _OFFERS.items():
        if _has(answer, name) and not _has(syn, name):
            yield opening.say(
                "option_odd",
                f"The server's SYN-ACK has {words}, which the client did not offer.",
                [syn, answer],
                because="an end that was not asked must not answer it, or something took it out of"
                " the SYN on the way",
                source=source,
                by="server",
            )


def _strange(opening: Opening, row: Row) -> Iterator[Finding]:
    end = "client" if row["from_client"] else "server"
    if row["wscale"] is not None and row["wscale"] > _LARGEST_SCALE:
        yield opening.say(
            "option_odd",
            f"The {end} asks for a window scale of {row['wscale']}: {_LARGEST_SCALE} is used.",
            [row],
            source="RFC 7323 section 2.3",
            by="client" if row["from_client"] else "server",
        )
    if row["mss"] is not None and row["mss"] < _SMALLEST_MSS:
        yield opening.say(
            "option_odd",
            f"The {end} offers an MSS of {row['mss']} bytes, less than every host must take.",
            [row],
            source="RFC 9293 section 3.7.1",
            by="client" if row["from_client"] else "server",
        )


def _changed(opening: Opening, rows: Sequence[Row], by: Any) -> Iterator[Finding]:
    """A SYN that is repeated with other options: an end that suspects them of being in the way."""
    words = [_offer_words(row) for row in rows]
    for row, earlier, later in zip(rows[1:], words, words[1:], strict=False):
        if earlier != later:
            yield opening.say(
                "option_changed",
                f"The {by} repeats its SYN with other options: {later}, before {earlier}.",
                [rows[0], row],
                source="RFC 9293 section 3.2",
                by=by,
            )


def find_misused(segments: pl.DataFrame) -> Iterator[Finding]:
    """Yield options that appear although the handshake had not agreed on them, and time stamps that
    stop.
    """
    offers = (
        segments.filter("syn")
        .group_by("connection")
        .agg(
            ends=pl.col("from_client").n_unique(),
            sack=pl.col("sack_permitted").fill_null(False).all(),
            stamps=pl.col("ts_val").is_not_null().all(),
            whole=~pl.col("options_cut").fill_null(False).any(),
        )
        .filter(pl.col("ends") == 2, "whole")
    )
    places = segments.select("connection")
    agreed = places.join(offers, on="connection", how="left", maintain_order="left")
    blocks = pl.col("sack_blocks").list.len().fill_null(0) > 0
    stamped = pl.col("ts_val").is_not_null()
    rows = segments.hstack(agreed.drop("connection")).filter(
        pl.col("ends").is_not_null(),
        ~pl.col("syn"),
        (blocks & ~pl.col("sack")) | (pl.col("stamps") != stamped),
    )
    for lane, few in lanes_with(rows, blocks & ~pl.col("sack")):
        yield lane.say(
            "option_odd",
            f"{many(len(few), 'packet')} of the {lane.by} {'has' if len(few) == 1 else 'have'} SACK"
            f" blocks, which were not agreed on ({packets_text(numbers_of(few))}).",
            numbers_of(few),
            source=_SACK,
        )
    for lane, few in lanes_with(rows, ~pl.col("stamps") & pl.col("ts_val").is_not_null()):
        yield lane.say(
            "option_odd",
            f"{many(len(few), 'packet')} of the {lane.by} {'has' if len(few) == 1 else 'have'} time"
            f" stamps, which were not agreed on ({packets_text(numbers_of(few))}).",
            numbers_of(few),
            sure="likely",
            because="or the capture shows the handshake's options otherwise than they were",
            source=_STAMPS,
        )
    missing = pl.col("stamps") & pl.col("ts_val").is_null() & ~pl.col("rst")
    for lane, few in lanes_with(rows, missing & ~pl.col("options_cut").fill_null(False)):
        yield lane.say(
            "option_odd",
            f"{many(len(few), 'packet')} of the {lane.by} {'lacks' if len(few) == 1 else 'lack'}"
            f" the time stamps that were agreed on ({packets_text(numbers_of(few))}).",
            numbers_of(few),
            because="they must be in every segment but a reset; something on the way may have"
            " removed them, or sent these packets itself",
            source=_STAMPS,
        )
