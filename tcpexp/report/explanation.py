"""A spec's explanation with the numbers of its run filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.checks.base import Undecided, run_kernel
from tcpexp.checks.metric import find_metric
from tcpexp.checks.run import load_checks
from tcpexp.spec.quotes import Quote, fill, for_kernel, written

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

MISSING = "(not measured in this run)"


def explanation_of(run: RunData) -> str:
    """Return the explanation of a run's plan: metrics and checks as this run measured them, words
    that hold for some kernels where its kernel is one of them.

    What was not measured is said to be so.
    """
    return _filled(run, run.plan.explain)


def answer_of(run: RunData) -> str:
    """Return the spec's ``answer:`` with the numbers of the run filled in; empty when silent."""
    return _filled(run, run.plan.answer)


def _filled(run: RunData, text: str) -> str:
    try:
        kernel = run_kernel(run)
    except Undecided:
        kernel = None
    return fill(for_kernel(text, kernel), lambda quote: quote_words(run, quote))


def quote_words(run: RunData, quote: Quote) -> str:
    """Return one number of a run in words."""
    if quote.kind == "is":
        return written(quote, float(quote.expression.value({})))
    if quote.kind == "check":
        found = next(
            (check for check in load_checks(run.path) if check.number == int(quote.what)), None
        )
        return found.measured if found is not None and found.result in ("PASS", "FAIL") else MISSING
    try:
        return written(quote, find_metric(by_direction(run.metrics), quote.what))
    except Undecided:
        return MISSING


def by_direction(metrics: dict[str, object]) -> dict[str, object]:
    """Return metrics whose lists of directions are found by name too:
    ``queues.h1-h2>h2.max_packets``.
    """
    found = dict(metrics)
    for part in ("queues", "links", "followed"):
        rows = metrics.get(part)
        if isinstance(rows, list):
            named = {f"{row['link']}>{row['towards']}": row for row in rows}
            found[part] = {**{str(number): row for number, row in enumerate(rows)}, **named}
    return found
