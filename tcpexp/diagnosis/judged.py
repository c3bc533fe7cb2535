"""What each packet that takes sequence numbers is: new, sent again, overtaken on the way, a probe,
a keep-alive or a copy.
"""

from __future__ import annotations

from tcpexp.diagnosis.segments import LANE, segments_of
from tcpexp.diagnosis.tracking import tracked, with_copies, with_duplicates, with_probes
from tcpexp.late import polars as pl

#: A packet that fills a gap is taken for overtaken, where neither stamps nor IP ids tell, when it
#: follows what lies above the gap within this time, as Wireshark does.
_OVERTAKEN_NS = 3_000_000
#: A sender counts its packets when the next one's id is mostly among the next so many: it may send
#: to others between.
_NEXT_IDS = 64
#: Columns of ``packets`` that no finding asks for: segments are copied often.
_NOT_ASKED = ("flow", "stream", "ttl", "dsn", "data_ack", "in_flight_bytes")


def marked_segments(packets: pl.DataFrame, connections: pl.DataFrame) -> pl.DataFrame:
    """Return ``segments_of`` with ``copy``: what findings and limits both begin with."""
    return with_copies(segments_of(packets.drop(_NOT_ASKED, strict=False), connections))


def judged_segments(
    packets: pl.DataFrame, connections: pl.DataFrame, marked: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return ``segments_of`` with what the modules of this room add, and with ``verdict``,
    ``why`` and ``new_bytes``.

    ``verdict`` is ``resent``, ``overtaken`` (sent earlier, captured later), ``probe``,
    ``keep_alive``, ``copy``, or null of everything else; ``why`` is ``repeated`` (its numbers had
    been seen), or how a packet that fills a gap was told: ``stamps``, ``ids`` or ``time``. The
    columns ``repeated``, ``late`` and ``rtt_ns`` count copies as tcptrace does; ``new_bytes`` is
    the payload that no packet before held. ``marked`` is what ``marked_segments`` returns, where
    that is known.
    """
    if marked is None:
        marked = marked_segments(packets, connections)
    segments = with_probes(with_duplicates(marked))
    counted = tracked(segments, copies=True)
    once = tracked(segments, copies=False) if segments["copy"].any() else counted
    facts = once.select(
        again=pl.col("repeated"),
        filled=pl.col("filled"),
        gap_ns=pl.col("gap_ns"),
        above_ns=pl.col("above_ns"),
    )
    rows = counted.drop("filled", "gap_ns", "above_ns").hstack(facts)
    control = (pl.col("syn") & (pl.col("repeated") > 0)).cast(pl.Int64) + (
        pl.col("fin") & (pl.col("end") <= pl.col("top"))
    ).fill_null(False).cast(pl.Int64)
    rows = rows.with_columns(
        new_bytes=pl.when("probe")
        .then(0)
        .otherwise((pl.col("payload_bytes") - (pl.col("repeated") - control)).clip(0))
    )
    return _with_verdicts(_with_ids(rows)).drop("id_at", "counts_ids")


def _with_verdicts(rows: pl.DataFrame) -> pl.DataFrame:
    keep_alive = (
        (pl.col("payload_bytes") <= 1)
        & ~(pl.col("syn") | pl.col("fin") | pl.col("rst"))
        & (pl.col("begin") == pl.col("top") - 1)
        & (pl.col("acked") == pl.col("top"))
    )
    takes = (pl.col("takes") > 0) & ~pl.col("rst")
    fills = takes & (pl.col("filled") > 0)
    resent, why = _of_gap_filler()
    verdict = (
        pl.when("copy").then(pl.lit("copy"))
        .when(keep_alive & (pl.col("peer_window") == 0)).then(pl.lit("probe"))
        .when(keep_alive).then(pl.lit("keep_alive"))
        .when("probe").then(pl.lit("probe"))
        .when(takes & (pl.col("again") > 0)).then(pl.lit("resent"))
        .when(fills & resent).then(pl.lit("resent"))
        .when(fills).then(pl.lit("overtaken"))
    )  # fmt: skip
    repeated = takes & (pl.col("again") > 0)
    rows = rows.with_columns(verdict=verdict, fills=fills.fill_null(False))
    return rows.with_columns(
        why=pl.when(pl.col("fills") & (resent | ~repeated))
        .then(why)
        .when(repeated)
        .then(pl.lit("repeated")),
        resent=pl.col("verdict") == "resent",
    )


def _of_gap_filler() -> tuple[pl.Expr, pl.Expr]:
    """Return whether a packet that fills a gap was sent again, and by what that is told.

    A sender's stamps never decrease (RFC 7323 section 4.3), and most senders count their packets
    by IP id. So one that was sent before what is above the gap has a smaller stamp or id.
    """
    newest = pl.col("ts_val").cum_max().forward_fill().shift().over(LANE)
    stamps = pl.col("ts_val") - newest
    behind = pl.col("id_at") - pl.col("id_at").cum_max().shift().over(LANE)
    by_stamps = stamps.fill_null(0) != 0
    by_ids = (pl.col("counts_ids") & (behind != 0)).fill_null(False)
    resent = (
        pl.when(by_stamps).then(stamps > 0).when(by_ids).then(behind > 0)
        .otherwise(pl.col("above_ns") > _OVERTAKEN_NS)
    )  # fmt: skip
    why = (
        pl.when(by_stamps).then(pl.lit("stamps")).when(by_ids).then(pl.lit("ids"))
        .otherwise(pl.lit("time"))
    )  # fmt: skip
    return resent, why


def _with_ids(rows: pl.DataFrame) -> pl.DataFrame:
    """Add ``id_at``, the IP id as a position that does not wrap, and ``counts_ids``: most packets
    of this sender have the next id or one of the next few.
    """
    step = ((pl.col("ip_id").diff() + 2**15) % 2**16 - 2**15).over(LANE)
    rows = rows.with_columns(id_step=step).with_columns(
        id_at=pl.col("id_step").fill_null(0).cum_sum().over(LANE)
    )
    few = pl.col("id_step").is_between(1, _NEXT_IDS)
    return rows.with_columns(counts_ids=(few.mean() > 0.5).over(LANE)).drop("id_step")
