"""Several interfaces in one file: whether they show the same packets again, or different ones."""

from __future__ import annotations

import polars as pl

#: Copies of a packet at two interfaces of one host are captured within this time.
_TOGETHER_NS = 1_000_000_000
_SAME = ("src", "dst", "src_port", "dst_port", "ip_id", "seq", "ack", "flags", "payload_bytes")


def shows_again(packets: pl.DataFrame) -> bool:
    """Tell whether a capture's interfaces show the same TCP segments several times.

    Then each is a capture of its own, or every segment would look repeated. Otherwise they are
    parts of one: a tap that has an interface for each direction, or links that share a connection's
    packets.
    """
    if packets["interface"].n_unique() < 2:
        return False
    tcp = packets.filter(pl.col("protocol") == "tcp").select("interface", "epoch_ns", *_SAME)
    if tcp["interface"].n_unique() < 2:
        return False
    groups = tcp.group_by(_SAME).agg(
        interfaces=pl.col("interface").n_unique(),
        took=pl.col("epoch_ns").max() - pl.col("epoch_ns").min(),
        count=pl.len(),
    )
    again = groups.filter((pl.col("interfaces") > 1) & (pl.col("took") < _TOGETHER_NS))
    # between two interfaces of a router all are; of a bond next to none
    least = int(tcp.group_by("interface").len()["len"].min() or 0)  # type: ignore[arg-type]
    return again.height > 0 and 2 * again.height >= least
