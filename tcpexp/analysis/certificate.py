"""The fidelity certificate: was the network what was asked for, and was everything recorded that should have been?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tcpexp.analysis.capacity import measure_followed
from tcpexp.analysis.faults import judge_applied
from tcpexp.analysis.links import FaultRate, find_epochs, measure_faults
from tcpexp.analysis.recording import Item, certify_recording
from tcpexp.plan.paths import Hop, Paths
from tcpexp.store.rundata import RunData
from tcpexp.store.rundir import to_json_text, write_atomic

CERTIFICATE_SCHEMA = 1

#: How far an idle round-trip may be from the sum of delays, in ns: timers are exact on the virtual clock, not on a real one.
RTT_TOLERANCE_NS = {"virtual": 200_000, "real": 1_000_000}
RATE_TOLERANCE = 0.005
#: How far a link may be from a list of rates, in full frames and as a share of the bytes, and how late a change may be.
FOLLOWED_FRAMES = 4
FOLLOWED_TOLERANCE = 0.001
FOLLOWED_LATE_NS = 20_000_000
_NANO_TO_MILLI = 1e6


@dataclass(frozen=True)
class Certificate:
    """``verdict`` is VALID, or SUSPECT with a reason for each suspect item. Items that could not be measured are listed, not counted.

    ``repeatable`` says whether the same spec and seed give the same captures byte for byte, ``repeatable_why`` on what that rests or why not.
    """

    verdict: Literal["VALID", "SUSPECT"]
    reasons: tuple[str, ...]
    items: tuple[Item, ...]
    clock: str
    repeatable: bool
    repeatable_why: str
    certificate_schema: int = CERTIFICATE_SCHEMA


def certify_run(run: RunData) -> dict[str, Any]:
    """Judge a run, write ``certificate.json`` and return what it holds.

    Each item says what was asked, what was measured, ``ok``, ``suspect`` or ``not measured``, and why.
    """
    clock = clock_of(run)
    items = [item for judge in _judges(clock) for item in judge(run)]
    reasons = tuple(f"{item.name}: {item.why or f'asked {item.asked}, measured {item.measured}'}" for item in items if item.verdict == "suspect")
    verdict: Literal["VALID", "SUSPECT"] = "SUSPECT" if reasons else "VALID"
    certificate = asdict(Certificate(verdict, reasons, tuple(items), clock, *repeatability(run)))
    write_atomic(run.path / "certificate.json", to_json_text(certificate))
    return certificate


def clock_of(run: RunData) -> str:
    """Return the run's clock, ``virtual`` or ``real``; the stricter demands of the virtual one are made only where it is known."""
    named = (run.manifest or {}).get("clock") or run.engine.get("clock")
    return "virtual" if named == "virtual" else "real"


def repeatability(run: RunData) -> tuple[bool, str]:
    """Return whether another run of the same plan gives the same captures, and why (not)."""
    manifest = run.manifest or {}
    facts = manifest.get("host", {})
    if clock_of(run) != "virtual":
        return False, "the real clock never runs the same way twice; a virtual clock does"
    if run.status != "complete":
        return False, "the run was ended from outside, at a moment that no seed decides"
    if not facts.get("repeatable"):
        return False, str(facts.get("why_not_repeatable") or "the run does not say that QEMU's clock race was closed")
    parts = facts.get("repeatable_with") or "image, engine and version of QEMU"
    return True, f"virtual clock and seed; the same {parts} give the same captures byte for byte"


def _judges(clock: str) -> tuple[Callable[[RunData], Iterator[Item]], ...]:
    return (
        judge_status,
        judge_programs,
        lambda run: judge_base_rtt(run, RTT_TOLERANCE_NS[clock]),
        judge_rates,
        judge_followed,
        judge_faults,
        judge_segment_faults,
        lambda run: certify_recording(run, clock),
    )


def judge_status(run: RunData) -> Iterator[Item]:
    """The run must have reached its end."""
    why = "" if run.status == "complete" else str(run.engine.get("error") or "the run did not reach its end")
    yield Item("run", "complete", run.status, "ok" if run.status == "complete" else "suspect", why)


def judge_programs(run: RunData) -> Iterator[Item]:
    """No program may have been ended because it computed without end, while the clock stood still."""
    ended = (run.manifest or {}).get("host", {}).get("ended_for_spinning")
    if ended:
        yield Item("programs", "none computes without end", str(ended), "suspect", f"computed without end and was ended: {ended}")


def judge_base_rtt(run: RunData, tolerance_ns: int) -> Iterator[Item]:
    """Compare the median of the idle round-trips before t0 with the sum of delays; jitter widens what is allowed."""
    paths = run.probes.get("paths", [])
    if not paths:
        yield Item("base RTT", "", "", "not measured", "there were no probes before the run")
    for path in paths:
        source, target = str(path["from"]), str(path["to"])
        asked = int(path["asked_rtt_ns"])
        name = f"base RTT {source} to {target}"
        samples = sorted(int(value) for value in path.get("rtt_ns", []) if value is not None)
        text = f"{asked / _NANO_TO_MILLI:.3f} ms"
        if not samples:
            yield Item(name, text, "no answer", "not measured", "no probe came back")
            continue
        median = samples[len(samples) // 2]
        way = Paths(run.plan.network).way(source, target)
        jitter = 0 if way is None else _jitter((*way.there, *way.back))
        allowed = tolerance_ns + jitter
        good = abs(median - asked) <= allowed
        why = f"off by {abs(median - asked) / _NANO_TO_MILLI:.3f} ms, allowed {allowed / _NANO_TO_MILLI:.3f} ms"
        note = "jitter was asked for, so only its range is checked" if jitter else ""
        yield Item(name, text, f"{median / _NANO_TO_MILLI:.3f} ms", "ok" if good else "suspect", note if good else why)


def _jitter(hops: Sequence[Hop]) -> int:
    """Return the jitter of a path at t0 in ns; four times where its distribution has no bound."""
    sides = [hop.direction for hop in hops]
    return sum(side.jitter_ns * (4 if side.jitter_distribution not in (None, "uniform") else 1) for side in sides)


def judge_rates(run: RunData) -> Iterator[Item]:
    """Compare the rate of a burst through each shaped direction with what was asked."""
    for rate in run.probes.get("rates", []):
        asked, measured = int(rate["asked_bps"]), rate.get("measured_bps")
        name = f"rate of {rate['link']} towards {rate['towards']}"
        if measured is None:
            yield Item(name, bits(asked), "", "not measured", "too few frames of the burst arrived")
            continue
        off = abs(measured - asked) / asked
        why = f"off by {off:.2%}, allowed {RATE_TOLERANCE:.1%}" if off > RATE_TOLERANCE else ""
        yield Item(name, bits(asked), bits(measured), "suspect" if why else "ok", why)
    shaped = any(epoch.direction.rate_bps for epoch in find_epochs(run))
    if shaped and not run.probes.get("rates"):
        yield Item("rate", "", "", "not measured", "there were no probes before the run")


def judge_followed(run: RunData) -> Iterator[Item]:
    """Say of each list of rates how well the link followed it while packets waited: a rate that varies on purpose is no fault.

    By any time, the link may be ahead or behind by two frames of its bucket, one that passes when a standstill begins, and one in transmission.
    """
    for each in measure_followed(run):
        name = f"rates of {each.link} towards {each.towards}"
        asked = f"{each.changes} changes, read back"
        if not each.busy_spans:
            yield Item(name, asked, "", "not measured", "packets never waited from one change to the next, so the link was not the limit")
            continue
        allowed = FOLLOWED_FRAMES * each.frame_bytes + FOLLOWED_TOLERANCE * each.asked_bytes
        measured = f"{each.sent_bytes:,} of {each.asked_bytes:,.0f} bytes while packets waited, never more than {each.largest_gap_bytes:,.0f} bytes off"
        why = ""
        if each.largest_gap_bytes > allowed:
            why = f"up to {each.largest_gap_bytes:,.0f} bytes off, allowed {allowed:,.0f}"
        elif each.late_ns > FOLLOWED_LATE_NS:
            why = f"a change was {each.late_ns / _NANO_TO_MILLI:.1f} ms late, allowed {FOLLOWED_LATE_NS / _NANO_TO_MILLI:.0f} ms"
        yield Item(name, asked, measured, "suspect" if why else "ok", why)


def bits(rate: float) -> str:
    """Return a rate for people: ``9.998 Mbit/s``."""
    for unit, size in (("Gbit/s", 1e9), ("Mbit/s", 1e6), ("kbit/s", 1e3)):
        if rate >= size:
            return f"{rate / size:.4g} {unit}"
    return f"{rate:.4g} bit/s"


def judge_faults(run: RunData) -> Iterator[Item]:
    """Compare loss, duplication, corruption and reordering with what was asked, within three standard deviations."""
    for rate in measure_faults(run):
        span = "" if rate.from_ns <= 0 and rate.to_ns >= run.end_ns else f" from {rate.from_ns / 1e9:g} s to {rate.to_ns / 1e9:g} s"
        name = f"{rate.fault} on {rate.link} towards {rate.towards}{span}"
        yield _judge_fault(name, rate)


def judge_segment_faults(run: RunData) -> Iterator[Item]:
    """Say of each fault on chosen segments how often it acted; the network is doubtful when the record has gaps."""
    for each in judge_applied(run):
        verdict: Literal["ok", "suspect", "not measured"] = "suspect" if each.doubt else "ok" if each.as_asked else "not measured"
        yield Item(f"fault: {each.label}", each.asked, each.measured, verdict, each.doubt or each.why)


def _judge_fault(name: str, rate: FaultRate) -> Item:
    asked = f"{rate.asked:.4%}"
    if rate.measured is None:
        return Item(name, asked, "", "not measured", rate.why)
    measured = f"{rate.measured:.4%} ({rate.events} of {rate.trials})"
    if rate.correlated:
        note = "a correlation was asked for: netem's correlated models do not keep the rate they are given, so only the measured rate counts"
        return Item(name, asked, measured, "ok", note)
    if rate.inside:
        return Item(name, asked, measured, "ok", rate.why)
    return Item(name, asked, measured, "suspect", f"asked {asked}, measured {measured}; chance explains {rate.low:.4%} to {rate.high:.4%}")
