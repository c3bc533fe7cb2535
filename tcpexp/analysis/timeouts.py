"""Every time that a retransmission timer ran out: the table ``timeouts``, with the same members as
the kernel's ``TcpExt.TCPTimeouts``.

The kernel counts in ``tcp_retransmit_timer`` and ``tcp_syn_ack_timeout`` (net/ipv4/tcp_timer.c): a
timer that ran out for data, a SYN or a FIN, also the last one, at which it gives up instead of
sending; and each time that the timer of a half-open connection ran out. It does not count a
zero-window probe, nor what path MTU discovery sends again.
"""

from __future__ import annotations

from typing import Any

from tcpexp.analysis.mechanisms import AT_ONCE_NS, TRACEPOINT, traced, with_last_message
from tcpexp.analysis.resent import ENDS, kind_of, received_acks, sent_packets
from tcpexp.late import polars as pl
from tcpexp.plan.types import FlowPlan
from tcpexp.store.frames import conform, empty_frame
from tcpexp.store.rundata import NANOSECONDS, RunData

#: A timer is never early by more than half a tick at HZ = 250; a segment that arrived at most so
#: long before can have been the cause of a change.
_EARLY_NS, _CAUSE_NS = 2_000_000, 1_000_000
_SYNACK_RTO_NS = NANOSECONDS
_UNFINISHED = (
    "SYN-SENT",
    "SYN-RECEIVED",
    "ESTABLISHED",
    "FIN-WAIT-1",
    "CLOSE-WAIT",
    "CLOSING",
    "LAST-ACK",
)


def build_timeouts(run: RunData, resent: pl.DataFrame) -> pl.DataFrame:
    """Return the ``timeouts`` table; ``resent`` is the table of that name.

    Without the tracepoint ``tcp:tcp_cong_state_set`` only SYN and SYN-ACK are known: data and FIN
    may have been sent again for other reasons.
    """
    sent = sent_packets(run)
    parts = [
        _that_sent(resent),
        _that_sent_nothing(run, resent, sent),
        _that_gave_up(run, sent),
        _half_open_gone(run, resent, sent),
    ]
    rows = pl.concat(
        [empty_frame("timeouts").drop("times", "factor"), *(part for part in parts if part.height)],
        how="diagonal_relaxed",
    )
    same = (*ENDS, "seq_rel", "kind")
    rows = rows.sort("t_ns", maintain_order=True).with_columns(
        times=pl.int_range(1, pl.len() + 1).over(same), gave_up=pl.col("gave_up").fill_null(False)
    )
    return conform(
        rows.with_columns(factor=pl.col("gap_ns") / pl.col("gap_ns").shift().over(same)), "timeouts"
    )


def _that_sent(resent: pl.DataFrame) -> pl.DataFrame:
    """Return the timeouts that sent something: SYNs and SYN-ACKs by the capture, the others by the
    congestion state.
    """
    rows = resent.filter(pl.col("by") == "timeout")
    source = (
        pl.when(pl.col("kind").is_in(["syn", "syn-ack"]))
        .then(pl.lit("capture"))
        .otherwise(pl.lit("tcp_cong_state_set"))
    )
    return (
        rows.with_columns(source=source)
        .drop("segments", "times", "by", "ca_state", "payload_bytes")
        .with_columns(gave_up=pl.lit(False))
    )


def _that_sent_nothing(run: RunData, resent: pl.DataFrame, sent: pl.DataFrame) -> pl.DataFrame:
    """Return the timeouts after which the kernel set Loss and no packet left: a rule of the host's
    own firewall or a full queue stopped it.
    """
    loss = (
        run.table("ca_states")
        .filter(pl.col("ca_state") == "Loss")
        .select(*ENDS, "t_ns", "flow")
        .sort("t_ns", maintain_order=True)
    )
    if loss.is_empty():
        return empty_frame("timeouts")
    again = resent.select(*ENDS, "t_ns", again_ns="t_ns").sort("t_ns", maintain_order=True)
    alone = loss.join_asof(
        again,
        on="t_ns",
        by=list(ENDS),
        strategy="forward",
        tolerance=AT_ONCE_NS,
        check_sortedness=False,
    )
    alone = alone.filter(pl.col("again_ns").is_null()).drop("again_ns")
    acks = received_acks(run, alone).select(*ENDS, "t_ns", "window")
    alone = alone.join_asof(
        acks, on="t_ns", by=list(ENDS), strategy="backward", check_sortedness=False
    )
    alone = alone.filter((pl.col("window") != 0).fill_null(True)).drop("window")
    return _with_last_sent(alone, sent).with_columns(source=pl.lit("tcp_cong_state_set"))


def _with_last_sent(rows: pl.DataFrame, sent: pl.DataFrame) -> pl.DataFrame:
    """Add what a timeout that sent nothing was about, ``kind``, ``seq_rel`` and ``gap_ns``: the
    last packet that its sender had sent.
    """
    last = sent.select(*ENDS, "t_ns", "seq_rel", kind=kind_of(), sent_ns="t_ns").sort(
        "t_ns", maintain_order=True
    )
    joined = rows.sort("t_ns", maintain_order=True).join_asof(
        last, on="t_ns", by=list(ENDS), strategy="backward", check_sortedness=False
    )
    return joined.with_columns(gap_ns=pl.col("t_ns") - pl.col("sent_ns")).drop("sent_ns")


def _that_gave_up(run: RunData, sent: pl.DataFrame) -> pl.DataFrame:
    """Return the timeouts at which the kernel ended a connection (``tcp_write_timeout``).

    A timer closed the socket: in a softirq, while something was not acknowledged, and nothing had
    just arrived (data for a closed program end it too). Not when the window was zero: that is the
    persist timer's giving up (``tcp_probe_timer``). What arrives in SYN-SENT and is no reset did
    not reach the socket.
    """
    names = {
        "src": "local_address",
        "src_port": "local_port",
        "dst": "peer_address",
        "dst_port": "peer_port",
    }
    closed = run.table("states").filter(
        (pl.col("new_state") == "CLOSED")
        & pl.col("old_state").is_in(_UNFINISHED)
        & pl.col("softirq").fill_null(False)
    )
    ends = {ours: pl.col(theirs) for ours, theirs in names.items()}
    rows = closed.select("node", "connection", "t_ns", "flow", "old_state", **ends).sort(
        "t_ns", maintain_order=True
    )
    if rows.is_empty():
        return empty_frame("timeouts")
    arrived = _arrivals(run, rows)
    rows = rows.join_asof(
        arrived, on="t_ns", by=list(ENDS), strategy="backward", check_sortedness=False
    )
    rows = with_last_message(run, rows, _CAUSE_NS)
    newest = sent.select(
        *ENDS,
        "t_ns",
        sent_ns="t_ns",
        upto=(pl.col("seq") + pl.col("end") - pl.col("begin")) % 2**32,
    ).sort("t_ns", maintain_order=True)
    rows = rows.join_asof(
        newest, on="t_ns", by=list(ENDS), strategy="backward", check_sortedness=False
    )
    outstanding = pl.col("upto").is_not_null() & (
        pl.col("ack").is_null() | ((pl.col("upto") - pl.col("ack")) % 2**32).is_between(1, 2**31)
    )
    cause_ns = (
        pl.when(pl.col("old_state") == "SYN-SENT")
        .then(pl.col("reset_ns"))
        .otherwise(pl.col("arrived_ns"))
    )
    quiet = (pl.col("t_ns") - cause_ns > _CAUSE_NS).fill_null(True) & pl.col("message_ns").is_null()
    # A SYN's timer is never shorter than a second (RFC 6298 section 2.1); a host that does not
    # answer ARP ends the connection earlier.
    syn = (
        (pl.col("old_state") == "SYN-SENT")
        & pl.col("upto").is_not_null()
        & (pl.col("t_ns") - pl.col("sent_ns") >= NANOSECONDS - _EARLY_NS)
    )
    due = pl.when(pl.col("old_state") == "SYN-SENT").then(syn).otherwise(outstanding)
    rows = rows.filter(due & quiet & (pl.col("window") != 0).fill_null(True)).select(
        *ENDS, "t_ns", "flow"
    )
    return _with_last_sent(rows, sent).with_columns(
        gave_up=pl.lit(True), source=pl.lit("inet_sock_set_state")
    )


def _arrivals(run: RunData, rows: pl.DataFrame) -> pl.DataFrame:
    """Return what each of the sockets received: when, the ACK and window that it brought, and when
    the last reset came.
    """
    got = received_acks(run, rows)
    ack = pl.when(pl.col("flags").str.contains("A")).then(pl.col("ack"))
    reset_ns = (
        pl.when(pl.col("flags").str.contains("R")).then(pl.col("t_ns")).forward_fill().over(*ENDS)
    )
    return got.select(
        *ENDS,
        "t_ns",
        arrived_ns="t_ns",
        reset_ns=reset_ns,
        ack=ack,
        window=pl.when(ack.is_not_null()).then(pl.col("window")),
    )


def _half_open_gone(run: RunData, resent: pl.DataFrame, sent: pl.DataFrame) -> pl.DataFrame:
    """Return the last timeouts of half-open connections, which send nothing.

    After as many as ``tcp_synack_retries`` allows the request is dropped.

    Known from ``ss``: the request was there before the timer's time (1 s, doubled at each timeout)
    and is gone after it, and no ACK came.
    """
    keys = sent.filter(pl.col("flags").str.contains("S") & pl.col("flags").str.contains("A"))
    rows = []
    lives = [
        (dict(zip(ENDS, key, strict=False)), rows)
        for key, rows in keys.sort("t_ns", maintain_order=True).group_by(
            *ENDS, "life", maintain_order=True
        )
    ]
    for index, (key, live) in enumerate(lives):
        following = (int(later["t_ns"][0]) for other, later in lives[index + 1 :] if other == key)
        row = _gone(run, key, live, resent, next(following, None))
        rows += [row] if row else []
    return pl.DataFrame(rows, infer_schema_length=None) if rows else empty_frame("timeouts")


def _gone(
    run: RunData, key: dict[str, Any], own: pl.DataFrame, resent: pl.DataFrame, next_ns: int | None
) -> dict[str, Any] | None:
    """Return the last timeout of one half-open connection, or None.

    At ``next_ns`` another with the same ends began, which is as good as a snapshot.
    """
    fired = (
        resent.join(own.select("capture", "number"), on=["capture", "number"], how="semi")
        .filter(pl.col("by") == "timeout")
        .height
    )
    last = own.row(-1, named=True)
    due_ns = int(last["t_ns"]) + (_SYNACK_RTO_NS << fired)
    until_ns = run.end_ns + NANOSECONDS if next_ns is None else next_ns
    if due_ns > until_ns:
        return None
    mine = pl.all_horizontal(
        pl.col(theirs) == pl.lit(key[ours])
        for ours, theirs in {
            "node": "node",
            "src": "local_address",
            "src_port": "local_port",
            "dst": "peer_address",
            "dst_port": "peer_port",
        }.items()
    )
    sockets = run.table("sockets").filter(
        (pl.col("node") == key["node"]) & (pl.col("t_ns") < until_ns)
    )
    half = sockets.filter(mine & (pl.col("state") == "syn-recv") & (pl.col("t_ns") > last["t_ns"]))[
        "t_ns"
    ]
    if half.is_empty() or int(half[-1]) < due_ns - _EARLY_NS - _largest_gap(sockets):
        return None
    later = [
        *sockets.filter(pl.col("t_ns") > half[-1])["t_ns"].head(1).to_list(),
        *([] if next_ns is None else [next_ns]),
    ]
    alive = sockets.filter(mine & (pl.col("t_ns") > half[-1]))
    if (
        not later
        or alive.height
        or int(later[0]) < due_ns - _EARLY_NS
        or _completed(run, key, int(last["t_ns"]), until_ns)
    ):
        return None
    at = max(int(half[-1]), due_ns)
    named = {name: key[name] for name in ENDS}
    about = {
        "flow": last["flow"],
        "kind": "syn-ack",
        "seq_rel": last["seq_rel"],
        "gap_ns": at - int(last["t_ns"]),
    }
    return {**named, **about, "t_ns": at, "gave_up": True, "source": "ss"}


def _completed(run: RunData, key: dict[str, Any], from_ns: int, until_ns: int) -> bool:
    """Return whether a half-open connection became a whole one, also between two snapshots, or went
    with its listener.
    """
    ends = {
        "node": "node",
        "src": "local_address",
        "src_port": "local_port",
        "dst": "peer_address",
        "dst_port": "peer_port",
    }
    if traced(run, "sock:inet_sock_set_state"):
        mine = pl.all_horizontal(
            pl.col(theirs) == pl.lit(key[ours]) for ours, theirs in ends.items()
        )
        listener = (
            (pl.col("node") == key["node"])
            & (pl.col("local_port") == key["src_port"])
            & (pl.col("old_state") == "LISTEN")
        )
        rows = run.table("states").filter(
            (mine & (pl.col("new_state") == "ESTABLISHED"))
            | (listener & (pl.col("new_state") == "CLOSED"))
        )
    else:
        acks = received_acks(run, pl.DataFrame([{name: key[name] for name in ENDS}]))
        rows = acks.filter(
            pl.col("flags").str.contains("A") & ~pl.col("flags").str.contains("[SR]")
        )
    return rows.filter(pl.col("t_ns").is_between(from_ns, until_ns)).height > 0


def _largest_gap(sockets: pl.DataFrame) -> int:
    """Return the longest time between two snapshots, ns."""
    gaps: Any = sockets["t_ns"].unique().sort().diff().max()
    return int(gaps or 0)


def timeouts_of(run: RunData, flow: FlowPlan) -> pl.DataFrame:
    """Return the rows of ``timeouts`` of a flow's sender, in time order."""
    return run.table("timeouts").filter(
        (pl.col("flow") == flow.name) & (pl.col("node") == flow.sender)
    )


def measure_timeouts(run: RunData, flow: FlowPlan) -> dict[str, Any] | None:
    """Return how often a flow's timer ran out, the estimated RTO and the median back-off.

    The RTO is in ms: the first and the largest. None when neither trace nor capture knows.
    """
    rows = timeouts_of(run, flow)
    if rows.is_empty() and not traced(run, TRACEPOINT):
        return None
    gaps, factors = rows["gap_ns"].drop_nulls().to_numpy() / 1e6, rows["factor"].drop_nulls()
    return {
        "count": rows.height,
        "first_ms": float(gaps[0]) if gaps.size else None,
        "max_ms": float(gaps.max()) if gaps.size else None,
        "backoff": factors.median() if factors.len() else None,
    }
