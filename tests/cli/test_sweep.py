"""``tcpexp sweep`` as far as it can be seen without a guest: matrix, estimate, mistakes."""

from __future__ import annotations

import pytest

from tcpexp.cli.main import main
from tcpexp.cli.sweep import matrix_row
from tcpexp.cli.sweepshow import print_matrix
from tcpexp.studies.study import StudyOptions, load_study
from tcpexp.words.rough import bytes_words, time_words
from tests.support.cheap import NAME, write_spec


def test_the_matrix_and_what_it_will_cost(tmp_path, capsys):
    study = load_study(write_spec(tmp_path), StudyOptions(out=tmp_path, workplace=NAME))
    row = matrix_row(study, 2, retry=False)
    assert (row["cells"], row["repeat"], row["to_make"], row["at_once"]) == (6, 2, 12, 2)
    assert row["runs"][3] | {"key": ""} == {
        "run": 3,
        "rate": "1mbit",
        "rtt": "20ms",
        "seed": 2,
        "key": "",
        "state": "to make",
    }
    assert row["estimate"]["from_finished_runs"] == 0
    print_matrix(study, row)
    text = capsys.readouterr().out
    assert "6 combinations x 2 = 12 runs: 0 done, 0 failed, 12 to make" in text
    assert "by rule of thumb" in text


def test_words():
    assert [time_words(number) for number in (40, 600, 12_600)] == ["40 s", "10 min", "3.5 h"]
    assert [bytes_words(number) for number in (2e3, 3.2e6, 4e9)] == ["2 kB", "3.2 MB", "4.0 GB"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sweep", "handshake_teardown"], "this spec has no sweep:"),
        (
            ["sweep", "mathis", "--set", "sweep.parameters.p.values=[1]"],
            "a parameter has values, a range or is",
        ),
        (["sweep", "matis"], "did you mean 'mathis'?"),
    ],
)
def test_mistakes(arguments, words, capsys):
    assert main(arguments) == 2
    assert words in capsys.readouterr().err
