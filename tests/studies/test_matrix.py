"""From ``sweep:`` to combinations, and to runs with seeds, hashes and errors at the right place."""

import pytest

from tcpexp.catalogue.reading import load_spec
from tcpexp.errors import SpecErrors
from tcpexp.studies.matrix import expand_cells
from tcpexp.studies.study import StudyOptions, load_study, seed_of
from tests.support.cheap import NAME, write_spec

SPEC = """\
name: x
topology: two_host
links: {{h1-h2: {{rate: 1mbit, delay: 1ms}}}}
duration: 1s
sweep:
{sweep}
"""


def cells_of(tmp_path, sweep, quick=False):
    path = tmp_path / "x.yaml"
    path.write_text(SPEC.format(sweep=sweep))
    return expand_cells(load_spec(path), quick)


def test_the_last_parameter_varies_fastest(tmp_path):
    cells = cells_of(
        tmp_path,
        "  parameters: {a: {values: [1mbit, 2mbit], set: links.h1-h2.rate}, b: {values: [x, y]}}",
    )
    assert [tuple(cell.written.values()) for cell in cells] == [
        ("1mbit", "x"),
        ("1mbit", "y"),
        ("2mbit", "x"),
        ("2mbit", "y"),
    ]
    assert cells[2].overrides == ('links.h1-h2.rate="2mbit"',)
    assert cells[2].values == {"a": 2e6, "b": "x"}
    assert [cell.number for cell in cells] == [0, 1, 2, 3]


def test_zipped_dependent_and_conditions(tmp_path):
    sweep = """\
  parameters:
    rate: {values: [1mbit, 10mbit], set: links.h1-h2.rate}
    loss: {values: [0, 1%]}
    rtt: {values: [10ms, 100ms], set: {links.h1-h2.delay: "{rtt / 2}s"}}
    bdp: {is: rate * rtt / 8}
  zip: [[rate, rtt]]
  where: ["loss == 0 or rate > 1mbit", bdp < 1MB]
  quick: {parameters: {loss: 1%}, set: {duration: 500ms}}"""
    cells = cells_of(tmp_path, sweep)
    assert [cell.written for cell in cells] == [
        {"rate": "1mbit", "loss": 0, "rtt": "10ms", "bdp": 1250},
        {"rate": "10mbit", "loss": 0, "rtt": "100ms", "bdp": 125000},
        {"rate": "10mbit", "loss": "1%", "rtt": "100ms", "bdp": 125000},
    ]
    assert cells[1].overrides == ('links.h1-h2.rate="10mbit"', 'links.h1-h2.delay="0.05s"')
    (quick,) = cells_of(tmp_path, sweep, quick=True)
    assert quick.overrides[0] == 'duration="500ms"'
    assert quick.written["loss"] == "1%"


@pytest.mark.parametrize(
    ("sweep", "quick", "message"),
    [
        (
            "  parameters: {a: {values: [1]}}\n  where: a > 1",
            False,
            r"x\.yaml:7:10: no combination meets the conditions",
        ),
        ("  parameters: {a: {values: [1]}}\n  where: a + 1", False, "a condition is true or false"),
        ("  parameters: {a: {values: [0]}, b: {is: 1 / a}}", False, "'1 / a' cannot be computed"),
        ("  parameters: {a: {values: [1]}}", True, "no quick form"),
        (
            (
                "  parameters: {a: {range: {from: 1, to: 9, steps: 10000}}, b: {values: [1]}}\n "
                " repeat: 1000"
            ),
            False,
            "more than 1000000 runs",
        ),
    ],
)
def test_mistakes(tmp_path, sweep, quick, message):
    with pytest.raises(SpecErrors, match=message):
        cells_of(tmp_path, sweep, quick)


def test_runs_have_seeds_and_stable_names(tmp_path):
    spec = write_spec(tmp_path)
    first, second = (load_study(spec, StudyOptions(out=tmp_path, workplace=NAME)) for _ in range(2))
    assert [run.key for run in first.runs] == [run.key for run in second.runs]
    assert len({run.key for run in first.runs}) == 12
    assert [run.seed for run in first.runs[:4]] == [1, 2, 1, 2]
    assert seed_of(2**32 - 1, 1) == 0
    assert first.plan_of(first.runs[5]).network.links[0].forward.rate_bps == 2_000_000


def test_a_value_that_the_spec_refuses_is_shown_at_its_parameter(tmp_path):
    spec = write_spec(tmp_path, rates="[1mbit, 2mbps]")
    with pytest.raises(SpecErrors) as caught:
        load_study(spec, StudyOptions(out=tmp_path, workplace=NAME))
    assert str(caught.value.errors[0]).startswith(
        f"{spec}:12:11: '2mbps' is not a rate, with rate=2mbps, rtt=10ms"
    )


def test_quick_is_a_study_of_its_own(tmp_path):
    study = load_study(write_spec(tmp_path), StudyOptions(quick=True, out=tmp_path, workplace=NAME))
    assert (study.name, len(study.runs), study.folder().path.name) == (
        "cheap-quick",
        2,
        "cheap-quick",
    )
