"""The check ``exit``: how and when an action's process ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from tcpexp.checks.base import ActionName, Check, Evidence, Undecided, Verdict
from tcpexp.checks.recorded import require_span
from tcpexp.units import Duration, QuantityError
from tcpexp.views.logs import process_runs
from tcpexp.words.measured import time_words

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


class Exit(Check):
    """How and when an action's process ended: its exit status, and how long after its own start.

    A status below zero is the signal that ended it. An action that is repeated with `every` must
    end so each time.
    """

    name: ClassVar[str] = "exit"
    example: ClassVar[str] = "{action: get, status: 28, after: 127s, within: 131s}"

    action: ActionName = Field(description="the action's `id`")
    status: int | tuple[int, ...] | None = Field(
        default=None, description="the exit status, or a list of those that pass"
    )
    after: Duration | None = Field(
        default=None, description="it ended no earlier than this after its start"
    )
    within: Duration | None = Field(
        default=None, description="it ended no later than this after its start"
    )

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.status is None and self.after is None and self.within is None:
            raise QuantityError("this check asks nothing", "add status:, after: or within:")
        if self.after is not None and self.within is not None and self.after > self.within:
            raise QuantityError(
                "after: is later than within:, so nothing can pass", "exchange them"
            )
        return self

    def title(self) -> str:
        """Name the action."""
        return f"end of action {self.action}"

    def asked(self) -> str:
        """Return status and times in words."""
        parts = []
        if self.status is not None:
            allowed = (self.status,) if isinstance(self.status, int) else self.status
            parts.append(f"status {' or '.join(str(status) for status in allowed)}")
        if self.after is not None:
            parts.append(f"after {time_words(self.after)} or more")
        if self.within is not None:
            parts.append(f"within {time_words(self.within)}")
        return ", ".join(parts)

    def evaluate(self, run: RunData) -> Verdict:
        """Judge each run of the action's process."""
        runs = process_runs(run, self.action)
        if not runs:
            raise Undecided(f"the action {self.action} was not started")
        if any(end is None for _, end, _ in runs):
            require_span(run, None)
        wrong = [process for process in runs if not self._fits(*process)]
        shown = (wrong or runs)[0]
        begin, end, _ = shown
        measured = _run_words(*shown) + (f" (of {len(runs)} runs)" if len(runs) > 1 else "")
        evidence = Evidence(f"action {self.action}: {measured}", from_ns=begin, to_ns=end)
        return self.verdict(
            not wrong,
            measured,
            f"action {self.action} {measured}; asked: {self.asked()}",
            [evidence],
        )

    def _fits(self, begin: int, end: int | None, status: int | None) -> bool:
        if end is None or (self.status is not None and status is None):
            return False
        allowed = (self.status,) if isinstance(self.status, int) else self.status
        return (
            (allowed is None or status in allowed)
            and (self.after is None or end - begin >= self.after)
            and (self.within is None or end - begin <= self.within)
        )


def _run_words(begin: int, end: int | None, status: int | None) -> str:
    if end is None:
        return "did not end during the run"
    ended = f"ended {time_words(end - begin)} after its start"
    return f"{ended} with status {status}" if status is not None else f"{ended}, status unknown"
