"""Verdicts as a report shows them: one line each, and what folds out below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.report.page.rows import EvidenceRow, VerdictRow
from tcpexp.words.shown import seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcpexp.checks.base import Evidence, Verdict

#: A piece of evidence names at most so many packets, and says how many more there are.
MOST_PACKETS = 24
#: Words that are longer than this, in letters, take the room of two columns.
LONG = 46
#: What needs a reader's eye comes first.
ORDER = {"FAIL": 0, "INCONCLUSIVE": 1, "UNSUPPORTED": 2, "PASS": 3}
_WHOLE = " in the whole run"


def verdict_rows(verdicts: Sequence[Verdict]) -> list[VerdictRow]:
    """Return one row per verdict, with its evidence in words: failed ones first, then what could
    not be decided, then the rest in the order of ``expect:``.
    """
    return sorted((_row(verdict) for verdict in verdicts), key=lambda row: ORDER[row["result"]])


def _row(verdict: Verdict) -> VerdictRow:
    return {
        "result": verdict.result,
        "title": verdict.title.removesuffix(_WHOLE),
        "measured": verdict.measured,
        "asked": verdict.asked,
        "long": max(len(verdict.measured), len(verdict.asked)) > LONG,
        "reason": verdict.reason,
        "says": said_once(verdict),
        "because": verdict.because,
        "evidence": [_evidence(item) for item in verdict.evidence],
    }


def said_once(verdict: Verdict) -> str:
    """Return the reason without what was asked, which stands on the verdict's line already."""
    return (
        verdict.reason.replace(f"; asked: {verdict.asked}", "")
        if verdict.asked
        else (verdict.reason)
    )


def answer_from(verdicts: Sequence[Verdict]) -> str:
    """Return a sentence that stands for an answer where a spec has none: how many expectations hold
    and what the first of them measured. Empty when nothing was judged.
    """
    judged = [verdict for verdict in verdicts if verdict.result in ("PASS", "FAIL")]
    failed = [verdict for verdict in judged if verdict.result == "FAIL"]
    if not judged:
        return ""
    if failed:
        do = "does" if len(failed) == 1 else "do"
        told = _told(failed[:1], asked=True)
        return f"{len(failed)} of {len(verdicts)} expectations {do} not hold: {told}."
    told = _told(judged[:2])
    hold = (
        f"All {len(verdicts)} expectations hold"
        if len(judged) == len(verdicts) > 1
        else f"{len(judged)} of {len(verdicts)} expectations hold"
        if len(verdicts) > 1
        else "The expectation holds"
    )
    return f"{hold}: {told}{', and so on' if len(judged) > 2 else ''}."


def held_words(verdicts: Sequence[Verdict]) -> str:
    """Return in a sentence how many expectations hold, without saying which; empty where none is
    stated.
    """
    held = sum(verdict.result == "PASS" for verdict in verdicts)
    if not verdicts:
        return ""
    if held == len(verdicts):
        return f"The run shows what it is meant to: {held} of {held} expectations hold."
    return (
        f"{held} of {len(verdicts)} expectations hold, so this run may not show what it is meant"
        " to: tell whoever gave it to you."
    )


def _told(verdicts: Sequence[Verdict], *, asked: bool = False) -> str:
    return "; ".join(
        f"{verdict.title.removesuffix(_WHOLE)}: {verdict.measured}"
        + (f" instead of {verdict.asked}" if asked and verdict.asked else "")
        for verdict in verdicts
    )


def _evidence(item: Evidence) -> EvidenceRow:
    span = ""
    if item.from_ns is not None:
        span = (
            f"at {seconds(item.from_ns)}"
            if item.to_ns in (None, item.from_ns)
            else f"{seconds(item.from_ns)} to {seconds(item.to_ns)}"
        )
    left = len(item.packets) - MOST_PACKETS
    more = f" and {left:,} more" if left > 0 else ""
    return {
        "text": item.text,
        "span": span,
        "from_ns": item.from_ns,
        "to_ns": item.from_ns if item.to_ns is None else item.to_ns,
        "capture": item.capture,
        "numbers": item.packets[:MOST_PACKETS],
        "packets": ", ".join(map(str, item.packets[:MOST_PACKETS])) + more,
        "more": more,
        "head": item.rows[0] if item.rows else (),
        "rows": item.rows[1:],
    }
