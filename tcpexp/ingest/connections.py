"""Packets to connections: one row per TCP connection, its ends, and who opened and closed it."""

from __future__ import annotations

from collections.abc import Sequence

from tcpexp.ingest.network import Nodes
from tcpexp.ingest.sequence import first_arrival_bytes, unwrap_seq
from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.store.frames import conform, empty_frame

#: What names a connection, whichever capture it is seen in. The initial sequence number tells apart
#: two that reuse a port.
KEY = ("client_address", "client_port", "server_address", "server_port", "isn")

#: Where more than this share of the checksums is wrong, none of them says anything.
_MOSTLY_WRONG = 0.5
#: So many packets of a sender, or more, are not damaged all at once.
_SOME = 4


def describe_streams(
    packets: pl.DataFrame, nodes: Nodes, ports: Sequence[int] = ()
) -> pl.DataFrame:
    """Return one row per (capture, stream) with the columns of ``connections`` and ``isn``, without
    ``flow``, ``step`` and ``connection``.

    The client is who sent the first SYN. Of a stream without a SYN (recording began later) the
    server is the end whose port is in ``ports``, else the end with the lower port; its ``isn`` is
    -1.
    """
    # a flipped bit made its ports
    damaged = is_damaged().all().over("capture", "stream")
    tcp = packets.filter(pl.col("protocol") == "tcp")
    if tcp["checksum_bad"].any():
        tcp = tcp.filter(~damaged)
    tcp = tcp.with_columns(
        syn=pl.col("flags").str.contains("S"),
        has_ack=pl.col("flags").str.contains("A"),
        fin=pl.col("flags").str.contains("F"),
        rst=pl.col("flags").str.contains("R"),
    )
    if tcp.is_empty():
        return empty_frame("connections").with_columns(isn=pl.lit(None, dtype=pl.Int64))
    streams = _openers(tcp, ports)
    tcp = tcp.join(streams, on=["capture", "stream"]).with_columns(
        from_client=(pl.col("src") == pl.col("client_address"))
        & (pl.col("src_port") == pl.col("client_port"))
    )
    synack = pl.col("syn") & pl.col("has_ack")
    rows = tcp.group_by("capture", "stream", maintain_order=True).agg(
        pl.col("client_address", "client_port", "server_address", "server_port", "isn").first(),
        syn_ns=pl.col("t_ns").filter(pl.col("syn") & ~pl.col("has_ack")).first(),
        syn_count=(pl.col("syn") & ~pl.col("has_ack") & pl.col("from_client")).sum(),
        synack_count=synack.sum(),
        first_synack=pl.col("number").filter(synack).first(),
        first_fin_ns=pl.col("t_ns").filter(pl.col("fin")).first(),
        closer=pl.col("src").filter(pl.col("fin")).first(),
        resetter=pl.col("src").filter(pl.col("rst")).first(),
        fins=pl.col("from_client").filter(pl.col("fin")).n_unique(),
        last_ns=pl.col("t_ns").last(),
    )
    established = (
        tcp.join(rows.select("capture", "stream", "first_synack"), on=["capture", "stream"])
        .filter(
            pl.col("from_client")
            & pl.col("has_ack")
            & ~pl.col("rst")
            & (pl.col("number") > pl.col("first_synack"))
        )
        .group_by("capture", "stream")
        .agg(established_ns=pl.col("t_ns").min())
    )
    ended = (pl.col("fins") >= 2) | pl.col("resetter").is_not_null()
    return (
        rows.join(established, on=["capture", "stream"], how="left")
        .join(_distinct_bytes(tcp), on=["capture", "stream"], how="left")
        .with_columns(
            client=nodes.of_address("client_address"),
            server=nodes.of_address("server_address"),
            first_closer=nodes.of_address("closer"),
            reset_by=nodes.of_address("resetter"),
            end_ns=pl.when(ended).then(pl.col("last_ns")),
        )
    )


def damaged_of(packets: pl.DataFrame) -> pl.Expr:
    """Return :func:`is_damaged` for these packets: quick where no checksum is wrong.

    Where they are a part of a capture, their column ``damaged`` says it of the whole one.
    """
    if "damaged" in packets.columns:
        return pl.col("damaged")
    return is_damaged() if packets["checksum_bad"].any() else pl.lit(False)


def is_damaged() -> pl.Expr:
    """Return of each packet of a capture whether it was damaged on the way: its checksum is wrong,
    and most of the capture's, and of its sender's, are not.

    Where most are wrong nothing was damaged: the sender's card would have computed them, or
    somebody gave the packets other addresses. One that is larger than all good ones of its sender
    was joined of several (GRO), and has the checksum of one of them.
    """
    bad = pl.col("checksum_bad").fill_null(False)
    # the checksum of a packet that was not captured whole cannot be tested: those without payload
    # are seldom cut, so they are counted apart
    kind = pl.col("payload_bytes").fill_null(0) > 0
    left_out = pl.lit(False)
    for sender in (["capture", "src"], ["capture", "src", kind]):
        mostly = bad.mean().over(sender) > _MOSTLY_WRONG
        left_out |= mostly & (pl.len().over(sender) >= _SOME)
    largest = pl.col("payload_bytes").filter(~bad).max().over("capture", "src")
    joined = (pl.col("payload_bytes") > largest).fill_null(False)
    return bad & (bad.mean().over("capture", kind) < _MOSTLY_WRONG) & ~left_out & ~joined


def _openers(tcp: pl.DataFrame, ports: Sequence[int]) -> pl.DataFrame:
    """Return per (capture, stream) the client's and the server's address and port, and the initial
    sequence number.
    """
    opener = (pl.col("syn") & ~pl.col("has_ack")).first()
    first = tcp.sort(~(pl.col("syn") & ~pl.col("has_ack")), "number", maintain_order=True)
    first = first.group_by("capture", "stream", maintain_order=True).agg(
        pl.col("src", "src_port", "dst", "dst_port", "seq").first(), opened=opener
    )
    known = pl.col("src_port").is_in(list(ports)) != pl.col("dst_port").is_in(list(ports))
    by_port = (
        pl.when(known)
        .then(pl.col("dst_port").is_in(list(ports)))
        .otherwise(pl.col("dst_port") <= pl.col("src_port"))
    )
    first = first.join(
        _crossed(tcp, ports), on=["capture", "stream"], how="left", maintain_order="left"
    )
    forward = pl.coalesce(~pl.col("turned"), pl.col("opened") | by_port)
    ends = {"client_address": ("src", "dst"), "client_port": ("src_port", "dst_port")}
    ends |= {"server_address": ("dst", "src"), "server_port": ("dst_port", "src_port")}
    return first.select(
        "capture",
        "stream",
        *(
            pl.when(forward).then(pl.col(one)).otherwise(pl.col(other)).alias(name)
            for name, (one, other) in ends.items()
        ),
        isn=pl.coalesce(
            pl.when("turned").then("other_seq"), pl.when("opened").then("seq"), pl.lit(-1)
        ),
    )


def _crossed(tcp: pl.DataFrame, ports: Sequence[int]) -> pl.DataFrame:
    """Return the streams with SYNs from both ends (RFC 9293 section 3.5: a simultaneous open is one
    connection), as every capture shall tell them.

    Each capture sees its own end's SYN first. Columns: ``capture``, ``stream``, ``turned`` (the
    other end counts as the client) and ``other_seq``, its initial sequence number. The client is
    the end whose peer has one of ``ports``, where that tells, else the one whose SYN left first.
    """
    ends = ["src", "src_port", "dst", "dst_port"]
    syns = tcp.filter(pl.col("syn") & ~pl.col("has_ack")).unique(
        ["capture", "stream", *ends, "seq"], keep="first", maintain_order=True
    )
    syns = syns.filter(pl.struct("src", "src_port").n_unique().over("capture", "stream") == 2)
    left = syns.group_by(*ends, "seq").agg(left_ns=pl.col("t_ns").min())
    order = [
        ~pl.col("dst_port").is_in(list(ports)),
        pl.col("left_ns"),
        pl.col("src"),
        pl.col("src_port"),
    ]
    told = syns.join(left, on=[*ends, "seq"], how="left").sort(order, maintain_order=True)
    client = told.group_by("capture", "stream", maintain_order=True).agg(
        other=pl.struct("src", "src_port").first(), other_seq=pl.col("seq").first()
    )
    seen_first = (
        syns.sort("number")
        .group_by("capture", "stream")
        .agg(own=pl.struct("src", "src_port").first())
    )
    joined = client.join(seen_first, on=["capture", "stream"])
    return joined.select("capture", "stream", "other_seq", turned=pl.col("own") != pl.col("other"))


def _distinct_bytes(tcp: pl.DataFrame) -> pl.DataFrame:
    """Return per (capture, stream) how many different payload bytes passed the capture in each
    direction.
    """
    data = with_new_bytes(tcp.filter(pl.col("payload_bytes") > 0))
    to_server = pl.col("new_bytes").filter(pl.col("from_client")).sum()
    to_client = pl.col("new_bytes").filter(~pl.col("from_client")).sum()
    return (
        tcp.select("capture", "stream")
        .unique(maintain_order=True)
        .join(
            data.group_by("capture", "stream").agg(
                bytes_to_server=to_server, bytes_to_client=to_client
            ),
            on=["capture", "stream"],
            how="left",
        )
        .with_columns(pl.col("bytes_to_server", "bytes_to_client").fill_null(0))
    )


def with_new_bytes(data: pl.DataFrame) -> pl.DataFrame:
    """Add ``new_bytes``: the payload bytes of each segment that no earlier one of its capture,
    stream and direction held.

    ``data`` holds TCP packets in capture order. Damaged segments bring nothing: their receiver
    drops them.
    """
    new = np.zeros(data.height, dtype=np.int64)
    rows = data.with_row_index("row").filter(pl.col("payload_bytes") > 0, ~damaged_of(data))
    for _, group in rows.group_by("capture", "stream", "src", "src_port", maintain_order=True):
        left = unwrap_seq(group["seq"].to_numpy())
        new[group["row"].to_numpy()] = first_arrival_bytes(left, group["payload_bytes"].to_numpy())
    return data.with_columns(new_bytes=pl.Series(new, dtype=pl.Int64))


def build_connections(streams: pl.DataFrame, nodes: Nodes) -> pl.DataFrame:
    """Return the ``connections`` table, with ``isn`` and without ``flow``: each once, as the
    client's capture saw it, or else the server's.

    ``connection`` numbers them from 1 on in the order of their SYNs. It is what every table calls a
    connection by.
    """
    where = nodes.of_capture()
    rank = (
        pl.when(where == pl.col("client"))
        .then(0)
        .when(where == pl.col("server"))
        .then(1)
        .otherwise(2)
    )
    once = streams.sort(rank, "capture", "stream", maintain_order=True).unique(
        KEY, keep="first", maintain_order=True
    )
    once = once.sort("syn_ns", "capture", "stream", nulls_last=True)
    return once.drop("flow", "step", "flow_source", "connection", strict=False).with_columns(
        connection=pl.int_range(1, pl.len() + 1, dtype=pl.Int64)
    )


def attach_flows(
    packets: pl.DataFrame, streams: pl.DataFrame, connections: pl.DataFrame
) -> pl.DataFrame:
    """Fill ``connection`` of every TCP packet, and ``flow`` where its connection carries one."""
    named = connections.select(*KEY, "connection", "flow")
    by_stream = (
        streams.select("capture", "stream", *KEY)
        .join(named, on=KEY, nulls_equal=True)
        .select("capture", "stream", "connection", "flow")
    )
    return packets.drop("flow", "connection", strict=False).join(
        by_stream, on=["capture", "stream"], how="left", maintain_order="left"
    )


def table_of(connections: pl.DataFrame) -> pl.DataFrame:
    """Return exactly the columns of the ``connections`` table."""
    return conform(connections, "connections")
