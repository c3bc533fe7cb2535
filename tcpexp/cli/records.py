"""``check`` and ``report``: verdicts and reports made again from recorded runs, without root and
without the network.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import click

from tcpexp import paths
from tcpexp.cli.options import (
    COLOURS,
    complete_spec,
    echo_json,
    json_option,
    results_option,
    runs_argument,
    say,
)
from tcpexp.errors import SpecError
from tcpexp.store.manifest import NAME, refresh_manifest, verify
from tcpexp.store.rundata import RunData
from tcpexp.telling import say_nothing

if TYPE_CHECKING:
    from tcpexp.checks.base import Verdict
    from tcpexp.report.page.write import Audience


class CheckRow(TypedDict):
    """What ``check`` found of a run, for ``--json``."""

    run: str
    status: str
    failure: str | None
    failures: list[dict[str, Any]]
    verdicts: list[dict[str, Any]]


@click.command(
    epilog="""\b
Examples:
  tcpexp check bbr_vs_cubic                    its newest run
  tcpexp check results/bbr_vs_cubic/*          several runs
  tcpexp check 20260102T030405Z-s7-uml --json
  tcpexp check --spec lab.yaml trace.pcap      a capture of somebody else, by a spec's checks
  tcpexp check --spec lab.yaml --host h1=192.0.2.1 --host h2=198.51.100.7 trace.pcap
"""
)
@runs_argument
@results_option
@click.option(
    "--spec",
    metavar="SPEC",
    shell_complete=complete_spec,
    help="Judge captures (RUN... are files) by this spec's checks, as far as packets can.",
)
@click.option(
    "--host",
    "hosts",
    metavar="NAME=ADDRESS",
    multiple=True,
    help="With --spec: which of the spec's hosts has this address. May be repeated.",
)
@click.option(
    "--zero",
    metavar="TIME",
    help=(
        "With --spec: when the experiment's time zero was, after the first packet."
        " [default: when the first flow began, less its start in the spec]"
    ),
)
@json_option
def check(
    runs: tuple[str, ...],
    results: Path | None,
    spec: str | None,
    hosts: tuple[str, ...],
    zero: str | None,
    as_json: bool,
) -> int:
    """Verify recorded runs and judge them again.

    First the sha256 of every file, then every check of the spec, from the recorded data.

    With --spec captures that somebody else made are judged. What no packet tells is UNSUPPORTED.
    Hosts and flows are found by the spec's addresses and ports, or told by --host. The captures and
    the page lie in results/explained.

    Exit code 1 when a check failed or a program of the run had, 4 when a run did not complete, 5
    when recorded data is damaged.
    """
    if spec is not None:
        return check_captures(tuple(map(Path, runs)), spec, (hosts, zero), results, as_json)
    if hosts or zero:
        raise SpecError("--host and --zero go with --spec")
    rows: list[CheckRow] = []
    for name in runs:
        run = paths.find_run(name, results)
        manifest = verify(run)
        data = RunData(run)
        verdicts, failures = judge(data), data.failures
        refresh_manifest(run)
        paths.give_to_user(run)
        rows.append(
            {
                "run": str(run),
                "status": manifest.status,
                "failure": manifest.failure,
                "failures": failures,
                "verdicts": [dataclasses.asdict(verdict) for verdict in verdicts],
            }
        )
        if not as_json:
            print_verdicts(
                run, manifest.status, verdicts, [str(failure["text"]) for failure in failures]
            )
    if as_json:
        echo_json(rows)
    return max(exit_code(row) for row in rows)


def judge(run: RunData) -> list[Verdict]:
    """Judge a recorded run, or what was made of captures, and return the verdicts."""
    if run.captured:
        from tcpexp.explain.judging import judge_captures

        return judge_captures(run)
    from tcpexp.checks.run import check_run

    return check_run(run)


def check_captures(
    captures: tuple[Path, ...],
    spec: str,
    told: tuple[tuple[str, ...], str | None],
    results: Path | None,
    as_json: bool,
) -> int:
    """Judge captures, together, by a spec's checks; return the exit code."""
    from tcpexp.catalogue.reading import load_plan
    from tcpexp.checks.run import load_checks
    from tcpexp.explain.explain import Asked, explain_captures, read_cast
    from tcpexp.units import parse_duration

    hosts, zero = told
    asked = Asked(
        load_plan(paths.find_spec(spec)),
        dict(_host_and_address(text) for text in hosts),
        None if zero is None else parse_duration(zero),
    )
    where = results or paths.default_results_dir()
    tell = say_nothing if as_json else say
    made = explain_captures(captures, where, say=tell, asked=asked)
    verdicts = load_checks(made.path)
    cast = read_cast(made.path)
    words = () if cast is None else cast.words
    row: CheckRow = {
        "run": str(made.path),
        "status": "complete",
        "failure": None,
        "failures": [],
        "verdicts": [dataclasses.asdict(verdict) for verdict in verdicts],
    }
    if as_json:
        echo_json([{**row, "cast": list(words), "report": str(made.report)}])
    else:
        click.echo(click.style(", ".join(str(capture) for capture in captures), bold=True))
        for sentence in words:
            click.echo(f"  {sentence}")
        for verdict in verdicts:
            print_verdict(verdict)
        click.echo(made.report)
    return exit_code(row)


def _host_and_address(text: str) -> tuple[str, str]:
    """Return name and address of ``h1=192.0.2.1``; raises ``SpecError``."""
    name, given, address = text.partition("=")
    if not (name and given and address):
        raise SpecError(f"--host {text}", hint="write NAME=ADDRESS, such as --host h1=192.0.2.1")
    return name.strip(), address.strip()


def exit_code(row: CheckRow) -> int:
    """Return 4 for a run that did not complete, 1 when a check or a program failed, else 0.

    As ``tcpexp run`` does.
    """
    if row["status"] != "complete":
        return 4
    return (
        1
        if row["failures"] or any(verdict["result"] == "FAIL" for verdict in row["verdicts"])
        else 0
    )


def print_verdicts(run: Path, status: str, verdicts: list[Verdict], failures: list[str]) -> None:
    """Print a run, its programs that failed, and one block per verdict: result, what is looked at,
    measured and asked, the reason.
    """
    click.echo(f"{click.style(str(run), bold=True)}  {status}, files intact")
    for text in failures:
        click.echo(f"  {click.style('program failed:', fg='red')} {text}")
    for verdict in verdicts:
        print_verdict(verdict)


def print_verdict(verdict: Verdict) -> None:
    """Print a verdict: result, what is looked at, measured and asked, the reason."""
    result = click.style(f"{verdict.result:<12}", fg=COLOURS[verdict.result])
    click.echo(f"  {result}  {verdict.title}")
    told = verdict.measured
    told = told if told == "not measured" else f"measured {told}"
    click.echo(f"  {'':<12}  {told}; asked {verdict.asked}")
    if verdict.result != "PASS":
        click.echo(f"  {'':<12}  {verdict.reason}")


@click.command(
    epilog="""\b
Examples:
  tcpexp report bbr_vs_cubic
  tcpexp report results/bbr_vs_cubic/20260102T030405Z-s7-uml
  tcpexp report bbr_vs_cubic --for student     a page that asks, without the answers
  tcpexp report bbr_vs_cubic --format md       a hand-in to write on, with its figures
  tcpexp report bbr_vs_cubic --format pdf --out hand-in
"""
)
@runs_argument
@results_option
@click.option(
    "--format",
    "kind",
    type=click.Choice(["html", "md", "pdf"]),
    default="html",
    show_default=True,
    help="The report, or a hand-in made from it.",
)
@click.option(
    "--for",
    "audience",
    type=click.Choice(["teacher", "student"]),
    help=(
        "A student's leaves out answer, explanation and verdicts, and asks."
        " [default: teacher; a hand-in: student]"
    ),
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder for a hand-in. [default: RUN-hand-in, beside the run's folder]",
)
@click.option(
    "--figures",
    is_flag=True,
    help="Draw the spec's plots as files too, SVG and PNG; a hand-in always has them.",
)
@click.option(
    "--force", is_flag=True, help="Replace a report.md that is there and says something else."
)
@click.option("--quiet", "-q", is_flag=True, help="Print the paths of the reports only.")
def report(
    runs: tuple[str, ...],
    results: Path | None,
    kind: Literal["html", "md", "pdf"],
    audience: Audience | None,
    out: Path | None,
    figures: bool,
    force: bool,
    quiet: bool,
) -> int:
    """Make reports again from recorded data.

    Everything after the raw data is made: tables, metrics, certificate, checks, report. With
    --figures, and where the run has them already, also the figures as files. The recorded data are
    checked against the manifest first and never changed. Exit code 5 when they are damaged.

    With --for student a page is made for those who are to find the answer: report-student.html asks
    the spec's questions, leaves room to write, and has neither answer nor explanation nor verdicts.

    With --format md or pdf a hand-in is made too: the skeleton of a laboratory report, with
    question, set-up, commands, figures and tables of the run, and room for your own answers; with
    --for teacher also answer, verdicts and explanation. PDF needs WeasyPrint (exit code 3 without
    it).
    """
    from tcpexp.report.page.write import PAGES
    from tcpexp.runs.pipeline import process_run

    if kind != "html":
        _check_hand_in(kind, runs, out)
    incomplete = False
    for name in runs:
        run = paths.find_run(name, results)
        if RunData(run).captured and kind == "html" and audience != "student":
            from tcpexp.explain.explain import explain_again

            verify(run, recorded_only=True)
            explain_again(run, say_nothing if quiet else say)
            click.echo(run / PAGES["teacher"])
            continue
        if (run / NAME).is_file():
            verify(run, recorded_only=True)
        else:
            say(
                f"{run} has no manifest, its run never reached the end: nothing to check the"
                " recorded data against"
            )
        outcome = process_run(
            run,
            say_nothing if quiet else say,
            figures=figures or kind != "html",
            student=kind == "html" and audience == "student",
        )
        if outcome.status != "complete":
            say(
                f"this run is not whole, it was {outcome.status}:"
                f" {outcome.certificate['reasons'][0]}"
            )
        for failure in outcome.failures:
            say(f"program failed: {failure.text}")
        for problem in outcome.problems:
            say(f"not made: {problem}")
        incomplete = incomplete or bool(outcome.problems)
        if kind == "html":
            click.echo(run / PAGES[audience or "teacher"])
        else:
            click.echo(_write_hand_in(run, kind, out, force, audience or "student"))
    return 5 if incomplete else 0


def _check_hand_in(kind: Literal["md", "pdf"], runs: tuple[str, ...], out: Path | None) -> None:
    """Raise what would be in the way of a hand-in, before the long work."""
    from tcpexp.report.export.write import check_format

    if out is not None and len(runs) > 1:
        raise SpecError(
            "--out is one run's folder",
            hint="make several hand-ins without it: each goes beside its run",
        )
    check_format(kind)


def _write_hand_in(
    run: Path, kind: Literal["md", "pdf"], out: Path | None, force: bool, audience: Audience
) -> Path:
    """Write a run's hand-in outside of its folder, whose files are covered by the manifest, and
    return the file.
    """
    from tcpexp.report.export.write import write_hand_in

    whole = run.resolve()
    folder = out or whole.parent / f"{whole.name}-hand-in"
    written = write_hand_in(RunData(run), folder, kind, audience, force=force)
    paths.give_to_user(folder)
    return written
