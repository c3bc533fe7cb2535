"""Checks of what processes did: ``exit``, ``output``, ``download``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from tcpexp.checks.base import ActionName, Check, Evidence, Undecided, Verdict
from tcpexp.checks.recorded import require_span
from tcpexp.checks.words import many, time_words
from tcpexp.plan.flows import addresses_of
from tcpexp.units import Duration, QuantityError
from tcpexp.views.logs import json_objects, process_runs, read_logs

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

_SHA256 = re.compile(r"^([0-9a-f]{64})\s+\*?(\S+)", re.MULTILINE)


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise QuantityError(
            f"'{text[:40]}' is not a regular expression: {error}", "use contains: for plain text"
        ) from None
    return text


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
            parts.append(f"status {' or '.join(str(each) for each in allowed)}")
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
        wrong = [each for each in runs if not self._fits(*each)]
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


class Download(Check):
    """Whether a download arrived as it was sent: the SHA-256 of the client's file against the
    server's log.
    """

    name: ClassVar[str] = "download"
    example: ClassVar[str] = "{action: get, intact: true}"

    action: ActionName = Field(description="the `id` of the `http_get`")
    intact: bool = Field(
        default=True,
        description="true: both hashes are the same; false: they differ, or nothing arrived",
    )

    def title(self) -> str:
        """Name the action."""
        return f"download of action {self.action}"

    def asked(self) -> str:
        """Return what is asked."""
        return "the file is intact" if self.intact else "the file is not intact"

    def evaluate(self, run: RunData) -> Verdict:
        """Compare the two hashes."""
        runs = process_runs(run, self.action)
        if not runs:
            raise Undecided(f"the action {self.action} was not started")
        if runs[-1][1] is None:
            raise Undecided(f"the action {self.action} had not ended when the run did")
        found = _SHA256.search("".join(require_logs(run, self.action, ("out",)).values()))
        sent = self._sent(run)
        if not sent:
            raise Undecided("no web server of this run logged what it sent")
        name, received = (found[2], found[1]) if found else ("", "")
        hashes = sorted(
            {
                each["sha256"]
                for each in sent
                if not name or str(each["path"]).rsplit("/", 1)[-1] == name
            }
        )
        if found and not hashes:
            raise Undecided(f"no web server of this run logged a response with the file '{name}'")
        intact = bool(found) and received in hashes
        measured = "intact" if intact else ("damaged" if found else "no file arrived")
        reason = f"received {received or 'nothing'}, sent {', '.join(hashes)}"
        return self.verdict(
            intact == self.intact, measured, reason, [Evidence(f"SHA-256: {reason}")]
        )

    def _sent(self, run: RunData) -> list[dict[str, Any]]:
        """Return the files that web servers loaded or sent (their JSON lines ``file`` and
        ``response``).
        """
        steps = {step.id: step for step in (*run.plan.setup, *run.plan.steps)}
        flow = next((flow for flow in run.plan.flows if flow.step == self.action), None)
        hosts = {flow.server} if flow else set(addresses_by_host(run))
        found = []
        for path in sorted((run.path / "raw" / "logs").glob("*.out")):
            step = steps.get(path.stem)
            if step is None or getattr(step.do, "node", None) not in hosts:
                continue
            found += [
                each
                for each in json_objects(path.read_text(encoding="utf-8", errors="replace"))
                if each.get("event") in ("file", "response") and each.get("sha256")
            ]
        return found


def require_logs(run: RunData, action: str, endings: tuple[str, ...]) -> dict[str, str]:
    """Return a process's output by file name; raises ``Undecided`` when none was recorded."""
    logs = read_logs(run, action, endings)
    if not logs:
        raise Undecided(f"no output of action {action} was recorded")
    return logs


def addresses_by_host(run: RunData) -> dict[str, list[str]]:
    """Return the addresses of every node by its name."""
    return {node.name: addresses_of(run.plan, node.name) for node in run.plan.network.nodes}


def _run_words(begin: int, end: int | None, status: int | None) -> str:
    if end is None:
        return "did not end during the run"
    ended = f"ended {time_words(end - begin)} after its start"
    return f"{ended} with status {status}" if status is not None else f"{ended}, status unknown"


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
