"""The table of a study's report: which way it stands."""

import polars as pl

from tcpexp.studies import report
from tcpexp.studies.study import StudyOptions, load_study
from tests.support.cheap import NAME

SPEC = """
name: turned
topology: two_host
duration: 5s
sweep:
  parameters:
    delay: {values: [1ms, 2ms], set: links.h1-h2.delay}
  measures: {%s}
"""


def table(tmp_path, count):
    spec = tmp_path / "turned.yaml"
    names = ", ".join(f"m{number}: {{is: delay * {number}}}" for number in range(count))
    spec.write_text(SPEC % names)
    study = load_study(spec, StudyOptions(out=tmp_path, workplace=NAME))
    runs = pl.DataFrame(
        {
            "run": [0, 1],
            "cell": [0, 1],
            "status": ["complete", "complete"],
            **{f"m{number}": [number * 1.0, number * 2.0] for number in range(count)},
        }
    )
    return report._table(study, runs)


def test_a_row_is_a_combination(tmp_path):
    heads, rows = table(tmp_path, 3)
    assert heads == ["delay", "runs", "m0", "m1", "m2"]
    assert rows == [["1ms", "1 of 1", "0", "1", "2"], ["2ms", "1 of 1", "0", "2", "4"]]


def test_with_few_combinations_and_many_measures_a_row_is_a_measure(tmp_path):
    heads, rows = table(tmp_path, 12)
    assert heads == ["delay", "1ms", "2ms"]
    assert rows[0] == ["runs", "1 of 1", "1 of 1"]
    assert rows[-1] == ["m11", "11", "22"]
