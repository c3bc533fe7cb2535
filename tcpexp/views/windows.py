"""Windows over time: the senders' congestion windows and the receivers' advertised ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.late import polars as pl
from tcpexp.plan.flows import addresses_of, flow_of, receiver_of
from tcpexp.record.tables.kernel import INFINITE_SSTHRESH
from tcpexp.views.spans import Span, rows_within

if TYPE_CHECKING:
    from tcpexp.plan.types import FlowPlan
    from tcpexp.store.rundata import RunData


def kernel_samples(run: RunData, span: Span | None = None) -> pl.DataFrame:
    """Return the rows of ``flow_states`` whose segment size is known, with ``segments``: what is in
    flight, in full segments.

    In flight is ``snd_nxt - snd_una`` of the kernel's trace, a full segment its ``mss``: never the
    largest packet that a capture shows, which with segmentation offload is many segments.
    """
    rows = rows_within(run.table("flow_states"), span)
    return rows.filter(pl.col("mss") > 0).with_columns(
        segments=pl.col("in_flight_bytes") / pl.col("mss")
    )


def sender_windows(run: RunData, span: Span | None = None) -> tuple[pl.DataFrame, str]:
    """Return the senders' windows over time and where they come from, ``tcp_probe`` or ``ss``.

    Columns: ``flow``, ``connection`` (its number in the table connections), ``t_ns``, ``cwnd`` and
    ``ssthresh`` (segments; null while infinite); in time order.
    """
    states = rows_within(run.table("flow_states"), span)
    if not states.is_empty():
        return (
            _busy_connections(
                states.select("flow", "connection", "t_ns", "cwnd", "ssthresh").sort(
                    "t_ns", maintain_order=True
                )
            ),
            "tcp_probe",
        )
    finite = (
        pl.when(pl.col("ssthresh") < INFINITE_SSTHRESH).then(pl.col("ssthresh")).alias("ssthresh")
    )
    for source in ("tcp_probe", "sockets"):
        table = rows_within(run.table(source), span)
        wanted = table.filter(pl.col("flow").is_not_null() & pl.col("cwnd").is_not_null())
        if source == "sockets":
            wanted = wanted.filter(pl.col("state").is_in(["estab", "close-wait", "fin-wait-1"]))
        senders = {
            name: flow.sender
            for name in wanted["flow"].unique().to_list()
            if (flow := flow_of(run.plan, name))
        }
        mine = pl.col("node") == pl.col("flow").replace_strict(
            senders, default=None, return_dtype=pl.String
        )
        kept = wanted.filter(mine).sort("t_ns", maintain_order=True)
        if not kept.is_empty():
            columns = kept.select("flow", "connection", "t_ns", "cwnd", finite)
            return _busy_connections(columns), "ss" if source == "sockets" else source
    return (
        pl.DataFrame(
            schema={
                "flow": pl.String,
                "connection": pl.Int64,
                "t_ns": pl.Int64,
                "cwnd": pl.Int64,
                "ssthresh": pl.Int64,
            }
        ),
        "ss",
    )


def _busy_connections(samples: pl.DataFrame) -> pl.DataFrame:
    """Leave out connections with a small part of their flow's samples: control channels are not the
    flow.
    """
    counts = samples.group_by("flow", "connection").len()
    most = counts.group_by("flow").agg(pl.col("len").max().alias("most"))
    busy = (
        counts.join(most, on="flow")
        .filter(pl.col("len") * 20 >= pl.col("most"))
        .select("flow", "connection")
    )
    return samples.join(busy, on=["flow", "connection"], how="semi", maintain_order="left")


def busiest_connection(rows: pl.DataFrame) -> int | None:
    """Return the connection that most of ``rows`` are about, the later one of two."""
    counts = rows.group_by("connection").len()
    most = counts.sort(["len", "connection"], descending=[True, False])["connection"]
    return None if most.is_empty() else most[0]


def first_data_ns(run: RunData, flow: str) -> int:
    """Return when a flow's first full segment left, as the captures show it."""
    sent = run.table("packets").filter((pl.col("flow") == flow) & (pl.col("payload_bytes") > 0))
    first = (
        sent.filter(pl.col("payload_bytes") == sent["payload_bytes"].max())["t_ns"].min()
        if sent.height
        else None
    )
    return int(first or 0)  # type: ignore[arg-type]


def flow_windows(run: RunData, samples: pl.DataFrame, flow: str) -> pl.DataFrame:
    """Return the windows of a flow's busiest connection since its first data.

    Columns: ``seconds``, ``cwnd``, ``ssthresh``, and ``settled``, which is cwnd outside of fast
    recovery, else null.
    """
    own = samples.filter((pl.col("flow") == flow) & (pl.col("t_ns") >= first_data_ns(run, flow)))
    recovering = pl.lit(False)
    busiest = (
        own.group_by("connection")
        .len()
        .sort(["len", "connection"], descending=[True, False])["connection"]
        .head(1)
    )
    own, phases = (
        frame.filter(pl.col("connection").is_in(busiest.implode()))
        for frame in (own, run.table("phases"))
    )
    for row in phases.filter(pl.col("phase") == "fast_recovery").iter_rows(named=True):
        recovering = recovering | (
            (pl.col("t_ns") > row["from_ns"]) & (pl.col("t_ns") <= row["to_ns"])
        )
    seconds = (pl.col("t_ns") - first_data_ns(run, flow)) / 1e9
    return own.select(
        seconds.alias("seconds"), "cwnd", "ssthresh", settled=pl.when(~recovering).then("cwnd")
    )


def advertised_windows(run: RunData, flow: FlowPlan, span: Span | None = None) -> pl.DataFrame:
    """Return the segments that a flow's receiver sent, in order: what each acknowledges and
    advertises.

    Columns: ``t_ns``, ``capture``, ``number``, ``ack_rel``, ``window`` (the field), ``scale``
    (shift count), ``window_bytes``, ``change`` and ``edge`` in bytes. ``scale`` is null in a
    SYN-ACK, whose window is never scaled. Of several connections the first.
    """
    receiver = receiver_of(flow)
    seen = (
        run.table("packets")
        .filter((pl.col("flow") == flow.name) & (pl.col("node") == receiver))
        .sort("t_ns", "number")
    )
    seen = seen.filter(pl.col("stream").eq_missing(pl.lit(seen["stream"].min())))
    scale = _scale(seen, addresses_of(run.plan, receiver))
    rows = seen.filter(
        pl.col("src").is_in(addresses_of(run.plan, receiver))
        & pl.col("window_bytes").is_not_null()
        & ~pl.col("flags").str.contains("R")
    )
    syn = pl.col("flags").str.contains("S")
    rows = rows.select(
        "t_ns",
        "capture",
        "number",
        pl.col("ack_rel").fill_null(0),
        "window",
        pl.when(syn).then(None).otherwise(pl.lit(scale)).alias("scale"),
        "window_bytes",
    )
    rows = rows.with_columns(
        change=pl.col("window_bytes").diff(), edge=pl.col("ack_rel") + pl.col("window_bytes")
    )
    return rows_within(rows, span)


def _scale(packets: pl.DataFrame, receiver: list[str]) -> int:
    """Return the receiver's shift count: that of its SYN, in force only when both ends sent the
    option (RFC 7323 section 2.2).
    """
    syns = packets.filter(pl.col("flags").str.contains("S") & pl.col("wscale").is_not_null())
    own = syns.filter(pl.col("src").is_in(receiver))["wscale"]
    return int(own[0]) if len(own) and syns["src"].n_unique() == 2 else 0
