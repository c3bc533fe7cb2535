"""``answer:``, ``key:``, ``questions:`` and ``knobs:``: what is kept, what is refused, and that a
text changes no run.
"""

import dataclasses

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_plan, load_spec
from tcpexp.errors import SpecErrors
from tcpexp.plan.types import to_execute

HEAD = "name: told\nduration: 5s\ntopology: two_host\nlinks: {h1-h2: {rate: 10mbit, delay: 5ms}}\n"
PLOTS = "plots: [cwnd, rtt, {cwnd: {title: Again}}]\n"


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a spec with more lines and returns its path."""

    def written(text=""):
        path = tmp_path / "told.yaml"
        path.write_text(HEAD + text)
        return path

    return written


def test_a_plan_keeps_what_the_report_begins_with(write):
    plan = load_plan(
        write(
            PLOTS
            + "answer: |\n  The round trip is\n  {is: 2 * 20ms, as: time}.\n"
            + "key: rtt\nquestions: How long is it?\n"
        )
    )
    assert plan.answer == "The round trip is {is: 2 * 20ms, as: time}."
    assert plan.key == 1 and plan.questions == ("How long is it?",)


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        (PLOTS + "key: rrt", "plots: has no 'rrt'", "rtt"),
        ("key: rtt", "plots: has no 'rtt'", "no plots"),
        (
            "answer: 'It is {metric: flow.up.goodput_bps}.'",
            "answer: metrics.json has no part",
            "flows",
        ),
        ("explain: 'It is {check: 9}.'", "explain: there is no check '9'", ""),
        ("knobs: [links.h1-h2.rate, 'actions[up].at']", "has no 'actions'", ""),
        (
            "knobs: [{path: seed, values: [1, 2], range: {from: 1, to: 3, steps: 2}}]",
            "exclude",
            "one",
        ),
        ("knobs: [{path: seed, values: [1]}]", "too short", ""),
        ("questions:", "is empty", "leave the key out"),
    ],
)
def test_what_cannot_be_is_refused(write, text, words, hint):
    with pytest.raises(SpecErrors) as caught:
        load_plan(write(text))
    (error,) = caught.value.errors
    assert words in error.message
    assert hint in (error.hint or "")


def test_knobs_say_what_they_may_be(write):
    spec = load_spec(
        write(
            "knobs:\n- seed\n- {path: links.h1-h2.delay, label: Delay, range: {from: 5ms, to: 20ms,"
            " steps: 3, scale: log}}\n- {path: topology.params.n, values: [1, 2]}\n"
        ),
        load_catalogue(entry_points=False),
    )
    seed, delay, count = spec.knobs
    assert (seed.name, seed.choices()) == ("seed", ())
    assert (delay.name, delay.choices()) == ("Delay", ("5ms", "10ms", "20ms"))
    assert count.choices() == (1, 2)


def test_a_mistake_elsewhere_is_not_blamed_on_a_knob(write):
    actions = "actions:\n- {do: command, id: ping, host: h1, argv: [true]}\n"
    with pytest.raises(SpecErrors) as caught:
        load_plan(write(actions + "knobs: ['actions[ping].argv[0]', 'actions[pong].at']\n"))
    argument, knob = caught.value.errors
    assert "expected a text" in argument.message
    assert "no 'pong'" in knob.message


def test_a_knob_that_an_override_took_away_refuses_no_run(write):
    spec = write(
        "actions: [{do: python, id: client, host: h1, script: closing.py, args: [--to, x]}]\n"
        "knobs: [{path: 'actions[client].args[1]'}]\n"
    )
    assert load_plan(spec)
    assert load_plan(spec, overrides=["actions[client].args=[--hold]"])


def test_what_an_engine_reads_holds_no_prose(write):
    texts = "description: Why?\nexplain: So.\nanswer: So.\nquestions: [Why?]\nkey: cwnd\n"
    plain, worded = load_plan(write()), load_plan(write(PLOTS + texts))
    assert plain != worded
    assert to_execute(plain) == to_execute(worded)
    assert dataclasses.replace(to_execute(worded), name="x") != to_execute(worded)
