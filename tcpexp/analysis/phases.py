"""Kernel trace to the table ``phases``: slow start, congestion avoidance, recoveries.

The rules are in docs/concepts/phases.md.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from tcpexp.analysis.bbrphases import is_bbr, model_phases
from tcpexp.analysis.flowstates import congestion_states, connection_slices, control_switches
from tcpexp.analysis.rounds import GROWING, Flight, growth_per_round
from tcpexp.analysis.slowstart import Exits
from tcpexp.analysis.timeline import NEVER, Phase, Timeline
from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.plan.types import FlowPlan
from tcpexp.store.frames import conform, empty_frame
from tcpexp.store.rundata import RunData

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The kernel's congestion states in which a loss or a mark is being answered, and the phase that
#: each is.
ANSWERS = {"Recovery": "fast_recovery", "Loss": "rto_recovery", "CWR": "cwr"}
RULES = {
    "slow_start": "cwnd < ssthresh in congestion state Open or Disorder",
    "congestion_avoidance": "cwnd >= ssthresh in congestion state Open or Disorder",
    "fast_recovery": "congestion state Recovery",
    "rto_recovery": "congestion state Loss",
    "cwr": "congestion state CWR",
}
_SHARES = ("cwnd", "receiver", "application")


def build_phases(run: RunData, states: pl.DataFrame) -> pl.DataFrame:
    """Return the ``phases`` table of all flows whose sender was traced.

    ``states`` is the table ``flow_states``.
    """
    rows: list[dict[str, Any]] = []
    exits = Exits(run)
    for flow in run.plan.flows:
        own = states.filter(pl.col("flow") == flow.name)
        if own.height:
            changes = congestion_states(run, flow)
            for begin, end in connection_slices(own):
                rows += _of_connection(run, flow, own[begin:end], changes, exits)
    return (
        conform(pl.DataFrame(rows, infer_schema_length=None), "phases")
        if rows
        else empty_frame("phases")
    )


def _of_connection(
    run: RunData, flow: FlowPlan, rows: pl.DataFrame, changes: pl.DataFrame, exits: Exits
) -> list[dict[str, Any]]:
    """Return the phases of one connection, cut where the congestion control was switched."""
    connection, port = int(rows["connection"][0]), int(rows["port"][0])
    switched = [t_ns for t_ns, _ in control_switches(run, flow)]
    timeline = Timeline.of(rows, changes.filter(pl.col("connection") == connection), switched)
    first, last = int(timeline.row_ns[0]), int(timeline.row_ns[-1])
    limited = limits_before(rows["limited"])
    received = np.concatenate([[0], np.cumsum((rows["source"] == "tcp_probe").to_numpy())])
    flight = Flight.of(rows)
    cuts = [first, *(t_ns for t_ns in switched if first < t_ns < last), last]
    found: list[dict[str, Any]] = []
    for index, (begin, end) in enumerate(itertools.pairwise(cuts)):
        control = str(rows["congestion_control"][timeline.after(begin)])
        name = model_phases if is_bbr(control) else window_phases
        phases = name(timeline, begin, end, run, flow, connection)
        rows_of = rows_within(timeline, phases)
        counts = [int(received[max(high, low)] - received[low]) for low, high in rows_of]
        described = [
            _describe(phase, rows, acks, limited, timeline, control, flight)
            for phase, rows, acks in zip(phases, rows_of, counts, strict=True)
        ]
        exits.name(described, timeline, flow, connection, switched=index < len(cuts) - 2)
        found += described
    return [
        {"flow": flow.name, "node": flow.sender, "connection": connection, "port": port, **phase}
        for phase in found
    ]


def window_phases(timeline: Timeline, begin: int, end: int, *_: object) -> list[Phase]:
    """Return the phases of a window-based congestion control (Reno, CUBIC...) from ``begin`` to
    ``end``, without gaps.

    A phase begins when the kernel set the congestion state, or at the segment whose processing took
    cwnd across ssthresh.
    """
    slow = timeline.slow
    when = np.concatenate([[timeline.row_ns[0] - 1], timeline.force_ns[:-1], timeline.set_ns])
    is_slow = np.concatenate(
        [slow[:1], slow[1:], np.zeros(timeline.set_ns.size, dtype=bool)]
    ).astype(np.int8)
    is_slow[slow.size :] = -1
    state = np.full(when.size, -1)
    names = ("Open", "Disorder", "CWR", "Recovery", "Loss")
    state[slow.size :] = [names.index(state) for state in timeline.states]
    order = np.lexsort((np.arange(when.size), when))
    when, is_slow, state = (
        when[order],
        _carry(is_slow[order], int(slow[0])),
        _carry(state[order], 0),
    )
    answers = np.array([names.index(answering) for answering in ("CWR", "Recovery", "Loss")])
    code = np.where(np.isin(state, answers), state, np.where(is_slow == 1, 10, 11))
    last = np.append(np.diff(when) > 0, True)  # of several changes at one moment the last holds
    code, when = _clip(code[last], when[last], begin)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(code)) + 1])
    words = {
        10: "slow_start",
        11: "congestion_avoidance",
        **{names.index(state): name for state, name in ANSWERS.items()},
    }
    bounds = [*np.maximum(when[starts], begin).tolist(), end]
    found = [
        Phase(int(low), int(high), words[int(code[at])], RULES[words[int(code[at])]])
        for at, low, high in zip(starts, bounds[:-1], bounds[1:], strict=True)
        if low < end
    ]
    return _without_slivers(
        [Phase(phase.from_ns, min(phase.to_ns, end), phase.name, phase.rule) for phase in found],
        timeline,
    )


def _clip(code: NDArray[Any], when: NDArray[Any], begin: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Leave out what was over before ``begin``."""
    first = max(int(np.searchsorted(when, begin, side="right")) - 1, 0)
    return code[first:], when[first:]


def _carry(values: NDArray[Any], first: int) -> NDArray[Any]:
    """Return ``values`` with each -1 replaced by the value before it.

    ``first`` stands before all.
    """
    known = np.where(values >= 0, np.arange(values.size), -1)
    index = np.maximum.accumulate(known)
    return np.where(index >= 0, values[np.maximum(index, 0)], first)


def _without_slivers(phases: list[Phase], timeline: Timeline) -> list[Phase]:
    """Leave out slow start or avoidance between two answers to losses in which no segment was
    processed.

    The kernel passes through Open within one ACK when a new recovery follows an old one
    (``tcp_fastretrans_alert``).
    """
    kept: list[Phase] = []
    answers = set(ANSWERS.values())
    for index, phase in enumerate(phases):
        low, high = np.searchsorted(timeline.row_ns, [phase.from_ns, phase.to_ns], side="right")
        between = (
            0 < index < len(phases) - 1
            and phases[index - 1].name in answers
            and phases[index + 1].name in answers
        )
        if phase.name not in answers and low == high and between:
            last = kept[-1]
            kept[-1] = Phase(last.from_ns, phase.to_ns, last.name, last.rule)
        else:
            kept.append(phase)
    return kept


def limits_before(limited: pl.Series) -> dict[str, NDArray[np.int64]]:
    """Return for each limit the number of rows before each row (and behind the last) that were
    limited so: sums without a walk.
    """
    return {
        name: np.concatenate([[0], np.cumsum((limited == name).fill_null(False).to_numpy())])
        for name in _SHARES
    }


def rows_within(timeline: Timeline, phases: list[Phase]) -> list[tuple[int, int]]:
    """Return of each phase its first row and the one behind its last."""
    bounds = np.array([(phase.from_ns, phase.to_ns) for phase in phases], dtype=np.int64).reshape(
        -1, 2
    )
    return [
        (int(low), int(high))
        for low, high in np.searchsorted(timeline.row_ns, bounds, side="right").tolist()
    ]


def median_of(values: NDArray[np.int64]) -> float:
    """Return the median of whole numbers.

    ``numpy.median`` takes ten times as long for the few of a phase.
    """
    ordered = np.sort(values)
    half = ordered.size // 2
    return (
        float(ordered[half])
        if ordered.size % 2
        else (int(ordered[half - 1]) + int(ordered[half])) / 2
    )


def _describe(
    phase: Phase,
    rows: tuple[int, int],
    count: int,
    limited: dict[str, NDArray[np.int64]],
    timeline: Timeline,
    control: str,
    flight: Flight,
) -> dict[str, Any]:
    """Return the columns of a phase that come from its ``rows``, ``count`` of them received
    segments; ``limited`` is that of :func:`limits_before`.
    """
    low, high = rows
    begin, end = (min(row, timeline.row_ns.size - 1) for row in rows)
    shares = {
        f"{name}_limited": float(sums[high] - sums[low]) / count if count else None
        for name, sums in limited.items()
    }
    threshold = timeline.ssthresh[min(max(high - 1, begin), timeline.row_ns.size - 1)]
    rtt = median_of(timeline.srtt_us[low:high]) if high > low else None
    return {
        "from_ns": phase.from_ns,
        "to_ns": phase.to_ns,
        "phase": phase.name,
        "rule": phase.rule,
        "ended_by": None,
        "congestion_control": control,
        "cwnd_from": int(timeline.cwnd[begin]),
        "cwnd_to": int(timeline.cwnd[end]),
        "ssthresh": None if threshold == NEVER else int(threshold),
        "acks": count,
        "rtt_us": None if rtt is None else int(rtt),
        "growth_per_rtt": growth_per_round(phase.name, timeline.cwnd, flight.rounds(low, high))
        if phase.name in GROWING
        else None,
        "resolution_ns": phase.resolution_ns,
        **shares,
    }
