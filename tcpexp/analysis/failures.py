"""Which programs of a run failed: ended as the spec does not expect, wrote an error in their
report, or were not there at all.

From the events (how a program ended, and whether the run had asked it to), the plan (how it may
end) and the programs' own output.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any

from tcpexp.plan.endings import (
    NOT_EXECUTABLE,
    NOT_FOUND,
    REPORTED,
    cause,
    ending_words,
    error_in_json,
    is_crash,
    is_expected,
    last_words,
    step_name,
)
from tcpexp.plan.types import RunPlan, Spawn, Step
from tcpexp.store.rundata import RunData
from tcpexp.store.rundir import to_json_text, write_atomic

FILE = "failures.json"
FAILURES_SCHEMA = 1
#: What iperf3's server reports when its client was stopped, or died: how the client ended is known
#: from the client.
PEER_ENDED = ("the client has terminated",)


@dataclass(frozen=True)
class Failure:
    """A program that failed.

    ``text`` is a sentence: who, how it ended, and the last line that it wrote. ``t_ns`` is its end,
    from t0; ``status`` its exit status, negative the signal that ended it. ``runs`` and
    ``failed_runs``: how often it was started and how often that went wrong (``every``); the rest
    tells of the first.
    """

    text: str
    step: str
    action: int | None
    node: str
    program: str
    t_ns: int
    status: int | None
    last_words: tuple[str, ...]
    expected: tuple[str, ...]
    runs: int = 1
    failed_runs: int = 1


def find_failures(run: RunData) -> list[Failure]:
    """Return the programs that failed, by the time of their first failure, and write
    ``failures.json``.
    """
    found = sorted(_failures(run), key=lambda failure: (failure.t_ns, failure.step))
    document = {
        "failures_schema": FAILURES_SCHEMA,
        "failures": [asdict(failure) for failure in found],
    }
    write_atomic(run.path / FILE, to_json_text(document))
    return found


def _failures(run: RunData) -> Iterator[Failure]:
    steps = {
        step.id: step for step in (*run.plan.setup, *run.plan.steps, *_recorder_steps(run.plan))
    }
    ends: dict[str, list[dict[str, Any]]] = {}
    for row in run.table("events").iter_rows(named=True):
        if row["event"] == "end" and row["kind"] == "spawn" and row["step"] in steps:
            ends.setdefault(row["step"], []).append(row)
    for step_id, rows in ends.items():
        step = steps[step_id]
        if not isinstance(step.do, Spawn):
            continue
        texts = _output(run, step_id)
        wrong = [row for row in rows if _is_wrong(run, step.do, row, texts[1])]
        if wrong:
            yield _failure(run.plan, step, wrong, len(rows), texts)


def _recorder_steps(plan: RunPlan) -> Iterator[Step]:
    """Yield the programs that record for the whole run, as the engine starts them."""
    for number, recorder in enumerate(plan.recorders):
        if recorder.kind == "command" and recorder.interval_ns is None:
            spawn = Spawn(recorder.node or "", tuple(recorder.options["argv"]))
            yield Step(
                f"recorder{number}", None, None, spawn, f"recorder of {recorder.options['output']}"
            )


def _is_wrong(run: RunData, spawn: Spawn, row: dict[str, Any], output: str) -> bool:
    """Return whether an end is a failure."""
    status, allowed = row["status"], _allowed(spawn)
    if status is None:
        return False
    if was_stopped(run, row):
        return is_crash(status) and not is_expected(status, allowed)
    if not is_expected(status, allowed):
        return True
    reported = error_in_json(output) if status == 0 else None
    return (
        reported is not None and reported not in PEER_ENDED and not is_expected(REPORTED, allowed)
    )


def _allowed(spawn: Spawn) -> tuple[str, ...]:
    return spawn.allowed_status if spawn.expect_status is None else (str(spawn.expect_status),)


def was_stopped(run: RunData, row: dict[str, Any]) -> bool:
    """Return whether the run itself had asked a program to end.

    Records of 0.1.0 tell it by the planned end, or by an end that is not before the run's.
    """
    return (
        row["stopped_by"] is not None or row["planned_ns"] is not None or row["t_ns"] >= run.end_ns
    )


def _failure(
    plan: RunPlan, step: Step, wrong: list[dict[str, Any]], runs: int, texts: tuple[str, str]
) -> Failure:
    spawn, first = step.do, wrong[0]
    assert isinstance(spawn, Spawn)
    words = last_words(*texts)
    program, status = _program(spawn.argv), first["status"]
    ended_well = not status and not is_expected(0, _allowed(spawn))
    ending = ending_words(status) if status or ended_well else "reported an error"
    why = cause(words)
    if program not in why:
        why = f"{program}: {why}"
    if status == NOT_FOUND:
        why += " (there is no such program on this place)"
    elif status == NOT_EXECUTABLE:
        why += " (this file may not be executed)"
    often = f", {len(wrong)} of {runs} times" if runs > 1 else ""
    return Failure(
        text=f"{_name(plan, step)} {ending}{often}: {why}",
        step=step.id,
        action=step.action,
        node=spawn.node,
        program=program,
        t_ns=first["t_ns"],
        status=status,
        last_words=words,
        expected=_allowed(spawn),
        runs=runs,
        failed_runs=len(wrong),
    )


def _name(plan: RunPlan, step: Step) -> str:
    """Return what a program is called: its action's ``id``, else the flows that it carries, else
    the step's label.
    """
    named = step.label if step.action is None else step_name(step.id, step.label)
    flows = [flow.name for flow in plan.flows if flow.step == step.id]
    return ", ".join(flows) if named == step.label and flows else named


def _program(argv: tuple[str, ...]) -> str:
    """Return the name of the program that an argv starts: of a Python program its file, or its
    module.
    """
    words = list(argv)
    if words[0] == "env":
        words = [word for word in words[1:] if "=" not in word] or words
    if words[0].startswith("python3"):
        if "-m" in words:
            return words[words.index("-m") + 1]
        return next((PurePath(word).name for word in words[1:] if word.endswith(".py")), words[0])
    # http_get: curl or wget behind what keeps the file's hash
    if words[:2] == ["sh", "-c"] and len(words) > 3:
        return next((word for word in words[4:] if word in ("curl", "wget")), words[0])
    return PurePath(words[0]).name


def _output(run: RunData, step_id: str) -> tuple[str, str]:
    """Return what a program wrote to its error output and to its standard output."""
    folder = run.path / "raw" / "logs"
    paths = [folder / f"{step_id}.{ending}" for ending in ("err", "out")]
    error, out = (
        path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        for path in paths
    )
    return error, out
