"""Whatever a link can be asked for can be switched off, under ``links:`` and in the middle of a
run.
"""

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.errors import SpecErrors
from tcpexp.plan.compile import compile_plan
from tcpexp.plan.types import DirectionPlan

EVERYTHING = (
    "rate: 10mbit, queue: 20p, discipline: fq_codel, ecn: true, delay: 40ms, jitter: 15ms,"
    " jitter_distribution: normal, jitter_correlation: 20%, loss: 1%, duplicate: 1%,"
    " duplicate_correlation: 5%, corrupt: 1%, corrupt_correlation: 5%, reorder: 5%,"
    " reorder_correlation: 10%, reorder_gap: 3"
)
OFF = {
    "jitter": (
        {"jitter_ns": 0, "jitter_correlation": 0.0, "jitter_distribution": None},
        ("0ms", "0s", "none", "~"),
    ),
    "jitter_distribution": ({"jitter_distribution": None}, ("none", "~")),
    "jitter_correlation": ({"jitter_correlation": 0.0}, ("0%", "0", "none")),
    "loss": ({"loss": None}, ("0%", "0", "none", "~")),
    "duplicate": ({"duplicate": 0.0, "duplicate_correlation": 0.0}, ("0%", "none")),
    "duplicate_correlation": ({"duplicate_correlation": 0.0}, ("0%", "none")),
    "corrupt": ({"corrupt": 0.0, "corrupt_correlation": 0.0}, ("0%", "none")),
    "corrupt_correlation": ({"corrupt_correlation": 0.0}, ("0%", "none")),
    "reorder": ({"reorder": 0.0, "reorder_correlation": 0.0, "reorder_gap": None}, ("0%", "none")),
    "reorder_correlation": ({"reorder_correlation": 0.0}, ("0%", "none")),
    "reorder_gap": ({"reorder_gap": None}, ("none",)),
    "rate": ({"rate_bps": None, "queue": None}, ("none", "~")),
}
CASES = [
    pytest.param(name, word, id=f"{name}-{word}")
    for name, (_, words) in OFF.items()
    for word in words
]


def direction(bench, links, action=""):
    plan = bench.plan(
        f"links: {{h1-h2: {{{links}}}}}\n"
        + (
            f"actions:\n  - {{at: 1s, do: change, link: h1-h2, set: {{{action}}}}}\n"
            if action
            else ""
        )
    )
    return plan.steps[0].do.direction if action else plan.network.links[0].forward


@pytest.mark.parametrize(("name", "word"), CASES)
def test_one_parameter_goes_and_all_others_stay(bench, name, word):
    whole = direction(bench, EVERYTHING)
    assert whole.jitter_ns and whole.reorder_gap and whole.loss and whole.rate_bps
    expected = {**vars(whole), **OFF[name][0]}
    assert direction(bench, EVERYTHING, f"{name}: {word}") == DirectionPlan(**expected)
    before = [part for part in EVERYTHING.split(", ") if not part.startswith(f"{name}:")]
    assert direction(bench, ", ".join([*before, f"{name}: {word}"])) == DirectionPlan(**expected)


def test_marking_goes_and_the_discipline_stays(bench):
    for word in ("false", "none"):
        queue = direction(bench, EVERYTHING, f"ecn: {word}").queue
        assert (queue.discipline, queue.ecn, queue.limit_packets) == ("fq_codel", False, 20)


def test_a_queue_without_a_size_of_its_own_is_one_product_again(bench):
    assert direction(bench, EVERYTHING, "queue: none").queue.limit_packets == 66


def test_what_is_off_comes_back(bench):
    text = (
        f"links: {{h1-h2: {{{EVERYTHING}}}}}\nactions:\n  - {{at: 1s, until: 2s, do: change, link:"
        " h1-h2, set: {jitter: 0ms, rate: none}}\n"
    )
    step, _back = bench.plan(text).steps
    assert (step.until_ns, step.do.direction.jitter_ns, step.do.direction.rate_bps) == (
        2_000_000_000,
        0,
        None,
    )
    again = text + "  - {at: 3s, do: change, link: h1-h2, set: {jitter: 5ms}}\n"
    assert [
        step.do.direction.jitter_distribution
        for step in bench.plan(again).steps
        if step.at_ns == 3_000_000_000
    ] == ["normal", "normal"]


@pytest.mark.parametrize(
    ("action", "words", "named"),
    [
        ("delay: 0ms", "jitter means nothing without delay", "0ms"),
        ("jitter: 0ms, delay: 0ms", "reorder means nothing without delay", "0ms}"),
        ("discipline: none", "pfifo does not mark", "none"),
        ("ecn: none, discipline: none", "discipline cannot change", "none}"),
        ("jitter: 50ms", "the jitter is larger than the delay", "50ms"),
        ("rate: 0mbit", "below 1 bit/s", "0mbit"),
    ],
)
def test_a_refusal_is_at_the_place_of_the_change(bench, action, words, named):
    """``named`` is the value at the place of the error, to its end."""
    line = f"  - {{at: 1s, do: link, link: h1-h2, {action}}}"
    path = bench.write(
        f"name: x\ntopology: two_host\nlinks: {{h1-h2: {{{EVERYTHING}}}}}\nduration:"
        f" 5s\nactions:\n{line}\n"
    )
    catalogue = load_catalogue()
    with pytest.raises(SpecErrors, match=words) as caught:
        compile_plan(load_spec(path, catalogue), catalogue)
    (error,) = caught.value.errors
    assert error.hint
    assert error.where.line == 6
    assert line[error.where.column - 1 :].startswith(named)


@pytest.mark.parametrize(
    ("links", "words"),
    [
        ("jitter_distribution: normal, delay: 5ms", "jitter_distribution"),
        ("queue: 5p", "queue"),
        ("reorder_gap: 2, delay: 5ms", "reorder_gap"),
    ],
)
def test_what_belongs_to_an_absent_parameter_is_still_refused_there(bench, links, words):
    with pytest.raises(SpecErrors, match=f"{words} means nothing without") as caught:
        direction(bench, links)
    assert caught.value.errors[0].where.line == 5


def test_a_discipline_that_always_marks_is_not_told_not_to(bench):
    with pytest.raises(SpecErrors, match="cake marks"):
        direction(bench, "rate: 10mbit, discipline: cake, ecn: false")
