"""The check ``socket``: how many sockets are in a state, and for how long."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tcpexp.checks.base import Evidence, FlowName, HostName, Undecided, Verdict
from tcpexp.checks.compare import Compared, Count, Margin, late_ns, late_words, margin_ns
from tcpexp.checks.recorded import (
    Between,
    require_span,
    sample_interval,
    snapshot_times,
    table_exists,
)
from tcpexp.late import polars as pl
from tcpexp.record.states import SocketState
from tcpexp.units import Duration, QuantityError
from tcpexp.views.spans import Span
from tcpexp.words.measured import span_words, time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

State = Literal[SocketState, "unconn"]


@dataclass(frozen=True)
class SeenStay:
    """How long one socket was in the state: seen from ``first_ns`` to ``last_ns``, at most
    ``longest_ns``.

    ``open_end`` says that it was there in the last (or the first) snapshot, so that it lasted
    longer than seen.
    """

    name: str
    first_ns: int
    last_ns: int
    longest_ns: int
    open_end: bool


class Socket(Compared[Count]):
    """Whether, when, how many and how long sockets of a host are in a state, as `ss` spells it.

    Without a time one snapshot of the run must show such a socket. With `at` it is the nearest
    snapshot, with `between` every one of the span. Comparators are about how many there are at
    once. `lasts` asks how long each such socket stays in the state; its precision is the interval
    between two snapshots, which is added to the tolerance.
    """

    name: ClassVar[str] = "socket"
    example: ClassVar[str] = "{host: h1, state: time-wait, lasts: 60s, late: 2.5s}"

    host: HostName = Field(description="the host")
    state: State = Field(description="the state as `ss` spells it")
    port: int | None = Field(default=None, ge=1, le=65535, description="the port at either end")
    flow: FlowName | None = Field(default=None, description="sockets of this flow only")
    recv_q: int | None = Field(
        default=None,
        ge=0,
        description=(
            "Recv-Q is this: unread bytes, or of a listening socket connections not yet accepted"
        ),
    )
    send_q: int | None = Field(
        default=None,
        ge=0,
        description="Send-Q is this: bytes not acknowledged, or of a listening socket its backlog",
    )
    at: Duration | None = Field(default=None, description="in the snapshot nearest to this time")
    between: Between | None = Field(
        default=None, description="in every snapshot of this time span, `[10s, 60s]`"
    )
    absent: bool = Field(default=False, description="there is no such socket")
    lasts: Duration | None = Field(
        default=None, description="each such socket stays in the state for this long"
    )
    late: Margin | None = Field(
        default=None,
        description=(
            "with `lasts`: how much longer, a percentage or a duration; when left out 3%, or one"
            " step of Linux's timer wheel if that is more"
        ),
    )
    early: Margin = Field(
        default=1_000_000, description="with `lasts`: how much shorter; 1ms when left out"
    )

    def needs_comparator(self) -> bool:
        """Return False: without a comparator at least one socket is asked."""
        return False

    @model_validator(mode="after")
    def _questions_fit(self) -> Self:
        if self.at is not None and self.between is not None:
            raise QuantityError("at: and between: exclude each other", "leave one of them out")
        if self.absent and (self.has_comparator() or self.lasts is not None):
            raise QuantityError(
                "absent: means that there is none, so nothing else can be asked",
                "leave absent: out",
            )
        if self.lasts is not None and (self.has_comparator() or self.at is not None):
            raise QuantityError(
                "lasts: is about each socket, not about how many there are at a time",
                "make it two checks",
            )
        return self

    def title(self) -> str:
        """Name the state, the host and the time."""
        port = f", port {self.port}" if self.port else ""
        when = (
            f" at {time_words(self.at)}"
            if self.at is not None
            else (f" {span_words(self.between)}" if self.between else "")
        )
        return f"sockets in state {self.state} on {self.host}{port}{when}"

    def asked(self) -> str:
        """Return what is asked in words."""
        if self.lasts is not None:
            return f"lasts {time_words(self.lasts)}, at most {late_words(self.late)} longer"
        number = (
            "none"
            if self.absent
            else (self.comparison() if self.has_comparator() else "at least 1")
        )
        if self.at is not None:
            return number
        return (
            f"{number} in every snapshot"
            if self.between
            else ("none ever" if self.absent else f"{number} at once")
        )

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the snapshots."""
        if not table_exists(run, "sockets"):
            raise Undecided("the socket snapshots have not been turned into tables")
        if self.lasts is not None:
            return self._judge_duration(run, self.lasts)
        times = self._times(run)
        counts = self._counts(run, times)
        if self.at is None and self.between is None:
            return self._judge_ever(counts)
        wrong = [t_ns for t_ns in times if not self._fits(counts[t_ns])]
        low, high = min(counts.values()), max(counts.values())
        seen = many(low, "socket") if low == high else f"{low} to {high} sockets"
        where = (
            f"the snapshot at {time_words(times[0])}"
            if len(times) == 1
            else f"{len(times)} snapshots"
        )
        reason = f"{seen} in {where}; asked: {self.asked()}"
        if wrong:
            reason += f"; first missed at {time_words(wrong[0])} with {counts[wrong[0]]}"
        evidence = Evidence(f"{seen} in state {self.state}", from_ns=times[0], to_ns=times[-1])
        return self.verdict(not wrong, seen, reason, [evidence])

    def _fits(self, count: int) -> bool:
        if self.absent:
            return count == 0
        return self.holds(count) if self.has_comparator() else count >= 1

    def _judge_ever(self, counts: dict[int, int]) -> Verdict:
        """Judge the largest number at once in the whole run."""
        largest = max(counts.values())
        moment = next(t_ns for t_ns, count in counts.items() if count == largest)
        seen = f"{many(largest, 'socket')} at once" if largest else "none"
        when = f", first at {time_words(moment)}" if largest else ""
        evidence = [Evidence(f"{seen}{when}", from_ns=moment, to_ns=moment)] if largest else []
        reason = f"{seen} in {many(len(counts), 'snapshot')}{when}; asked: {self.asked()}"
        return self.verdict(self._fits(largest), seen, reason, evidence)

    def _times(self, run: RunData) -> list[int]:
        """Return the snapshots to look at.

        Raises ``Undecided`` when they are missing or too far apart.
        """
        interval = sample_interval(run, "ss", self.host)
        if self.at is not None:
            require_span(run, (max(self.at - 1, 0), self.at))
            nearest = min(
                snapshot_times(run, self.host), key=lambda t_ns: abs(t_ns - (self.at or 0))
            )
            if abs(nearest - self.at) > interval:
                raise Undecided(
                    f"the snapshot nearest to {time_words(self.at)} was taken at"
                    f" {time_words(nearest)}"
                )
            return [nearest]
        span = require_span(run, self.between)
        times = [t_ns for t_ns in snapshot_times(run, self.host) if span[0] <= t_ns <= span[1]]
        _require_no_gap(times, span, interval)
        return times

    def _rows(self, run: RunData) -> pl.DataFrame:
        wanted = (pl.col("node") == self.host) & (pl.col("state") == self.state)
        if self.port is not None:
            wanted &= (pl.col("local_port") == self.port) | (pl.col("peer_port") == self.port)
        if self.flow is not None:
            wanted &= pl.col("flow") == self.flow
        for column in ("recv_q", "send_q"):
            if getattr(self, column) is not None:
                wanted &= pl.col(column) == getattr(self, column)
        return run.table("sockets").filter(wanted.fill_null(False))

    def _counts(self, run: RunData, times: list[int]) -> dict[int, int]:
        """Return how many such sockets each of the snapshots shows."""
        counts = dict.fromkeys(times, 0)
        for t_ns, count in self._rows(run).group_by("t_ns").len().iter_rows():
            if t_ns in counts:
                counts[t_ns] = count
        return counts

    def _judge_duration(self, run: RunData, lasts: int) -> Verdict:
        """Judge how long each socket stayed in the state."""
        interval = sample_interval(run, "ss", self.host)
        stays = self._stays(run)
        low, high = lasts - margin_ns(self.early, lasts), lasts + late_ns(self.late, lasts)
        wrong = [
            stay
            for stay in stays
            if stay.last_ns - stay.first_ns > high or (stay.longest_ns < low and not stay.open_end)
        ]
        cut = [stay for stay in stays if stay.open_end and stay not in wrong]
        if cut and not wrong:
            raise Undecided(
                f"the run ended (or began) while socket {cut[0].name} was in state {self.state}"
            )
        if not stays:
            require_span(run, self.between)
            return self.verdict(
                False,
                "never seen",
                f"no snapshot shows a socket in state {self.state} on {self.host}",
            )
        shown = (wrong or stays)[0]
        seen = f"{time_words(shown.last_ns - shown.first_ns)} to {time_words(shown.longest_ns)}"
        others = f" ({len(stays)} sockets)" if len(stays) > 1 else ""
        evidence = [
            Evidence(
                f"{stay.name} in state {self.state}", from_ns=stay.first_ns, to_ns=stay.last_ns
            )
            for stay in (wrong or stays)[:20]
        ]
        reason = (
            f"socket {shown.name} was in state {self.state} for {seen}{others}; asked:"
            f" {self.asked()} (snapshots every {time_words(interval)} add this much to the"
            " tolerance)"
        )
        return self.verdict(not wrong, seen, reason, evidence)

    def _stays(self, run: RunData) -> list[SeenStay]:
        """Return the stays in the state, a new one wherever a snapshot in between does not show the
        socket.
        """
        span = self.between or (0, run.plan.duration_ns)
        times = [t_ns for t_ns in snapshot_times(run, self.host) if span[0] <= t_ns <= span[1]]
        if not times:
            raise Undecided(f"no snapshot was taken {span_words(span)}")
        index = {t_ns: number for number, t_ns in enumerate(times)}
        seen: dict[tuple[object, ...], list[int]] = {}
        for row in self._rows(run).sort("t_ns").iter_rows(named=True):
            if row["t_ns"] in index:
                key = tuple(
                    row[column]
                    for column in ("local_address", "local_port", "peer_address", "peer_port")
                )
                seen.setdefault(key, []).append(index[row["t_ns"]])
        stays = []
        for key, numbers in seen.items():
            for first, last in _runs_of(numbers):
                before, after = first - 1, last + 1
                longest = times[min(after, len(times) - 1)] - times[max(before, 0)]
                open_end = before < 0 or after >= len(times)
                stays.append(
                    SeenStay(
                        f"{key[0]}:{key[1]} - {key[2]}:{key[3]}",
                        times[first],
                        times[last],
                        longest,
                        open_end,
                    )
                )
        return stays


def _runs_of(numbers: list[int]) -> list[tuple[int, int]]:
    """Return the first and last of each run of consecutive numbers; ``numbers`` are sorted."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number <= runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _require_no_gap(times: list[int], span: Span, interval: int) -> None:
    """Raise ``Undecided`` when snapshots of a span are further apart than twice their interval."""
    if not times:
        raise Undecided(f"no snapshot was taken {span_words(span)}")
    edges = [span[0], *times, span[1]]
    gap, begin = max((after - before, before) for before, after in itertools.pairwise(edges))
    if gap > 2 * interval:
        raise Undecided(
            f"no snapshot was taken for {time_words(gap)} after {time_words(begin)}; every"
            f" {time_words(interval)} was planned"
        )
