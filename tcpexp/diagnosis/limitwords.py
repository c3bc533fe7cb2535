"""What limited a connection, in one paragraph: how long what held it back, and who is slow: client,
server, network, or nobody that the capture could name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tcpexp.late import polars as pl
from tcpexp.words.measured import rate_words, size_words, time_words

if TYPE_CHECKING:
    from collections.abc import Sequence

Who = Literal["client", "server", "network", "capture"]

#: What each limit is, in a clause; ``{sender}`` and ``{receiver}`` are client or server.
CLAUSES: dict[str, str] = {
    "application": "the {sender}'s program had no more to send",
    "receive_window": "the {receiver}'s receive window held the {sender} back",
    "congestion_window": "the {sender}'s congestion window let no more go per round trip",
    "loss": "losses were repaired",
    "handshake": "the connection was opened",
    "sender_host": "the {sender}'s own TCP held data back",
    "bottleneck": "the path carried as much as it could",
    "unknown": "what held it back cannot be told from this capture",
}
#: Nobody has to send: this time is no part of a transfer.
QUIET = ("idle", "closing")
#: Limits with a smaller share of the time are not named.
_LEAST_SHARE = 0.05
_ANSWERS: dict[Who | None, str] = {
    "client": "Slow is the client",
    "server": "Slow is the server",
    "network": "The network sets the pace",
    "capture": "This capture does not tell who is slow",
    None: "Nobody is slow",
}


@dataclass(frozen=True)
class Share:
    """One limit's part of a direction's time."""

    limit: str
    share: float
    ns: int
    sure: str
    why: str
    packets: tuple[int, ...]


@dataclass(frozen=True)
class LimitVerdict:
    """What limited one direction of a connection.

    ``shares`` are of the time in which it had something to do, the largest first; ``quiet_ns`` is
    the rest. ``who`` took most of that time, None where nothing was sent. ``sure`` is how sure the
    largest share is. ``paragraph`` says all of it.
    """

    connection: int
    sender: str
    who: Who | None
    sure: str
    paragraph: str
    shares: tuple[Share, ...]
    active_ns: int
    quiet_ns: int
    bytes: int


def limit_verdicts(limits: pl.DataFrame, connection: int) -> tuple[LimitVerdict, ...]:
    """Return the verdict on each direction of a connection that carried data, the one with the most
    bytes first.
    """
    own = limits.filter(pl.col("connection") == connection)
    parts = own.partition_by("sender", maintain_order=True)
    found = [_verdict(part) for part in parts]
    return tuple(sorted(found, key=lambda verdict: -verdict.bytes))


def connection_paragraph(limits: pl.DataFrame, connection: int) -> str:
    """Return one paragraph on a connection: on the direction that carried the most, and on the
    other where it carried at least a tenth of that. Empty where the table does not have it.
    """
    verdicts = limit_verdicts(limits, connection)
    told = [one for one in verdicts if one.bytes * 10 >= verdicts[0].bytes]
    return " ".join(verdict.paragraph for verdict in told)


def capture_paragraph(limits: pl.DataFrame) -> str:
    """Return the paragraph on a capture: on its connection with the most data, and how much of all
    data that is. Empty for an empty table.
    """
    if limits.is_empty():
        return ""
    totals = limits.group_by("connection", maintain_order=True).agg(pl.col("bytes").sum())
    largest = totals.sort("bytes", descending=True, maintain_order=True).row(0, named=True)
    text = connection_paragraph(limits, largest["connection"])
    if totals.height == 1:
        return text
    share = largest["bytes"] / max(int(totals["bytes"].sum()), 1)
    return (
        f"Of {totals.height} connections with data, connection {largest['connection']} carried"
        f" {_percent(share)} of the bytes. {text}"
    )


def _verdict(rows: pl.DataFrame) -> LimitVerdict:
    timed = rows.with_columns(ns=pl.col("to_ns") - pl.col("from_ns"))
    quiet = timed.filter(pl.col("limit").is_in(QUIET))
    active = timed.filter(~pl.col("limit").is_in(QUIET))
    total = int(active["ns"].sum())
    shares = _shares(active, total)
    sender = str(rows["sender"][0])
    ends = {"sender": sender, "receiver": "server" if sender == "client" else "client"}
    carried = int(rows["bytes"].sum())
    who = _who(active)
    sure = shares[0].sure if shares else "certain"
    first = {
        "connection": int(rows["connection"][0]),
        "sender": sender,
        "who": who,
        "sure": sure,
        "shares": tuple(shares),
        "active_ns": total,
        "quiet_ns": int(quiet["ns"].sum()),
        "bytes": carried,
    }
    return LimitVerdict(paragraph=_paragraph(first, ends), **first)  # type: ignore[arg-type]


def _shares(active: pl.DataFrame, total: int) -> list[Share]:
    found = []
    for (limit,), rows in active.partition_by("limit", as_dict=True, maintain_order=True).items():
        longest = rows.sort("ns", descending=True, maintain_order=True).row(0, named=True)
        spent = int(rows["ns"].sum())
        found.append(
            Share(
                str(limit),
                spent / total if total else 0.0,
                spent,
                longest["sure"],
                longest["why"],
                tuple(longest["packets"]),
            )
        )
    return sorted(found, key=lambda share: -share.ns)


def _who(active: pl.DataFrame) -> Who | None:
    spent = (
        active.filter(pl.col("who").is_not_null())
        .group_by("who", maintain_order=True)
        .agg(pl.col("ns").sum())
        .sort("ns", descending=True, maintain_order=True)
    )
    return None if spent.is_empty() else spent["who"][0]


def _paragraph(verdict: dict[str, Any], ends: dict[str, str]) -> str:
    total, carried = verdict["active_ns"], verdict["bytes"]
    shares: Sequence[Share] = verdict["shares"]
    moving = total - sum(share.ns for share in shares if share.limit == "handshake")
    rate = f", {rate_words(carried * 8e9 / moving)}" if moving > total // 10 else ""
    sentences = [
        f"From {ends['sender']} to {ends['receiver']}: {size_words(carried)} in"
        f" {time_words(total)}{rate}."
    ]
    named = [share for share in shares if share.share >= _LEAST_SHARE]
    for at, share in enumerate(named):
        clause = CLAUSES[share.limit].format(**ends)
        part = "All the time" if share.share > 0.995 else f"For {_percent(share.share)}"
        of = " of this time" if at == 0 and share.share <= 0.995 else ""
        doubt = {"certain": "", "likely": "", "unsure": " (unsure)"}[share.sure]
        sentences.append(f"{part}{of} {clause}{doubt}{_because(share, at)}.")
    if verdict["quiet_ns"] > total // 20:
        sentences.append(f"For another {time_words(verdict['quiet_ns'])} it had nothing to send.")
    sentences.append(_answer(verdict["who"], verdict["sure"]))
    return " ".join(sentences)


def _because(share: Share, at: int) -> str:
    return f": {share.why}" if at == 0 else ""


def _answer(who: Who | None, sure: str) -> str:
    answer = _ANSWERS[who]
    if who in (None, "capture") or sure != "unsure":
        return f"{answer}."
    return f"{answer}, as far as this capture tells."


def _percent(share: float) -> str:
    """Return whole per cents, never 0 nor 100 for what is neither."""
    whole = round(share * 100)
    whole = max(whole, 1) if share > 0 else whole
    return f"{min(whole, 99) if share < 1 else whole} %"
