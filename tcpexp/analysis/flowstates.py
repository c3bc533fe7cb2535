"""Kernel trace and ss snapshots to the table ``flow_states``: what a flow's sender knew, per
segment that it received and per timeout.
"""

from __future__ import annotations

from tcpexp.analysis.backoff import SHOWN_BY_SS, rows_in_backoff
from tcpexp.ingest.sequence import unwrap_seq
from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.plan.types import FlowCongestionControl, FlowPlan
from tcpexp.record.tables.kernel import INFINITE_SSTHRESH
from tcpexp.store.frames import conform, empty_frame
from tcpexp.store.rundata import RunData

#: States of a socket that can still send data.
_SENDING = ("estab", "close-wait", "fin-wait-1", "last-ack", "closing")
#: Congestion controls that pace what they send, so that a window which is not full need not mean
#: that there is nothing to send.
PACED = ("bbr", "bbr2", "bbr3")


def build_flow_states(run: RunData) -> pl.DataFrame:
    """Return the ``flow_states`` table: a row per segment that a flow's sender received.

    As ``tcp:tcp_probe`` recorded it; and rows while a timer backs off.

    The tracepoint stands at the head of ``tcp_rcv_established`` (net/ipv4/tcp_input.c): each row
    holds the state before that segment was processed, so what an ACK did is in the row after it.
    Between two segments the window changes when a retransmission timer runs out
    (:mod:`tcpexp.analysis.backoff`). Without the tracepoint the table is empty.
    """
    parts = [_of_flow(run, flow) for flow in run.plan.flows]
    parts = [part for part in parts if part.height]
    return conform(pl.concat(parts), "flow_states") if parts else empty_frame("flow_states")


def _of_flow(run: RunData, flow: FlowPlan) -> pl.DataFrame:
    probe = run.table("tcp_probe").filter(
        (pl.col("flow") == flow.name) & (pl.col("node") == flow.sender)
    )
    if probe.is_empty():
        return empty_frame("flow_states")
    rows = probe.rename({"src_port": "port"}).sort("connection", "t_ns", maintain_order=True)
    snapshots = sender_snapshots(run, flow)
    rows = rows.join_asof(
        snapshots, on="t_ns", by="connection", strategy="backward", check_sortedness=False
    )
    changes = congestion_states(run, flow)
    rows = rows.join_asof(
        changes,
        on="t_ns",
        by="connection",
        strategy="backward",
        check_sortedness=False,
        allow_exact_matches=False,
    )
    rows = rows.with_columns(
        _thresholds(rows),
        mss=pl.coalesce(
            pl.col("mss").fill_null(strategy="backward").over("connection"),
            pl.lit(segment_bytes(run, flow), dtype=pl.Int64),
        ),
        in_flight_bytes=(pl.col("snd_nxt") - pl.col("snd_una")) % 2**32,
        acked_bytes=_acked(rows),
        receive_window_bytes=pl.col("snd_wnd"),
        ca_state=pl.col("ca_state").fill_null("Open"),
        congestion_control=_controls(run, flow, rows),
    )
    rows = conform(rows.with_columns(limited=_limited(), source=pl.lit("tcp_probe")), "flow_states")
    between = rows_in_backoff(run, flow, rows, snapshots, changes)
    return conform(pl.concat([rows, between]), "flow_states")


def sender_snapshots(run: RunData, flow: FlowPlan) -> pl.DataFrame:
    """Return the ss snapshots of a flow's sending sockets, by ``connection`` and ``t_ns``, with
    what ``flow_states`` takes from them.
    """
    own = run.table("sockets").filter(
        (pl.col("flow") == flow.name)
        & (pl.col("node") == flow.sender)
        & pl.col("state").is_in(_SENDING)
    )
    return own.select(
        "connection",
        "t_ns",
        "mss",
        *SHOWN_BY_SS[:-2],
        ss_cwnd="cwnd",
        ss_ssthresh="ssthresh",
        ss_control=pl.col("congestion_control"),
        bbr_pacing_gain=pl.col("info").str.extract(r"pacing_gain:([\d.]+)").cast(pl.Float64),
        bbr_cwnd_gain=pl.col("info").str.extract(r"cwnd_gain:([\d.]+)").cast(pl.Float64),
        notsent=pl.col("info").str.extract(r"notsent:(\d+)").cast(pl.Int64).fill_null(0),
    ).sort("connection", "t_ns")


def congestion_states(run: RunData, flow: FlowPlan) -> pl.DataFrame:
    """Return (connection, t_ns, ca_state) of a flow's sending sockets, in order."""
    own = run.table("ca_states").filter(
        (pl.col("flow") == flow.name) & (pl.col("node") == flow.sender)
    )
    return own.select("connection", "t_ns", "ca_state").sort(
        "connection", "t_ns", maintain_order=True
    )


def segment_bytes(run: RunData, flow: FlowPlan) -> int | None:
    """Return the payload of a flow's full segment: the smaller MSS of its SYNs, less the time-stamp
    option. None without a SYN.

    RFC 7323 appendix A: twelve bytes of each segment's options are taken by time stamps once both
    ends have offered them.
    """
    syns = run.table("packets").filter((pl.col("flow") == flow.name) & pl.col("mss").is_not_null())
    if syns.is_empty():
        return None
    # whether time stamps were offered is not known: what was sent says how much fits
    if syns["options_cut"].any():
        sent = (
            run.table("packets")
            .filter((pl.col("flow") == flow.name) & (pl.col("node") == flow.sender))[
                "payload_bytes"
            ]
            .max()
        )
        return int(sent) if isinstance(sent, int) and sent > 0 else None
    stamps = 12 if syns["ts_val"].null_count() == 0 else 0
    return int(syns["mss"].min()) - stamps  # type: ignore[arg-type]


def _acked(rows: pl.DataFrame) -> pl.Series:
    """Return per row how many bytes had been acknowledged since its connection's first row."""
    acked = np.zeros(rows.height, dtype=np.int64)
    for begin, end in connection_slices(rows):
        una = unwrap_seq(rows["snd_una"].to_numpy()[begin:end])
        acked[begin:end] = una - una[0]
    return pl.Series("acked_bytes", acked)


def connection_slices(rows: pl.DataFrame) -> list[tuple[int, int]]:
    """Return (first, last + 1) of the rows of each connection.

    The frame is sorted by connection.
    """
    numbers = rows["connection"].to_numpy()
    cuts = np.flatnonzero(np.diff(numbers)) + 1
    return list(zip([0, *cuts.tolist()], [*cuts.tolist(), numbers.size], strict=True))


def _thresholds(rows: pl.DataFrame) -> pl.Series:
    """Return ssthresh as the socket has it, null while infinite.

    Outside of Recovery and CWR the tracepoint reports ``tcp_current_ssthresh`` (include/net/tcp.h):
    the larger of ssthresh and 3/4 of cwnd. Where it reports just that, the last threshold that was
    seen holds on, unless it is larger.
    """
    cwnd, shown = rows["cwnd"].to_numpy(), rows["ssthresh"].to_numpy()
    covered = (shown == (cwnd >> 1) + (cwnd >> 2)) & (cwnd > 2)
    known = pl.Series(np.where(covered, -1, shown)).replace(-1, None)
    carried = pl.DataFrame({"connection": rows["connection"], "known": known}).select(
        pl.col("known").forward_fill().over("connection")
    )["known"]
    true = pl.select(pl.min_horizontal(pl.lit(pl.Series(shown)), carried)).to_series()
    return (
        pl.select(pl.when(pl.lit(true) < INFINITE_SSTHRESH).then(pl.lit(true)))
        .to_series()
        .alias("ssthresh")
    )


def _controls(run: RunData, flow: FlowPlan, rows: pl.DataFrame) -> pl.Expr:
    """Return each row's congestion control: the plan's or else ss's first, and from each switch of
    its connection on the new one.
    """
    first = pl.col("ss_control").fill_null(strategy="backward").over("connection")
    control = pl.coalesce(pl.lit(flow.congestion_control, dtype=pl.String), first)
    was_there = pl.col("t_ns").min().over("connection")
    for t_ns, algorithm in control_switches(run, flow):
        control = (
            pl.when((pl.col("t_ns") >= t_ns) & (was_there < t_ns))
            .then(pl.lit(algorithm))
            .otherwise(control)
        )
    return control


def control_switches(run: RunData, flow: FlowPlan) -> list[tuple[int, str]]:
    """Return (time, algorithm) of the run's switches of this flow's congestion control, as they
    really happened.

    A switch is of the sockets of one process: the flow's own where the client sends, else the
    server's, which serves all flows of its port.
    """
    started = run.table("events").filter(pl.col("event") == "start")
    actual = dict(zip(started["step"].to_list(), started["t_ns"].to_list(), strict=True))
    found = []
    for step in run.plan.steps:
        switch = step.do
        if (
            not isinstance(switch, FlowCongestionControl)
            or (switch.node, switch.port) != (flow.sender, flow.port)
            or step.id not in actual
        ):
            continue
        if flow.sender != flow.client or switch.step == flow.step:
            found.append((int(actual[step.id]), switch.algorithm))
    return sorted(found)


def _limited() -> pl.Expr:
    """Return what keeps the sender from sending more, from what was in flight when the ACK came.

    RFC 5681 section 2: a sender may have min(cwnd, rwnd) outstanding. What is short of that by less
    than a segment is limited by it.
    """
    room = pl.col("in_flight_bytes") + pl.col("mss")
    recovering = ~pl.col("ca_state").is_in(["Open", "Disorder"])
    paced = pl.col("congestion_control").is_in(PACED) & (pl.col("notsent").fill_null(1) > 0)
    return (
        pl.when(pl.col("mss").is_null())
        .then(None)
        .when(recovering)
        .then(pl.lit("cwnd"))
        .when(room > pl.col("receive_window_bytes"))
        .then(pl.lit("receiver"))
        .when(room > pl.col("cwnd") * pl.col("mss"))
        .then(pl.lit("cwnd"))
        .when(paced)
        .then(pl.lit("pacing"))
        .otherwise(pl.lit("application"))
    )
