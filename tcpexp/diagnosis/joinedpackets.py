"""The packets of two captures, joined: which packet of the one is which of the other, and what
became of those that are in one only.

What a middlebox may change is left out of what packets are recognised by: addresses, ports and
shifted sequence numbers are put back to the first capture's, and flags of ECN are not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tcpexp.diagnosis.joinedclock import Clock, clock_of
from tcpexp.diagnosis.joinedstreams import StreamPair
from tcpexp.ingest.journeys import build_journeys
from tcpexp.ingest.network import Nodes
from tcpexp.late import polars as pl

if TYPE_CHECKING:
    from tcpexp.diagnosis.joinedclock import Ints

#: The ends, as hosts of a network of two.
CLIENT, SERVER = "client", "server"
_WRAP = 2**32
#: Time stamps of two captures may be rounded differently: so much is allowed in matching.
_SLACK_NS = 10_000
#: By what a packet is recognised before the clocks are known, if no other of its capture has it.
_LOOK: tuple[str, ...] = (
    "pair",
    "forth",
    "seq",
    "ack",
    "payload_bytes",
    "letters",
    "ts_val",
    "ip_id",
)


@dataclass(frozen=True)
class JoinedPackets:
    """The packets of all joined connections.

    ``frame`` are those of both captures with ``pair`` (the place of the connection's pair),
    ``forth`` (from the client), sequence numbers as in the first capture, and all times by the
    first capture's clock. ``journeys`` is the table of this name, with ``pair``: the departure is
    at the capture nearer to the sender. ``near`` says which capture lies nearer to the client.
    """

    frame: pl.DataFrame
    journeys: pl.DataFrame
    clock: Clock
    near: Literal["first", "second"]


def join_packets(
    packets: pl.DataFrame, captures: tuple[str, str], pairs: list[StreamPair]
) -> JoinedPackets | None:
    """Return the packets of two captures joined, None where no packet is in both."""
    frame = _canonical(packets, captures, pairs)
    both = _recognised(frame, captures)
    if both.is_empty():
        return None
    near = _nearer(both)
    clock = _clock(both, near)
    if clock is None:
        return None
    second = pl.col("capture") == captures[1]
    frame = frame.with_columns(pl.when(second).then(clock.to_first()).otherwise("t_ns"))
    short = -(clock.least_ns or 0)
    slack = _SLACK_NS + (short if short > _SLACK_NS else 0)
    return JoinedPackets(frame, _journeys(frame, captures, near, slack), clock, near)


def _canonical(
    packets: pl.DataFrame, captures: tuple[str, str], pairs: list[StreamPair]
) -> pl.DataFrame:
    """Return the packets of the pairs' connections as the first capture would number them."""
    known = [
        {
            "capture": capture,
            "stream": row["stream"],
            "pair": at,
            "client": row["client"],
            "client_port": row["client_port"],
            "client_shift": shifted * pair.client_shift,
            "server_shift": shifted * pair.server_shift,
            "joined": pair.first["connection"],
        }
        for at, pair in enumerate(pairs)
        for shifted, capture, row in (
            (0, captures[0], pair.first),
            (1, captures[1], pair.second),
        )
    ]
    rows = packets.filter(pl.col("protocol") == "tcp").join(
        pl.DataFrame(known, infer_schema_length=None),
        on=["capture", "stream"],
        maintain_order="left",
    )
    forth = (pl.col("src") == pl.col("client")) & (pl.col("src_port") == pl.col("client_port"))
    own, other = (
        pl.when(forth).then(one).otherwise(two)
        for one, two in (("client_shift", "server_shift"), ("server_shift", "client_shift"))
    )
    rows = rows.with_columns(
        forth=forth,
        raw_seq=pl.col("seq"),
        seq=(pl.col("seq") - own) % _WRAP,
        ack=(pl.col("ack") - other) % _WRAP,
        letters=pl.col("flags").fill_null("").str.replace_all("[^SFRA]", ""),
    ).drop("client", "client_port", "client_shift", "server_shift")
    base = rows.filter(pl.col("seq_rel").is_not_null()).sort("capture", "number")
    at_first = (
        base.filter(pl.col("capture") == captures[0])
        .group_by("pair", "forth")
        .agg(base=(pl.col("seq") - pl.col("seq_rel")).first())
    )
    rows = rows.join(at_first, on=["pair", "forth"], how="left", maintain_order="left")
    return rows.with_columns(
        seq_rel=pl.coalesce((pl.col("seq") - pl.col("base")) % _WRAP, "seq_rel")
    ).drop("base")


def _recognised(frame: pl.DataFrame, captures: tuple[str, str]) -> pl.DataFrame:
    """Return (pair, forth, first_ns, second_ns, payload_bytes) of packets that each capture has
    just once.

    By the IP header's number too, and without it where a middlebox gave new ones.
    """
    both = frame.clear()
    for look in (_LOOK, _LOOK[:-1]):
        alone = frame.filter(pl.len().over("capture", *look) == 1)
        first, second = (alone.filter(pl.col("capture") == capture) for capture in captures)
        both = first.rename({"t_ns": "first_ns"}).join(
            second.select(*look, second_ns="t_ns"),
            on=list(look),
            nulls_equal=True,
            maintain_order="left",
        )
        if both.height:
            return both.select("pair", "forth", "first_ns", "second_ns", "payload_bytes")
    return pl.DataFrame()


def _nearer(both: pl.DataFrame) -> Literal["first", "second"]:
    """Return which capture lies nearer to the client.

    The second capture sees what the first one saw later by the clocks' offset and by the way there,
    or earlier by the way back. So, at any time, it is later for the packets that came from the side
    of the first capture. Each packet of the client is compared with the server's nearest in time.
    """
    ahead = both.with_columns(ahead=pl.col("second_ns") - pl.col("first_ns")).sort("first_ns")
    forth, back = ahead.filter("forth"), ahead.filter(~pl.col("forth"))
    if forth.is_empty() or back.is_empty():
        return "first"
    beside = forth.join_asof(
        back.select("first_ns", other="ahead"), on="first_ns", strategy="nearest"
    )
    return "first" if (beside["ahead"] - beside["other"]).median() >= 0 else "second"  # type: ignore[operator]


def _clock(both: pl.DataFrame, near: str) -> Clock | None:
    towards = pl.col("forth") if near == "first" else ~pl.col("forth")
    parts = [both.filter(towards), both.filter(~towards)]
    times: list[tuple[Ints, Ints, Ints]] = [
        (
            part["first_ns"].to_numpy(),
            part["second_ns"].to_numpy(),
            part["payload_bytes"].to_numpy(),
        )
        for part in parts
    ]
    return clock_of(times[0], times[1])


def _journeys(
    frame: pl.DataFrame, captures: tuple[str, str], near: str, slack_ns: int
) -> pl.DataFrame:
    """Return the journeys between two hosts at which the captures might have been made.

    Arrivals are put off by ``slack_ns`` while they are matched, so that none seems to come before
    its departure.
    """
    places = (CLIENT, SERVER) if near == "first" else (SERVER, CLIENT)
    nodes = Nodes(
        {CLIENT: CLIENT, SERVER: SERVER},
        dict(zip(captures, places, strict=True)),
        frozenset((CLIENT, SERVER)),
    )
    # checksums of translated packets differ; the first capture's numbers may be new ones as well
    kept = _kept_ids(frame, captures)
    ends = pl.when(pl.col("forth"))
    own = nodes.of_capture() == pl.when(pl.col("forth")).then(pl.lit(CLIENT)).otherwise(
        pl.lit(SERVER)
    )
    there = frame.with_columns(
        node=nodes.of_capture(),
        t_ns=pl.col("t_ns") + pl.when(own).then(0).otherwise(slack_ns),
        src=ends.then(pl.lit(CLIENT)).otherwise(pl.lit(SERVER)),
        dst=ends.then(pl.lit(SERVER)).otherwise(pl.lit(CLIENT)),
        src_port=pl.col("pair"),
        dst_port=pl.lit(0, dtype=pl.Int64),
        flags="letters",
        ip_id=pl.col("ip_id") if kept else pl.lit(0, dtype=pl.Int64),
        checksum=pl.lit(0, dtype=pl.Int64),
        connection="joined",
    )
    made = build_journeys(there, nodes)
    return made.with_columns(
        pl.col("received_ns") - slack_ns,
        (pl.col("delay_ns") - slack_ns).clip(lower_bound=0 if slack_ns == _SLACK_NS else None),
        pair="src_port",
    )


def _kept_ids(frame: pl.DataFrame, captures: tuple[str, str]) -> bool:
    """Return whether the IP header's numbers are the same in both captures."""
    numbers = [
        frame.filter((pl.col("capture") == capture) & (pl.col("ip_id").fill_null(0) > 0))["ip_id"]
        for capture in captures
    ]
    if any(values.is_empty() for values in numbers):
        return False
    shared = numbers[1].is_in(numbers[0].unique().implode()).sum()
    return shared * 2 > numbers[1].len()
