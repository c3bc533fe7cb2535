"""Plot ``timers``: every repetition that a timer caused, with the time by the rule, the time
measured, and the ratio of the gaps.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any, ClassVar

from tcpexp.plots.base import Options, Plot
from tcpexp.plots.kit.table import MOST_ROWS, Column, Part, Row, Table
from tcpexp.views.timers import timer_series
from tcpexp.views.timerseries import TimerEvent, TimerSeries
from tcpexp.views.timerwheel import wheel_step_ns

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

NUMBERS = (
    "time (s)",
    "since start (s)",
    "by the rule (s)",
    "gap (s)",
    "rule (s)",
    "late by (s)",
    "timer step (s)",
    "ratio",
)
#: What the rule says, and what is counted from it.
BY_RULE = frozenset(("by the rule (s)", "rule (s)", "late by (s)", "timer step (s)"))
COLUMNS = (
    Column("event"),
    *(Column(heading, "right", explains=heading in BY_RULE) for heading in NUMBERS),
)
ROUNDING = (
    "Why not exactly? Linux keeps timers in a wheel whose slots get coarser with distance, and a"
    " timer fires at the end of its slot: never early, up to one step late. With HZ = 250, as"
    " Debian's kernels have it, the steps are 4 ms below 0.25 s, 32 ms below 2 s, 256 ms below 16"
    " s, 2 s below 129 s, 16 s beyond."
)


class Timers(Plot):
    """What timers did: each repetition of a SYN, SYN-ACK or segment, each zero-window or keep-alive
    probe, at what time by the rule and at what time measured.

    ``ratio`` is a gap divided by the one before: 2 is the exponential back-off. Times are those of
    the sending end's own capture. The rule is the RFC's and the kernel's, with the sysctls of the
    experiment and the RTO that ``ss`` shows; where a program sets its own timers there is none. The
    longest series are shown; ``panels`` says how many.
    """

    name = "timers"
    title = "Timers: by the rule and measured"
    defaults: ClassVar[dict[str, Any]] = {"rows": MOST_ROWS, "panels": 3}
    time_axis = False
    on_demand = True

    def draw(self, run: RunData, options: Options) -> Table | None:
        """Return the table, or None when no timer ran out."""
        series = [
            _within(series, options["between"]) for series in timer_series(run, options["flows"])
        ]
        longest = sorted(
            (one_series for one_series in series if one_series.repetitions > 0),
            key=lambda one_series: -one_series.repetitions,
        )
        if not longest:
            return None
        shown = sorted(
            longest[: options["panels"]], key=lambda one_series: one_series.events[0].t_ns
        )
        more = len(longest) - len(shown)
        note = (
            f"{more} more with fewer repetitions: the segments are in tables/packets.parquet. "
            if more
            else ""
        ) + _rounding(shown)
        parts = [timer_part(one_series, options["rows"]) for one_series in shown]
        once = [
            part if n == 0 or part.note != parts[n - 1].note else replace(part, note="")
            for n, part in enumerate(parts)
        ]
        return Table(tuple(once), note)


def timer_part(series: TimerSeries, most: int) -> Part:
    """Return the table of one timer."""
    start = series.events[0].t_ns
    by_rule = accumulate(
        (event.due_ns if event.due_ns is not None else event.gap_ns or 0) for event in series.events
    )
    rows, gap_before = [], None
    for event, due_ns in zip(series.events, by_rule, strict=True):
        rows.append(_row(event, start, due_ns, gap_before))
        gap_before = event.gap_ns if event.due_ns is not None else gap_before
    more = (
        f" {len(rows) - most} more rows: the segments are in tables/packets.parquet."
        if len(rows) > most
        else ""
    )
    return Part(COLUMNS, tuple(rows[:most]), f"{series.kind}: {series.name}", series.rule + more)


def _row(event: TimerEvent, start_ns: int, by_rule_ns: int, gap_before_ns: int | None) -> Row:
    cells = [event.what, f"{event.t_ns / 1e9:.3f}", f"{(event.t_ns - start_ns) / 1e9:.3f}"]
    if event.due_ns is None or event.gap_ns is None:
        cells += ["", "" if event.gap_ns is None else f"{event.gap_ns / 1e9:.3f}", "", "", "", ""]
    else:
        ratio = f"{event.gap_ns / gap_before_ns:.2f}" if gap_before_ns else ""
        late, step = event.gap_ns - event.due_ns, wheel_step_ns(event.due_ns)
        cells += [
            f"{by_rule_ns / 1e9:.3f}",
            *(f"{time_ns / 1e9:.3f}" for time_ns in (event.gap_ns, event.due_ns, late, step)),
            ratio,
        ]
    return Row(tuple(cells), packets=(event.packet,) if event.packet else ())


def _within(series: TimerSeries, between: tuple[int, int] | None) -> TimerSeries:
    if between is not None:
        series.events = [event for event in series.events if between[0] <= event.t_ns <= between[1]]
    return series


def _rounding(series: list[TimerSeries]) -> str:
    """Return why the times are not those of the rule, with the largest sum of delays that the
    tables show.
    """
    sums = []
    for one_series in series:
        judged = [
            event
            for event in one_series.events
            if event.due_ns is not None and event.gap_ns is not None
        ]
        if len(judged) == one_series.repetitions and judged:
            due = sum(event.due_ns or 0 for event in judged)
            sums.append((sum(event.gap_ns or 0 for event in judged) - due, due))
    late, due = max(sums, default=(0, 0))
    if late < 1_000_000:
        return ROUNDING
    return (
        f"{ROUNDING} Each timer starts when the one before has fired, so the delays add up:"
        f" {(due + late) / 1e9:.2f} s here instead of {due / 1e9:.2f} s."
    )
