"""By which of the sender's mechanisms a packet was sent again.

The congestion state says it (tracepoint ``tcp:tcp_cong_state_set``; net/ipv4/tcp_input.c): a fast
retransmission happens in Recovery, a retransmission timeout sets Loss just before it sends, and a
tail loss probe is all that is sent again in Open, Disorder or CWR. A repeated SYN is the timer's; a
repeated SYN-ACK is the timer's unless it answers a repeated SYN (net/ipv4/tcp_minisocks.c,
``tcp_check_req``).
"""

from __future__ import annotations

from tcpexp.late import polars as pl
from tcpexp.store.rundata import RunData

_ENDS = ("node", "connection", "src", "src_port", "dst", "dst_port")
#: From the kernel's setting of Loss to the retransmission in the capture, at most; and from a SYN's
#: arrival to the SYN-ACK that answers it.
AT_ONCE_NS, ANSWERED_NS = 5_000_000, 1_000_000
#: net/tcp.h: TCP_RTO_MIN; a tick at HZ = 250.
RTO_MIN_NS, TICK_NS = 200_000_000, 4_000_000
TRACEPOINT = "tcp:tcp_cong_state_set"


def traced(run: RunData, event: str) -> bool:
    """Return whether the run's kernel trace had the tracepoint ``event``, such as
    ``tcp:tcp_probe``.
    """
    trace = run.engine.get("trace") or {}
    names = trace.get("events", []) if isinstance(trace, dict) else []
    return event in {str(name).replace("/", ":") for name in names}


def name_mechanisms(run: RunData, again: pl.DataFrame) -> pl.DataFrame:
    """Add ``by`` and ``ca_state`` to packets that were sent again, in time order.

    Needs the columns of ``resent`` and ``zero_window``.
    """
    rows = _with_state(run, again)
    if traced(run, TRACEPOINT):
        rows = rows.with_columns(ca_state=pl.col("ca_state").fill_null("Open"))
    rows = _with_failed_probes(run, _with_messages(run, _with_answers(run, rows)))
    rows = _with_syn_data(run, rows)
    return _with_first(run, rows).with_columns(by=_mechanism())


def _with_first(run: RunData, rows: pl.DataFrame) -> pl.DataFrame:
    """Add ``first``: the first packet that was sent again at once after Loss was set, which the
    timer sent.

    While Loss lasts, or at the very instant in which it was set: on a virtual clock an ACK can end
    it before the clock moves.
    """
    losses = (
        run.table("ca_states")
        .filter(pl.col("ca_state") == "Loss")
        .select(*_ENDS, "t_ns")
        .sort("t_ns", maintain_order=True)
    )
    again = rows.filter(pl.col("kind").is_in(["data", "fin"])).sort("t_ns", "capture", "number")
    again = again.select(*_ENDS, "t_ns", "capture", "number", "ca_state", again_ns="t_ns")
    found = losses.join_asof(
        again,
        on="t_ns",
        by=list(_ENDS),
        strategy="forward",
        tolerance=AT_ONCE_NS,
        check_sortedness=False,
    )
    found = found.filter((pl.col("ca_state") == "Loss") | (pl.col("again_ns") == pl.col("t_ns")))
    found = found.select("capture", "number", first=pl.lit(True)).unique(["capture", "number"])
    return rows.join(
        found, on=["capture", "number"], how="left", maintain_order="left"
    ).with_columns(pl.col("first").fill_null(False))


def _with_state(run: RunData, again: pl.DataFrame) -> pl.DataFrame:
    """Add ``ca_state``, the congestion state in which each packet was sent, and ``set_ns``, when it
    was set.

    A virtual clock can stand still while several segments are processed, so a packet and a change
    can have the same time. Then Recovery or Loss counts, whether it began or ended at that instant:
    what is sent again in the other states follows no ACK.
    """
    states = (
        run.table("ca_states")
        .select(*_ENDS, "t_ns", "ca_state", set_ns="t_ns")
        .sort("t_ns", maintain_order=True)
    )
    states = states.with_columns(until_ns=pl.col("t_ns").shift(-1).over(_ENDS))
    rows = again.join_asof(
        states.drop("until_ns"),
        on="t_ns",
        by=list(_ENDS),
        strategy="backward",
        check_sortedness=False,
    )
    answers = states.filter(pl.col("ca_state").is_in(["Recovery", "Loss"])).rename(
        {"ca_state": "answer_state", "set_ns": "answer_ns"}
    )
    rows = rows.join_asof(
        answers, on="t_ns", by=list(_ENDS), strategy="backward", check_sortedness=False
    )
    held = pl.col("answer_state").is_not_null() & (pl.col("until_ns") >= pl.col("t_ns")).fill_null(
        True
    )
    return rows.with_columns(
        ca_state=pl.when(held).then(pl.col("answer_state")).otherwise(pl.col("ca_state")),
        set_ns=pl.when(held).then(pl.col("answer_ns")).otherwise(pl.col("set_ns")),
    ).drop("answer_state", "answer_ns", "until_ns")


def _mechanism() -> pl.Expr:
    kind, state = pl.col("kind"), pl.col("ca_state")
    too_large = pl.col("message") | pl.col("failed_probe")
    cause = (
        pl.when(too_large)
        .then(pl.lit("path_mtu"))
        .when("zero_window")
        .then(pl.lit("zero_window"))
        .otherwise(pl.lit("timeout"))
    )
    return (
        pl.when(kind == "syn")
        .then(pl.lit("timeout"))
        .when(kind == "syn-ack")
        .then(pl.when("answer").then(pl.lit("answer")).otherwise(pl.lit("timeout")))
        .when("syn_data")
        .then(pl.lit("syn_data"))
        .when("first")
        .then(cause)
        .when(state == "Loss")
        .then(pl.lit("after_timeout"))
        .when((state == "Recovery") & (pl.col("times") > 1))
        .then(pl.lit("lost_retransmission"))
        .when(state == "Recovery")
        .then(pl.lit("fast_retransmit"))
        .when(state.is_not_null())
        .then(pl.lit("tail_loss_probe"))
    )


def _with_answers(run: RunData, rows: pl.DataFrame) -> pl.DataFrame:
    """Add ``answer``: a SYN-ACK that follows a SYN's arrival at once.

    A second one after the same SYN is the timer's.
    """
    syns = run.table("packets").filter(
        (pl.col("protocol") == "tcp")
        & pl.col("flags").str.contains("S")
        & ~pl.col("flags").str.contains("A")
    )
    turned_back = {
        "src": pl.col("dst"),
        "src_port": pl.col("dst_port"),
        "dst": pl.col("src"),
        "dst_port": pl.col("src_port"),
    }
    arrived = syns.select("node", "connection", "t_ns", syn_ns="t_ns", **turned_back).sort(
        "t_ns", maintain_order=True
    )
    joined = rows.join_asof(
        arrived,
        on="t_ns",
        by=list(_ENDS),
        strategy="backward",
        tolerance=ANSWERED_NS,
        check_sortedness=False,
    )
    first = (pl.col("kind") == "syn-ack") & (
        pl.col("number").cum_count().over(*_ENDS, "syn_ns", "kind") == 1
    )
    return joined.with_columns(
        answer=(pl.col("syn_ns").is_not_null() & first).fill_null(False)
    ).drop("syn_ns")


def _with_syn_data(run: RunData, rows: pl.DataFrame) -> pl.DataFrame:
    """Add ``syn_data``: the first bytes of a stream, right after the SYN-ACK that did not
    acknowledge them. The SYN had carried them (RFC 7413; ``tcp_rcv_fastopen_synack``).
    """
    answers = (
        run.table("packets")
        .filter((pl.col("protocol") == "tcp") & (pl.col("flags") == "SA"))
        .select(
            "node",
            "connection",
            "t_ns",
            answered_ns="t_ns",
            src="dst",
            src_port="dst_port",
            dst="src",
            dst_port="src_port",
        )
        .sort("t_ns", maintain_order=True)
    )
    joined = rows.join_asof(
        answers,
        on="t_ns",
        by=list(_ENDS),
        strategy="backward",
        tolerance=ANSWERED_NS,
        check_sortedness=False,
    )
    first = (pl.col("kind") == "data") & (pl.col("seq_rel") == 1) & (pl.col("times") == 1)
    return joined.with_columns(
        syn_data=(first & pl.col("answered_ns").is_not_null()).fill_null(False)
    ).drop("answered_ns")


def _with_messages(run: RunData, rows: pl.DataFrame) -> pl.DataFrame:
    """Add ``message``: an ICMP message reached the sender at once before Loss was set, so path MTU
    discovery set it (``tcp_simple_retransmit``).
    """
    joined = with_last_message(run, rows, ANSWERED_NS)
    return joined.with_columns(message=pl.col("message_ns").is_not_null()).drop("message_ns")


def with_last_message(run: RunData, rows: pl.DataFrame, within_ns: int) -> pl.DataFrame:
    """Add ``message_ns``: when the node last saw an ICMP message, at most ``within_ns`` before
    ``t_ns``; null when there was none. ``rows`` are in the order of ``t_ns``.
    """
    messages = (
        run.table("packets")
        .filter(pl.col("protocol") == "icmp")
        .select("node", "t_ns", message_ns="t_ns")
        .sort("t_ns", maintain_order=True)
    )
    return rows.join_asof(
        messages,
        on="t_ns",
        by="node",
        strategy="backward",
        tolerance=within_ns,
        check_sortedness=False,
    )


def _with_failed_probes(run: RunData, rows: pl.DataFrame) -> pl.DataFrame:
    """Add ``failed_probe``: a probe of the path MTU was lost, and ACKs said so
    (``tcp_mtup_probe_failed``, RFC 4821 section 7.6.2).

    Its host counted such a failure (``TcpExt.TCPMTUPFail``), and the packet had been sent more
    recently than any timer allows.
    """
    counted = run.table("counters").filter(pl.col("counter") == "TcpExt.TCPMTUPFail")
    grown = (
        counted.group_by("node")
        .agg(pl.col("value").last() > pl.col("value").first())
        .filter("value")["node"]
    )
    early = (pl.col("gap_ns") < RTO_MIN_NS - TICK_NS).fill_null(False)
    return rows.with_columns(failed_probe=pl.col("node").is_in(grown.implode()) & early)
