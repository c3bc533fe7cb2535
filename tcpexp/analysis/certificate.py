"""The fidelity certificate: was the network what was asked for, and was everything recorded that
should have been?
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from tcpexp.analysis.capacity import measure_followed
from tcpexp.analysis.crosschecks import differing
from tcpexp.analysis.faults import judge_applied
from tcpexp.analysis.flowowners import judge_flow_owners
from tcpexp.analysis.items import Item, ItemVerdict
from tcpexp.analysis.linkitems import faults_read_back, judge_interfaces, judge_links
from tcpexp.analysis.links import FaultRate, measure_faults
from tcpexp.analysis.machine import clock_of, judge_clock, judge_settings
from tcpexp.analysis.recording import certify_recording
from tcpexp.plan.endings import ending_words
from tcpexp.plan.paths import Paths
from tcpexp.plan.types import DirectionPlan
from tcpexp.store.rundata import RunData
from tcpexp.store.rundir import to_json_text, write_atomic

CERTIFICATE_SCHEMA = 1

#: How far an idle round-trip may be from the sum of delays, in ns: timers are exact on the virtual
#: clock, not on a real one.
RTT_TOLERANCE_NS = {"virtual": 200_000, "real": 1_000_000}
#: How far a link may be from a list of rates, in full frames and as a share of the bytes, and how
#: late a change may be.
FOLLOWED_FRAMES = 4
FOLLOWED_TOLERANCE = 0.001
FOLLOWED_LATE_NS = 20_000_000
_NANO_TO_MILLI = 1e6


@dataclass(frozen=True)
class Certificate:
    """``verdict`` is VALID, or SUSPECT with a reason for each suspect item. Items that could not be
    measured are listed, not counted.

    ``repeatable`` says whether the same spec and seed give the same captures byte for byte,
    ``repeatable_why`` on what that rests or why not.
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

    Each item says what was asked, what was measured, ``ok``, ``suspect`` or ``not measured``, and
    why.
    """
    clock = clock_of(run)
    judges = _judges(clock) if began(run) else (judge_status, judge_programs)
    items = [item for judge in judges for item in judge(run)]
    reasons = tuple(
        f"{item.name}: {item.why or f'asked {item.asked}, measured {item.measured}'}"
        for item in items
        if item.verdict == "suspect"
    )
    verdict: Literal["VALID", "SUSPECT"] = "SUSPECT" if reasons else "VALID"
    certificate = asdict(Certificate(verdict, reasons, tuple(items), clock, *repeatability(run)))
    write_atomic(run.path / "certificate.json", to_json_text(certificate))
    return certificate


def began(run: RunData) -> bool:
    """Whether the run reached t0; of one that did not there is nothing to measure but why."""
    return (
        run.status == "complete" or not run.engine or run.engine.get("t0_monotonic_ns") is not None
    )


def repeatability(run: RunData) -> tuple[bool, str]:
    """Return whether another run of the same plan gives the same captures, and why (not)."""
    manifest = run.manifest or {}
    facts = manifest.get("host", {})
    if clock_of(run) != "virtual":
        return False, "the real clock never runs the same way twice; a virtual clock does"
    if run.status != "complete":
        return False, why_not_complete(run)
    if not facts.get("repeatable"):
        return False, str(
            facts.get("why_not_repeatable")
            or "the run does not say that QEMU's clock race was closed"
        )
    parts = facts.get("repeatable_with") or "image, engine and version of QEMU"
    return True, f"virtual clock and seed; the same {parts} give the same captures byte for byte"


def why_not_complete(run: RunData) -> str:
    """Return why a run that did not reach its end says nothing about another: only what ended it
    from outside was decided by nobody here.
    """
    error = str(run.engine.get("error") or "").strip()
    if not run.engine:
        return "the place ended before the engine could say how the run ended"
    if run.status == "interrupted":
        return (
            f"the run was ended from outside{f' ({error})' if error else ''}, at a moment that no"
            " seed decides"
        )
    return f"the run failed{f': {error}' if error else ''}, so there is no whole run to repeat"


def _judges(clock: str) -> tuple[Callable[[RunData], Iterator[Item]], ...]:
    return (
        judge_status,
        judge_programs,
        judge_clock,
        judge_settings,
        lambda run: judge_base_rtt(run, RTT_TOLERANCE_NS[clock]),
        lambda run: judge_links(run, clock),
        judge_followed,
        judge_faults,
        judge_segment_faults,
        judge_interfaces,
        judge_flow_owners,
        judge_cross_checks,
        lambda run: certify_recording(run, clock),
    )


def judge_status(run: RunData) -> Iterator[Item]:
    """The run must have reached its end."""
    why = (
        ""
        if run.status == "complete"
        else str(run.engine.get("error") or "the run did not reach its end")
    )
    yield Item("run", "complete", run.status, "ok" if run.status == "complete" else "suspect", why)


def judge_programs(run: RunData) -> Iterator[Item]:
    """Every program must have ended as the spec expects.

    None may have been ended because it computed without end, while the clock stood still.
    """
    for failure in run.failures:
        asked = f"ends with {', '.join(failure['expected'])}"
        measured = ending_words(failure["status"]) if failure["status"] else "reported an error"
        yield Item(f"program of {failure['step']}", asked, measured, "suspect", failure["text"])
    ended = (run.manifest or {}).get("host", {}).get("ended_for_spinning")
    if ended:
        yield Item(
            "programs",
            "none computes without end",
            str(ended),
            "suspect",
            f"computed without end and was ended: {ended}",
        )


def judge_base_rtt(run: RunData, tolerance_ns: int) -> Iterator[Item]:
    """Compare the median of the idle round-trips before t0 with the sum of delays.

    Jitter widens what is allowed.
    """
    paths = run.probes.get("paths", [])
    if not paths:
        alone = len([node for node in run.plan.network.nodes if node.kind == "host"]) < 2
        why = (
            "there are no two hosts between which to measure it"
            if alone
            else "there were no probes before the run"
        )
        yield Item("base RTT", "", "", "not measured" if alone else "suspect", why)
    for path in paths:
        source, target = str(path["from"]), str(path["to"])
        asked = int(path["asked_rtt_ns"])
        name = f"base RTT {source} to {target}"
        samples = sorted(int(value) for value in path.get("rtt_ns", []) if value is not None)
        text = f"{asked / _NANO_TO_MILLI:.3f} ms"
        if not samples:
            yield Item(name, text, "no answer", "suspect", "no probe came back")
            continue
        median = samples[len(samples) // 2]
        way = Paths(run.plan.network).way(source, target)
        directions = [] if way is None else [hop.direction for hop in (*way.there, *way.back)]
        jitter = sum(_widest_jitter(direction) for direction in directions)
        skipped = sum(direction.delay_ns for direction in directions if direction.reorder)
        allowed = tolerance_ns + jitter
        good = -allowed - skipped <= median - asked <= allowed
        why = (
            f"off by {abs(median - asked) / _NANO_TO_MILLI:.3f} ms, allowed"
            f" {allowed / _NANO_TO_MILLI:.3f} ms"
        )
        notes = ["jitter was asked for, so only its range is checked"] if jitter else []
        notes += ["reordered packets skip the delay"] if skipped else []
        yield Item(
            name,
            text,
            f"{median / _NANO_TO_MILLI:.3f} ms",
            "ok" if good else "suspect",
            "; ".join(notes) if good else why,
        )


def _widest_jitter(direction: DirectionPlan) -> int:
    """Return a direction's jitter in ns; four times where its distribution has no bound."""
    return direction.jitter_ns * (
        4 if direction.jitter_distribution not in (None, "uniform") else 1
    )


def judge_followed(run: RunData) -> Iterator[Item]:
    """Say of each list of rates how well the link followed it while packets waited: a rate that
    varies on purpose is no fault.

    By any time, the link may be ahead or behind by two frames of its bucket, one that passes when a
    standstill begins, and one in transmission.
    """
    for followed in measure_followed(run):
        name = f"rates of {followed.link} towards {followed.towards}"
        asked = f"{followed.changes} changes, read back"
        if not followed.busy_spans:
            yield Item(
                name,
                asked,
                "",
                "not measured",
                "packets never waited from one change to the next, so the link was not the limit",
            )
            continue
        allowed = FOLLOWED_FRAMES * followed.frame_bytes + FOLLOWED_TOLERANCE * followed.asked_bytes
        measured = (
            f"{followed.sent_bytes:,} of {followed.asked_bytes:,.0f} bytes while packets waited,"
            " never more"
            f" than {followed.largest_gap_bytes:,.0f} bytes off"
        )
        why = ""
        if followed.largest_gap_bytes > allowed:
            why = f"up to {followed.largest_gap_bytes:,.0f} bytes off, allowed {allowed:,.0f}"
        elif followed.late_ns > FOLLOWED_LATE_NS:
            why = (
                f"a change was {followed.late_ns / _NANO_TO_MILLI:.1f} ms late, allowed"
                f" {FOLLOWED_LATE_NS / _NANO_TO_MILLI:.0f} ms"
            )
        yield Item(name, asked, measured, "suspect" if why else "ok", why)


def judge_faults(run: RunData) -> Iterator[Item]:
    """Compare loss, duplication, corruption and reordering with what was asked, within three
    standard deviations.
    """
    read_back = faults_read_back(run)
    for rate in measure_faults(run):
        span = (
            ""
            if rate.from_ns <= 0 and rate.to_ns >= run.end_ns
            else f" from {rate.from_ns / 1e9:g} s to {rate.to_ns / 1e9:g} s"
        )
        name = f"{rate.fault} on {rate.link} towards {rate.towards}{span}"
        yield replace(
            _judge_fault(name, rate),
            read_back=read_back.get((rate.link, rate.towards, rate.fault), ""),
        )


def judge_segment_faults(run: RunData) -> Iterator[Item]:
    """Say of each fault on chosen segments how often it acted.

    The network is doubtful when the record has gaps.
    """
    for applied in judge_applied(run):
        verdict: ItemVerdict = (
            "suspect" if applied.doubt else "ok" if applied.as_asked else "not measured"
        )
        yield Item(
            f"fault: {applied.label}",
            applied.asked,
            applied.measured,
            verdict,
            applied.doubt or applied.why,
        )


def judge_cross_checks(run: RunData) -> Iterator[Item]:
    """Numbers that two sources know must agree, as far as what is known explains
    (docs/concepts/cross-checks.md).
    """
    rows = run.table("cross_checks")
    asked, found = "numbers that two sources know agree", differing(run)
    if rows.is_empty():
        yield Item(
            "cross-checks",
            asked,
            "",
            "not measured",
            "no number of this run is known from two sources",
        )
        return
    compared = int((rows["verdict"] != "not comparable").sum())
    measured = f"{compared - len(found)} of {compared} agree" + (
        f", {rows.height - compared} not comparable" if rows.height > compared else ""
    )
    yield Item("cross-checks", asked, measured, "suspect" if found else "ok", "; ".join(found))


def _judge_fault(name: str, rate: FaultRate) -> Item:
    asked = f"{rate.asked:.4%}"
    if rate.measured is None:
        return Item(name, asked, "", "not measured", rate.why)
    measured = f"{rate.measured:.4%} ({rate.events} of {rate.trials})"
    if rate.correlated:
        note = (
            "a correlation was asked for: netem's correlated models do not keep the rate they are"
            " given, so only the measured rate counts"
        )
        return Item(name, asked, measured, "ok", note)
    if rate.inside:
        return Item(name, asked, measured, "ok", rate.why)
    return Item(
        name,
        asked,
        measured,
        "suspect",
        f"asked {asked}, measured {measured}; chance explains {rate.low:.4%} to {rate.high:.4%}",
    )
