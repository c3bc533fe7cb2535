"""The page for students: what it asks, and that nothing in its source answers it."""

import dataclasses
import re
from html import unescape

import pytest

from tcpexp.checks.base import Evidence, Verdict
from tcpexp.checks.run import write_checks
from tcpexp.plan.types import to_json
from tcpexp.plots.label_table import label_table
from tcpexp.report.page.write import write_report
from tcpexp.views.labels import MEANINGS
from tests.support.fake_run import one_connection
from tests.support.report_values import CERTIFICATE, MANIFEST, Page

EXPLAIN = """\
**What is seen.** The lost segment comes again after two hundred milliseconds.

- The timer did it.

**Try next.** Lose two segments: both come again. What does the second one cost?
"""
VERDICT = Verdict(
    "retransmissions",
    "retransmissions of flow get",
    "PASS",
    "exactly one repetition",
    "one repetition only",
    "One segment was sent twice.",
    "the timer waits for two hundred milliseconds",
    (Evidence("the repeated segment", "h1-eth0", (5,), 10**9, 10**9, (("gap",), ("201 ms",))),),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    made = one_connection(
        path,
        plots=({"ladder": {}}, {"label_table": {}}, {"timers": {}}),
        certificate=CERTIFICATE,
        manifest=MANIFEST,
    )
    plan = dataclasses.replace(
        made.plan,
        explain=EXPLAIN,
        answer="The timer repeats it after {is: 200ms, as: time}.",
        questions=("Who repeats `the segment`, and when?", "What does it cost?"),
    )
    (path / "plan.json").write_text(to_json(plan))
    made.forget()
    write_checks(path, [VERDICT])
    return made


@pytest.fixture(scope="module")
def source(run) -> str:
    return write_report(run, "student").read_text()


def pieces() -> list[str]:
    """What must not be in the page: every sentence that answers, and what was expected."""
    told = [EXPLAIN, VERDICT.title, VERDICT.measured, VERDICT.asked, VERDICT.reason]
    told += [VERDICT.because, VERDICT.evidence[0].text, "201 ms", "The timer repeats it after"]
    return [
        part
        for text in told
        for part in re.split(r"[.?*\n:-]+\s*", text)
        if len(part) > 5 and part != "Try next"
    ]


def test_nothing_in_the_source_gives_an_answer_away(run, source):
    whole = write_report(run).read_text()
    plain, plain_whole = (" ".join(unescape(text).split()) for text in (source, whole))
    assert len(pieces()) > 10
    for piece in pieces():
        assert piece not in plain, piece
        assert piece in plain_whole, f"the test looks for what no page says: {piece}"
    assert "spec.yaml" not in source and "checks.json" not in source


def test_labels_are_there_without_what_they_mean(run, source):
    table = label_table(run, {})
    assert table is not None
    for row in table.parts[0].rows:
        assert row.cells[0] in source and row.cells[3] not in unescape(source)
    assert not [meaning for meaning in MEANINGS.values() if meaning in unescape(source)]
    assert "what it means" not in source and "by the rule (s)" not in source


def test_the_questions_have_room_and_say_that_the_run_is_sound(source):
    page = Page(source)
    assert page.open == [] and page.tags.count("textarea") == 2
    text = " ".join(page.text.split())
    assert "Who repeats the segment, and when?" in text and "What does it cost?" in text
    assert "1 of 1 expectations hold" in text and "Student number" in text
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids)) and "figure-ladder" in ids


def test_it_lies_beside_the_teachers_page(run, source):
    assert write_report(run).name == "report.html"
    assert write_report(run, "student").name == "report-student.html"
    assert "report-student.html" not in write_report(run).read_text()
