"""What each experiment's report begins with, asks, and lets a reader turn.

That an answer's numbers were measured is seen where the experiments run anyway (twins.py).
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_plan, load_spec
from tcpexp.lab.knobs import Choices, make_knobs
from tcpexp.paths import find_spec, shipped_specs, shipped_studies
from tcpexp.spec.knobs import Knob
from tcpexp.spec.model import ExperimentSpec
from tcpexp.spec.quotes import find_quotes
from tests.support.constants import EVERYWHERE, OF
from tests.support.holds import constants_of, numbers_in
from tests.support.twins import compiled

SPECS = shipped_specs()
#: A report has room for this much above its figure.
MOST_WORDS = 60
#: As many as a reader of a lab sheet takes up.
QUESTIONS = (3, 5)
KNOBS = (1, 6)
#: What a question or a task for a student has in it.
ASKING = re.compile(r"\?|\b(Predict|Show|Explain|Find|Choose|Compare|Name)\b")
#: Numbers of questions that no run measures: examples, and sums of what the spec says.
SUPPOSED = {
    "buffer_depth": {"30 s": "an example"},
    "dumbbell_n": {"60 segments": "an example"},
    "own_programs": {"273 bytes": "the fields of struct node, without padding"},
}


def read(path: Path) -> ExperimentSpec:
    return load_spec(path, load_catalogue(entry_points=False))


def override(knob: Knob, choice: object) -> str:
    """Return a choice of a knob as ``--set`` takes it, and as the laboratory writes it."""
    return f"{knob.path}={str(choice).lower() if isinstance(choice, bool) else choice}"


def unlisted(spec: ExperimentSpec, path: Path) -> list[str]:
    """Return the numbers with a unit that its questions state and that neither a parameter, nor a
    choice of a knob, nor a list of constants has.
    """
    choices = [choice for knob in spec.knobs for choice in knob.choices()]
    known = (
        constants_of(path, compiled(path.stem) if path in SPECS else None)
        | {float(choice) for choice in choices if isinstance(choice, int | float)}
        | {value for (_, value), _ in numbers_in(" ".join(map(str, choices)))}
    )
    listed = {*OF.get(path.stem, ()), *SUPPOSED.get(path.stem, ())}
    return [
        words
        for question in spec.questions
        for (kind, value), words in numbers_in(question)
        if value not in known and value not in EVERYWHERE[kind] and words not in listed
    ]


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_an_answer_quotes_what_its_run_measured(path: Path) -> None:
    spec = read(path)
    measured = [quote for quote in find_quotes(spec.answer) if quote.kind != "is"]
    assert measured, "answer: quotes no number of its run"
    assert len(spec.answer.split()) <= MOST_WORDS
    assert spec.answer.rstrip().endswith(".")
    assert "?" in spec.description


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_student_is_asked_and_may_turn_something(path: Path) -> None:
    spec = read(path)
    assert QUESTIONS[0] <= len(spec.questions) <= QUESTIONS[1]
    assert KNOBS[0] <= len(spec.knobs) <= KNOBS[1]
    assert all(knob.label or knob.path == "seed" for knob in spec.knobs)
    assert len({knob.path for knob in spec.knobs}) == len(spec.knobs)


@pytest.mark.parametrize("path", [*SPECS, *shipped_studies()], ids=lambda path: path.stem)
def test_a_question_asks_and_does_not_answer(path: Path) -> None:
    spec = read(path)
    for question in spec.questions:
        assert ASKING.search(question), question
        assert not list(find_quotes(question)), question
    assert len(set(spec.questions)) == len(spec.questions)
    assert unlisted(spec, path) == []


@pytest.mark.parametrize("stem", list(SUPPOSED))
def test_no_supposed_number_is_left_over(stem: str) -> None:
    asked = " ".join(read(find_spec(stem)).questions)
    assert set(SUPPOSED[stem]) <= {words for _, words in numbers_in(asked)}


@pytest.mark.parametrize("path", [*SPECS, *shipped_studies()], ids=lambda path: path.stem)
def test_the_laboratory_offers_each_knob_with_its_choices(path: Path) -> None:
    spec = read(path)
    rows = {row.path: row for row in make_knobs(spec.source.raw, spec.source.raw, Choices())}
    for knob in spec.knobs:
        choices = {override(knob, choice).partition("=")[2] for choice in knob.choices()}
        assert choices <= set(rows[knob.path].values), knob.path
        assert rows[knob.path].value in ("", *choices) or not choices, (
            f"{knob.path}: its own value {rows[knob.path].value} is none of its choices"
        )


@pytest.mark.parametrize("path", [*SPECS, *shipped_studies()], ids=lambda path: path.stem)
def test_whatever_a_knob_offers_makes_a_plan(path: Path) -> None:
    spec, catalogue = read(path), load_catalogue(entry_points=False)
    shipped = load_plan(path, catalogue)
    for knob in spec.knobs:
        plans = [
            load_plan(path, catalogue, overrides=[override(knob, choice)])
            for choice in knob.choices()
        ]
        assert sum(plan != shipped for plan in plans) >= len(plans) - 1, (
            f"two choices of {knob.path} change nothing"
        )
        assert len(set(map(repr, plans))) == len(plans), f"choices of {knob.path} are the same"
