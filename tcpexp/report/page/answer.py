"""The answer on the first screen: the spec's sentence with this run's numbers, or one made from the
verdicts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.report.explanation import answer_of
from tcpexp.report.page.verdicts import answer_from

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcpexp.checks.base import Verdict
    from tcpexp.store.rundata import RunData


def answer_text(run: RunData, verdicts: Sequence[Verdict]) -> str:
    """Return the answer, Markdown; empty where the spec gives none and nothing was judged."""
    return answer_of(run) or answer_from(verdicts)


def doubt(run: RunData, verdicts: Sequence[Verdict]) -> str:
    """Return what speaks against the spec's answer in this run: expectations that did not hold."""
    failed = sum(verdict.result == "FAIL" for verdict in verdicts)
    if not failed or not answer_of(run):
        return ""
    one = failed == 1
    return (
        f"{failed} of {len(verdicts)} expectations {'does' if one else 'do'} not hold in this run:"
        " read the answer with that in mind."
    )
