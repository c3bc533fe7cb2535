"""``join_captures``: both ends joined. What two captures have in common, how their clocks differ,
and what became of packets between them: lost, delayed, reordered, doubled, changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from tcpexp.diagnosis.finding import Finding
from tcpexp.diagnosis.joinedchanges import both_sides, changes_of
from tcpexp.diagnosis.joinedclock import Clock
from tcpexp.diagnosis.joinedpackets import CLIENT, SERVER, JoinedPackets, join_packets
from tcpexp.diagnosis.joinedstreams import StreamPair, pair_streams, streams_of
from tcpexp.late import polars as pl
from tcpexp.words.measured import time_words
from tcpexp.words.units import many

#: So many packets are named for a finding.
_NAMED = 5
#: Two captures have at least so many packets in common, and this part of the smaller one's.
_FEWEST, _LEAST_COMMON = 3, 0.2


@dataclass(frozen=True)
class Joined:
    """Two captures of the same connections.

    ``captures`` are the first and the second one; all times are by the first one's clock.
    ``summary`` has a row per connection and sender (``client`` or ``server``): ``connection`` (its
    number at the first capture), ``sender``, ``sent`` (packets that passed the nearer capture),
    ``arrived``, ``lost``, ``copies`` (arrivals beyond the first), ``reordered``, ``cut`` (by
    offload or a middlebox), ``made`` (that only the capture behind has), and ``least_ns``,
    ``median_ns`` and ``most_ns`` of the time between the captures. What was sent before the capture
    behind began, or after it ended, counts nowhere. ``journeys`` are the ways of all others, as
    ``packets.journeys`` has them.
    """

    captures: tuple[str, str]
    pairs: tuple[StreamPair, ...]
    packets: JoinedPackets
    summary: pl.DataFrame
    findings: tuple[Finding, ...]
    journeys: pl.DataFrame

    @property
    def clock(self) -> Clock:
        """How the second capture's clock differs from the first one's."""
        return self.packets.clock

    def aligned(self, packets: pl.DataFrame) -> pl.DataFrame:
        """Return packets with the second capture's times by the first one's clock."""
        second = pl.col("capture") == self.captures[1]
        return packets.with_columns(
            pl.when(second).then(self.clock.to_first()).otherwise(pl.col("t_ns")).alias("t_ns")
        )


def join_captures(packets: pl.DataFrame) -> tuple[Joined, ...]:
    """Return every two captures that have connections in common, joined.

    ``packets`` is the table of this name, the captures' own clocks in ``t_ns``. Connections of the
    pairs carry the numbers of the column ``connection``, where there are any.
    """
    captures = packets["capture"].unique(maintain_order=True).to_list()
    streams = {capture: streams_of(packets, capture) for capture in captures}
    found = []
    for first, second in combinations(captures, 2):
        joined = _join(packets, (first, second), streams[first], streams[second])
        if joined is not None:
            found.append(joined)
    return tuple(found)


def _join(
    packets: pl.DataFrame,
    captures: tuple[str, str],
    first: list[dict[str, Any]],
    second: list[dict[str, Any]],
) -> Joined | None:
    pairs = pair_streams(first, second)
    if not pairs:
        return None
    own = packets.filter(pl.col("capture").is_in(captures))
    joined = join_packets(own, captures, pairs)
    if joined is None:
        return None
    if sum(joined.clock.samples) < _least_common(joined.frame):
        return None
    journeys = _while_both_ran(joined, own, captures)
    made = _made(joined, journeys, captures)
    summary = _summary(journeys, made, pairs)
    sides = both_sides(joined)
    findings = [_clock_finding(joined.clock, captures)]
    findings += _alone(first, second, pairs, captures)
    for at, pair in enumerate(pairs):
        findings += _of_pair(at, pair, journeys, made)
        findings += changes_of(sides.filter(pl.col("pair") == at), pair)
    return Joined(captures, tuple(pairs), joined, summary, tuple(findings), journeys)


def _least_common(frame: pl.DataFrame) -> float:
    """Return how many packets both captures must have to be two views of the same connections.

    Two parts of one long capture have a few packets that look alike.
    """
    smaller = frame.group_by("capture").len()["len"].min()
    return max(_FEWEST, int(str(smaller)) * _LEAST_COMMON)


def _while_both_ran(
    joined: JoinedPackets, packets: pl.DataFrame, captures: tuple[str, str]
) -> pl.DataFrame:
    """Return the journeys of packets that the capture behind could have seen."""
    spans = {}
    for at, capture in enumerate(captures):
        times = packets.filter(pl.col("capture") == capture)
        if at:
            times = times.with_columns(joined.clock.to_first())
        spans[capture] = (times["t_ns"].min(), times["t_ns"].max())
    most = joined.journeys["delay_ns"].max()
    late = int(most) if isinstance(most, int) else 0
    first = pl.col("sent_capture") == captures[0]
    behind = pl.when(first).then(pl.lit(captures[1])).otherwise(pl.lit(captures[0]))
    begin, end = (
        behind.replace_strict({name: span[side] for name, span in spans.items()}) for side in (0, 1)
    )
    sent = pl.col("sent_ns")
    inside = (sent >= begin) & (sent + late <= end)
    return joined.journeys.filter(pl.col("received_ns").is_not_null() | inside)


def _made(joined: JoinedPackets, journeys: pl.DataFrame, captures: tuple[str, str]) -> pl.DataFrame:
    """Return the packets that the capture behind has and the one before it has not, while that one
    ran. Pieces of segments that were cut on the way are not among them.
    """
    look = ["pair", "forth", "seq", "ack", "payload_bytes", "letters"]
    nearer = (CLIENT, SERVER) if joined.near == "first" else (SERVER, CLIENT)
    place = dict(zip(captures, nearer, strict=True))
    at = pl.col("capture").replace_strict(place)
    sender = pl.when(pl.col("forth")).then(pl.lit(CLIENT)).otherwise(pl.lit(SERVER))
    rows = joined.frame.with_columns(sender=sender, here=at == sender)
    before = rows.filter("here")
    if before.is_empty():
        return rows.clear()
    ran = before.group_by("capture").agg(begin=pl.col("t_ns").min(), end=pl.col("t_ns").max())
    begin, end = int(ran["begin"].min()), int(ran["end"].max())  # type: ignore[arg-type]
    known = before.select(look).unique()
    found = rows.filter(~pl.col("here")).join(
        known, on=look, how="anti", nulls_equal=True, maintain_order="left"
    )
    arrived = joined.journeys.select(
        capture="received_capture", number="received_number"
    ).drop_nulls()
    found = found.join(arrived, on=["capture", "number"], how="anti", maintain_order="left")
    cut = journeys.filter(pl.col("copies").is_null()).select("pair", sender="from_node").unique()
    found = found.join(cut, on=["pair", "sender"], how="anti", maintain_order="left")
    return found.filter(pl.col("t_ns").is_between(begin, end)).sort("t_ns", "number")


def _summary(journeys: pl.DataFrame, made: pl.DataFrame, pairs: list[StreamPair]) -> pl.DataFrame:
    copies = pl.col("copies")
    counted = journeys.group_by("pair", "from_node", maintain_order=True).agg(
        sent=pl.len().cast(pl.Int64),
        arrived=(copies > 0).sum().cast(pl.Int64),
        lost=(copies == 0).sum().cast(pl.Int64),
        copies=(copies - 1).clip(0).sum().cast(pl.Int64),
        reordered=pl.col("late").sum().cast(pl.Int64),
        cut=copies.is_null().sum().cast(pl.Int64),
        least_ns=pl.col("delay_ns").min(),
        median_ns=pl.col("delay_ns").median().round(0).cast(pl.Int64),
        most_ns=pl.col("delay_ns").max(),
    )
    extra = made.group_by("pair", from_node="sender").agg(made=pl.len().cast(pl.Int64))
    numbers = {at: pair.first["connection"] for at, pair in enumerate(pairs)}
    rows = counted.join(extra, on=["pair", "from_node"], how="left", maintain_order="left")
    return (
        rows.with_columns(
            connection=pl.col("pair").replace_strict(numbers, default=None, return_dtype=pl.Int64),
            made=pl.col("made").fill_null(0),
        )
        .sort("pair", "from_node")
        .select(
            "connection",
            pl.col("from_node").alias("sender"),
            *("sent", "arrived", "lost", "copies", "reordered", "cut", "made"),
            *("least_ns", "median_ns", "most_ns"),
        )
    )


def _clock_finding(clock: Clock, captures: tuple[str, str]) -> Finding:
    if not clock.offset_ns and not clock.drift_ppm:
        off = f" by at most {time_words(clock.uncertain_ns)}" if clock.uncertain_ns else ""
        return Finding(
            None,
            "clocks",
            f"The clocks of {captures[0]} and {captures[1]} agree: no packet comes before it left.",
            (),
            captures[1],
            clock.sure,
            f"they may still differ{off}, and the delays of one direction with them",
            "RFC 5905",
        )
    ahead = "ahead of" if clock.offset_ns >= 0 else "behind"
    drift = (
        f", and {'gains' if clock.drift_ppm > 0 else 'loses'}"
        f" {abs(clock.drift_ppm):.3g} microseconds in a second"
        if clock.drift_ppm
        else ""
    )
    sentence = (
        f"The clock of {captures[1]} is {_exactly(abs(clock.offset_ns))} {ahead} that of"
        f" {captures[0]}{drift}."
    )
    if clock.uncertain_ns is None:
        because = (
            "packets went one way only: the fastest is taken as if it had needed no time, so all"
            " delays count from it"
        )
    elif clock.sure == "unsure":
        because = "no offset explains all packets: one of the clocks was set meanwhile"
    else:
        because = (
            f"the fastest of {many(clock.samples[0], 'packet')} there and of {clock.samples[1]}"
            f" back need as long as each other, which is taken for granted; else it is off by at"
            f" most {time_words(clock.uncertain_ns)}"
            + ("" if clock.drift_ppm else "; a drift cannot be told from none")
        )
    return Finding(None, "clocks", sentence, (), captures[1], clock.sure, because, "RFC 5905")


def _exactly(ns: int) -> str:
    """Return a time with its microseconds, where a second or more would hide them."""
    return f"{ns / 1e9:.6f} s" if ns >= 1_000_000_000 else time_words(ns)


def _alone(
    first: list[dict[str, Any]],
    second: list[dict[str, Any]],
    pairs: list[StreamPair],
    captures: tuple[str, str],
) -> Iterator[Finding]:
    for at, (capture, streams) in enumerate(zip(captures, (first, second), strict=True)):
        count = len(streams) - len(pairs)
        if count:
            yield Finding(
                None,
                "joined_alone",
                f"{many(count, 'connection')} of {capture} cannot be found in {captures[1 - at]}.",
                (),
                capture,
                "likely",
                "neither addresses nor sequence numbers nor the SYN's time stamp are there",
            )


def _of_pair(
    at: int, pair: StreamPair, journeys: pl.DataFrame, made: pl.DataFrame
) -> Iterator[Finding]:
    """Yield what became of one connection's packets between the captures."""
    number = pair.first["connection"]
    sure = "certain" if pair.by in ("addresses", "numbers") else "likely"
    yield Finding(
        number,
        "joined",
        f"Both {pair.first['capture']} and {pair.second['capture']} have this connection.",
        (),
        str(pair.first["capture"]),
        sure,  # type: ignore[arg-type]
        f"recognised by the same {pair.by}",
    )
    own = journeys.filter(pl.col("pair") == at)
    for sender in (CLIENT, SERVER):
        rows = own.filter(pl.col("from_node") == sender)
        if rows.is_empty():
            continue
        yield from _fates(number, sender, rows)
        extra = made.filter((pl.col("pair") == at) & (pl.col("sender") == sender))
        if extra.height:
            yield _one(
                number,
                "joined_made",
                f"{many(extra.height, 'packet')} of the {sender} came to the capture behind and"
                f" never passed the one before it{_resets(extra)}.",
                extra["number"].to_list(),
                str(extra["capture"][0]),
                "likely",
                "the first capture missed them, or somebody between the captures made them",
            )


def _resets(rows: pl.DataFrame) -> str:
    count = int(rows["letters"].str.contains("R").sum())
    return f", {count} of them resets" if count else ""


def _fates(number: int | None, sender: str, rows: pl.DataFrame) -> Iterator[Finding]:
    capture = str(rows["sent_capture"][0])
    copies = pl.col("copies")
    lost = rows.filter(copies == 0)
    if lost.height:
        data = int((lost["payload_bytes"] > 0).sum())
        what = f", {data} of them with data" if 0 < data < lost.height else ""
        yield _one(
            number,
            "joined_lost",
            f"{lost.height} of {many(rows.height, 'packet')} of the {sender} left and never"
            f" came{what}.",
            lost["sent_number"].to_list(),
            capture,
            "likely",
            "the capture behind ran all the time, but may have missed packets",
            "RFC 7680",
        )
    delays = rows["delay_ns"].drop_nulls()
    if delays.len():
        least, most = int(str(delays.min())), int(str(delays.max()))
        slowest = rows.sort("delay_ns", descending=True, nulls_last=True).head(1)
        yield _one(
            number,
            "joined_delay",
            f"From capture to capture the {sender}'s packets took {time_words(least)} at least,"
            f" {time_words(float(str(delays.median())))} in the middle and {time_words(most)} at"
            " most.",
            slowest["sent_number"].to_list(),
            capture,
            "likely",
            "as far as both directions' fastest packets need the same time",
            "RFC 7679",
        )
    late = rows.filter("late")
    if late.height:
        yield _one(
            number,
            "joined_reordered",
            f"{many(late.height, 'packet')} of the {sender} were overtaken on the way, by up to"
            f" {int(str(late['reordered_by'].max()))}.",
            late["sent_number"].to_list(),
            capture,
            "certain",
            "",
            "RFC 4737 section 4.2.2",
        )
    masks = (copies > 1, pl.col("changed"), copies.is_null())
    for (kind, words), mask in zip(_FATES, masks, strict=True):
        found = rows.filter(mask)
        if found.height:
            yield _one(
                number,
                kind,
                f"{many(found.height, 'packet')} of the {sender} {words}.",
                found["sent_number"].to_list(),
                capture,
            )


_FATES = (
    ("joined_copies", "came more than once"),
    ("joined_damaged", "came with a wrong checksum"),
    ("joined_cut", "came in other pieces than they left"),
)


def _one(
    number: int | None,
    kind: str,
    sentence: str,
    packets: list[int],
    capture: str,
    sure: str = "certain",
    because: str = "",
    source: str = "",
) -> Finding:
    return Finding(
        number,
        kind,
        sentence,
        tuple(packets[:_NAMED]),
        capture,
        sure,  # type: ignore[arg-type]
        because,
        source,
    )
