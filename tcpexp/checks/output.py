"""The check ``output``: what a process printed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from tcpexp.checks.base import ActionName, Check, Evidence, Undecided, Verdict
from tcpexp.checks.recorded import require_logs, require_span
from tcpexp.units import QuantityError
from tcpexp.views.logs import process_runs
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise QuantityError(
            f"'{text[:40]}' is not a regular expression: {error}", "use contains: for plain text"
        ) from None
    return text


class Output(Check):
    """What a process wrote: text that its output must contain, match or lack."""

    name: ClassVar[str] = "output"
    example: ClassVar[str] = '{action: reader, contains: "received 11000 bytes"}'

    action: ActionName = Field(description="the action's `id`")
    contains: str | None = Field(default=None, min_length=1, description="this text appears")
    matches: Annotated[str, AfterValidator(_pattern)] | None = Field(
        default=None,
        min_length=1,
        description="this regular expression (Python's) matches somewhere, line by line",
    )
    lacks: str | None = Field(default=None, min_length=1, description="this text does not appear")
    stream: Literal["out", "err", "both"] = Field(
        default="both", description="standard output, error output or both"
    )

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.contains is None and self.matches is None and self.lacks is None:
            raise QuantityError("this check asks nothing", "add contains:, matches: or lacks:")
        return self

    def title(self) -> str:
        """Name the action."""
        return f"output of action {self.action}"

    def asked(self) -> str:
        """Return the texts."""
        parts = [f"contains '{self.contains}'"] if self.contains else []
        parts += [f"matches /{self.matches}/"] if self.matches else []
        parts += [f"lacks '{self.lacks}'"] if self.lacks else []
        return " and ".join(parts)

    def evaluate(self, run: RunData) -> Verdict:
        """Search the log."""
        endings = {"out": ("out",), "err": ("err",), "both": ("out", "err")}[self.stream]
        logs = require_logs(run, self.action, endings)
        complaints, evidence = self._search(logs)
        if complaints or self.lacks:
            self._require_whole(run)
        length = sum(len(text.splitlines()) for text in logs.values())
        measured = "; ".join(complaints) or (
            evidence[0].text if evidence else f"not in {many(length, 'line')}"
        )
        reason = "; ".join(complaints) or f"the output of {self.action} is as asked: {self.asked()}"
        return self.verdict(not complaints, measured, reason, evidence)

    def _search(self, logs: dict[str, str]) -> tuple[list[str], list[Evidence]]:
        complaints, evidence = [], []
        for what, pattern in (("contains", self.contains), ("matches", self.matches)):
            if pattern is None:
                continue
            line = _find(logs, pattern if what == "matches" else re.escape(pattern))
            if line is None:
                complaints.append(f"'{pattern}' is not in the output")
            else:
                evidence.append(Evidence(line))
        line = _find(logs, re.escape(self.lacks)) if self.lacks else None
        if line is not None:
            complaints.append(f"'{self.lacks}' is in the output")
            evidence.append(Evidence(line))
        return complaints, evidence

    def _require_whole(self, run: RunData) -> None:
        """Raise when more output might have come: the process had not ended and the run was cut
        short.
        """
        runs = process_runs(run, self.action)
        if not runs:
            raise Undecided(f"the action {self.action} was not started")
        if runs[-1][1] is None:
            require_span(run, None)


def _find(logs: dict[str, str], pattern: str) -> str | None:
    """Return the first line that matches, with its file and number."""
    for name, text in logs.items():
        found = re.search(pattern, text, re.MULTILINE)
        if found:
            number = text.count("\n", 0, found.start()) + 1
            return (
                f"{name} line {number}: {text.splitlines()[number - 1][:200]}"
                if text.splitlines()
                else f"{name}: empty"
            )
    return None
