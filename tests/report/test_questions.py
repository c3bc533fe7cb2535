"""The questions that a spec's explanation asks, one by one."""

from tcpexp import paths
from tcpexp.report.questions import ANY, questions_of, split_description, split_explanation
from tests.support.fake_run import make_plan


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


def test_a_description_has_a_setting_and_a_question():
    assert split_description("h1 sends to h2. Who wins? First alone, then not.\n") == (
        "h1 sends to h2.",
        "Who wins? First alone, then not.",
    )
    assert split_description("One.\n\nTwo `a?b`. Is it so?") == ("One.\n\nTwo `a?b`.", "Is it so?")
    assert split_description("It is so.") == ("It is so.", "")
    assert split_description("Why?\n\n- one\n- two") == ("Why?\n\n- one\n- two", "")


def test_a_student_is_asked_what_the_spec_asks():
    plan = make_plan(questions=("One?", "Two."), explain="**Try next.** Three?")
    assert questions_of(plan) == ["One?", "Two."]


def test_without_questions_a_student_is_asked_what_answers_nothing():
    """A sentence of the explanation that only makes sense after the one before it is left out."""
    explain = "**Try next.** Swap the flows: CUBIC wins. And then? With 4 flows: who loses?"
    plan = make_plan(description="It runs. Who wins?", explain=explain)
    assert questions_of(plan) == ["Who wins?", "With 4 flows: who loses?"]
    assert questions_of(make_plan(description="It runs.", explain="It is so.")) == [ANY]
