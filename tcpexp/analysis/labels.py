"""Wireshark's labels of packets, each packet once however many captures hold it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tcpexp.late import polars as pl

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

#: A packet with one of these labels carries the first one too (Wireshark's packet-tcp.c sets both).
CONTAINS: dict[str, tuple[str, ...]] = {
    "retransmission": ("fast_retransmission", "spurious_retransmission", "rto")
}
EXAMPLES = 5


def labelled(run: RunData) -> pl.DataFrame:
    """Return one row per label of a captured packet: ``capture``, ``number``, ``t_ns``, ``src``,
    ``flow``, ``label``, and ``packet``.

    ``packet`` is (capture, number) at the packet's sender, the same for what arrived of it, so that
    a packet in two captures counts once. A second copy that the network made is a packet of its
    own. In the order of time.
    """
    rows = (
        run.table("packets")
        .filter(pl.col("labels").list.len() > 0)
        .select("capture", "number", "t_ns", "src", "flow", label="labels")
    )
    sent = run.table("journeys").filter(pl.col("received_number").is_not_null())
    sent = sent.select(
        "sent_capture", "sent_number", capture="received_capture", number="received_number"
    ).unique(["capture", "number"], keep="first")
    known = rows.join(sent, on=["capture", "number"], how="left", maintain_order="left")
    packet = pl.struct(
        capture=pl.coalesce("sent_capture", "capture"), number=pl.coalesce("sent_number", "number")
    )
    named = known.with_columns(packet=packet).drop("sent_capture", "sent_number")
    return named.explode("label").sort("t_ns", "capture", "number", maintain_order=True)


def once(rows: pl.DataFrame) -> pl.DataFrame:
    """Return of the rows of :func:`labelled` the first of each packet and label."""
    return rows.unique(["packet", "label"], keep="first", maintain_order=True)


def count_contained(rows: pl.DataFrame, label: str) -> dict[str, int]:
    """Return how many packets of ``label`` carry each of the labels that it contains, those that
    occur; ``rows`` are of :func:`labelled`.
    """
    inner: Sequence[str] = CONTAINS.get(label, ())
    own = once(rows.filter(pl.col("label") == label)).select("packet")
    found = once(rows.filter(pl.col("label").is_in(list(inner)))).join(own, on="packet", how="semi")
    counts = dict(found.group_by("label").len().iter_rows())
    return {name: int(counts[name]) for name in inner if name in counts}


def count_labels(run: RunData, labels: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return per label: how many packets carry it, in which captures, which of its packets carry a
    label that it contains, and example packets.
    """
    rows = labelled(run)
    result: dict[str, dict[str, Any]] = {}
    for label in labels:
        own = rows.filter(pl.col("label") == label)
        examples = once(own).select("capture", "number", "t_ns", "flow").head(EXAMPLES).to_dicts()
        captures = dict(own.group_by("capture").len().sort("capture").iter_rows())
        result[label] = {
            "count": once(own).height,
            "includes": count_contained(rows, label),
            "captures": captures,
            "examples": examples,
        }
    return result
