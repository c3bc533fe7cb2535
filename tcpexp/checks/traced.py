"""What the kernel's trace says of a flow: its phases and loss events, as rows and as evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tcpexp.checks.base import Evidence, Undecided
from tcpexp.checks.recorded import require_tracepoint
from tcpexp.late import polars as pl
from tcpexp.views.spans import Span
from tcpexp.words.measured import digits, time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

PhaseName = Literal[
    "slow_start",
    "congestion_avoidance",
    "fast_recovery",
    "rto_recovery",
    "cwr",
    "startup",
    "drain",
    "probe_bw",
    "probe_rtt",
]


Which = Literal["each", "first", "median"]


#: Evidence names at most so many phases or events.
MOST_ROWS = 6


def phases_of(run: RunData, flow: str, span: Span | None) -> pl.DataFrame:
    """Return a flow's phases that begin in ``span``.

    Raises ``Undecided`` when its sender was not traced.
    """
    require_tracepoint(run, "tcp:tcp_probe")
    require_tracepoint(run, "tcp:tcp_cong_state_set")
    rows = run.table("phases").filter(pl.col("flow") == flow).sort("from_ns")
    if rows.is_empty():
        raise Undecided(f"the kernel's trace holds nothing of flow {flow}")
    return rows if span is None else rows.filter(pl.col("from_ns").is_between(*span))


def choose(values: list[float], which: Which) -> list[float]:
    """Return what of ``values`` is judged."""
    if which == "each":
        return values
    return values[:1] if which == "first" else [sorted(values)[(len(values) - 1) // 2]]


def phase_evidence(rows: pl.DataFrame) -> Evidence:
    """Return the first phases as a table."""
    head = ("from", "to", "phase", "ended by", "cwnd", "per RTT")
    lines = [
        (
            time_words(row["from_ns"]),
            time_words(row["to_ns"]),
            row["phase"],
            row["ended_by"] or "",
            f"{row['cwnd_from']} to {row['cwnd_to']}",
            "" if row["growth_per_rtt"] is None else digits(row["growth_per_rtt"]),
        )
        for row in rows.head(MOST_ROWS).iter_rows(named=True)
    ]
    more = f", the first {MOST_ROWS} of them" if rows.height > MOST_ROWS else ""
    begin = None if rows.is_empty() else int(rows["from_ns"][0])
    end = None if rows.is_empty() else int(rows["to_ns"][-1])
    return Evidence(
        f"{many(rows.height, 'phase')}{more}", None, (), begin, end, (head, *lines) if lines else ()
    )


def events_of(run: RunData, flow: str, span: Span) -> pl.DataFrame:
    """Return a flow's loss events that were noticed in ``span``.

    Raises ``Undecided`` when its sender was not traced.
    """
    phases_of(run, flow, None)
    return (
        run.table("loss_events")
        .filter((pl.col("flow") == flow) & pl.col("noticed_ns").is_between(*span))
        .sort("noticed_ns")
    )


def event_evidence(rows: pl.DataFrame) -> Evidence:
    """Return the first events as a table."""
    head = (
        "noticed at",
        "by",
        "lost",
        "sent again",
        "cwnd",
        "ssthresh",
        "factor",
        "repaired after",
    )
    lines = [
        (
            time_words(row["noticed_ns"]),
            row["noticed_by"] or "unknown",
            str(row["lost_packets"] if row["lost_packets"] is not None else "unknown"),
            str(row["retransmissions"]),
            str(row["cwnd_before"]),
            str(row["ssthresh_after"] or ""),
            "" if row["backoff"] is None else digits(row["backoff"]),
            "never" if row["repair_delay_ns"] is None else time_words(row["repair_delay_ns"]),
        )
        for row in rows.head(MOST_ROWS).iter_rows(named=True)
    ]
    more = f", {MOST_ROWS} of them below" if rows.height > MOST_ROWS else ""
    begin = None if rows.is_empty() else int(rows["noticed_ns"].to_numpy().min())
    end = (
        None
        if rows.is_empty()
        else int((rows["repaired_ns"].fill_null(rows["noticed_ns"])).to_numpy().max())
    )
    return Evidence(
        f"{many(rows.height, 'loss event')}{more}",
        None,
        (),
        begin,
        end,
        (head, *lines) if lines else (),
    )
