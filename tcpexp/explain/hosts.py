"""Who is who in captures that nobody planned: a host for each address, and where each capture was
made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from tcpexp.explain.plan import Stand
from tcpexp.ingest.network import Nodes

#: A side of a handshake that takes at most this part of the other one is where the capture is.
NEAR_SHARE = 0.1
#: Below this many ns both sides of a handshake are too short to tell which one is near.
SHORT_NS = 200_000
#: What a capture is called that is near neither end, or of which nobody knows.
BETWEEN, UNKNOWN, BOTH = "between", "unknown", "both"


def hosts_of(packets: pl.DataFrame, known: Mapping[str, str]) -> Nodes:
    """Return the hosts that spoke TCP, each called as its address is ``known``, or else by it."""
    tcp = packets.filter(pl.col("protocol") == "tcp")
    addresses = pl.concat([tcp["src"], tcp["dst"]]).drop_nulls().unique(maintain_order=True)
    names = {address: known.get(address, address) for address in addresses.to_list()}
    return Nodes(names, {}, frozenset(names.values()))


@dataclass(frozen=True)
class Vantage:
    """Where captures were made, by capture and stream.

    ``frame`` has ``capture``, ``stream``, ``place`` (client, server, both, between or unknown),
    ``there_ns`` (from the capture to the server and back, by the handshake) and ``back_ns`` (to the
    client and back); both are null where the handshake does not tell.
    """

    frame: pl.DataFrame

    def nodes(self, streams: pl.DataFrame, senders: pl.DataFrame, hosts: Nodes) -> pl.DataFrame:
        """Return ``capture``, ``stream`` and ``node``: the host at which a capture shows a
        connection, or the capture's own name where that is neither end.

        ``senders`` has ``capture``, ``stream``, ``from_client``: who sends a connection's data. A
        capture that is near both ends stands for that one's.
        """
        rows = streams.select("capture", "stream", "client_address", "server_address")
        joined = rows.join(self.frame, on=["capture", "stream"], how="left").join(
            senders, on=["capture", "stream"], how="left"
        )
        place, both = pl.col("place"), pl.col("place") == BOTH
        address = (
            pl.when((place == "client") | (both & pl.col("from_client")))
            .then("client_address")
            .when((place == "server") | (both & ~pl.col("from_client")))
            .then("server_address")
        )
        named = joined.with_columns(address=address)
        return named.select(
            "capture", "stream", node=pl.coalesce(hosts.of_address("address"), "capture")
        )

    def stands(self, streams: pl.DataFrame, hosts: Nodes) -> dict[str, Stand]:
        """Return the hosts by name: their addresses, and the captures that were made at them, as
        every connection of theirs in a capture says.
        """
        ends = streams.select("capture", "stream", "client_address", "server_address").join(
            self.frame, on=["capture", "stream"]
        )
        sides = [
            ends.select(
                "capture", address=f"{side}_address", here=pl.col("place").is_in([side, BOTH])
            )
            for side in ("client", "server")
        ]
        here = (
            pl.concat(sides)
            .with_columns(host=hosts.of_address("address"))
            .group_by("host", "capture", maintain_order=True)
            .agg(pl.col("here").all())
            .filter("here")
        )
        made: dict[str, list[str]] = {}
        for host, capture, _ in here.iter_rows():
            made.setdefault(host, []).append(capture)
        found: dict[str, list[str]] = {}
        for address, host in hosts.by_address.items():
            found.setdefault(host, []).append(address)
        return {
            host: Stand(tuple(addresses), tuple(made.get(host, ())))
            for host, addresses in found.items()
        }


def find_vantage(
    packets: pl.DataFrame, streams: pl.DataFrame, sides: pl.DataFrame | None = None
) -> Vantage:
    """Return where each connection was captured, by its handshake.

    From SYN to SYN-ACK a packet goes from the capture to the server and back, from SYN-ACK to ACK
    to the client and back. Whichever is much the shorter is the capture's side. A connection whose
    handshake was not captured whole, or was repeated, goes by the others of the same host.
    ``sides`` (``capture``, ``stream``, ``side``) says of connections that two captures have which
    end each lies nearer to: that decides where the handshake does not.
    """
    if streams.is_empty():
        return Vantage(_nothing())
    timed = streams.join(_synacks(packets), on=["capture", "stream"], how="left").with_columns(
        clean=(pl.col("syn_count") == 1) & (pl.col("synack_count") == 1)
    )
    there = pl.when("clean").then(pl.col("synack_ns") - pl.col("syn_ns"))
    back = pl.when("clean").then(pl.col("established_ns") - pl.col("synack_ns"))
    timed = timed.with_columns(
        there_ns=pl.when(there >= 0).then(there), back_ns=pl.when(back >= 0).then(back)
    )
    own = timed.with_columns(place=_place())
    known = own.filter(pl.col("place").is_in(["client", "server"]))
    host = pl.when(pl.col("place") == "client").then("client_address").otherwise("server_address")
    counted = known.group_by("capture", host=host).len().sort("len", descending=True)
    nearest = counted.unique("capture", keep="first", maintain_order=True)
    own = own.join(nearest.select("capture", "host"), on="capture", how="left")
    by_host = (
        pl.when(pl.col("host") == pl.col("client_address"))
        .then(pl.lit("client"))
        .when(pl.col("host") == pl.col("server_address"))
        .then(pl.lit("server"))
        .otherwise(pl.lit(UNKNOWN))
    )
    if sides is None:
        sides = pl.DataFrame(schema={"capture": pl.String, "stream": pl.Int64, "side": pl.String})
    own = own.join(sides, on=["capture", "stream"], how="left", maintain_order="left")
    near_both = pl.when((pl.col("place") == BOTH) & pl.col("side").is_not_null()).then("side")
    known_host = pl.when(by_host != UNKNOWN).then(by_host)
    place = pl.coalesce(near_both, "place", known_host, "side", pl.lit(UNKNOWN))
    return Vantage(own.select("capture", "stream", place.alias("place"), "there_ns", "back_ns"))


def _nothing() -> pl.DataFrame:
    return pl.DataFrame(
        schema={
            "capture": pl.String,
            "stream": pl.Int64,
            "place": pl.String,
            "there_ns": pl.Int64,
            "back_ns": pl.Int64,
        }
    )


def _place() -> pl.Expr:
    there, back = pl.col("there_ns"), pl.col("back_ns")
    longer = pl.max_horizontal(there, back)
    return (
        pl.when(there.is_null() | back.is_null())
        .then(None)
        .when(longer < SHORT_NS)
        .then(pl.lit(BOTH))
        .when(back <= NEAR_SHARE * there)
        .then(pl.lit("client"))
        .when(there <= NEAR_SHARE * back)
        .then(pl.lit("server"))
        .otherwise(pl.lit(BETWEEN))
    )


def _synacks(packets: pl.DataFrame) -> pl.DataFrame:
    """Return when the first SYN-ACK of each stream was captured."""
    flags = pl.col("flags").str
    return (
        packets.filter(flags.contains("S") & flags.contains("A"))
        .group_by("capture", "stream")
        .agg(synack_ns=pl.col("t_ns").first())
    )
