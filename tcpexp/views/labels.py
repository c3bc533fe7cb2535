"""What Wireshark's labels mean, in general and in the run at hand, and where the name misleads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcpexp.late import polars as pl

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

#: Wireshark's own words for its labels, in the order of the rows.
WORDS: dict[str, str] = {
    "lost_segment": "Previous Segment Not Captured",
    "ack_lost_segment": "ACKed Unseen Segment",
    "out_of_order": "Out-Of-Order",
    "duplicate_ack": "Duplicate ACK",
    "fast_retransmission": "Fast Retransmission",
    "retransmission": "Retransmission",
    "rto": "Retransmission after RTO",
    "spurious_retransmission": "Spurious Retransmission",
    "window_full": "Window Full",
    "zero_window": "Zero Window",
    "zero_window_probe": "Zero-Window Probe",
    "zero_window_probe_ack": "Zero-Window Probe ACK",
    "window_update": "Window Update",
    "keep_alive": "Keep-Alive",
    "keep_alive_ack": "Keep-Alive ACK",
    "reused_ports": "Port Numbers Reused",
}

#: What a label means, in one sentence for someone who sees it for the first time.
MEANINGS: dict[str, str] = {
    "retransmission": (
        "A segment whose bytes were sent before: the sender takes the first one for lost."
    ),
    "fast_retransmission": (
        "A retransmission soon after duplicate ACKs, without waiting for the timer."
    ),
    "spurious_retransmission": (
        "A retransmission of bytes that the receiver had already acknowledged: it was not needed."
    ),
    "rto": "A retransmission after the retransmission timer ran out.",
    "out_of_order": "A segment that arrived later than one that was sent after it.",
    "duplicate_ack": (
        "The same acknowledgment again: something arrived, but not the next byte that the receiver"
        " waits for."
    ),
    "lost_segment": (
        "A gap before this segment: the capture has not seen the bytes in between (lost before"
        " here, or still to come)."
    ),
    "ack_lost_segment": "An acknowledgment of bytes that this capture has not seen.",
    "zero_window": (
        "The receiver's buffer is full: it advertises a window of 0, and the sender must stop."
    ),
    "zero_window_probe": "The sender asks with one byte whether the window is still closed.",
    "zero_window_probe_ack": "The answer to such a probe.",
    "window_full": "This segment uses the last byte of the window that the receiver advertised.",
    "window_update": "An acknowledgment that only opens the window further.",
    "keep_alive": (
        "A segment with the last acknowledged byte again: a keep-alive, or Linux's probe of a"
        " closed window."
    ),
    "keep_alive_ack": "The answer to such a segment.",
    "reused_ports": "A new connection with the same addresses and ports as an earlier one.",
}


def meaning_here(run: RunData, label: str, rows: pl.DataFrame) -> str:
    """Return a sentence on what the packets with ``label`` show in this run.

    ``rows`` are those packets, from ``packets``. Empty when nothing is to be added.
    """
    look = _LOOKS.get(label)
    return look(run, rows) if look is not None and not rows.is_empty() else ""


def _keep_alive(run: RunData, rows: pl.DataFrame) -> str:
    probes = sum(
        _window_before(run, row) == 0 for row in rows.head(_LOOKED_AT).iter_rows(named=True)
    )
    if not probes:
        return (
            "Here the window was open: real keep-alive probes, which a program has asked for"
            " (SO_KEEPALIVE)."
        )
    few = (
        "All"
        if probes == min(rows.height, _LOOKED_AT)
        else f"{probes} of the first {min(rows.height, _LOOKED_AT)}"
    )
    return (
        f"The name misleads here. {few} came while the peer advertised a window of 0: zero-window"
        " probes, which Linux sends without data."
    )


def _keep_alive_ack(run: RunData, rows: pl.DataFrame) -> str:
    return (
        "Here it advertises a window of 0: the answer to a zero-window probe."
        if rows["window_bytes"].min() == 0
        else ""
    )


def _lost_segment(run: RunData, rows: pl.DataFrame) -> str:
    lost, late = _fate(run)
    if lost is None:
        return ""
    if not lost and not late:
        return (
            "Here no packet was lost and none overtaken between the hosts: the capture itself has"
            " missed packets, or began too late."
        )
    return (
        f"Compare: {lost:,} packets were lost between the hosts and {late:,} arrived late."
        " Wireshark says it at the capture behind the gap, of either."
    )


def _out_of_order(run: RunData, rows: pl.DataFrame) -> str:
    own = rows.filter(pl.col("src_node") == pl.col("node")).height
    words = (
        f"The name misleads for the {own:,} in their sender's own capture, where nothing can have"
        " overtaken them: they are retransmissions."
        if own
        else ""
    )
    journeys = run.table("journeys")
    if journeys.is_empty():
        return words
    arrived = journeys.select(
        pl.col("to_node").alias("node"),
        pl.col("received_number").alias("number"),
        pl.col("received_ns").alias("t_ns"),
        "late",
    )
    known = rows.join(arrived, on=["node", "number", "t_ns"], how="inner")
    late = int(known["late"].sum())
    if late:
        words += f" Of {known.height:,} at a receiver {late:,} were overtaken on the way."
    if late < known.height:
        words += (
            f" {known.height - late:,} of {known.height:,} at a receiver were not overtaken:"
            " retransmissions that came so soon (within 3 ms, or about a round-trip time, of the"
            " gap) that Wireshark takes them for late arrivals."
        )
    return words.strip()


def _retransmission(run: RunData, rows: pl.DataFrame) -> str:
    if rows.filter(pl.col("flags").str.contains("S")).height == rows.height:
        return (
            "Here SYNs or SYN-ACKs, repeated by their timers because no answer came or none was"
            " accepted."
        )
    counted = run.table("counters").filter(pl.col("counter") == "Tcp.RetransSegs").sort("t_ns")
    grown = sum(rows["value"][-1] - rows["value"][0] for _, rows in counted.group_by("node"))
    lost, _ = _fate(run)
    facts = [f"the kernels counted {grown:,} retransmissions (Tcp.RetransSegs)"] if grown else []
    facts += [f"{lost:,} packets were lost between the hosts"] if lost is not None else []
    return f"Compare: {' and '.join(facts)}." if facts else ""


def _spurious(run: RunData, rows: pl.DataFrame) -> str:
    small = rows.filter(pl.col("payload_bytes") <= 1).height
    if small:
        return (
            f"The name misleads for {small:,} of them: they carry at most one byte, as keep-alives"
            " and probes of other systems do."
        )
    return ""


def _duplicate_ack(run: RunData, rows: pl.DataFrame) -> str:
    with_sack = rows.filter(pl.col("sack_blocks").list.len() > 0).height
    return (
        f"{with_sack:,} of them carry SACK blocks, which say what arrived behind the gap or twice."
        if with_sack
        else ""
    )


def _zero_window(run: RunData, rows: pl.DataFrame) -> str:
    nodes = _seen_at_home(rows)
    return (
        f"Here {' and '.join(nodes)} says so: its program reads more slowly than data arrive."
        if nodes
        else ""
    )


def _window_full(run: RunData, rows: pl.DataFrame) -> str:
    senders = _seen_at_home(rows)
    return (
        f"Here the receiver, not the network, limits what {' and '.join(senders)} sends."
        if senders
        else ""
    )


def _window_update(run: RunData, rows: pl.DataFrame) -> str:
    after = sum(
        _window_before(run, row, own=True) == 0
        for row in rows.head(_LOOKED_AT).iter_rows(named=True)
    )
    if not after:
        return ""
    return (
        f"{after} of the first {min(rows.height, _LOOKED_AT)} end a closed window: the sender goes"
        " on at once, without waiting for its next probe."
    )


def _reused(run: RunData, rows: pl.DataFrame) -> str:
    return (
        "Nothing is wrong with that: the program or the kernel chose the same port again, after the"
        " earlier connection was over."
    )


def _seen_at_home(rows: pl.DataFrame) -> list[str]:
    """Return the nodes whose own captures hold packets that they sent."""
    at_home = rows.filter(pl.col("src_node") == pl.col("node"))["src_node"]
    return at_home.drop_nulls().unique().sort().to_list()


def _window_before(run: RunData, row: dict[str, Any], *, own: bool = False) -> int | None:
    """Return the window in the last segment before ``row`` in its capture and connection from the
    peer, or from the same end.
    """
    from_port = row["src_port"] if own else row["dst_port"]
    same = (
        (pl.col("capture") == row["capture"])
        & pl.col("stream").eq_missing(pl.lit(row["stream"]))
        & (pl.col("number") < row["number"])
    )
    before = run.table("packets").filter(same & (pl.col("src_port") == from_port))["window_bytes"]
    return None if before.is_empty() else before[-1]


def _fate(run: RunData) -> tuple[int | None, int]:
    """Return how many packets were lost and how many came late between hosts.

    None without both ends' captures.
    """
    journeys = run.table("journeys")
    if journeys.is_empty():
        return None, 0
    return int((journeys["copies"] == 0).sum()), int(journeys["late"].sum())


_LOOKED_AT = 50
_LOOKS = {
    "keep_alive": _keep_alive,
    "keep_alive_ack": _keep_alive_ack,
    "lost_segment": _lost_segment,
    "out_of_order": _out_of_order,
    "retransmission": _retransmission,
    "spurious_retransmission": _spurious,
    "duplicate_ack": _duplicate_ack,
    "zero_window": _zero_window,
    "window_full": _window_full,
    "window_update": _window_update,
    "reused_ports": _reused,
}
