"""Captures of both ends: brought onto one clock before anything is said, and what became of packets
between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars as pl

from tcpexp.diagnosis.finding import Finding
from tcpexp.diagnosis.joined import Joined, join_captures
from tcpexp.explain.tables import Named
from tcpexp.store.frames import conform, empty_frame

#: A connection of one capture.
_STREAM = ("capture", "stream")


@dataclass(frozen=True)
class BothEnds:
    """Captures that have connections in common.

    ``packets`` are all packets by the first capture's clock, as far as captures have anything in
    common. In ``joined`` connections have numbers of their own: ``streams`` says which capture and
    stream each is.
    """

    packets: pl.DataFrame
    joined: tuple[Joined, ...]
    streams: pl.DataFrame

    def findings(self, named: Named) -> tuple[Finding, ...]:
        """Return what is said of the captures and of their connections."""
        numbers = self._numbers(named)
        return tuple(
            replace(one, connection=numbers.get(one.connection))
            for joined in self.joined
            for one in joined.findings
            if one.connection is None or one.connection in numbers
        )

    def journeys(self, named: Named, zero_ns: int) -> pl.DataFrame:
        """Return the table ``journeys``: of packets between captures that stand for two hosts.

        Of several pairs of captures only the first that has a connection is used. Times count from
        ``zero_ns``.
        """
        where = named.packets.select(*_STREAM, "node", "flow").unique([*_STREAM], keep="first")
        nodes = {
            (capture, stream): (node, flow) for capture, stream, node, flow in where.iter_rows()
        }
        numbers = self._numbers(named)
        known: set[int | None] = set()
        parts = []
        for joined in self.joined:
            for at, pair in enumerate(joined.pairs):
                one, two = (
                    nodes.get((row["capture"], row["stream"]), (None, None))
                    for row in (pair.first, pair.second)
                )
                number = numbers.get(pair.first["connection"])
                if number is None or number in known or one[0] == two[0]:
                    continue
                known.add(number)
                ends = {pair.first["capture"]: one[0], pair.second["capture"]: two[0]}
                other = {pair.first["capture"]: two[0], pair.second["capture"]: one[0]}
                rows = joined.packets.journeys.filter(pl.col("pair") == at)
                parts.append(
                    rows.with_columns(
                        pl.lit(number, dtype=pl.Int64).alias("connection"),
                        pl.lit(one[1] or two[1], dtype=pl.String).alias("flow"),
                        pl.col("sent_ns", "received_ns") - zero_ns,
                        from_node=pl.col("sent_capture").replace_strict(ends),
                        to_node=pl.col("sent_capture").replace_strict(other),
                        queueing_ns=pl.lit(None, dtype=pl.Int64),
                    )
                )
        return conform(pl.concat(parts), "journeys") if parts else empty_frame("journeys")

    def _numbers(self, named: Named) -> Mapping[int | None, int]:
        """Return the numbers of the table ``connections`` by one's own."""
        real = named.packets.filter(pl.col("connection").is_not_null()).select(
            *_STREAM, real="connection"
        )
        rows = self.streams.join(real.unique([*_STREAM]), on=_STREAM)
        return dict(rows.select("own", "real").iter_rows())


def join_ends(packets: pl.DataFrame) -> BothEnds:
    """Return the packets of all captures on one clock, and what joins them.

    ``packets`` is what :func:`tcpexp.ingest.foreign.read_foreign` read. A single capture stays as
    it is.
    """
    tcp = packets.filter(pl.col("stream").is_not_null())
    streams = tcp.select(_STREAM).unique(maintain_order=True).with_row_index("own", offset=1)
    streams = streams.with_columns(pl.col("own").cast(pl.Int64))
    if packets["capture"].n_unique() < 2:
        return BothEnds(packets, (), streams)
    numbered = packets.drop("connection").join(
        streams.rename({"own": "connection"}), on=_STREAM, how="left", maintain_order="left"
    )
    joined = join_captures(numbered)
    return BothEnds(_on_one_clock(packets, joined), joined, streams)


def _on_one_clock(packets: pl.DataFrame, joined: tuple[Joined, ...]) -> pl.DataFrame:
    """Return packets with the times of each capture by the clock of the first one it can be joined
    to.
    """
    clocks: dict[str, tuple[str, Joined]] = {}
    for one in joined:
        clocks.setdefault(one.captures[1], (one.captures[0], one))
    parts = []
    for part in packets.partition_by("capture", maintain_order=True):
        capture = str(part["capture"][0])
        while capture in clocks:
            capture, one = clocks[capture]
            part = part.with_columns(one.clock.to_first())  # noqa: PLW2901
        parts.append(part)
    return pl.concat(parts)
