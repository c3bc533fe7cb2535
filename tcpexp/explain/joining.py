"""Captures of both ends, joined: one clock for all of them, the ways of packets from one to the
other, and what happened between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from tcpexp.diagnosis.finding import Finding
from tcpexp.diagnosis.joined import Joined, join_captures
from tcpexp.ingest.network import Nodes
from tcpexp.store.frames import conform, empty_frame


@dataclass(frozen=True)
class Alignment:
    """Captures by one clock: of each pair that has connections in common the second capture's times
    are put to the first one's. ``joined`` are these pairs.
    """

    joined: tuple[Joined, ...]

    def aligned(self, packets: pl.DataFrame) -> pl.DataFrame:
        """Return packets with all times by the clock of the first capture that each can be joined
        to, also by way of another one.
        """
        if not self.joined:
            return packets
        return pl.concat(
            self._by_first(str(part["capture"][0]), part)
            for part in packets.partition_by("capture", maintain_order=True)
        )

    def _by_first(self, capture: str, rows: pl.DataFrame) -> pl.DataFrame:
        """Return rows with times by ``capture``'s clock by that of the first capture."""
        before: dict[str, Joined] = {}
        for pair in self.joined:
            before.setdefault(pair.captures[1], pair)
        while capture in before:
            pair = before[capture]
            rows, capture = rows.with_columns(pair.clock.to_first()), pair.captures[0]
        return rows

    def places(self) -> pl.DataFrame:
        """Return ``capture``, ``stream`` and ``side`` (client or server): which end the capture of
        a joined connection lies nearer to.
        """
        rows = [
            {"capture": one["capture"], "stream": one["stream"], "side": side}
            for joined in self.joined
            for pair in joined.pairs
            for one, side in zip((pair.first, pair.second), _sides(joined), strict=True)
        ]
        schema = {"capture": pl.String, "stream": pl.Int64, "side": pl.String}
        return pl.DataFrame(rows, schema=schema).unique(["capture", "stream"], keep="first")


def _sides(joined: Joined) -> tuple[str, str]:
    near = joined.packets.near == "first"
    return ("client", "server") if near else ("server", "client")


def align(packets: pl.DataFrame) -> Alignment:
    """Return how captures fit together, by the packets that they have in common; nothing where
    there is one capture only, or none has a connection of another.
    """
    if packets["capture"].n_unique() < 2:
        return Alignment(())
    return Alignment(join_captures(packets))


@dataclass(frozen=True)
class Between:
    """What happened between captures: findings, the table ``journeys``, and numbers for each pair
    of captures.
    """

    findings: tuple[Finding, ...]
    journeys: pl.DataFrame
    numbers: tuple[dict[str, Any], ...]


def between(packets: pl.DataFrame, named: pl.DataFrame, nodes: Nodes) -> Between:
    """Return what happened between captures.

    ``packets`` have their captures' own times, ``named`` is the table of the same packets with
    connections and flows.
    """
    if packets["capture"].n_unique() < 2:
        return Between((), empty_frame("journeys"), ())
    numbers = named.select("capture", "number", "connection", "flow")
    known = packets.drop("connection", "flow").join(
        numbers, on=["capture", "number"], how="left", maintain_order="left"
    )
    joined = join_captures(known)
    journeys: list[pl.DataFrame] = []
    told: set[int] = set()
    for one in joined:
        # of three captures of a connection the first two
        rows = _journeys(one, named, nodes).filter(~pl.col("connection").is_in(sorted(told)))
        told |= set(rows["connection"].drop_nulls().to_list())
        journeys.append(rows)
    return Between(
        tuple(finding for one in joined for finding in one.findings),
        pl.concat(journeys) if journeys else empty_frame("journeys"),
        tuple(_numbers(one) for one in joined),
    )


def _journeys(joined: Joined, named: pl.DataFrame, nodes: Nodes) -> pl.DataFrame:
    """Return the ways of a pair's packets as the table of this name: from host to host."""
    ends = [
        {
            "pair": at,
            "client_host": nodes.by_address.get(pair.first["client"]),
            "server_host": nodes.by_address.get(pair.first["server"]),
        }
        for at, pair in enumerate(joined.pairs)
    ]
    schema = {"pair": pl.Int64, "client_host": pl.String, "server_host": pl.String}
    rows = joined.journeys.with_columns(pl.col("pair").cast(pl.Int64)).drop(
        "src_port", "dst_port", "flow", "connection", strict=False
    )
    rows = rows.join(
        pl.DataFrame(ends, schema=schema), on="pair", how="left", maintain_order="left"
    ).join(
        named.select(
            "src_port",
            "dst_port",
            "flow",
            "connection",
            sent_capture="capture",
            sent_number="number",
        ),
        on=["sent_capture", "sent_number"],
        how="left",
        maintain_order="left",
    )

    def host(column: str) -> pl.Expr:
        return pl.when(pl.col(column) == "client").then("client_host").otherwise("server_host")

    return conform(
        rows.with_columns(from_node=host("from_node"), to_node=host("to_node")), "journeys"
    )


def _same(joined: Joined) -> list[list[int]]:
    """Return which connections of the two captures are one, though their ends are called otherwise:
    the numbers at the first and the second capture.
    """
    both = [(pair.first["connection"], pair.second["connection"]) for pair in joined.pairs]
    return [[one, other] for one, other in both if None not in (one, other) and one != other]


def _numbers(joined: Joined) -> dict[str, Any]:
    clock = joined.clock
    return {
        "captures": list(joined.captures),
        "clock": {
            "offset_ns": clock.offset_ns,
            "drift_ppm": clock.drift_ppm,
            "uncertain_ns": clock.uncertain_ns,
            "sure": clock.sure,
        },
        "directions": joined.summary.to_dicts(),
        "same": _same(joined),
    }
