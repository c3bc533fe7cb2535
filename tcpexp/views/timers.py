"""What a connection's timers did: each repeated SYN, SYN-ACK, segment and probe, with the gap
before it and the gap that the rule gives.

The segments are those in the sending end's own capture. Rules: RFC 6298 sections 2.1 and 5.5 (RTO
and back-off), RFC 9293 sections 3.8.4 (keep-alive) and 3.8.6.1 (probes), and Linux's
net/ipv4/tcp_timer.c; TCP_RTO_MAX is 120 s.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tcpexp.analysis.mechanisms import TRACEPOINT, traced
from tcpexp.late import polars as pl
from tcpexp.plan.types import Sysctl
from tcpexp.views.packets import connection_packets
from tcpexp.views.timerprobes import probe_series
from tcpexp.views.timerseries import (
    AT_ONCE_NS,
    EARLY_NS,
    INITIAL_RTO_NS,
    SECOND,
    End,
    Setting,
    TimerSeries,
    backed_off,
    of_socket,
    rto_ns,
)

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


def timer_series(run: RunData, flows: list[str] | None = None) -> list[TimerSeries]:
    """Return what every timer of every connection (of ``flows`` when given) did, in the order of
    the connections; only timers that ran out.
    """
    connections = run.table("connections").filter(pl.col("syn_ns").is_not_null()).sort("syn_ns")
    if flows is not None:
        connections = connections.filter(pl.col("flow").is_in(flows))
    found: list[TimerSeries] = []
    for row in connections.iter_rows(named=True):
        for end in _ends(run, row):
            found += [
                *_syns(run, end),
                *_synacks(run, end),
                *_segments(run, end),
                *probe_series(run, end),
            ]
    return [series for series in found if series.repetitions > 0]


def _ends(run: RunData, one: dict[str, Any]) -> Iterator[End]:
    packets = connection_packets(run, one)
    for this, other in (("client", "server"), ("server", "client")):
        node, port, peer = one[this], one[f"{this}_port"], one[f"{other}_port"]
        rows = packets.filter(pl.col("node") == node).with_columns(
            outgoing=pl.col("src") == one[f"{this}_address"]
        )
        name = (
            f"{node} to {one[other]}:{peer}"
            if this == "client"
            else f"{node}:{port} to {one[other]}"
        )
        if node and not rows.is_empty():
            yield End(
                node, name, port, one["connection"], rows.rows(named=True), _settings(run, node)
            )


def _settings(run: RunData, node: str) -> tuple[Setting, ...]:
    """Return the node's sysctls: those from the start, then the actions that set one."""
    start = next(
        (planned.sysctls for planned in run.plan.network.nodes if planned.name == node), {}
    )
    found = [Setting(key, value, -(10 * SECOND)) for key, value in start.items()]
    for step in run.plan.steps:
        if isinstance(step.do, Sysctl) and step.do.node == node:
            found.append(Setting(step.do.key, step.do.value, step.at_ns or 0, step.until_ns))
    return tuple(found)


def _syns(run: RunData, end: End) -> Iterator[TimerSeries]:
    syns = [row for row in end.sent if "S" in row["flags"] and "A" not in row["flags"]]
    if not syns:
        return
    retries = end.setting("tcp_syn_retries", 6, syns[0]["t_ns"])
    series = TimerSeries(
        "SYN",
        end.name,
        "The first RTO is 1 s and doubles at every timeout (RFC 6298 sections 2.1 and 5.5);"
        f" tcp_syn_retries = {retries}.",
    )
    for n, row in enumerate(syns):
        series.add(
            "SYN" if n == 0 else f"SYN, repetition {n}", row, backed_off(INITIAL_RTO_NS, n - 1)
        )
    answered = any(not row["outgoing"] for row in end.rows)
    for t_ns in _closed(run, end) if not answered else ():
        series.add_end("gives up (ETIMEDOUT)", t_ns, backed_off(INITIAL_RTO_NS, len(syns) - 1))
    yield series


def _synacks(run: RunData, end: End) -> Iterator[TimerSeries]:
    groups: dict[int, list[dict[str, Any]]] = {}
    for row in end.sent:
        if "S" in row["flags"] and "A" in row["flags"]:
            groups.setdefault(row["seq"], []).append(row)
    arrived = [row["t_ns"] for row in end.rows if not row["outgoing"] and "S" in row["flags"]]
    for number, rows in enumerate(groups.values()):
        retries = end.setting("tcp_synack_retries", 5, rows[0]["t_ns"])
        rule = (
            "The timer of a half-open connection: 1 s, doubled at every timeout;"
            f" tcp_synack_retries = {retries}. A repeated SYN is answered at once."
        )
        series = TimerSeries(
            "SYN-ACK",
            end.name + (f", half-open connection {number + 1}" if len(groups) > 1 else ""),
            rule,
        )
        fired = 0
        for n, row in enumerate(rows):
            if n == 0 or any(0 <= row["t_ns"] - t_ns < AT_ONCE_NS for t_ns in arrived):
                series.add("SYN-ACK" if n == 0 else "SYN-ACK, answers a repeated SYN", row, None)
                continue
            fired += 1
            series.add(
                f"SYN-ACK, repetition {fired} by the timer",
                row,
                backed_off(INITIAL_RTO_NS, fired - 1),
            )
        last = number == len(groups) - 1  # ss cannot tell an earlier one from it
        gone = _gone_from_ss(run, end, "syn-recv", rows[-1]["t_ns"]) if last else None
        if gone is not None and fired:
            series.add_end("gone from SYN-RECEIVED (ss)", gone, backed_off(INITIAL_RTO_NS, fired))
        yield series


def _segments(run: RunData, end: End) -> Iterator[TimerSeries]:
    """Yield a series for each segment (data or FIN) that was sent at least three times: the
    back-off is what the table shows.
    """
    groups: dict[int, list[dict[str, Any]]] = {}
    for row in end.sent:
        if (
            "S" not in row["flags"]
            and "R" not in row["flags"]
            and (row["payload_bytes"] or "F" in row["flags"])
        ):
            groups.setdefault(row["seq"], []).append(row)
    timeouts = (
        set(run.table("timeouts").select("capture", "number").iter_rows())
        if traced(run, TRACEPOINT)
        else None
    )
    for rows in groups.values():
        if len(rows) < 3:
            continue
        rto = rto_ns(run, end, rows[1]["t_ns"])
        what = "FIN" if not rows[0]["payload_bytes"] else "segment"
        known = f"ss shows {rto / 1e6:g} ms" if rto else "ss shows none"
        rule = (
            f"The RTO ({known} before it doubled) doubles at every timeout (RFC 6298 section 5.5),"
            " up to 120 s."
        )
        series = TimerSeries("Retransmission", f"{end.name}, seq {rows[0]['seq_rel']:,}", rule)
        fired = 0
        for n, row in enumerate(rows):
            due_ns = None if rto is None else backed_off(rto, fired)
            if n == 0:
                series.add(f"{what} sent", row, None)
            elif not _by_timer(row, row["t_ns"] - rows[n - 1]["t_ns"], due_ns, timeouts):
                series.add(f"{what}, before the RTO: a loss probe, or fast", row, None)
            else:
                series.add(f"{what}, timeout {fired + 1}", row, due_ns)
                fired += 1
        yield series


def _by_timer(
    row: dict[str, Any], gap_ns: int, due_ns: int | None, timeouts: set[tuple[Any, ...]] | None
) -> bool:
    """Return whether a timer sent a segment again, as the table ``timeouts`` says.

    Where the congestion state was not recorded (None), the gap decides, if the RTO is known.
    """
    return (
        due_ns is not None and gap_ns >= due_ns - EARLY_NS
        if timeouts is None
        else (row["capture"], row["number"]) in timeouts
    )


def _closed(run: RunData, end: End) -> list[int]:
    """Return when the kernel closed the end's socket (tracepoint), at most one time."""
    rows = (
        run.table("states").filter(of_socket(end) & (pl.col("new_state") == "CLOSED")).sort("t_ns")
    )
    return rows["t_ns"].head(1).to_list()


def _gone_from_ss(run: RunData, end: End, state: str, after_ns: int) -> int | None:
    """Return the first snapshot after ``after_ns`` in which the socket is not in ``state`` any
    more, though it had been; None when there is none.
    """
    sockets = run.table("sockets").filter(
        (pl.col("node") == end.node) & (pl.col("t_ns") > after_ns)
    )
    seen = sockets.filter(of_socket(end) & (pl.col("state") == state))["t_ns"].max()
    later = sockets.filter(pl.col("t_ns") > seen)["t_ns"].min() if isinstance(seen, int) else None
    return later if isinstance(later, int) and later <= run.end_ns else None
