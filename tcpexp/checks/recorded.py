"""What of a run was recorded: time spans, captures, snapshots, tracepoints.

Each lack raises ``Undecided``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from tcpexp.checks.base import NotSupported, Undecided
from tcpexp.late import polars as pl
from tcpexp.units import Duration, QuantityError
from tcpexp.views.logs import read_logs
from tcpexp.views.spans import Span
from tcpexp.words.measured import time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.plan.types import FlowPlan
    from tcpexp.store.rundata import RunData


def _in_order(span: Span) -> Span:
    if span[1] <= span[0]:
        raise QuantityError(
            "the time span ends before it begins", "write [earlier, later], such as [10s, 60s]"
        )
    return span


#: ``[10s, 60s]``, in ns
Between = Annotated[tuple[Duration, Duration], AfterValidator(_in_order)]
BETWEEN = Field(
    default=None, description="the time span looked at, `[10s, 60s]`; the whole run when left out"
)


def require_span(run: RunData, between: Span | None) -> Span:
    """Return the span in ns; raises ``Undecided`` when the run did not last until its end."""
    span = between or (0, run.plan.duration_ns)
    if not run.engine:
        raise Undecided("the run left no record of how it ended (raw/engine.json is missing)")
    status, end_ns = run.engine.get("status"), run.engine.get("end_ns")
    if status != "complete":
        if between is None or end_ns is None or end_ns < span[1]:
            at = "" if end_ns is None else f" at {time_words(end_ns)}"
            raise Undecided(
                f"the run was {status}{at}, before the time span ended ({time_words(span[1])})"
            )
    elif span[1] > run.plan.duration_ns:
        raise Undecided(
            f"the time span ends at {time_words(span[1])}, the run at"
            f" {time_words(run.plan.duration_ns)}"
        )
    return span


def table_exists(run: RunData, name: str) -> bool:
    """Whether a table was written, with or without rows."""
    return run.has(name) or (run.path / "tables" / f"{name}.parquet").exists()


def captures_of(run: RunData, host: str, *, fraction: float = 0.0) -> list[str]:
    """Return the captures of a host; raises ``Undecided`` when there is none or packets are missing
    from one.

    ``fraction`` is the share of missing packets that does no harm to the question.
    """
    interfaces = [interface.name for interface in run.plan.network.node(host).interfaces]
    recorded = run.engine.get("captures") or {}
    found = [interface for interface in interfaces if interface in recorded]
    if not found and run.captured:
        raise NotSupported(f"no capture was made at {host}, as far as the packets show")
    if not found or not table_exists(run, "packets"):
        raise Undecided(f"no packets were captured at {host}")
    for name in found:
        statistics = recorded[name]
        captured, dropped = statistics.get("captured") or 0, statistics.get("dropped") or 0
        if dropped > fraction * (captured + dropped):
            raise Undecided(
                f"the capture {name} missed {many(dropped, 'packet')} of {captured + dropped}"
            )
    return found


def flow_plan(run: RunData, name: str) -> FlowPlan:
    """Return the plan of a flow."""
    return next(flow for flow in run.plan.flows if flow.name == name)


def require_tracepoint(run: RunData, event: str) -> None:
    """Raise unless the tracepoint ``event`` (``sock:inet_sock_set_state``) was recorded without a
    loss.

    ``NotSupported`` when the kernel lacks it, ``Undecided`` when it was not asked for or lost
    events.
    """
    planned = [recorder for recorder in run.plan.recorders if recorder.kind == "trace"]
    if not planned:
        raise Undecided("kernel tracepoints were not recorded")
    trace = run.engine.get("trace") or {}
    short = event.rpartition(":")[2]
    if any(
        str(missing).replace("/", ":").rpartition(":")[2] == short
        for missing in trace.get("missing") or ()
    ):
        raise NotSupported(f"the kernel has no tracepoint {event}")
    asked = [name for recorder in planned for name in recorder.options.get("events", [event])]
    if not any(str(name).replace("/", ":").rpartition(":")[2] == short for name in asked):
        raise Undecided(f"the tracepoint {event} was not recorded")
    if "events" not in trace and "missing" not in trace:
        raise Undecided("the run says nothing about its tracepoints")
    if trace.get("overrun"):
        raise Undecided(f"the kernel's trace buffer lost {many(int(trace['overrun']), 'event')}")


def sample_interval(run: RunData, kind: str, host: str | None = None) -> int:
    """Return the planned interval of a recorder in ns.

    Raises ``Undecided`` when it was not planned.
    """
    for recorder in run.plan.recorders:
        if (
            recorder.kind == kind
            and recorder.interval_ns
            and (host is None or recorder.node in (None, host))
        ):
            return recorder.interval_ns
    raise Undecided(f"{kind} was not recorded" + (f" on {host}" if host else ""))


def snapshot_times(run: RunData, host: str) -> list[int]:
    """Return when ``ss`` snapshots of a host were taken, in ns, also those without any socket.

    The raw file says it; without it the table's rows do, which cannot show an empty snapshot.
    """
    raw = run.path / "raw" / "ss" / f"{host}.txt"
    if raw.exists():
        times = _block_times(raw.read_text(encoding="utf-8", errors="replace").splitlines())
    else:
        rows = run.table("sockets").filter(pl.col("node") == host)
        times = sorted(set(rows.get_column("t_ns").to_list()))
    if not times:
        raise Undecided(f"no socket snapshots (ss) were recorded on {host}")
    return times


def counter_times(run: RunData, host: str, interval_ns: int) -> list[int]:
    """Return when a host's counters were sampled, in ns, also where none had changed; raises
    ``Undecided`` when none were.

    The raw file says it. Without it the table's rows do, which keep only changes; between them the
    samples are taken to have been where they were planned.
    """
    raw = run.path / "raw" / "counters" / f"{host}.txt"
    if raw.exists():
        times = _block_times(raw.read_text(encoding="utf-8", errors="replace").splitlines())
    else:
        seen = run.table("counters").filter(pl.col("node") == host).get_column("t_ns").to_list()
        times = sorted({*seen, *range(min(seen), run.end_ns + 1, interval_ns)}) if seen else []
    if not times:
        raise Undecided(f"no counters were recorded on {host}")
    return times


def _block_times(lines: Iterable[str]) -> list[int]:
    found = (
        line.removeprefix("# t_ns=").split()[0] for line in lines if line.startswith("# t_ns=")
    )
    return sorted({int(t_ns) for t_ns in found})


#: A capture that missed fewer packets than this still measures a rate to three digits.
HARMLESS_LOSS = 0.001


def require_packets_of(run: RunData, flow: str) -> None:
    """Raise ``Undecided`` when a flow delivered nothing in the whole run: then it cannot be judged,
    only be absent.
    """
    if not table_exists(run, "throughput"):
        raise Undecided("the captures have not been turned into tables")
    if run.table("throughput").filter(pl.col("flow") == flow).is_empty():
        raise Undecided(f"no packet of flow {flow} arrived in the whole run")


def require_logs(run: RunData, action: str, endings: tuple[str, ...]) -> dict[str, str]:
    """Return a process's output by file name; raises ``Undecided`` when none was recorded."""
    logs = read_logs(run, action, endings)
    if not logs:
        raise Undecided(f"no output of action {action} was recorded")
    return logs
