"""The check ``held``: how many bytes wait in the sockets of a host."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tcpexp.checks.base import Evidence, FlowName, HostName, Undecided, Verdict
from tcpexp.checks.compare import Bytes, Compared
from tcpexp.checks.recorded import (
    Between,
    require_span,
    sample_interval,
    snapshot_times,
    table_exists,
)
from tcpexp.late import polars as pl
from tcpexp.units import Duration, QuantityError
from tcpexp.words.measured import size_words, span_words, time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

#: States whose Recv-Q and Send-Q are no bytes, but connections that wait.
NO_BYTES = ("listen", "syn-recv")


class Held(Compared[Bytes]):
    """How many bytes wait in TCP sockets of a host: `send`, written but not acknowledged;
    `receive`, arrived but not read.

    It is the sum over all sockets that are meant. Without a time the largest sum of the run is
    compared; with `at` the nearest snapshot, with `between` every one of the span. Bytes are those
    of the data; the kernel's memory for them is larger.
    """

    name: ClassVar[str] = "held"
    example: ClassVar[str] = "{host: h2, queue: send, port: 80, at: 30s, at_least: 1MB}"

    host: HostName = Field(description="the host")
    queue: Literal["send", "receive"] = Field(description="Send-Q or Recv-Q")
    port: int | None = Field(default=None, ge=1, le=65535, description="the port at either end")
    flow: FlowName | None = Field(default=None, description="sockets of this flow only")
    at: Duration | None = Field(default=None, description="in the snapshot nearest to this time")
    between: Between | None = Field(
        default=None, description="in every snapshot of this time span, `[10s, 60s]`"
    )

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if self.at is not None and self.between is not None:
            raise QuantityError("at: and between: exclude each other", "leave one of them out")
        return self

    def words(self, value: float) -> str:
        """Return a size in words."""
        return size_words(value)

    def title(self) -> str:
        """Name the queue, the host and the time."""
        what = {"send": "bytes not acknowledged", "receive": "bytes not read"}[self.queue]
        which = f", flow {self.flow}" if self.flow else (f", port {self.port}" if self.port else "")
        when = (
            f" at {time_words(self.at)}" if self.at is not None else f" {span_words(self.between)}"
        )
        return f"{what} in sockets of {self.host}{which}{when}"

    def asked(self) -> str:
        """Return the comparators, and which snapshots are meant."""
        where = (
            "" if self.at is not None else (" in every snapshot" if self.between else " at once")
        )
        return f"{self.comparison()}{where}"

    def evaluate(self, run: RunData) -> Verdict:
        """Judge the snapshots."""
        if not table_exists(run, "sockets"):
            raise Undecided("the socket snapshots have not been turned into tables")
        times = self._times(run)
        sums = self._sums(run, times)
        if self.at is None and self.between is None:
            largest = max(times, key=lambda t_ns: sums[t_ns])
            times = [largest]
        low, high = min(sums[t_ns] for t_ns in times), max(sums[t_ns] for t_ns in times)
        measured = size_words(low) if low == high else f"{size_words(low)} to {size_words(high)}"
        wrong = [t_ns for t_ns in times if not self.holds(sums[t_ns])]
        where = (
            f"the snapshot at {time_words(times[0])}"
            if len(times) == 1
            else many(len(times), "snapshot")
        )
        reason = f"{measured} in {where}; asked: {self.asked()}"
        if wrong and len(times) > 1:
            reason += f"; first missed at {time_words(wrong[0])} with {size_words(sums[wrong[0]])}"
        return self.verdict(
            not wrong,
            measured,
            reason,
            [Evidence(f"{measured} in {where}", from_ns=times[0], to_ns=times[-1])],
        )

    def _times(self, run: RunData) -> list[int]:
        """Return the snapshots to look at.

        Raises ``Undecided`` when they are missing or too far apart.
        """
        interval = sample_interval(run, "ss", self.host)
        span = require_span(
            run, self.between if self.at is None else (max(self.at - 1, 0), self.at)
        )
        taken = snapshot_times(run, self.host)
        if self.at is not None:
            nearest = min(taken, key=lambda t_ns: abs(t_ns - (self.at or 0)))
            if abs(nearest - self.at) > interval:
                raise Undecided(
                    f"the snapshot nearest to {time_words(self.at)} was taken at"
                    f" {time_words(nearest)}"
                )
            return [nearest]
        times = [t_ns for t_ns in taken if span[0] <= t_ns <= span[1]]
        edges = [span[0], *times, span[1]]
        gap = max(after - before for before, after in itertools.pairwise(edges))
        if not times or gap > 2 * interval:
            raise Undecided(
                f"no snapshot was taken for {time_words(gap)} {span_words(span)}; every"
                f" {time_words(interval)} was planned"
            )
        return times

    def _sums(self, run: RunData, times: list[int]) -> dict[int, int]:
        """Return the bytes in each of the snapshots; 0 where no such socket is."""
        column = "send_q" if self.queue == "send" else "recv_q"
        wanted = (pl.col("node") == self.host) & ~pl.col("state").is_in(NO_BYTES)
        if self.port is not None:
            wanted &= (pl.col("local_port") == self.port) | (pl.col("peer_port") == self.port)
        if self.flow is not None:
            wanted &= pl.col("flow") == self.flow
        sums = dict.fromkeys(times, 0)
        for t_ns, total in (
            run.table("sockets")
            .filter(wanted.fill_null(False))
            .group_by("t_ns")
            .agg(pl.col(column).sum())
            .iter_rows()
        ):
            if t_ns in sums:
                sums[t_ns] = int(total or 0)
        return sums
