"""``Verdicts``: what the checks of a run, or of a study, say; a table in a notebook."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

from tcpexp.notebook.shown import MARKS, mark_html, table_html

if TYPE_CHECKING:
    from tcpexp.checks.base import Verdict


class Verdicts(list["Verdict"]):
    """Verdicts in the order of ``expect:``; each has ``result``, ``title``, ``measured``,
    ``expected``, ``reason`` and ``evidence``.
    """

    def __init__(self, verdicts: Iterable[Verdict] = ()) -> None:
        super().__init__(verdicts)

    @property
    def passed(self) -> bool:
        """Whether there are verdicts, and each is PASS (or UNSUPPORTED: this place cannot say)."""
        return bool(self) and all(verdict.result in ("PASS", "UNSUPPORTED") for verdict in self)

    @property
    def failed(self) -> Verdicts:
        """Those that say FAIL."""
        return Verdicts(verdict for verdict in self if verdict.result == "FAIL")

    def counts(self) -> dict[str, int]:
        """Return how many there are of each result, without those there are none of."""
        counted = Counter[str](verdict.result for verdict in self)
        return {result: counted[result] for result in MARKS if counted[result]}

    def words(self) -> str:
        """Return the counts in words: ``7 PASS, 1 FAIL``."""
        return ", ".join(f"{count} {result}" for result, count in self.counts().items()) or "none"

    def __repr__(self) -> str:
        lines = [
            f"{MARKS[verdict.result][0]} {verdict.result:<12} {verdict.title}: {verdict.measured}"
            + (f" (expected {verdict.expected})" if verdict.expected else "")
            + (f"\n{'':15}{verdict.reason}" if verdict.result != "PASS" and verdict.reason else "")
            for verdict in self
        ]
        return "\n".join(lines) or "no verdicts"

    def _repr_html_(self) -> str:
        rows = []
        for verdict in self:
            reason = verdict.reason if verdict.result != "PASS" else ""
            small = f'<br><small style="opacity: .75">{escape(reason)}</small>' if reason else ""
            rows.append(
                (
                    mark_html(verdict.result),
                    escape(verdict.title) + small,
                    escape(verdict.measured),
                    escape(verdict.expected),
                )
            )
        return table_html(("", "check", "measured", "expected"), rows, words=4)
