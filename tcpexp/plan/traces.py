"""Files of a link's rate over time: parsed, checked line by line, and turned into the rates of a
``LinkRates`` step.

Two kinds (docs/concepts/links.md): rates (``seconds,rate`` per line) and delivery opportunities,
one time in whole milliseconds per line, each the chance of one packet of the MTU's size to leave
(the form that Mahimahi's link shell reads; R. Netravali et al., USENIX ATC 2015).
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass

from tcpexp.errors import Position, SpecError
from tcpexp.units import QuantityError, parse_rate

SECOND_NS = 1_000_000_000
MS_NS = 1_000_000
#: More lines than a plan should carry.
MOST_LINES = 200_000
MOST_RATES = 20_000
#: What a header may say of the second column, in bit/s.
HEADER_UNITS = {"bit/s": 1, "bps": 1, "kbit/s": 10**3, "mbit/s": 10**6, "gbit/s": 10**9}


@dataclass(frozen=True)
class RateSteps:
    """From ``after_ns[k]`` on the rate is ``rates_bps[k]``.

    The first is at 0, times rise, neighbouring rates differ.
    """

    after_ns: tuple[int, ...]
    rates_bps: tuple[int, ...]

    def mean_bps(self, length_ns: int) -> float:
        """Return the mean rate of the first ``length_ns``."""
        ends = [*self.after_ns[1:], length_ns]
        spans = [
            (max(0, min(end, length_ns) - begin), rate)
            for begin, end, rate in zip(self.after_ns, ends, self.rates_bps, strict=True)
        ]
        total = sum(span for span, _ in spans)
        return sum(span * rate for span, rate in spans) / total if total else 0.0


def _lines(text: str, file: str) -> list[tuple[int, str]]:
    """Return (number, content) of the lines that say something; raises ``SpecError``."""
    lines = [
        (number, content)
        for number, line in enumerate(text.splitlines(), start=1)
        if (content := line.partition("#")[0].strip())
    ]
    if len(lines) > MOST_LINES:
        where = Position(file, lines[MOST_LINES][0], 1)
        raise SpecError(
            f"more than {MOST_LINES:,} lines",
            where=where,
            hint="cut the trace; one of opportunities begins again at its end",
        )
    return lines


def parse_rates(text: str, file: str) -> RateSteps:
    """Return the steps of a file of ``seconds,rate`` lines.

    A rate has its unit (``5mbit``; ``0`` for none) unless the first line names that of all:
    ``seconds,Mbit/s``. Lines may have comments behind ``#``.

    Raises:
        SpecError: at the file's own line.
    """
    unit: int | None = None
    times: list[int] = []
    rates: list[int] = []
    for index, (number, line) in enumerate(_lines(text, file)):
        fields = [field.strip() for field in line.split(",")]
        where = Position(file, number, 1)
        if len(fields) != 2:
            raise SpecError(
                f"a line has two fields, seconds and rate, not {len(fields)}",
                where=where,
                hint="write 12.5,5mbit",
            )
        if index == 0 and fields[0].lower() in ("seconds", "s", "time"):
            unit = HEADER_UNITS.get(fields[1].lower())
            if unit is None and fields[1].lower() != "rate":
                raise SpecError(
                    f"the header's '{fields[1][:40]}' is no unit",
                    where=where,
                    hint="write seconds,rate or seconds,Mbit/s",
                )
            continue
        times.append(_seconds(fields[0], where))
        rates.append(_rate(fields[1], unit, where))
        _check_order(times, where)
    if not times:
        raise SpecError(
            "the file holds no rate", where=Position(file, 1, 1), hint="write lines such as 0,5mbit"
        )
    if times[0] != 0:
        raise SpecError(
            "the first rate does not begin at 0",
            where=Position(file, 1, 1),
            hint="times count from the action's at",
        )
    return _merged(times, rates)


def _check_order(times: list[int], where: Position) -> None:
    if len(times) > 1 and times[-1] <= times[-2]:
        raise SpecError(
            f"{times[-1] / SECOND_NS:g} s is not after {times[-2] / SECOND_NS:g} s",
            where=where,
            hint="times rise from line to line",
        )


def _seconds(text: str, where: Position) -> int:
    if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
        raise SpecError(
            f"'{text[:40]}' is not a time in seconds",
            where=where,
            hint="write a number without unit, such as 12.5",
        )
    whole, _, part = text.partition(".")
    return int(whole) * SECOND_NS + int((part + "0" * 9)[:9])


def _rate(text: str, unit: int | None, where: Position) -> int:
    if text == "0":
        return 0
    if unit is not None:
        if not re.fullmatch(r"\d{1,12}(\.\d{1,9})?", text):
            raise SpecError(
                f"'{text[:40]}' is not a rate",
                where=where,
                hint="write a number; the header says its unit",
            )
        return round(float(text) * unit)
    try:
        return parse_rate(text)
    except QuantityError as error:
        raise SpecError(error.message, where=where, hint=error.hint) from None


def parse_opportunities(text: str, file: str) -> tuple[int, ...]:
    """Return the times of all delivery opportunities in ms, in order; the last is the trace's
    length.

    Raises:
        SpecError: at the file's own line.
    """
    times: list[int] = []
    for number, line in _lines(text, file):
        where = Position(file, number, 1)
        if not re.fullmatch(r"\d{1,9}", line):
            raise SpecError(
                f"'{line[:40]}' is not a time in whole milliseconds",
                where=where,
                hint="write one number per line; a file of rates ends in .csv",
            )
        times.append(int(line))
        if len(times) > 1 and times[-1] < times[-2]:
            raise SpecError(
                f"{times[-1]} ms is before {times[-2]} ms",
                where=where,
                hint="times do not fall from line to line",
            )
    if not times or times[-1] == 0:
        raise SpecError(
            "the file holds no opportunity after 0 ms",
            where=Position(file, 1, 1),
            hint="its last time is the trace's length",
        )
    return tuple(times)


@dataclass(frozen=True)
class Aggregated:
    """Opportunities as rates: the steps, and how far the rates' deliveries are from the
    opportunities' at most, in packets.
    """

    steps: RateSteps
    largest_gap_packets: float


def rates_of_opportunities(
    times_ms: tuple[int, ...], *, window_ns: int, length_ns: int, frame_bytes: int
) -> Aggregated:
    """Return the rate in each window: its opportunities times the bits of a full frame, over the
    window. The trace begins again at its end.

    Within a window the opportunities are spread evenly, so that the packets that could have left by
    any time differ by at most ``largest_gap_packets``.
    """
    period_ms = times_ms[-1]

    def before(t_ns: int) -> int:
        """Return how many opportunities come up to ``t_ns``; one at the time itself counts."""
        rounds, rest = divmod(t_ns // MS_NS, period_ms)
        return rounds * len(times_ms) + bisect.bisect_right(times_ms, rest)

    edges = list(range(0, length_ns, window_ns))
    counts = [before(edge) for edge in [*edges, edges[-1] + window_ns]]
    rates = [
        (counts[index + 1] - counts[index]) * frame_bytes * 8 * SECOND_NS // window_ns
        for index in range(len(edges))
    ]
    gap = 0.0
    for index, edge in enumerate(edges):
        for t_ns in range(edge, min(edge + window_ns, length_ns), MS_NS):
            spread = counts[index] + (counts[index + 1] - counts[index]) * (t_ns - edge) / window_ns
            gap = max(gap, abs(before(t_ns) - spread))
    return Aggregated(_merged(edges, rates), gap)


def _merged(times: list[int], rates: list[int]) -> RateSteps:
    """Return the steps without those that change nothing."""
    kept = [index for index in range(len(times)) if index == 0 or rates[index] != rates[index - 1]]
    return RateSteps(tuple(times[index] for index in kept), tuple(rates[index] for index in kept))
