"""Findings about how a connection ended (RFC 9293 section 3.6)."""

from __future__ import annotations

from collections.abc import Iterator

from tcpexp.diagnosis.finding import Finding, Side, packets_text
from tcpexp.diagnosis.lanes import Row, lane_of, many, numbers_of
from tcpexp.late import polars as pl
from tcpexp.words.measured import time_words

_CLOSING = "RFC 9293 section 3.6"
_RESET = "RFC 9293 section 3.5.2"


def find_closings(segments: pl.DataFrame) -> Iterator[Finding]:
    """Yield how each connection ended, as far as the capture shows it."""
    rows = segments.with_columns(only_syns=pl.col("syn").all().over("connection"))
    last = {
        row["connection"]: row
        for row in rows.unique("connection", keep="last", maintain_order=True).to_dicts()
    }
    ends = segments.filter(pl.col("fin") | pl.col("rst"))
    found: dict[int, list[Row]] = {}
    for row in ends.iter_rows(named=True):
        found.setdefault(row["connection"], []).append(row)
    for connection, row in last.items():
        yield from _of_one(found.get(connection, []), row)


def _of_one(rows: list[Row], last: Row) -> Iterator[Finding]:
    fins = [row for row in rows if row["fin"] and not row["rst"]]
    resets = [row for row in rows if row["rst"]]
    first: dict[bool, Row] = {}
    for row in fins:
        first.setdefault(row["from_client"], row)
    if len(first) == 2:
        yield _closed(first)
    elif first and not resets:
        (row,) = first.values()
        lane = lane_of(row)
        yield lane.say(
            "half_closed",
            f"Only the {lane.by} closed its direction (packet {row['number']}); no FIN of the"
            f" {lane.other} was captured.",
            [row["number"]],
            sure="likely",
            because="it may follow after the capture's end, or was not captured",
            source=_CLOSING,
        )
    elif not rows and not last["only_syns"]:
        yield lane_of(last).say(
            "open",
            "The capture ends before the connection does: it has no FIN and no reset.",
            [last["number"]],
            because="its end is not in the capture",
            source=_CLOSING,
        )
    yield from _early(fins)
    yield from _repeated(fins)
    if resets:
        yield _reset(resets, first)


def _closed(first: dict[bool, Row]) -> Finding:
    one, other = sorted(first.values(), key=lambda row: row["number"])
    lane = lane_of(one)
    wait = time_words(other["t_ns"] - one["t_ns"])
    return lane.say(
        "closed",
        f"Both ends closed: the {lane.by} first, the {lane.other} {wait} later.",
        numbers_of([one, other]),
        source=_CLOSING,
    )


def _early(fins: list[Row]) -> Iterator[Finding]:
    for row in fins:
        if row["begin"] == 0 and not row["syn"]:
            yield lane_of(row).say(
                "handshake_odd",
                f"A FIN with the sequence number of the SYN (packet {row['number']}): it cannot"
                " close anything.",
                [row["number"]],
                source=_CLOSING,
            )


def _repeated(fins: list[Row]) -> Iterator[Finding]:
    for from_client in (True, False):
        again = [
            row
            for row in fins
            if row["from_client"] is from_client and row["verdict"] in ("resent", "probe")
        ]
        known = {row["end"]: row["number"] for row in reversed(fins)
                 if row["from_client"] is from_client}  # fmt: skip
        again = [row for row in again if known[row["end"]] < row["number"]]
        if again:
            lane = lane_of(again[0])
            yield lane.say(
                "fin_repeated",
                f"The {lane.by} sent its FIN again ({packets_text(numbers_of(again))}).",
                numbers_of(again),
                because="its acknowledgement did not arrive in time",
                source="RFC 6298 section 5",
            )


def _reset(resets: list[Row], first: dict[bool, Row]) -> Finding:
    row = resets[0]
    lane = lane_of(row)
    after = len(first) == 2 or (not row["from_client"]) in first
    owed = (row["top"] or 0) - (row["acked"] or 0) if row["top"] is not None else 0
    more = ""
    if owed > 0 and row["acked"] is not None:
        more = f" {many(owed, 'byte')} that it had sent were not acknowledged."
    times = f", {len(resets)} times" if len(resets) > 1 else ""
    side: Side = lane.other
    because = (
        f"it had got the FIN of the {side}: a socket that was closed with data unread, or one that"
        " nobody knows any more"
        if after
        else "a program that ends without closing, a socket closed with data unread or with"
        " SO_LINGER 0, or something on the way"
    )
    return lane.say(
        "reset",
        f"The {lane.by} reset the connection (packet {row['number']}{times}).{more}",
        numbers_of(resets),
        sure="likely",
        because=because,
        source=_RESET,
    )
