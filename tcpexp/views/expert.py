"""What is worth a look at a capture, grouped: Wireshark's labels, and what became of packets."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypedDict

from tcpexp.late import polars as pl
from tcpexp.views.labels import MEANINGS, WORDS

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

#: So many packets of a group are named.
FEW = 5
#: How Wireshark's expert grades its labels, gravest first; the order of the groups.
GRADES = ("error", "warning", "note", "chat")
_GRADES = {
    "lost_segment": "warning",
    "ack_lost_segment": "warning",
    "out_of_order": "warning",
    "window_full": "warning",
    "zero_window": "warning",
    "window_update": "chat",
}


class ExpertRow(TypedDict):
    """A group of packets of one capture: what they have in common, in which words and by whose
    account, how many there are, the frame numbers of the first, and the display filter that shows
    them.
    """

    grade: str
    what: str
    source: str
    meaning: str
    count: int
    first: list[int]
    filter: str


def expert_summary(run: RunData, capture: str) -> list[ExpertRow]:
    """Return the groups of a capture, gravest first, then largest first; empty groups are left
    out.
    """
    packets = run.table("packets").lazy().filter(pl.col("capture") == capture)
    listed = packets.select("number", "labels").collect()
    labelled = listed.explode("labels").drop_nulls("labels")
    rows = [
        _row(_GRADES.get(name, "note"), WORDS[name], MEANINGS[name], f"tcp.analysis.{name}", few)
        for (name,), few in labelled.group_by(["labels"], maintain_order=True)
        if name in WORDS
    ]
    for grade, what, meaning, query, wanted in _facts():
        few = packets.filter(wanted).select("number").collect()
        if few.height:
            rows.append(_row(grade, what, meaning, query, few, "headers"))
    return sorted(rows, key=lambda row: (GRADES.index(row["grade"]), -row["count"]))


def _row(
    grade: str, what: str, meaning: str, query: str, few: pl.DataFrame, source: str = "Wireshark"
) -> ExpertRow:
    return {
        "grade": grade,
        "what": what,
        "source": source,
        "meaning": meaning,
        "count": few.height,
        "first": few["number"].head(FEW).to_list(),
        "filter": query,
    }


def _flag(letter: str) -> pl.Expr:
    return pl.col("flags").str.contains(letter, literal=True).fill_null(False)


@cache
def _facts() -> tuple[tuple[str, str, str, str, pl.Expr], ...]:
    """Return what is counted beside Wireshark's labels: grade, name, meaning, filter, its rows."""
    return (
        (
            "error",
            "Bad checksum",
            "A checksum does not fit what was captured.",
            "checksum.bad",
            pl.col("checksum_bad").fill_null(False),
        ),
        (
            "warning",
            "Connection reset (RST)",
            "This connection does not exist, or is ended at once.",
            "tcp.flags.reset",
            _flag("R"),
        ),
        (
            "note",
            "Congestion Experienced (CE)",
            "A queue marked this packet instead of dropping it (RFC 3168).",
            "ip.dsfield.ecn == 3",
            pl.col("ecn").fill_null(0) == 3,
        ),
        (
            "note",
            "ICMP message",
            "A router or host reports something about packets of others.",
            "icmp",
            pl.col("protocol") == "icmp",
        ),
        (
            "chat",
            "Connection establish request (SYN)",
            "The client asks for a connection.",
            "syn and not ack",
            _flag("S") & ~_flag("A"),
        ),
        (
            "chat",
            "Connection establish acknowledge (SYN+ACK)",
            "The server accepts it.",
            "syn and ack",
            _flag("S") & _flag("A"),
        ),
        (
            "chat",
            "Connection finish (FIN)",
            "This end has no more data to send.",
            "fin",
            _flag("F"),
        ),
    )
