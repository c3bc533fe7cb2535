"""The check ``segments``: how many segments of a kind were sent, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tcpexp.checks.base import Evidence, FlowName, HostName, Undecided, Verdict
from tcpexp.checks.compare import Compared, Count, Margin, late_ns, late_words, margin_ns
from tcpexp.checks.explain import explain_lateness
from tcpexp.checks.recorded import BETWEEN, Between, captures_of, require_span
from tcpexp.late import polars as pl
from tcpexp.plan.flows import addresses_of
from tcpexp.units import Duration, QuantityError
from tcpexp.views.spans import Span, within
from tcpexp.words.measured import span_words, time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

Kind = Literal["syn", "synack", "ack", "data", "fin", "rst", "rstack", "reset", "any"]
WORDS: dict[str, str] = {
    "syn": "SYN",
    "synack": "SYN-ACK",
    "ack": "pure ACK",
    "data": "data segment",
    "fin": "FIN",
    "rst": "RST",
    "rstack": "RST,ACK",
    "reset": "reset",
    "any": "segment",
}
#: How many packet numbers a verdict lists.
LISTED = 50


class Segments(Compared[Count]):
    """How many segments of a kind a host sent, and at what times; counted in the sender's capture.

    With `times` exactly these must have been sent (more may follow with `further: true`), each at
    its time after the first one; the same time twice means two at once. `late` and `early` apply to
    the gap since the segment before. Linux rounds timers up, never down, so the two differ. Without
    `from`, segments of any source (forged ones too) are counted where they arrive, at `to`.
    """

    name: ClassVar[str] = "segments"
    example: ClassVar[str] = (
        "{kind: syn, from: h1, to: h2, times: [0s, 1s, 3s, 7s, 15s, 31s, 63s], late: 3%}"
    )

    kind: Kind = Field(
        description=(
            "`syn` (without ACK), `synack`, `ack` (without payload), `data`, `fin`, `rst` (without"
            " ACK), `rstack`, `reset` (either) or `any`"
        )
    )
    from_: HostName | None = Field(
        default=None, alias="from", description="the host that sends them"
    )
    to: HostName | None = Field(default=None, description="the host they are meant for")
    port: int | None = Field(default=None, ge=1, le=65535, description="the port at either end")
    flow: FlowName | None = Field(default=None, description="of this flow only")
    count: Count | None = Field(default=None, description="exactly so many; the same as `equals`")
    times: tuple[Duration, ...] | None = Field(
        default=None,
        min_length=1,
        description="when each is sent, from the first one on; begins with 0s",
    )
    further: bool = Field(
        default=False, description="with `times`: more segments may follow after the last one"
    )
    late: Margin | None = Field(
        default=None,
        description=(
            "how late: a percentage of the gap, or a duration; when left out 3%, or one step of"
            " Linux's timer wheel if that is more"
        ),
    )
    early: Margin = Field(default=1_000_000, description="how early; 1ms when left out")
    between: Between | None = BETWEEN

    def needs_comparator(self) -> bool:
        """Whether neither a count nor times are asked."""
        return self.count is None and self.times is None

    @model_validator(mode="after")
    def _questions_fit(self) -> Self:
        if self.from_ is None and self.to is None:
            raise QuantityError("neither from: nor to: is given", "name the sending host, from: h1")
        if self.count is not None and self.has_comparator():
            raise QuantityError(
                "count: means equals:, so no other comparator fits", "leave one of them out"
            )
        if self.times is not None and (self.count is not None or self.has_comparator()):
            raise QuantityError("times: says how many segments there are", "leave the count out")
        if self.times is not None and self.times[0] != 0:
            raise QuantityError(
                "times: begins with the first segment, at 0s", "write times: [0s, ...]"
            )
        if self.times is not None and list(self.times) != sorted(self.times):
            raise QuantityError("times: are not in order", "write none earlier than the one before")
        return self

    def title(self) -> str:
        """Name the segments, their ends and the span."""
        ends = (f" from {self.from_}" if self.from_ else "") + (f" to {self.to}" if self.to else "")
        port = f" port {self.port}" if self.port else ""
        flow = f" of flow {self.flow}" if self.flow else ""
        return f"{WORDS[self.kind]}s{ends}{port}{flow} {span_words(self.between)}"

    def asked(self) -> str:
        """Return the times or the number."""
        if self.times is None:
            return str(self.count) if self.count is not None else self.comparison()
        more = " and possibly more" if self.further else ""
        return (
            f"{len(self.times)}{more}, at {', '.join(time_words(t_ns) for t_ns in self.times)}, at"
            f" most {late_words(self.late)} late per gap"
        )

    def evaluate(self, run: RunData) -> Verdict:
        """Count the segments, or compare their times."""
        span = require_span(run, self.between)
        rows = self.select(run, span)
        if self.times is not None:
            self._require_time_enough(rows.get_column("t_ns").to_list(), self.times, span)
            return self._judge_times(rows, self.times)
        passed = self.holds(rows.height) and (self.count is None or rows.height == self.count)
        seen = many(rows.height, WORDS[self.kind])
        return self.verdict(
            passed, seen, f"{seen} in the capture; asked: {self.asked()}", packet_evidence(rows)
        )

    def select(self, run: RunData, span: Span) -> pl.DataFrame:
        """Return the segments in question, in order.

        Raises ``Undecided`` when the capture has gaps.
        """
        seen_at = self.from_ or self.to
        assert seen_at is not None
        captures = captures_of(run, seen_at)
        wanted = (
            pl.col("capture").is_in(captures)
            & (pl.col("protocol") == "tcp")
            & kind_filter(self.kind)
            & within(span)
        )
        if self.from_ is not None:
            wanted &= pl.col("src").is_in(addresses_of(run.plan, self.from_))
        if self.to is not None:
            wanted &= pl.col("dst").is_in(addresses_of(run.plan, self.to))
        if self.port is not None:
            wanted &= (pl.col("src_port") == self.port) | (pl.col("dst_port") == self.port)
        if self.flow is not None:
            wanted &= pl.col("flow") == self.flow
        return run.table("packets").filter(wanted).sort("t_ns", "number")

    def _require_time_enough(self, sent: list[int], times: tuple[int, ...], span: Span) -> None:
        """Raise ``Undecided`` when the next segment was due after the time span, or might have been
        late enough for that.
        """
        if 0 < len(sent) < len(times):
            gap = times[len(sent)] - times[len(sent) - 1]
            due = sent[-1] + gap + late_ns(self.late, gap)
            if due > span[1]:
                raise Undecided(
                    f"the time span ends before segment number {len(sent) + 1} was due"
                    f" ({time_words(due)})"
                )

    def _judge_times(self, rows: pl.DataFrame, times: tuple[int, ...]) -> Verdict:
        """Compare when each segment was sent with ``times``."""
        sent: list[int] = rows.get_column("t_ns").to_list()
        measured = [t_ns - sent[0] for t_ns in sent]
        complaints = self._complaints(times, measured)
        table, rounding = _timer_table(times, measured)
        evidence = [
            Evidence("when each one was sent, from the first one on", rows=table),
            *packet_evidence(rows),
        ]
        seen = f"{len(measured)}" + (
            f" at {', '.join(time_words(t_ns) for t_ns in measured[:12])}"
            f"{', ...' if len(measured) > 12 else ''}"
            if measured
            else ""
        )
        reason = "; ".join(complaints) or f"all {len(times)} were sent when they were due"
        if rounding and not complaints:
            reason = f"{reason}. {rounding}"
        return self.verdict(not complaints, seen, reason, evidence)

    def _complaints(self, times: tuple[int, ...], measured: list[int]) -> list[str]:
        """Return what differs: a missing or surplus segment, a gap too long or too short."""
        found = []
        if len(measured) < len(times):
            found.append(f"only {len(measured)} of {len(times)} were sent")
        if len(measured) > len(times) and not self.further:
            found.append(f"{len(measured)} were sent, {len(times)} asked")
        for index in range(1, min(len(times), len(measured))):
            gap, asked = measured[index] - measured[index - 1], times[index] - times[index - 1]
            if gap > asked + late_ns(self.late, asked):
                found.append(
                    f"number {index + 1} came {time_words(gap)} after the one before,"
                    f" {time_words(asked)} was due"
                )
            elif gap < asked - margin_ns(self.early, asked):
                found.append(
                    f"number {index + 1} came only {time_words(gap)} after the one before,"
                    f" {time_words(asked)} was due"
                )
        return found


def kind_filter(kind: str) -> pl.Expr:
    """Return the filter on ``flags`` and ``payload_bytes`` that selects segments of a kind."""

    def has(flag: str) -> pl.Expr:
        return pl.col("flags").str.contains(flag, literal=True)

    filters: dict[str, Any] = {
        "syn": has("S") & ~has("A"),
        "synack": has("S") & has("A"),
        "ack": has("A") & ~has("S") & ~has("F") & ~has("R") & (pl.col("payload_bytes") == 0),
        "data": (pl.col("payload_bytes") > 0) & ~has("R"),
        "fin": has("F"),
        "rst": has("R") & ~has("A"),
        "rstack": has("R") & has("A"),
        "reset": has("R"),
        "any": pl.lit(True),
    }
    expression: pl.Expr = filters[kind]
    return expression.fill_null(False)


def _timer_table(
    times: tuple[int, ...], measured: list[int]
) -> tuple[tuple[tuple[str, ...], ...], str | None]:
    """Return the table of expected and measured times, and why they are late, for the last gap that
    rounding explains.
    """
    rows: list[tuple[str, ...]] = [
        ("number", "expected", "measured", "gap expected", "gap measured", "gap ratio")
    ]
    words = None
    for index in range(max(len(times), len(measured))):
        row = [str(index + 1)]
        row.append(time_words(times[index]) if index < len(times) else "none")
        row.append(time_words(measured[index]) if index < len(measured) else "none")
        if 0 < index < min(len(times), len(measured)):
            gap, asked = measured[index] - measured[index - 1], times[index] - times[index - 1]
            row += [
                time_words(asked),
                time_words(gap),
                f"{gap / asked:.3f}" if asked else "at once",
            ]
            words = explain_lateness(asked, gap) or words
        rows.append((*row, *[""] * (6 - len(row))))
    return tuple(rows), words


def packet_evidence(rows: pl.DataFrame) -> list[Evidence]:
    """Return the packets by capture, the first ``LISTED`` of each."""
    found = []
    for (capture,), part in rows.group_by("capture", maintain_order=True):
        numbers = part.get_column("number").to_list()
        times = part.get_column("t_ns")
        text = many(len(numbers), "packet") + (
            f", the first {LISTED} listed" if len(numbers) > LISTED else ""
        )
        found.append(Evidence(text, str(capture), tuple(numbers[:LISTED]), times[0], times[-1]))
    return found
