"""What each sender sent again, from what was on the wire at its own capture: the table ``resent``,
from which every room takes its counts.

The kernel adds to ``Tcp.RetransSegs`` (net/ipv4/tcp_output.c, ``__tcp_retransmit_skb`` and
``tcp_rtx_synack``) for the same packets: data that was sent before, and a repeated SYN, SYN-ACK or
FIN. Its tracepoint ``tcp:tcp_retransmit_skb`` comes once for each buffer, and a buffer can hold
several segments, so rows of the tracepoint are never counted.
"""

from __future__ import annotations

from typing import Any

from tcpexp.analysis.mechanisms import name_mechanisms
from tcpexp.late import polars as pl
from tcpexp.plan.types import FlowPlan
from tcpexp.store.frames import conform, empty_frame
from tcpexp.store.rundata import RunData

#: The columns that tell one direction of a connection from all others at a node.
ENDS = ("node", "connection", "src", "src_port", "dst", "dst_port")
#: RFC 7323 appendix A: twelve bytes of each segment are taken by time stamps once both ends have
#: offered them.
_TIMESTAMP_BYTES = 12


def build_resent(run: RunData) -> pl.DataFrame:
    """Return the ``resent`` table: one row per packet that its sender sent again, at the sender's
    capture, in time order.

    Not a probe: zero-window and keep-alive probes of Linux have no payload; a keep-alive that
    repeats the last byte that was acknowledged (RFC 9293 section 3.8.4) is left out.
    """
    sent = sent_packets(run)
    again = sent.filter("again")
    if again.is_empty():
        return empty_frame("resent")
    again = _with_last_ack(run, again)
    garbage = (
        (pl.col("payload_bytes") == 1)
        & ~pl.col("flags").str.contains("[SF]")
        & pl.col("acked").fill_null(False)
    )
    again = again.filter(~garbage)
    again = _with_segments(run, again).with_columns(
        kind=kind_of(), times=pl.col("end").cum_count().over(*ENDS, "life", "end")
    )
    return conform(name_mechanisms(run, again.sort("t_ns", maintain_order=True)), "resent")


def sent_packets(run: RunData) -> pl.DataFrame:
    """Return every TCP packet that takes sequence numbers at its sender's own capture, with
    ``life``, ``begin``, ``end``, ``gap_ns`` and ``again``.

    ``life`` counts the connections that used the same ports, ``begin`` and ``end`` are the packet's
    range in sequence numbers that do not wrap, ``gap_ns`` is the time since the last packet that
    had the first byte, and ``again`` says whether the packet's last byte had been sent before.
    """
    own = _own_packets(run)
    syn_seq = (
        pl.when(pl.col("flags").str.contains("S")).then(pl.col("seq")).forward_fill().over(*ENDS)
    )
    rows = own.with_columns(syn_seq=syn_seq)
    rows = rows.with_columns(
        life=pl.col("syn_seq")
        .ne_missing(pl.col("syn_seq").shift())
        .over(*ENDS)
        .cum_sum()
        .over(*ENDS)
    )
    # RFC 9293 section 3.4: sequence numbers are compared modulo 2^32, so each is taken as a step of
    # less than 2^31 from the one before.
    step = (pl.col("seq").diff() + 2**31 + 2**32) % 2**32 - 2**31
    length = (
        pl.col("payload_bytes")
        + pl.col("flags").str.contains("S").cast(pl.Int64)
        + pl.col("flags").str.contains("F").cast(pl.Int64)
    )
    life = (*ENDS, "life")
    rows = rows.with_columns(begin=step.fill_null(0).cum_sum().over(life))
    rows = rows.with_columns(end=pl.col("begin") + length)
    rows = rows.with_columns(
        again=(pl.col("end") <= pl.col("end").cum_max().shift().over(life)).fill_null(False)
    )
    # A SYN-ACK behind a SYN of the same socket (simultaneous open, RFC 9293 section 3.5) is its
    # first.
    both = pl.col("flags").str.contains("S") & pl.col("flags").str.contains("A")
    rows = rows.with_columns(
        again=pl.col("again") & (~both | (both.cast(pl.Int64).cum_sum().over(life) > 1))
    )
    return _with_gaps(rows)


def _own_packets(run: RunData) -> pl.DataFrame:
    """Return the packets that carry data, SYN or FIN, each at the capture of the node that sent it,
    by connection and time.
    """
    addresses = {
        face.address: node.name for node in run.plan.network.nodes for face in node.interfaces
    }
    sender = pl.col("src").replace_strict(addresses, default=None, return_dtype=pl.String)
    takes = (pl.col("payload_bytes") > 0) | pl.col("flags").str.contains("[SF]")
    tcp = (
        (pl.col("protocol") == "tcp")
        & ~pl.col("flags").str.contains("R")
        & pl.col("seq").is_not_null()
    )
    return (
        run.table("packets")
        .filter(tcp & takes & (sender == pl.col("node")))
        .sort(*ENDS, "t_ns", maintain_order=True)
    )


def _with_gaps(rows: pl.DataFrame) -> pl.DataFrame:
    """Add ``gap_ns`` to packets that were sent again.

    The packet before may have been cut elsewhere, so it is searched where its beginning differs.
    """
    same = (*ENDS, "life", "begin")
    rows = rows.with_columns(gap_ns=pl.when("again").then(pl.col("t_ns").diff().over(same)))
    lost = rows.filter(pl.col("again") & pl.col("gap_ns").is_null())
    if lost.is_empty():
        return rows
    keys = lost.select(*ENDS, "life").unique()
    parts = rows.join(keys, on=[*ENDS, "life"], how="semi", nulls_equal=True).partition_by(
        [*ENDS, "life"], as_dict=True
    )
    gaps = []
    for row in lost.select(*ENDS, "life", "capture", "number", "t_ns", "begin").iter_rows(
        named=True
    ):
        part = parts[tuple(row[name] for name in (*ENDS, "life"))]
        before = part.filter(
            (pl.col("t_ns") < row["t_ns"])
            & (pl.col("begin") <= row["begin"])
            & (pl.col("end") > row["begin"])
        )
        gaps.append(
            {
                "capture": row["capture"],
                "number": row["number"],
                "found_ns": row["t_ns"] - before["t_ns"][-1] if before.height else None,
            }
        )
    found = pl.DataFrame(
        gaps, schema={"capture": pl.String, "number": pl.Int64, "found_ns": pl.Int64}
    )
    joined = rows.join(found, on=["capture", "number"], how="left", maintain_order="left")
    return joined.with_columns(gap_ns=pl.coalesce("gap_ns", "found_ns")).drop("found_ns")


def received_acks(run: RunData, keys: pl.DataFrame) -> pl.DataFrame:
    """Return what the senders in ``keys`` received, in the order of arrival.

    Columns: ``ENDS`` as the sender sees them, ``t_ns``, ``ack``, ``window``, ``flags``.

    ``capture`` and ``number`` tell which of two packets of one instant came first.
    """
    turned = (
        keys.select(*ENDS)
        .unique()
        .select(
            "node",
            "connection",
            src=pl.col("dst"),
            src_port=pl.col("dst_port"),
            dst=pl.col("src"),
            dst_port=pl.col("src_port"),
        )
    )
    got = (
        run.table("packets")
        .filter(pl.col("protocol") == "tcp")
        .join(turned, on=list(ENDS), how="semi", maintain_order="left")
    )
    turned_back = {
        "src": pl.col("dst"),
        "src_port": pl.col("dst_port"),
        "dst": pl.col("src"),
        "dst_port": pl.col("src_port"),
    }
    return got.select(
        "node", "connection", "t_ns", "ack", "window", "flags", "capture", "number", **turned_back
    ).sort("t_ns", "capture", "number")


def _with_last_ack(run: RunData, again: pl.DataFrame) -> pl.DataFrame:
    """Add ``acked`` (the peer had acknowledged the whole packet before it was sent) and
    ``zero_window`` (its last word was a window of 0).
    """
    place = (*ENDS, "t_ns", "capture", "number")
    acks = received_acks(run, again).filter(pl.col("flags").str.contains("A")).drop("flags")
    # On a virtual clock an ACK can arrive at the very time of the packet that it answers: their
    # order in the capture counts.
    order = (
        pl.concat([acks.select(place), again.select(place)])
        .sort("t_ns", "capture", "number")
        .with_row_index("order")
    )
    acks = (
        acks.join(order, on=place, how="left", nulls_equal=True)
        .drop("t_ns", "capture", "number")
        .sort("order")
    )
    rows = (
        again.drop("ack", "window", strict=False)
        .join(order, on=place, how="left", nulls_equal=True)
        .sort("order")
    )
    rows = rows.join_asof(
        acks, on="order", by=list(ENDS), strategy="backward", check_sortedness=False
    ).drop("order")
    covered = (
        (pl.col("ack") - pl.col("seq") - pl.col("end") + pl.col("begin")) % 2**32 < 2**31
    ) & pl.col("ack").is_not_null()
    return rows.with_columns(
        acked=covered, zero_window=(pl.col("window") == 0).fill_null(False)
    ).drop("ack", "window")


def _with_segments(run: RunData, again: pl.DataFrame) -> pl.DataFrame:
    """Add ``segments``: of how many the packet consists on the wire, more than one only where it is
    larger than a full segment.
    """
    keys = again.select(*ENDS).unique()
    packets = run.table("packets").filter(pl.col("mss").is_not_null())
    turned_back = {
        "src": pl.col("dst"),
        "src_port": pl.col("dst_port"),
        "dst": pl.col("src"),
        "dst_port": pl.col("src_port"),
    }
    answers = packets.select("node", "connection", "mss", "ts_val", **turned_back)
    offers = pl.concat(
        [packets.select(*ENDS, "mss", "ts_val"), answers.select(*ENDS, "mss", "ts_val")]
    )
    offers = (
        offers.join(keys, on=list(ENDS), how="semi")
        .group_by(*ENDS)
        .agg(pl.col("mss").min(), stamps=pl.col("ts_val").null_count() == 0)
    )
    full = pl.col("mss") - pl.when("stamps").then(_TIMESTAMP_BYTES).otherwise(0)
    rows = again.drop("mss").join(
        offers.select(*ENDS, full=full), on=list(ENDS), how="left", maintain_order="left"
    )
    if rows.filter(pl.col("payload_bytes") > pl.col("full")).height:
        rows = _with_path_mss(run, rows)
    return rows.with_columns(
        segments=pl.max_horizontal(1, (pl.col("payload_bytes") / pl.col("full")).ceil())
        .fill_null(1)
        .cast(pl.Int64)
    )


def _with_path_mss(run: RunData, rows: pl.DataFrame) -> pl.DataFrame:
    """Lower ``full`` to the MSS that the last ``ss`` snapshot shows: path MTU discovery may have
    reduced it.
    """
    seen = run.table("sockets").filter(pl.col("mss") > 0)
    names = {
        "src": "local_address",
        "src_port": "local_port",
        "dst": "peer_address",
        "dst_port": "peer_port",
    }
    shown = seen.select(
        "node",
        "connection",
        "t_ns",
        shown=pl.col("mss"),
        **{ours: pl.col(theirs) for ours, theirs in names.items()},
    ).sort("t_ns")
    joined = rows.sort("t_ns", maintain_order=True).join_asof(
        shown, on="t_ns", by=list(ENDS), strategy="backward", check_sortedness=False
    )
    return joined.with_columns(full=pl.min_horizontal("full", "shown")).drop("shown")


def kind_of() -> pl.Expr:
    """Return what a packet is: ``syn``, ``syn-ack``, ``data`` or ``fin`` (without data)."""
    flags = pl.col("flags").str
    syn = pl.when(flags.contains("A")).then(pl.lit("syn-ack")).otherwise(pl.lit("syn"))
    return (
        pl.when(flags.contains("S"))
        .then(syn)
        .when(pl.col("payload_bytes") > 0)
        .then(pl.lit("data"))
        .otherwise(pl.lit("fin"))
    )


def resent_of(run: RunData, flow: FlowPlan) -> pl.DataFrame:
    """Return the rows of ``resent`` that a flow's sender sent, in time order."""
    return run.table("resent").filter(
        (pl.col("flow") == flow.name) & (pl.col("node") == flow.sender)
    )


def count_segments(rows: pl.DataFrame) -> int:
    """Return how many segments the rows of ``resent`` are on the wire."""
    total: Any = rows["segments"].sum()
    return int(total or 0)
