"""Verdicts as the report shows them: a line each, and nothing said twice."""

import pytest

from tcpexp.checks.base import Verdict
from tcpexp.report.page.verdicts import answer_from, held_words, said_once, verdict_rows
from tests.support.report_values import VERDICTS

ONE = Verdict(
    "segments",
    "SYNs from h1 to h2 in the whole run",
    "PASS",
    "1 SYN",
    "1",
    "1 SYN in the capture; asked: 1.",
)


def test_what_failed_comes_first_and_the_rest_keeps_its_order():
    rows = verdict_rows([ONE, *VERDICTS, ONE])
    assert [row["result"] for row in rows] == [
        "FAIL",
        "INCONCLUSIVE",
        "UNSUPPORTED",
        "PASS",
        "PASS",
        "PASS",
    ]
    assert [row["title"] for row in rows[3:]] == [
        "SYNs from h1 to h2",
        "share of flow bbr",
        "SYNs from h1 to h2",
    ]


def test_a_reason_does_not_repeat_what_was_asked():
    assert said_once(ONE) == "1 SYN in the capture."
    tolerant = Verdict("x", "x", "PASS", "60 s", "60 s", "it was so; asked: 60 s (a step more).")
    assert said_once(tolerant) == "it was so (a step more)."
    assert said_once(VERDICTS[1]) == "Too slow."


def test_words_that_do_not_fit_beside_each_other_are_known():
    path = "CLOSED → SYN-SENT → ESTABLISHED → FIN-WAIT-1 → FIN-WAIT-2"
    rows = verdict_rows([ONE, Verdict("states", "states", "PASS", path, path, "It went so.")])
    assert [row["long"] for row in rows] == [False, True]


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ([], ""),
        (VERDICTS[2:], ""),
        ([ONE], "The expectation holds: SYNs from h1 to h2: 1 SYN."),
        (
            [ONE] * 3,
            "All 3 expectations hold: SYNs from h1 to h2: 1 SYN; SYNs from h1 to h2: 1 SYN, and so"
            " on.",
        ),
        (
            VERDICTS,
            "1 of 4 expectations does not hold: goodput of flow cubic: 8.1 Mbit/s instead of at"
            " least 8.5 Mbit/s.",
        ),
        (
            [VERDICTS[0], VERDICTS[2]],
            "1 of 2 expectations hold: share of flow bbr: 65.0 %.",
        ),
    ],
)
def test_a_spec_without_an_answer_has_one_made_from_its_verdicts(verdicts, words):
    assert answer_from(verdicts) == words


def test_a_student_hears_how_many_expectations_hold_and_not_which():
    assert held_words([]) == ""
    assert held_words([ONE, ONE]) == "The run shows what it is meant to: 2 of 2 expectations hold."
    assert held_words(VERDICTS).startswith("1 of 4 expectations hold, so this run may not show")
