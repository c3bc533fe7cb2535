"""The summary on the terminal."""

import io

from rich.console import Console

from tcpexp.checks.run import write_checks
from tcpexp.report.page.write import write_report
from tcpexp.report.terminal import print_summary, timing_words
from tcpexp.runs.pipeline import RunOutcome
from tests.support.fake_run import make_plan, shared_bottleneck, write_run
from tests.support.report_values import CERTIFICATE, METRICS, VERDICTS


def printed(run, **more) -> str:
    console = Console(file=io.StringIO(), width=100, **more)
    print_summary(run, console)
    return console.file.getvalue()


def test_verdicts_flows_certificate_and_path(tmp_path):
    run = shared_bottleneck(tmp_path, 4, metrics=METRICS, certificate=CERTIFICATE)
    write_checks(tmp_path, VERDICTS)
    report = write_report(run)
    text = printed(run)
    for words in (
        "BBR and CUBIC",
        "✓ PASS",
        "✗ FAIL",
        "? INCONCLUSIVE",
        "– UNSUPPORTED",
        "65.0 % (expected at least 50.0 %)",
        "Too slow.",
        "3.4 Mbit/s",
        "35.0 %",
        "12 (1.20 %)",
        "61.2",
        "80.0",
        "81.5",
        "certificate: SUSPECT",
        "off by 3 ms",
        f"report: {report}",
    ):
        assert words in text.replace("\n" + str(tmp_path), " " + str(tmp_path)), words
    assert "bbr delivered" not in text, "the reason of a verdict that passed is in the report"


def test_colours_only_where_the_terminal_has_them(tmp_path):
    run = shared_bottleneck(tmp_path, 4)
    write_checks(tmp_path, VERDICTS)
    assert "\x1b[" not in printed(run)
    assert "\x1b[" in printed(run, force_terminal=True)


def test_a_failed_run_says_why_and_brackets_are_no_markup(tmp_path):
    run = write_run(
        tmp_path,
        make_plan(title="[red]x[/]"),
        {},
        engine={"status": "failed", "error": "tc: [bold]no[/]"},
    )
    text = printed(run)
    assert "[red]x[/]" in text and "tc: [bold]no[/]" in text and "not completed" in text
    assert "certificate" not in text and "report:" not in text


class Outcome:
    """What processing a run returns, as far as the summary reads it."""

    def __init__(self, path):
        self.path = path
        self.problems = ("figures: disk full",)


def test_problems_of_processing_are_named(tmp_path):
    run = write_run(tmp_path, make_plan(), {})
    assert "problem: figures: disk full" in printed(Outcome(run.path))


def test_how_long_it_took_is_compared_with_the_experiment():
    timing = {
        "total_s": 5.0,
        "experiment_s": 10.0,
        "start_s": 0.5,
        "run_s": 3.6,
        "reading_s": 0.5,
        "judging_s": 0.01,
        "drawing_s": 0.3,
        "report_s": 0.1,
    }
    text = timing_words(timing, "guest")
    assert (
        text
        == "took 5.0 s, 2.0 times as fast as the experiment's 10 s: start 0.5, guest 3.6, reading"
        " 0.5, drawing 0.3, report 0.1"
    )
    assert "2.5 times as long as" in timing_words({**timing, "total_s": 25.0}, "host")


def test_of_a_run_that_was_only_processed_again_no_total_is_said(tmp_path):
    outcome = RunOutcome(
        shared_bottleneck(tmp_path, 4).path, "complete", {}, (), {}, None, timing={"reading_s": 1.0}
    )
    assert "took" not in printed(outcome)


def test_the_answer_stands_before_the_verdicts_and_only_after_a_whole_run(tmp_path):
    answer = "The flow `bbr` has {metric: flows.bbr.share} of it."
    for name, status in (("whole", "complete"), ("half", "interrupted")):
        folder = tmp_path / name
        folder.mkdir()
        run = write_run(
            folder,
            make_plan(answer=answer),
            {},
            engine={"status": status},
            metrics={"flows": {"bbr": {"share": 0.65}}},
        )
        write_checks(folder, VERDICTS)
        text = printed(run)
        if status == "complete":
            assert text.index("The flow bbr has 65 % of it.") < text.index("✓ PASS")
        else:
            assert "The flow bbr" not in text
