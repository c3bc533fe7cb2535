"""``evaluate``: what RFC 9743 asks of a congestion control, as one command and one report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tcpexp.batch.estimate import jobs_that_fit
from tcpexp.cli.options import COLOURS, echo_json, many_runs_options
from tcpexp.cli.sweepshow import QuietStudyWatcher, TerminalStudyWatcher
from tcpexp.runs.signals import StopSignals
from tcpexp.words.rough import bytes_words, time_words

if TYPE_CHECKING:
    from tcpexp.evaluate.case import LoadedCase
    from tcpexp.evaluate.evaluation import Evaluation
    from tcpexp.evaluate.outcome import EvaluationResult

EPILOG = """\b
Examples:
  tcpexp evaluate bbr                          beside CUBIC and Reno, the quick form
  tcpexp evaluate my_cc.c                      a control of your own, compiled as a module
  tcpexp evaluate vegas --against cubic --cases pairs,short
  tcpexp evaluate reno bbr vegas               several, one after the other
  tcpexp evaluate --list                       the cases, and what each of them asks
  tcpexp evaluate bbr --full --scheduler tcp://head:8786

\b
Runs are kept in evaluations/ of the results, by the hash of what they are, and
are shared by all evaluations: CUBIC's own are made once. An interrupted
evaluation goes on when the same command is given again.
"""


def _split(context: click.Context, parameter: click.Parameter, value: Any) -> tuple[str, ...]:
    """Return the names in a list with commas; an option may also be repeated."""
    return tuple(name.strip() for text in value for name in str(text).split(",") if name.strip())


@click.command(epilog=EPILOG)
@click.argument("controls", metavar="CC...", nargs=-1)
@click.option(
    "--against",
    metavar="CC,...",
    multiple=True,
    callback=_split,
    help="The incumbents; the first is the bar where one flow is alone.  [default: cubic,reno]",
)
@click.option(
    "--cases", metavar="CASE,...", multiple=True, callback=_split, help="Only these cases."
)
@click.option("--list", "list_cases", is_flag=True, help="List the cases and their criteria.")
@click.option("--full", is_flag=True, help="All paths and repetitions: hours, for a cluster.")
@click.option("--dry-run", is_flag=True, help="Say how many runs there are, and what they cost.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep evaluations in DIR.  [default: evaluations of the results]",
)
@click.option(
    "--keep",
    type=click.Choice(["metrics", "tables", "runs"]),
    default="metrics",
    show_default=True,
    help="What stays of each run; with runs each has its report.",
)
@many_runs_options
def evaluate(
    controls: tuple[str, ...],
    against: tuple[str, ...],
    cases: tuple[str, ...],
    list_cases: bool,
    full: bool,
    dry_run: bool,
    jobs: int | None,
    on: str,
    kernel: str | None,
    scheduler: str | None,
    out: Path | None,
    keep: str,
    retry: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Evaluate a congestion control as RFC 9743 asks.

    CC is one of the kernel's (tcpexp describe congestion_control), a C source, or a YAML file with
    what a spec says for a control. Each criterion gets a verdict and a reason; its bar is what the
    incumbent does on the same path. There is no score.

    Exit code 1 when a criterion failed, 4 when a run failed or is missing.
    """
    from tcpexp.evaluate.case import load_cases
    from tcpexp.evaluate.evaluation import AGAINST, EvaluationOptions, load_evaluation

    if list_cases:
        loaded = load_cases(cases)
        echo_json([_case_row(each) for each in loaded]) if as_json else _print_cases(loaded)
        return 0
    if not controls:
        raise click.UsageError("Missing argument 'CC...'. Try: tcpexp evaluate bbr")
    options = EvaluationOptions(against or AGAINST, cases, not full, out, keep, on, kernel)  # type: ignore[arg-type]
    evaluations = [load_evaluation(control, options) for control in dict.fromkeys(controls)]
    if dry_run:
        rows = [_dry_row(evaluation, jobs, retry=retry) for evaluation in evaluations]
        echo_json(rows) if as_json else _print_dry(rows)
        return 0
    results: list[tuple[Evaluation, EvaluationResult]] = []
    with StopSignals().listening() as signals:
        for evaluation in evaluations:
            if not (quiet or as_json):
                click.echo(f"{evaluation.new.name}:", err=True)
            watcher = (
                QuietStudyWatcher(signals) if quiet or as_json else TerminalStudyWatcher(signals)
            )
            try:
                results.append((evaluation, _make(evaluation, watcher, jobs, scheduler, retry)))
            finally:
                watcher.close()
            if not (quiet or as_json):
                print_result(*results[-1])
            if signals.asked:
                break
    if as_json:
        from tcpexp.evaluate.result import json_value

        echo_json([json_value(*pair) for pair in results])
    return max(result.exit_code for _, result in results)


def _make(
    evaluation: Evaluation,
    watcher: QuietStudyWatcher,
    jobs: int | None,
    scheduler: str | None,
    retry: bool,
) -> EvaluationResult:
    from tcpexp.evaluate.result import write_result
    from tcpexp.evaluate.run import make_runs

    outcome = make_runs(evaluation, jobs=jobs, scheduler=scheduler, retry=retry, watcher=watcher)
    return write_result(evaluation, outcome)


def print_result(evaluation: Evaluation, result: EvaluationResult) -> None:
    """Print the verdicts, what failed, and where the report is."""
    for note in result.notes:
        click.echo(f"note: {note}")
    for judgement in sorted(
        result.judgements, key=lambda each: tuple(map(int, each.criterion.section.split(".")))
    ):
        verdict = click.style(f"{judgement.result:<12}", fg=COLOURS[judgement.result])
        criterion = judgement.criterion
        click.echo(f"{verdict} {criterion.section:<6} {criterion.title}: {judgement.reason}")
    outcome = result.outcome
    click.echo(
        f"{outcome.total} runs: {outcome.made} made, {outcome.found} were there,"
        f" {len(outcome.failed)} failed, {outcome.left} left; {time_words(outcome.wall_s)}"
    )
    for label, error in outcome.failed[:20]:
        click.echo(f"  failed: {label}: {error}")
    click.echo(f"report: {result.report}")


def _case_row(loaded: LoadedCase) -> dict[str, Any]:
    case = loaded.case
    return {
        "name": case.name,
        "title": case.title,
        "sections": list(case.sections),
        "criteria": [
            {"id": each.id, "section": each.section, "title": each.title} for each in case.criteria
        ],
    }


def _print_cases(cases: list[LoadedCase]) -> None:
    for loaded in cases:
        case = loaded.case
        click.echo(f"{case.name:<11} {case.title} (RFC 9743 {', '.join(case.sections)})")
        for criterion in case.criteria:
            click.echo(f"{'':<11}   {criterion.section:<6} {criterion.title}")


def _dry_row(evaluation: Evaluation, jobs: int | None, *, retry: bool) -> dict[str, Any]:
    from tcpexp.evaluate.run import estimate, stand_of

    stand = stand_of(evaluation, retry=retry)
    largest = max(run.forecast.memory_bytes for _, run in evaluation.runs())
    at_once, _ = jobs_that_fit(jobs, largest)
    expected = estimate(evaluation, stand, at_once)
    return {
        "evaluation": evaluation.name,
        "folder": str(evaluation.above()),
        "done": len(stand.done),
        "failed": len(stand.failed),
        "to_make": len(stand.rest),
        "at_once": at_once,
        "estimate": {
            "wall_s": round(expected.wall_s),
            "disk_bytes": round(expected.kept_bytes),
            "from_finished_runs": expected.corrected_by,
        },
    }


def _print_dry(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        cost = row["estimate"]
        source = "finished runs" if cost["from_finished_runs"] else "rule of thumb"
        click.echo(
            f"{row['evaluation']}: {row['done']} done, {row['failed']} failed,"
            f" {row['to_make']} to make; about {time_words(cost['wall_s'])} with"
            f" {row['at_once']} at a time, {bytes_words(cost['disk_bytes'])} (by {source})"
        )
    click.echo(f"in {rows[0]['folder']}")
