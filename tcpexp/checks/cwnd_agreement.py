"""The check ``cwnd_agreement``: how far the windows of two flows differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from pydantic import Field

from tcpexp.analysis.rounds import windows_by_round
from tcpexp.checks.base import Evidence, FlowName, Undecided, Verdict
from tcpexp.checks.compare import Compared, Number
from tcpexp.checks.recorded import require_span, require_tracepoint
from tcpexp.words.measured import digits, time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

#: Evidence names at most so many round trips.
MOST_ROWS = 12


class Pair(NamedTuple):
    """The windows of both flows at the beginning of the same round trip of the same phase."""

    phase: int
    round: int
    at_ns: int
    mine: int
    other: int

    @property
    def difference(self) -> int:
        """By how many segments they differ."""
        return abs(self.mine - self.other)


class CwndAgreement(Compared[Number]):
    """By how many segments the congestion windows of two flows differ at the beginning of each
    round trip, at most.

    The first phase of that name of one flow is laid beside the first of the other, the second
    beside the second, and so on, each from its own beginning; there must be as many of them. Round
    trips are counted by sequence numbers (docs/concepts/phases.md), so it does not matter when the
    flows ran. Compared is as far as both phases go and cwnd was what limited both senders. With
    `nth` only that phase is compared, whatever comes later; with `lag: 1` the windows of `flow`
    are compared with those that `like` had one round trip earlier.
    """

    name: ClassVar[str] = "cwnd_agreement"
    example: ClassVar[str] = "{flow: reno, like: cubic, phase: congestion_avoidance, at_most: 1}"

    flow: FlowName = Field(description="one flow")
    like: FlowName = Field(description="the other")
    phase: Literal["slow_start", "congestion_avoidance"] = Field(
        default="congestion_avoidance", description="the phases that are compared"
    )
    nth: int | None = Field(
        default=None, ge=1, description="only the phase with this number, counted from 1"
    )
    lag: int = Field(default=0, ge=0, description="by how many round trips `flow` is behind `like`")
    rounds: int = Field(
        default=3,
        ge=1,
        description="least number of round trips that there must be to compare in each phase",
    )

    def title(self) -> str:
        """Name the flows and the phase."""
        which = f"{self.phase} number {self.nth}" if self.nth else self.phase
        later = f", the first {many(self.lag, 'round trip')} later" if self.lag else ""
        return (
            f"difference of cwnd of flows {self.flow} and {self.like} at each round trip of"
            f" {which}{later}"
        )

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the largest difference."""
        require_span(run, None)
        require_tracepoint(run, "tcp:tcp_probe")
        mine, other = self._phases(run, self.flow), self._phases(run, self.like)
        if len(mine) != len(other) and self.nth is None:
            reason = (
                f"flow {self.flow} has {many(len(mine), 'such phase')}, flow {self.like}"
                f" {len(other)}: they do not go the same way"
            )
            return self.verdict(False, f"{len(mine)} and {len(other)} phases", reason)
        pairs = [
            pair
            for number, both in enumerate(zip(mine, other, strict=False), 1)
            if self.nth in (None, number)
            for pair in self._pairs(number, *both)
        ]
        if not pairs:
            raise Undecided(f"not both flows have a {self.phase} number {self.nth}")
        worst = max(pair.difference for pair in pairs)
        measured = f"{many(worst, 'segment')} in {many(len(pairs), 'round trip')}"
        mean = sum(pair.mine - pair.other for pair in pairs) / len(pairs)
        reason = (
            f"cwnd differs by at most {measured}, on average by {digits(abs(mean))}; asked:"
            f" {self.comparison()}"
        )
        return self.verdict(
            self.holds(worst), measured, reason, [_evidence(pairs, self.flow, self.like)]
        )

    def _phases(self, run: RunData, flow: str) -> list[list[tuple[int, int]]]:
        found = windows_by_round(run, flow, self.phase)
        if not found:
            raise Undecided(f"the trace holds no {self.phase} of flow {flow}")
        return found

    def _pairs(
        self, number: int, mine: list[tuple[int, int]], other: list[tuple[int, int]]
    ) -> list[Pair]:
        pairs = [
            Pair(number, index, window[0], window[1], two[1])
            for index, (window, two) in enumerate(
                zip(mine[self.lag :], other, strict=False), self.lag
            )
        ]
        if len(pairs) <= self.rounds:
            raise Undecided(
                f"{self.phase} number {number} has {many(max(len(pairs) - 1, 0), 'round trip')} to"
                f" compare, fewer than {self.rounds}"
            )
        return pairs


def _evidence(pairs: list[Pair], mine: str, other: str) -> Evidence:
    """Return the round trips with the largest differences, in order of time, as a table."""
    worst = sorted(
        sorted(pairs, key=lambda pair: -pair.difference)[:MOST_ROWS], key=lambda pair: pair.at_ns
    )
    head = ("phase", "round trip", f"at ({mine})", f"cwnd {mine}", f"cwnd {other}")
    rows = [
        (str(pair.phase), str(pair.round), time_words(pair.at_ns), str(pair.mine), str(pair.other))
        for pair in worst
    ]
    return Evidence(
        "round trips with the largest differences",
        None,
        (),
        worst[0].at_ns,
        worst[-1].at_ns,
        (head, *rows),
    )
