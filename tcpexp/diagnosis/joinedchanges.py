"""What changed packets between two captures: addresses, sequence numbers, options, windows, ECN,
the time to live. Each is compared in the packets that both captures have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tcpexp.diagnosis.finding import Finding
from tcpexp.late import polars as pl
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.diagnosis.joinedpackets import JoinedPackets
    from tcpexp.diagnosis.joinedstreams import StreamPair

#: So many packets are named for a finding.
_NAMED = 5
_COMPARED = (
    "src",
    "src_port",
    "dst",
    "dst_port",
    "ttl",
    "ecn",
    "flags",
    "window",
    "mss",
    "wscale",
    "sack_permitted",
    "sack_blocks",
    "ts_val",
    "ts_ecr",
    "fast_open",
    "mptcp",
)
_ECN_WORDS = ("not-ECT", "ECT(1)", "ECT(0)", "CE")


def both_sides(joined: JoinedPackets) -> pl.DataFrame:
    """Return the journeys of packets that arrived whole, with the fields of the packet as it left
    and, with ``_there``, as it arrived.
    """
    arrived = joined.journeys.filter(
        pl.col("received_number").is_not_null() & (pl.col("copies") > 0)
    ).select(
        "pair", "sent_capture", "sent_number", "received_capture", "received_number", "from_node"
    )
    fields = joined.frame.select("capture", "number", "options_cut", *_COMPARED)
    left = arrived.join(
        fields,
        left_on=["sent_capture", "sent_number"],
        right_on=["capture", "number"],
        maintain_order="left",
    )
    return left.join(
        fields,
        left_on=["received_capture", "received_number"],
        right_on=["capture", "number"],
        suffix="_there",
        maintain_order="left",
    )


def changes_of(rows: pl.DataFrame, pair: StreamPair) -> Iterator[Finding]:
    """Yield what was changed in one connection; ``rows`` are those of :func:`both_sides` of it."""
    yield from _translated(pair, rows)
    yield from _numbers(pair, rows)
    whole = rows.filter(
        ~pl.col("options_cut").fill_null(False) & ~pl.col("options_cut_there").fill_null(False)
    )
    for option in _OPTIONS:
        yield from _option(pair, whole, option)
    for sender, part in rows.partition_by("from_node", as_dict=True, maintain_order=True).items():
        yield from _windows(pair, part, str(sender[0]))
        yield from _ecn(pair, part, str(sender[0]))
        yield from _hops(pair, part, str(sender[0]))


def _finding(
    pair: StreamPair, kind: str, sentence: str, rows: pl.DataFrame, **more: Any
) -> Finding:
    shown = rows.head(_NAMED)
    return Finding(
        pair.first["connection"],
        kind,
        sentence,
        tuple(shown["sent_number"].to_list()),
        str(shown["sent_capture"][0]) if shown.height else str(pair.first["capture"]),
        **more,
    )


def _translated(pair: StreamPair, rows: pl.DataFrame) -> Iterator[Finding]:
    for name, side in (("client", "client"), ("server", "server")):
        first = f"{pair.first[name]}:{pair.first[f'{name}_port']}"
        second = f"{pair.second[name]}:{pair.second[f'{name}_port']}"
        if first != second:
            yield _finding(
                pair,
                "joined_translated",
                f"The {side} is {first} in {pair.first['capture']} and {second} in"
                f" {pair.second['capture']}: its address was translated between the captures.",
                rows.head(1),
                because=f"the connection was recognised by its {pair.by}",
                source="RFC 3022 section 2.2",
            )


def _numbers(pair: StreamPair, rows: pl.DataFrame) -> Iterator[Finding]:
    for side, shift in (("client", pair.client_shift), ("server", pair.server_shift)):
        if not shift:
            continue
        signed = shift - 2**32 if shift >= 2**31 else shift
        yield _finding(
            pair,
            "joined_numbers",
            f"The {side}'s sequence numbers are {abs(signed)}"
            f" {'larger' if signed > 0 else 'smaller'} in {pair.second['capture']}: a middlebox"
            " gives new ones.",
            rows.head(1),
            because="the SYNs that both captures have differ by it",
            source="RFC 9293 section 3.4.1",
        )
        yield from _sack_numbers(pair, rows, side)


def _sack_numbers(pair: StreamPair, rows: pl.DataFrame, side: str) -> Iterator[Finding]:
    """Yield a finding where SACK blocks were not given the new numbers: they then point beside."""
    sacks = rows.filter(
        (pl.col("from_node") != side) & (pl.col("sack_blocks").list.len().fill_null(0) > 0)
    )
    wrong = sacks.filter(pl.col("sack_blocks") != pl.col("sack_blocks_there"))
    if wrong.height:
        yield _finding(
            pair,
            "joined_numbers",
            f"SACK blocks were not changed with the numbers in {many(wrong.height, 'packet')}, so"
            f" the {side} cannot use them.",
            wrong,
            source="RFC 2018 section 3",
        )


@dataclass(frozen=True)
class _Option:
    column: str
    name: str
    what: str
    source: str


_OPTIONS = (
    _Option("mss", "MSS", "clamped", "RFC 9293 section 3.7.1"),
    _Option("wscale", "window scale", "changed", "RFC 7323 section 2.2"),
    _Option("sack_permitted", "SACK permitted", "changed", "RFC 2018 section 2"),
    _Option("ts_val", "time stamps", "changed", "RFC 7323 section 3.2"),
    _Option("fast_open", "Fast Open", "changed", "RFC 7413 section 4.1.1"),
    _Option("mptcp", "MPTCP", "changed", "RFC 8684 section 3.7"),
)


def _option(pair: StreamPair, rows: pl.DataFrame, option: _Option) -> Iterator[Finding]:
    """Yield what became of one option: taken out, put in, or given another value."""
    left, there = pl.col(option.column), pl.col(f"{option.column}_there")
    if option.column == "sack_permitted":
        rows = rows.with_columns(left.fill_null(False), there.fill_null(False)).with_columns(
            pl.when(left).then(left), pl.when(there).then(there)
        )
    for (sender,), part in rows.partition_by(
        "from_node", as_dict=True, maintain_order=True
    ).items():
        gone = part.filter(left.is_not_null() & there.is_null())
        put = part.filter(left.is_null() & there.is_not_null())
        other = part.filter((left != there).fill_null(False))
        whose = f"the {sender}'s option {option.name}"
        if gone.height:
            yield _finding(
                pair,
                "joined_option",
                f"Between the captures {whose} was taken out of {many(gone.height, 'packet')}.",
                gone,
                source=option.source,
            )
        if put.height:
            yield _finding(
                pair,
                "joined_option",
                f"Between the captures {whose} was put into {many(put.height, 'packet')}.",
                put,
                source=option.source,
            )
        if other.height:
            before, after = other[option.column][0], other[f"{option.column}_there"][0]
            clamped = option.what if option.column != "mss" or after < before else "raised"
            yield _finding(
                pair,
                "joined_option",
                f"Between the captures {whose} was {clamped} in {many(other.height, 'packet')},"
                f" first from {before} to {after}.",
                other,
                source=option.source,
            )


def _windows(pair: StreamPair, rows: pl.DataFrame, sender: str) -> Iterator[Finding]:
    other = rows.filter((pl.col("window") != pl.col("window_there")).fill_null(False))
    if other.height:
        yield _finding(
            pair,
            "joined_window",
            f"The {sender}'s window field was changed in {many(other.height, 'packet')}, first from"
            f" {other['window'][0]} to {other['window_there'][0]}.",
            other,
            source="RFC 9293 section 3.1",
        )


def _ecn(pair: StreamPair, rows: pl.DataFrame, sender: str) -> Iterator[Finding]:
    other = rows.filter((pl.col("ecn") != pl.col("ecn_there")).fill_null(False))
    for (before, after), part in other.partition_by(
        ["ecn", "ecn_there"], as_dict=True, maintain_order=True
    ).items():
        old, new = _ECN_WORDS[int(before)], _ECN_WORDS[int(after)]
        what = (
            "a queue on the way marked them"
            if after == 3 and before in (1, 2)
            else "the field was bleached, so no queue behind can mark them"
            if after == 0
            else "no router may do that"
        )
        yield _finding(
            pair,
            "joined_ecn",
            f"{many(part.height, 'packet')} of the {sender} left as {old} and came as {new}:"
            f" {what}.",
            part,
            source="RFC 3168 section 5",
        )
    bits = pl.col("flags").str.replace_all("[^ECe]", "")
    there = pl.col("flags_there").str.replace_all("[^ECe]", "")
    flags = rows.filter(bits != there)
    if flags.height:
        yield _finding(
            pair,
            "joined_ecn",
            f"The {sender}'s flags of ECN were changed in {many(flags.height, 'packet')}, first"
            f" from {flags['flags'][0]} to {flags['flags_there'][0]}.",
            flags,
            source="RFC 3168 section 6.1",
        )


def _hops(pair: StreamPair, rows: pl.DataFrame, sender: str) -> Iterator[Finding]:
    hops = (rows["ttl"] - rows["ttl_there"]).drop_nulls()
    if hops.is_empty() or int(str(hops.abs().max())) == 0:
        return
    least, most = int(str(hops.min())), int(str(hops.max()))
    if least < 0:
        sentence = (
            f"The {sender}'s packets arrive with a larger time to live than they left with:"
            " somebody on the way sends them anew."
        )
    elif least == most:
        sentence = f"{many(least, 'router')} between the captures, by the {sender}'s time to live."
    else:
        sentence = (
            f"From {least} to {many(most, 'router')} between the captures, by the {sender}'s time"
            " to live: more than one way, or packets that somebody answers in its place."
        )
    yield _finding(pair, "joined_hops", sentence, rows, source="RFC 1812 section 5.3.1")
