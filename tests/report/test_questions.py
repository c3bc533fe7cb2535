"""The questions that a spec's explanation asks, one by one."""

from tcpexp import paths
from tcpexp.report.questions import split_explanation


def test_try_next_is_taken_apart_and_out():
    explain = """**The faults.** One.

**Try next.** Take the jitter away (`--set links.h2->h1.jitter=0ms`): what remains? \
Take the corruption away. Do they vanish? `small. Same` is 10 MB.
"""
    kept, asked = split_explanation(explain)
    assert kept == "**The faults.** One."
    assert asked == [
        "Take the jitter away (`--set links.h2->h1.jitter=0ms`): what remains?",
        "Take the corruption away. Do they vanish?",
        "`small. Same` is 10 MB.",
    ]


def test_what_is_in_code_ends_no_sentence():
    _, asked = split_explanation("**Try next.** `-sT? -sS. Now` instead. Compare `x`.")
    assert asked == ["`-sT? -sS. Now` instead.", "Compare `x`."]


def test_an_explanation_without_questions_stays():
    assert split_explanation("One.\n\nTwo. Try next.") == ("One.\n\nTwo. Try next.", [])


def test_no_word_of_a_shipped_experiment_is_lost():
    from tcpexp.catalogue.reading import load_spec

    asking = 0
    for path in paths.shipped_specs():
        explain = load_spec(path).explain
        kept, asked = split_explanation(explain)
        asking += bool(asked)
        assert " ".join([*kept.split(), *" ".join(asked).split()]) == " ".join(
            explain.replace("**Try next.**", "").split()
        ), path.name
    assert asking > 10
