"""TCP segments of all connections with what the segments before them say: positions in the stream
that do not wrap, what was sent and acknowledged so far.

A connection is looked at where the table ``connections`` saw it: at one capture. Everything is
computed by columns, over all connections at once.
"""

from __future__ import annotations

from tcpexp.diagnosis.numbering import LANE, with_numbering
from tcpexp.ingest.connections import damaged_of
from tcpexp.late import polars as pl

__all__ = ["LANE", "segments_of"]

_HALF, _WRAP = 2**31, 2**32


def segments_of(packets: pl.DataFrame, connections: pl.DataFrame) -> pl.DataFrame:
    """Return the TCP packets of ``connections`` in the order of their captures, with more columns.

    ``from_client``; ``syn``, ``fin``, ``rst``, ``has_ack``; ``offered``, the window, unscaled where
    its scale is not known; ``takes``, how many sequence numbers it
    takes (its payload, and one each for SYN and FIN: RFC 9293 section 3.4); ``begin`` and ``end``,
    its range counted from the initial sequence number without wrapping; ``ack_to``, what it
    acknowledges in the other end's numbers; ``top``, the highest ``end`` that its sender sent
    before; ``acked``, the highest ``ack_to`` that the other end sent before. These are null where
    nothing was seen before. What is ``damaged`` takes and acknowledges nothing: its receiver drops
    it (:func:`tcpexp.ingest.connections.damaged_of`).
    What belongs to an initial sequence number that was replaced counts for nothing either
    (:func:`tcpexp.diagnosis.numbering.with_numbering`).
    """
    ends = connections.select(
        "connection", "capture", "client_address", "client_port", "server_address", "server_port"
    )
    flags = pl.col("flags").str
    tcp = (
        packets.filter(pl.col("protocol") == "tcp", pl.col("seq").is_not_null())
        .join(ends, on=["connection", "capture"], maintain_order="left")
        .with_columns(
            from_client=(pl.col("src") == pl.col("client_address"))
            & (pl.col("src_port") == pl.col("client_port")),
            syn=flags.contains("S"),
            fin=flags.contains("F"),
            rst=flags.contains("R"),
            has_ack=flags.contains("A"),
            offered=pl.coalesce("window_bytes", "window"),
        )
        .drop("client_address", "client_port", "server_address", "server_port")
        .sort("capture", "number", maintain_order=True)
    )
    takes = pl.col("payload_bytes").fill_null(0) + pl.sum_horizontal("syn", "fin").cast(pl.Int64)
    tcp = with_numbering(tcp.with_columns(damaged=damaged_of(tcp)))
    void = pl.col("damaged") | pl.col("void")
    tcp = tcp.with_columns(takes=pl.when(void).then(0).otherwise(takes))
    counts = ~pl.col("rst") & ~void
    begin = _unwrapped("own_seq", counts)
    # what was replaced has no place in the numbers that are in use
    aside = pl.when(counts).then(begin).forward_fill().over(LANE).fill_null(0)
    tcp = tcp.with_columns(begin=pl.when("void").then(aside).otherwise(begin))
    told = pl.col("has_ack") & ~pl.col("rst") & ~pl.col("damaged") & ~pl.col("void_ack")
    tcp = tcp.with_columns(
        end=pl.col("begin") + pl.col("takes"),
        ack_to=pl.when(told).then(_unwrapped("own_ack", told)),
    )
    sent = pl.when(counts).then("end")
    tcp = tcp.with_columns(
        top=sent.cum_max().forward_fill().shift().over(LANE),
        by_client=_highest_ack(pl.col("from_client")),
        by_server=_highest_ack(~pl.col("from_client")),
    )
    acked = pl.when("from_client").then("by_server").otherwise("by_client")
    return tcp.with_columns(acked=acked).drop(
        "by_client", "by_server", "own_seq", "own_ack", "void", "void_ack"
    )


def _unwrapped(column: str, counts: pl.Expr) -> pl.Expr:
    """Return a column of numbers modulo 2**32 as positions that do not wrap (RFC 9293 section 3.4).

    Each is taken as less than 2**31 away from the last one that ``counts``; the first one from 0.
    """
    value = pl.when(counts).then(pl.col(column)).forward_fill().over(LANE)
    first = value.drop_nulls().first().over(LANE)
    step = _signed(value - value.shift().over(LANE)).fill_null(0)
    position = _signed(first) + step.cum_sum().over(LANE)
    # what does not count: near the last that does
    return position + _signed(pl.col(column) - value)


def _signed(difference: pl.Expr) -> pl.Expr:
    return (difference + _HALF + _WRAP) % _WRAP - _HALF


def _highest_ack(of_sender: pl.Expr) -> pl.Expr:
    own = pl.when(of_sender).then("ack_to")
    return own.cum_max().forward_fill().over("connection")
