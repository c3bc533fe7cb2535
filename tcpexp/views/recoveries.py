"""Fast recoveries of a flow's sender: what it sent meanwhile, and what it learnt had arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.late import polars as pl
from tcpexp.plan.flows import addresses_of, flow_of

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


def recoveries(run: RunData, flow: str) -> pl.DataFrame:
    """Return a row for each fast recovery of the flow's first connection that has any: ``from_ns``,
    ``to_ns``, ``sent_bytes`` (payload that left, repeated or new) and ``arrived_bytes`` (payload
    that ACKs and SACK blocks told of for the first time).

    The ACK that begins a recovery counts, the one that ends it does not: what it lets out is sent
    under another rule.
    """
    names = ("from_ns", "to_ns", "sent_bytes", "arrived_bytes")
    empty = pl.DataFrame(schema=dict.fromkeys(names, pl.Int64))
    plan = flow_of(run.plan, flow)
    phases = run.table("phases").filter(
        (pl.col("flow") == flow) & (pl.col("phase") == "fast_recovery")
    )
    if plan is None or phases.is_empty():
        return empty
    connection = phases["connection"][0]
    packets = run.table("packets").filter(
        (pl.col("connection") == connection) & (pl.col("node") == plan.sender)
    )
    out = pl.col("src").is_in(addresses_of(run.plan, plan.sender))
    sent = packets.filter(out & (pl.col("payload_bytes") > 0)).sort("t_ns", "number")
    told = _told(packets.filter(~out & pl.col("ack_rel").is_not_null()).sort("t_ns", "number"))
    rows = []
    for begin, end in (
        phases.filter(pl.col("connection") == connection)
        .sort("from_ns")
        .select("from_ns", "to_ns")
        .iter_rows()
    ):
        within = (pl.col("t_ns") >= begin) & (pl.col("t_ns") < end)
        rows.append(
            (
                begin,
                end,
                int(sent.filter(within)["payload_bytes"].sum()),
                int(told.filter(within)["new_bytes"].sum()),
            )
        )
    found = pl.DataFrame(rows, schema=empty.schema, orient="row")
    return found.filter(pl.col("arrived_bytes") > 0)


def _told(acks: pl.DataFrame) -> pl.DataFrame:
    """Return ``t_ns`` and ``new_bytes`` of what each ACK tells of for the first time: up to its
    number, and in its SACK blocks.
    """
    from tcpexp.ingest.sequence import first_arrival_bytes

    edges = [
        (row["t_ns"], left, right)
        for row in acks.select("t_ns", "ack_rel", "sack_blocks").iter_rows(named=True)
        for left, right in (
            (1, row["ack_rel"]),
            *zip((row["sack_blocks"] or [])[0::2], (row["sack_blocks"] or [])[1::2], strict=False),
        )
        if right > left
    ]
    frame = pl.DataFrame(
        edges, schema={"t_ns": pl.Int64, "left": pl.Int64, "right": pl.Int64}, orient="row"
    )
    lengths = (frame["right"] - frame["left"]).to_numpy()
    new = first_arrival_bytes(frame["left"].to_numpy(), lengths)
    return frame.with_columns(new_bytes=pl.Series(new, dtype=pl.Int64))
